"""Writing a recording's file: frame by frame in bounded memory, and whole or not at all, whatever happens."""

from __future__ import annotations

import io
import json
import os
import platform
import tempfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from zoo.data.extract import Chunk
from zoo.data.recording import Labels, Recording
from zoo.data.store.settings import VERSION, Settings, zoo_version
from zoo.data.store.source import facts_to_keep, fingerprint
from zoo.data.targets import beats_of

# Crops a chunk of the file, which is read and decompressed whole.
CHUNK = 16


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
        rows = np.zeros(len(chunk.times), row_type(len(self.settings.regions)))
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
        kind = row_type(len(self.settings.regions))
        self.spool.seek(0)
        while content := self.spool.read(block * kind.itemsize):
            yield np.frombuffer(content, kind)

    def finish(self, labels: Labels, facts: Mapping[str, Any]) -> None:
        """Write all that remains: the frames in one piece each, the labels, and how the recording was read."""
        self._write_crops(len(self.pending))
        kind = row_type(len(self.settings.regions))
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
        self.file["beats"] = beats_of(labels)
        self.file.attrs.update(
            {
                "version": VERSION,
                "zoo": zoo_version(),
                "settings": json.dumps(self.settings.to_dict(), sort_keys=True),
                "digest": self.settings.digest,
                "recording": json.dumps(facts_to_keep(self.recording), sort_keys=True),
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


def row_type(regions: int) -> np.dtype[Any]:
    """One frame of a file, apart from its crop."""
    return np.dtype([("times", "<f8"), ("found", "?"), ("landmarks", "<f4", (5, 2)), ("traces", "<f4", (regions, 3))])
