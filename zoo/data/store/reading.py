"""Reading a store's files, and telling whether they are what they should be."""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from zoo.data.recording import Labels, Recording, Series
from zoo.data.store.settings import Settings, check_version
from zoo.data.store.source import fingerprint
from zoo.data.store.writing import row_type
from zoo.data.stored import StoredCrops, StoredTraces
from zoo.data.windows import Prepared
from zoo.errors import DataError


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
            recording or _recording(file, path),
            Labels(signals),
            file["times"][:],
            file["found"][:],
            traces,
            crops,
            file["beats"][:],
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
    kind = row_type(len(settings.regions))
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
            check_version(path, file.attrs["version"], file.attrs.get("zoo"))
            yield file
    except (OSError, KeyError, ValueError) as error:
        raise DataError(f"'{path}' is damaged ({error}): run the same 'zoo prepare' again to make it anew.") from error


def _recording(file: h5py.File, path: Path) -> Recording:
    facts = json.loads(file.attrs["recording"])
    return Recording(**{**facts, "video": path})
