"""The prepared store: one HDF5 file a recording, whole or not there, made by known settings.

A store is a folder. In it stands a folder for each data set and settings, `<dataset>-<digest>`, with `settings.json`
and one file a recording, so that files of other settings cannot mix. A file holds, frame by frame, `times` (n,) s,
`found` (n,), `landmarks` (n, 5, 2) pixels, `traces` (n, regions, 3) float32 0..1 in one piece (a window of them is one
read at a known place), and where asked for `crop_steps` (n, S, S, 3): within each chunk the first crop as it is and of
the others the difference to the one before, modulo 256, which compresses well and loses nothing. Beside them
`signals/<name>/{times,values}`, and as attributes the recording and how it was read.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import platform
import re
import tempfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from zoo.checkpoints import write_whole
from zoo.data.extract import Chunk
from zoo.data.recording import Labels, Recording, Series
from zoo.data.stored import StoredCrops, StoredTraces
from zoo.data.windows import Prepared
from zoo.errors import DataError
from zoo.spec import REGIONS, Clip, Crop, Grid, Input

# Of the layout and of what extraction gives: counted up when files of before must not be mixed with new ones.
VERSION = 1
CHUNK = 16
SETTINGS_FILE = "settings.json"


@dataclass(frozen=True)
class Settings:
    """How recordings are read; files of other settings stand in another folder.

    Args:
        regions: what traces are taken of; empty for none.
        crop_size: side of the crops in pixels; None for none.
        crop: how the face is cut out.
        synchronise: labels are moved onto the video's clock (`zoo.data.synchronise`).
    """

    regions: tuple[str, ...] | Grid = REGIONS
    crop_size: int | None = None
    crop: Crop = "aligned"
    synchronise: bool = False

    @property
    def digest(self) -> str:
        """Ten hexadecimal digits that differ where the settings or the store's version do."""
        return hashlib.sha256(json.dumps([VERSION, self.to_dict()], sort_keys=True).encode()).hexdigest()[:10]

    def to_dict(self) -> dict[str, Any]:
        """Plain values; the kind of crop counts only where there are crops."""
        values = asdict(self)
        return values if self.crop_size else {**values, "crop": None}

    @staticmethod
    def from_dict(values: Mapping[str, Any]) -> Settings:
        """The settings that `to_dict` wrote."""
        known = dict(values)
        regions = known["regions"]
        known["regions"] = Grid(**regions) if isinstance(regions, dict) else tuple(regions)
        known["crop"] = known["crop"] or "aligned"
        return Settings(**known)

    def give(self, input: Input) -> bool:
        """Whether what a model eats can be made of files of these settings."""
        if isinstance(input, Clip):
            return self.crop_size is not None and self.crop_size >= input.size and self.crop == input.crop
        if isinstance(self.regions, Grid) or isinstance(input.regions, Grid):
            return self.regions == input.regions
        return set(input.regions) <= set(self.regions)


def settings_for(input: Input, synchronise: bool = False) -> Settings:
    """The settings that a model needs; named regions are always all of them, so that models share their files."""
    if isinstance(input, Clip):
        regions: tuple[str, ...] | Grid = REGIONS if synchronise else ()
        return Settings(regions, input.size, input.crop, synchronise=synchronise)
    return Settings(input.regions if isinstance(input.regions, Grid) else REGIONS, synchronise=synchronise)


def open_folder(store: Path, dataset: str, settings: Settings) -> Path:
    """The folder of a data set's recordings, made where it is missing.

    Raises:
        DataError: it cannot be written, or it was made with other settings than its name says.
    """
    folder = store / f"{_slug(dataset)}-{settings.digest}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if not (folder / SETTINGS_FILE).exists():
            facts = {
                "version": VERSION,
                "zoo": zoo_version(),
                "dataset": dataset,
                "digest": settings.digest,
                "settings": settings.to_dict(),
            }
            write_whole(folder / SETTINGS_FILE, (json.dumps(facts, indent=1) + "\n").encode())
    except OSError as error:
        raise DataError(f"The store '{store}' cannot be written ({error.strerror}): choose another folder.") from error
    if read_settings(folder) != settings:
        raise DataError(f"'{folder}' was made with other settings than its name says: delete it and prepare again.")
    return folder


