"""Videos and labels in array files: MATLAB 7.3 (which is HDF5), older MATLAB files, plain HDF5.

Nothing in such a file is executed; names are looked up, shapes are checked before anything is read, and links or data
that lie in other files are refused.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from zoo.data.frame import IDENTITY, Frame
from zoo.data.video import MAX_PIXELS, Video
from zoo.errors import DataError, VideoError, ZooError

SUFFIXES = {".mat", ".h5", ".hdf5"}
# Names under which published files hold their video, the first one that is there.
VIDEOS = ("RawFrames", "video", "Xsub")
NOMINAL_FPS = 30.0
MAX_VALUES = 64 * 2**20
MAX_BYTES = 6 * 2**30
BLOCK_BYTES = 48 * 2**20
HDF5_MAGIC = b"\x89HDF\r\n\x1a\n"


def is_array(path: Path) -> bool:
    """Whether `path` is a file of a kind that `open_array` reads."""
    return path.suffix.lower() in SUFFIXES and path.is_file()


def open_array(path: Path) -> Video:
    """Open the video in an array file, 30 frames a second; see `zoo.data.video.open_video`.

    Files of MATLAB 7.3 are read in blocks of frames. Older MATLAB files store a pixel's whole course before the next
    pixel, so that no frame can be had before all were read: such a file is held in memory.

    Raises:
        VideoError: no video in it, a damaged file, or larger pictures or arrays than are read.
    """
    return _open_hdf5(path) if _is_hdf5(path) else _open_matlab(path)


def hdf5_vector(path: Path, name: str) -> np.ndarray | None:
    """A signal in an HDF5 or MATLAB 7.3 file, as (n,) float64; None where there is none of that name.

    Raises:
        DataError: a file that is missing or damaged, or something else under that name.
    """
    with _hdf5(path, DataError) as file:
        data = _dataset(path, file, name, DataError)
        if data is None:
            return None
        if data.size > MAX_VALUES or data.dtype.kind not in "fiu" or max(data.shape, default=0) != data.size:
            raise DataError(f"'{path}' holds no signal under '{name}': shape {data.shape}, type {data.dtype}.")
        return np.asarray(data[()], dtype=np.float64).ravel()


def matlab_variables(path: Path, names: Iterable[str]) -> dict[str, Any]:
    """Small variables of a MATLAB file of any version: text as str, numbers as arrays; absent names are left out.

    Raises:
        DataError: a file that is missing or damaged, or a variable that is not small.
    """
    wanted = list(names)
    if not _is_hdf5(path):
        sizes = {name: int(np.prod(shape)) for name, shape, _ in _matlab_contents(path, DataError)}
        too_large = [name for name in wanted if sizes.get(name, 0) > MAX_VALUES]
        if too_large:
            raise DataError(f"'{path}' holds {sizes[too_large[0]]} values under '{too_large[0]}': that is no label.")
        found = _matlab(path, wanted, DataError)
        plain = {name: _plain(found[name]) for name in wanted if name in found}
        return {name: value for name, value in plain.items() if isinstance(value, str) or value.dtype.kind in "fiub"}
    values: dict[str, Any] = {}
    with _hdf5(path, DataError) as file:
        for name in wanted:
            data = _dataset(path, file, name, DataError)
            if data is None or data.size > MAX_VALUES or data.dtype.kind not in "fiub":
                continue
            value = np.asarray(data[()])
            is_text = data.attrs.get("MATLAB_class") == b"char"
            values[name] = "".join(map(chr, value.ravel())) if is_text else value
    return values


def _plain(value: Any) -> Any:
    array = np.asarray(value)
    return "".join(map(str, array.ravel())).strip() if array.dtype.kind in "US" else array


def _is_hdf5(path: Path) -> bool:
    """MATLAB puts a header of 512 bytes before the HDF5 signature."""
    try:
        with path.open("rb") as file:
            start = file.read(len(HDF5_MAGIC))
            file.seek(512)
            return HDF5_MAGIC in (start, file.read(len(HDF5_MAGIC)))
    except OSError as error:
        raise DataError(f"'{path}' cannot be read ({error.strerror}).") from None


@contextmanager
def _hdf5(path: Path, kind: type[ZooError]) -> Iterator[Any]:
    import h5py

    if not path.is_file():
        raise kind(f"'{path}' is missing: copy it again.")
    try:
        with h5py.File(path, "r") as file:
            yield file
    except ZooError:
        raise
    except Exception as error:  # a damaged file makes the reader raise almost anything
        raise kind(f"'{path}' is damaged or not HDF5 ({error}): copy it again.") from None


def _dataset(path: Path, file: Any, name: str, kind: type[ZooError]) -> Any:
    import h5py

    link = file.get(name, getlink=True)
    if link is None:
        return None
    data = file.get(name) if isinstance(link, h5py.HardLink) else None
    if not isinstance(data, h5py.Dataset) or data.is_virtual or data.external:
        raise kind(f"'{path}' holds no plain data of its own under '{name}': it is refused.")
    return data


def _open_hdf5(path: Path) -> Video:
    with ExitStack() as stack:
        file = stack.enter_context(_hdf5(path, VideoError))
        data = next((found for name in VIDEOS if (found := _dataset(path, file, name, VideoError)) is not None), None)
        if data is None:
            raise VideoError(f"'{path}' holds no video: none of {', '.join(VIDEOS)} is in it.")
        axes = _axes(path, data.shape, data.dtype)
        count, height, width = (data.shape[axis] for axis in axes[:3])
        block = max(1, BLOCK_BYTES // max(1, height * width * 3 * data.dtype.itemsize))
        # a whole chunk is decompressed for any part of it
        block = max(block, data.chunks[axes[0]] if data.chunks else 1)
        opened = stack.pop_all()
        frames = _frames(path, partial(_cut, data, axes), count, block, opened)
        return _video(frames, count, height, width, opened.close)


def _open_matlab(path: Path) -> Video:
    contents = {name: (shape, kind) for name, shape, kind in _matlab_contents(path, VideoError)}
    name = next((name for name in VIDEOS if name in contents), None)
    if name is None:
        raise VideoError(f"'{path}' holds no video: none of {', '.join(VIDEOS)} is in it.")
    shape, kind = contents[name]
    itemsize = {"uint8": 1, "int8": 1, "uint16": 2, "int16": 2, "single": 4}.get(kind, 8)
    if int(np.prod(shape, dtype=np.int64)) * itemsize > MAX_BYTES:
        raise VideoError(f"'{path}' holds a video of more than {MAX_BYTES // 2**30} GiB: save it as MATLAB 7.3.")
    data = _matlab(path, [name], VideoError)[name]
    axes = _axes(path, data.shape, data.dtype)
    count, height, width = (data.shape[axis] for axis in axes[:3])
    frames = _frames(path, partial(_cut, data, axes), count, 64)
    return _video(frames, count, height, width, lambda: None)


def _video(frames: Iterator[Frame], count: int, height: int, width: int, close: Callable[[], None]) -> Video:
    return Video(width, height, NOMINAL_FPS, count / NOMINAL_FPS, count, frames, close)


def _axes(path: Path, shape: tuple[int, ...], dtype: np.dtype[Any]) -> tuple[int, int, int, int]:
    """Which axes are time, height, width and colour: MATLAB 7.3 files have them the other way round, (c, w, h, t)."""
    if len(shape) != 4 or dtype.kind not in "uif" or min(shape) < 1:
        raise VideoError(f"'{path}' holds no colour video: shape {shape}, type {dtype}.")
    if shape[3] == 3:
        axes = (0, 1, 2, 3)
    elif shape[0] == 3:
        axes = (3, 2, 1, 0)
    else:
        raise VideoError(f"'{path}' holds a video of shape {shape}: (t, h, w, 3) or (3, w, h, t) is read.")
    if shape[axes[1]] * shape[axes[2]] > MAX_PIXELS:
        raise VideoError(f"'{path}' has pictures above the limit of {MAX_PIXELS // 10**6} megapixels.")
    return axes


def _cut(data: Any, axes: tuple[int, int, int, int], start: int, stop: int) -> np.ndarray:
    where = tuple(slice(start, stop) if axis == axes[0] else slice(None) for axis in range(4))
    return np.transpose(np.asarray(data[where]), axes)


def _frames(
    path: Path, read: Callable[[int, int], np.ndarray], count: int, block: int, held: object = None
) -> Iterator[Frame]:
    """Frames in blocks; the open file is `held` as long as they are, also when nobody keeps the Video."""
    scale = None
    for start in range(0, count, block):
        try:
            pictures = read(start, min(start + block, count))
        except Exception as error:
            raise VideoError(f"'{path}' is damaged from frame {start} on ({error}): copy it again.") from None
        if pictures.dtype != np.uint8:
            # 0..1 or 0..255: the first block tells, and holds for all
            scale = scale or (255.0 if float(np.nanmax(pictures)) <= 1.0 else 1.0)
            pictures = np.clip(np.nan_to_num(pictures) * scale + 0.5, 0, 255).astype(np.uint8)
        for offset, picture in enumerate(pictures):
            index = start + offset
            yield Frame(index, index / NOMINAL_FPS, (np.ascontiguousarray(picture),), *IDENTITY)


def _matlab_contents(path: Path, kind: type[ZooError]) -> list[tuple[str, tuple[int, ...], str]]:
    from scipy.io import whosmat

    try:
        return list(whosmat(str(path), appendmat=False))
    except Exception as error:  # a damaged file makes the reader raise almost anything
        raise kind(f"'{path}' is damaged or not a MATLAB file ({error}): copy it again.") from None


def _matlab(path: Path, names: list[str], kind: type[ZooError]) -> dict[str, Any]:
    from scipy.io import loadmat

    try:
        return dict(loadmat(str(path), appendmat=False, variable_names=names))
    except Exception as error:
        raise kind(f"'{path}' is damaged or not a MATLAB file ({error}): copy it again.") from None
