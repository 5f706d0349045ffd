"""Traces and crops that stay in their files until a window asks for them.

Traces lie in one piece, so that a window is one read at a known place, without opening HDF5 at all. Crops are read
through HDF5: files are opened in the process that reads, a few at a time, and none is open while a process forks.
"""

from __future__ import annotations

import os
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import EllipsisType

import h5py
import numpy as np

from zoo.errors import DataError
from zoo.spec import Grid

OPEN_FILES = 8


@dataclass(frozen=True)
class StoredTraces:
    """Traces in a file; `traces[..., first:last]` reads them as (regions, 3, last - first) float32.

    Args:
        path: the file.
        offset: bytes before the first frame.
        size: (n, regions, 3).
        regions: what they are means of.
        chosen: indices of the regions that are given, in their order; None for all.
    """

    path: Path
    offset: int
    size: tuple[int, int, int]
    regions: tuple[str, ...] | Grid
    chosen: tuple[int, ...] | None = None

    @property
    def shape(self) -> tuple[int, int, int]:
        return (self.size[1] if self.chosen is None else len(self.chosen), 3, self.size[0])

    def choose(self, regions: Sequence[str] | Grid) -> StoredTraces:
        """The same traces of some of the regions; names that the file holds, or its grid."""
        if isinstance(regions, Grid) or isinstance(self.regions, Grid) or tuple(regions) == self.regions:
            return replace(self, chosen=None)
        return replace(self, chosen=tuple(self.regions.index(name) for name in regions))

    def __getitem__(self, key: tuple[EllipsisType, slice]) -> np.ndarray:
        first, last, _ = key[1].indices(self.size[0])
        row = 4 * self.size[1] * 3
        try:
            with self.path.open("rb", buffering=0) as file:
                file.seek(self.offset + first * row)
                content = file.read((last - first) * row)
        except OSError as error:
            raise DataError(f"'{self.path}' cannot be read ({error.strerror}): is the store still there?") from error
        if len(content) != (last - first) * row:
            raise DataError(f"'{self.path}' is cut off: run the same 'zoo prepare' again to make it anew.")
        values = np.frombuffer(content, "<f4").reshape(last - first, self.size[1], 3)
        chosen = values if self.chosen is None else values[:, list(self.chosen)]
        return chosen.transpose(1, 2, 0)


@dataclass(frozen=True)
class StoredCrops:
    """Crops in a file; `crops[indices]` reads them as (k, S, S, 3) uint8, the indices increasing.

    Args:
        path: the file.
        shape: (n, S, S, 3).
    """

    path: Path
    shape: tuple[int, int, int, int]

    def __getitem__(self, indices: np.ndarray) -> np.ndarray:
        try:
            data = _open(self.path)["crop_steps"]
            chunk = int(data.chunks[0])
            first = int(indices[0]) // chunk * chunk
            steps = data[first : int(indices[-1]) + 1]
        except (OSError, KeyError) as error:
            raise DataError(
                f"'{self.path}' is damaged ({error}): run the same 'zoo prepare --verify' again to make it anew."
            ) from error
        # all chunks at once, frame by frame: twenty times as fast as a cumulative sum of each
        for number in range(1, chunk):
            after = steps[number::chunk]
            after += steps[number - 1 :: chunk][: len(after)]
        return steps[indices - first]


_files: OrderedDict[Path, h5py.File] = OrderedDict()


def _open(path: Path) -> h5py.File:
    if path in _files:
        _files.move_to_end(path)
        return _files[path]
    while len(_files) >= OPEN_FILES:
        _files.popitem(last=False)[1].close()
    _files[path] = h5py.File(path, "r")
    return _files[path]


def close_files() -> None:
    """Close every file that this process holds open for crops."""
    while _files:
        _files.popitem()[1].close()


if hasattr(os, "register_at_fork"):
    # a child must never share HDF5's state of an open file
    os.register_at_fork(before=close_files)