def read_settings(folder: Path) -> Settings:
    """How a folder's files were made.

    Raises:
        DataError: no store, a damaged one, or one of another version.
    """
    path = folder / SETTINGS_FILE
    try:
        facts = json.loads(path.read_text("utf-8"))
        made, settings = facts["version"], facts["settings"]
        if made == VERSION:
            return Settings.from_dict(settings)
    except OSError as error:
        raise DataError(f"'{folder}' is no folder of a prepared store ({error.strerror}): check the path.") from error
    except (ValueError, KeyError, TypeError) as error:
        raise DataError(f"'{path}' is damaged ({error}): delete '{folder}' and prepare again.") from error
    raise DataError(
        f"'{folder}' was made by zoo {facts.get('zoo')} (store version {made}), and this zoo reads version {VERSION}: "
        "prepare into a new folder, or use that zoo."
    )


def find_folder(store: Path, dataset: str, input: Input, synchronise: bool = False) -> Path | None:
    """The folder of a store with what a model eats; of several the one that fits closest, then the fullest.

    Raises:
        DataError: no such store, or the only folders that there are cannot be read.
    """
    if not store.is_dir():
        raise DataError(f"There is no store '{store}': make it with 'zoo prepare --data {dataset} --out {store}'.")
    fitting = []
    for folder in sorted(store.glob(f"{_slug(dataset)}-*")):
        settings = read_settings(folder)
        if settings.give(input) and settings.synchronise == synchronise:
            surplus = (settings.crop_size or 0) - input.size if isinstance(input, Clip) else 0
            fitting.append((surplus, -sum(1 for _ in folder.glob("*.h5")), folder))
    return min(fitting)[2] if fitting else None


def file_name(recording: Recording) -> str:
    """The name of a recording's file: readable, and unique by a digest of the recording's name."""
    return f"{_slug(recording.person)[:40]}-{_slug(recording.session)[:60]}-{_sha(recording.name.encode())[:8]}.h5"


def zoo_version() -> str:
    """The version of this package."""
    try:
        return version("rppg-zoo")
    except PackageNotFoundError:
        return "unknown"


def fingerprint(recording: Recording) -> str:
    """A digest of what a file is made from: the recording's facts, and the size and ends of its video and labels.

    It does not depend on where the data set lies or when it was copied.
    """
    facts = json.dumps([_facts(recording), [_ends(path) for path in _sources(recording)]], sort_keys=True)
    return _sha(facts.encode())[:16]


def _sources(recording: Recording) -> Iterator[Path]:
    yield recording.video
    if isinstance(recording.load, partial):
        given = (*recording.load.args, *recording.load.keywords.values())
        yield from (value for value in given if isinstance(value, Path) and value != recording.video)


def _ends(path: Path, size: int = 65536) -> list[Any]:
    if path.is_dir():
        entries = sorted((entry.name, entry.stat().st_size) for entry in os.scandir(path) if entry.is_file())
        return [len(entries), _sha(json.dumps(entries).encode())]
    if not path.is_file():
        return []
    with path.open("rb") as file:
        first, total = file.read(size), path.stat().st_size
        file.seek(max(size, total - size))
        return [total, _sha(first + file.read(size))]


def _facts(recording: Recording) -> dict[str, Any]:
    return {
        "dataset": recording.dataset,
        "person": recording.person,
        "session": recording.session,
        "video": recording.video.name,
        "targets": {name: float(value) for name, value in recording.targets.items() if np.isfinite(value)},
        "fold": recording.fold,
        "groups": dict(recording.groups),
    }


class FullDiskFile(io.FileIO):
    """A file that keeps its first error to itself until it is asked: HDF5 crashes when it cannot close what it began.

    What is written after the error is thrown away, as the file will be.
    """

    error: OSError | None = None

    def write(self, content: Any) -> int:
        size = memoryview(content).nbytes
        try:
            written = 0 if self.error is None else size
            while written < size:
                written += super().write(memoryview(content).cast("B")[written:])
        except OSError as error:
            self.error = error
        return size

    def truncate(self, size: int | None = None) -> int:
        try:
            return super().truncate(size) if self.error is None else size or 0
        except OSError as error:
            self.error = error
            return size or 0

    def check(self) -> None:
        """Raise the error, if there was one."""
        if self.error is not None:
            raise self.error


@dataclass
class Writer:
    """Appends a recording's chunks to its file, in memory that does not grow with the video's length."""

    path: Path
    recording: Recording
    settings: Settings
    file: h5py.File
    spool: Any
    disk: FullDiskFile
    count: int = 0
    pending: list[np.ndarray] = field(default_factory=list)

    def append(self, chunk: Chunk) -> None:
        """Add frames."""
        rows = np.zeros(len(chunk.times), _row_type(len(self.settings.regions)))
        rows["times"], rows["found"], rows["landmarks"] = chunk.times, chunk.found, chunk.landmarks
        rows["traces"] = chunk.traces.transpose(2, 0, 1)
        self.spool.write(rows.tobytes())
        self.count += len(rows)
        if chunk.crops is not None:
            self.pending += list(chunk.crops)
            self._write_crops(len(self.pending) // CHUNK * CHUNK)
        self.disk.check()

    def _write_crops(self, count: int) -> None:
        if not count:
            return
        crops = np.stack(self.pending[:count])
        self.pending = self.pending[count:]
        steps = crops.copy()
        steps[1:] -= crops[:-1]
        steps[::CHUNK] = crops[::CHUNK]
        if "crop_steps" not in self.file:
            shape = crops.shape[1:]
            self.file.create_dataset(
                "crop_steps",
                (0, *shape),
                "u1",
                maxshape=(None, *shape),
                chunks=(CHUNK, *shape),
                compression="gzip",
                compression_opts=1,
                fletcher32=True,
            )
        data = self.file["crop_steps"]
        data.resize(len(data) + count, axis=0)
        data[-count:] = steps

    def frames(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Times (n,), found (n,) and mean colours (3, n) of the first region so far."""
        parts = [(r["times"], r["found"], r["traces"][:, 0]) for r in self._spooled()]
        times, found, traces = (np.concatenate(part) for part in zip(*parts, strict=True))
        return times, found, traces.T

    def _spooled(self, block: int = 4096) -> Iterator[np.ndarray]:
        kind = _row_type(len(self.settings.regions))
        self.spool.seek(0)
        while content := self.spool.read(block * kind.itemsize):
            yield np.frombuffer(content, kind)

    def finish(self, labels: Labels, facts: Mapping[str, Any]) -> None:
        """Write all that remains: the frames in one piece each, the labels, and how the recording was read."""
        self._write_crops(len(self.pending))
        kind = _row_type(len(self.settings.regions))
        assert kind.fields is not None
        names = [name for name in ("times", "found", "landmarks", "traces") if 0 not in kind[name].shape]
        sets = {n: self.file.create_dataset(n, (self.count, *kind[n].shape), kind[n].base) for n in names}
        start = checksum = 0
        for rows in self._spooled():
            for name, data in sets.items():
                data[start : start + len(rows)] = rows[name]
            checksum = zlib.crc32(rows.tobytes(), checksum)
            start += len(rows)
        for name, series in sorted(labels.signals.items()):
            self.file[f"signals/{name}/times"] = np.asarray(series.times, np.float64)
            self.file[f"signals/{name}/values"] = np.asarray(series.values, np.float32)
        self.file.attrs.update(
            {
                "version": VERSION,
                "zoo": zoo_version(),
                "settings": json.dumps(self.settings.to_dict(), sort_keys=True),
                "digest": self.settings.digest,
                "recording": json.dumps(_facts(self.recording), sort_keys=True),
                "fingerprint": fingerprint(self.recording),
                "frames": self.count,
                "checksum": checksum,
                "facts": json.dumps(dict(facts), sort_keys=True),
            }
        )


@contextmanager
def writing(path: Path, recording: Recording, settings: Settings) -> Iterator[Writer]:
    """A writer of a recording's file, which appears when the block ends without an error, and whole.

    A temporary file of a run that was killed stays until `clear_remains`.
    """
    temporary = path.with_name(f".{path.name}.{platform.node()}.{os.getpid()}.part")
    try:
        # a fixed format: the same recording gives the same bytes whatever HDF5 is there
        with tempfile.TemporaryFile(dir=path.parent) as spool, FullDiskFile(temporary, "w+") as disk:
            with h5py.File(disk, "w", libver=("earliest", "v110")) as file:
                yield Writer(path, recording, settings, file, spool, disk)
            disk.check()
            os.fsync(disk.fileno())
        temporary.replace(path)
        _sync_folder(path.parent)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def _sync_folder(folder: Path) -> None:
    """Make a rename last through a power cut, where the system can."""
    if os.name != "posix":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def read(path: Path, recording: Recording | None = None) -> Prepared:
    """A recording from its file; traces and crops are read when they are needed.

    Args:
        recording: as a reader lists it now; None takes what the file says.

    Raises:
        DataError: the file is missing, damaged, or of another version.
    """
    with _opened(path) as file:
        traces = crops = None
        if "traces" in file:
            settings = Settings.from_dict(json.loads(file.attrs["settings"]))
            traces = StoredTraces(path, int(file["traces"].id.get_offset()), file["traces"].shape, settings.regions)
        if "crop_steps" in file:
            crops = StoredCrops(path, file["crop_steps"].shape)
        signals = {
            name: Series(group["times"][:], group["values"][:]) for name, group in file.get("signals", {}).items()
        }
        return Prepared(
            recording or _recording(file, path), Labels(signals), file["times"][:], file["found"][:], traces, crops
        )


def listed(folder: Path) -> list[Recording]:
    """The recordings of a store's folder, for use without the data set itself."""
    found = []
    for path in sorted(folder.glob("*.h5")):
        with _opened(path) as file:
            found.append(_recording(file, path))
    return sorted(found, key=lambda recording: recording.name)


def facts_of(path: Path) -> dict[str, Any]:
    """What is known about how a file was made (`frames`, `lost`, `seconds`, `lag`, `notes`...)."""
    with _opened(path) as file:
        return {"frames": int(file.attrs["frames"]), **json.loads(file.attrs["facts"])}


def fault(path: Path, recording: Recording, settings: Settings, thorough: bool = False) -> str | None:
    """Why an existing file is not the one that this recording and these settings give; None where it is.

    Args:
        thorough: read the crops as well, whose chunks carry checksums.
    """
    try:
        with _opened(path) as file:
            if file.attrs["digest"] != settings.digest:
                return "it was made with other settings"
            if file.attrs["fingerprint"] != fingerprint(recording):
                return "the video, its labels or what is known of the person has changed"
            if _checksum(file, settings) != file.attrs["checksum"]:
                return "it is damaged"
            if settings.crop_size is not None:
                data = file["crop_steps"]
                if len(data) != file.attrs["frames"]:
                    return "it is damaged"
                for start in range(0, len(data) if thorough else 0, 1024):
                    data[start : start + 1024]
    except (DataError, OSError, KeyError, ValueError):
        return "it is damaged"
    return None


def _checksum(file: h5py.File, settings: Settings) -> int:
    kind = _row_type(len(settings.regions))
    checksum = 0
    for start in range(0, int(file.attrs["frames"]), 4096):
        stop = min(start + 4096, int(file.attrs["frames"]))
        rows = np.zeros(stop - start, kind)
        for name in ("times", "found", "landmarks", "traces"):
            if 0 not in kind[name].shape:
                rows[name] = file[name][start:stop]
        checksum = zlib.crc32(rows.tobytes(), checksum)
    return checksum


@contextmanager
def _opened(path: Path) -> Iterator[h5py.File]:
    try:
        with h5py.File(path, "r") as file:
            if file.attrs["version"] != VERSION:
                raise DataError(
                    f"'{path}' was made by zoo {file.attrs.get('zoo')} (store version {file.attrs['version']}), and "
                    f"this zoo reads version {VERSION}: prepare into a new folder, or use that zoo."
                )
            yield file
    except (OSError, KeyError, ValueError) as error:
        raise DataError(f"'{path}' is damaged ({error}): run the same 'zoo prepare' again to make it anew.") from error


def _recording(file: h5py.File, path: Path) -> Recording:
    facts = json.loads(file.attrs["recording"])
    return Recording(**{**facts, "video": path})


def _row_type(regions: int) -> np.dtype[Any]:
    return np.dtype([("times", "<f8"), ("found", "?"), ("landmarks", "<f4", (5, 2)), ("traces", "<f4", (regions, 3))])


def _slug(text: str) -> str:
    return re.sub(r"[^A-Za-z0-9._]+", "_", text).strip(".") or "_"


def _sha(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
