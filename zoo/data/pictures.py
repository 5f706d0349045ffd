"""Videos that are folders or zips of numbered pictures (png, bmp, jpg)."""

from __future__ import annotations

import re
import zipfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path, PurePosixPath

import cv2
import numpy as np

from zoo.data.frame import IDENTITY, Frame
from zoo.data.video import MAX_PIXELS, Video
from zoo.errors import VideoError

SUFFIXES = {".png", ".bmp", ".jpg", ".jpeg"}
NOMINAL_FPS = 30.0
# PURE names its pictures by nanoseconds since 1970: nineteen digits; anything this long is a time, not a number.
NANOSECOND_DIGITS = 16
MAX_BYTES = 256 * 2**20


def is_pictures(path: Path) -> bool:
    """Whether `path` is a folder, or a zip file."""
    return path.is_dir() or (path.suffix.lower() == ".zip" and zipfile.is_zipfile(path))


def open_pictures(path: Path) -> Video:
    """Open a folder or a zip of pictures, ordered by the number in their names; see `zoo.data.video.open_video`.

    Names of 16 digits or more are times in nanoseconds (PURE); else the pictures are 1/30 s apart.
    """
    if path.is_dir():
        files = [file for file in path.iterdir() if file.suffix.lower() in SUFFIXES]
        names, read, close = [file.name for file in files], lambda name: (path / name).read_bytes(), lambda: None
    else:
        archive = zipfile.ZipFile(path)
        names = [name for name in archive.namelist() if PurePosixPath(name).suffix.lower() in SUFFIXES]
        read, close = lambda name: _unzip(archive, name), archive.close
    names.sort(key=_number)
    if not names:
        close()
        raise VideoError(f"'{path}' holds no pictures: give a video file, or a folder or zip of png, bmp or jpg files.")
    times = _times(names)
    fps = (len(times) - 1) / times[-1] if len(times) > 1 else NOMINAL_FPS
    notes: list[str] = []
    try:
        first = _decode(path, names[0], read)
    except BaseException:
        close()
        raise
    height, width = first.shape[:2]
    frames = _frames(path, names, times, read, (height, width), notes)
    return Video(width, height, fps, len(names) / fps, len(names), frames, close, notes)


def _unzip(archive: zipfile.ZipFile, name: str) -> bytes:
    if archive.getinfo(name).file_size > MAX_BYTES:
        raise VideoError(f"'{name}' unpacks to more than {MAX_BYTES // 2**20} MiB, which no picture of a face needs.")
    return archive.read(name)


def _number(name: str) -> tuple[int, str]:
    digits = re.findall(r"\d+", PurePosixPath(name).stem)
    return (int(digits[-1]) if digits else -1, name)


def _times(names: Sequence[str]) -> np.ndarray:
    numbers = [_number(name)[0] for name in names]
    if numbers[0] >= 10 ** (NANOSECOND_DIGITS - 1):
        times = np.array([number - numbers[0] for number in numbers], dtype=np.float64) * 1e-9
        if np.all(np.diff(times) > 0):
            return times
    return np.arange(len(names)) / NOMINAL_FPS


def _decode(path: Path, name: str, read: Callable[[str], bytes]) -> np.ndarray:
    data = np.frombuffer(read(name), np.uint8)
    try:
        picture = cv2.imdecode(data, cv2.IMREAD_COLOR_RGB) if len(data) else None
    except cv2.error:
        picture = None
    if picture is None:
        raise VideoError(f"'{path}' holds a picture that cannot be read, '{name}': remove it or copy it again.")
    if picture.shape[0] * picture.shape[1] > MAX_PIXELS:
        raise VideoError(
            f"'{path}' has pictures above the limit of {MAX_PIXELS // 10**6} megapixels: make them smaller."
        )
    return picture


def _frames(
    path: Path,
    names: Sequence[str],
    times: np.ndarray,
    read: Callable[[str], bytes],
    size: tuple[int, int],
    notes: list[str],
) -> Iterator[Frame]:
    index = left_out = 0
    for name, time in zip(names, times, strict=True):
        try:
            rgb = _decode(path, name, read)
        except VideoError:
            left_out += 1
            continue
        if rgb.shape[:2] != size:
            rgb = cv2.resize(rgb, size[::-1], interpolation=cv2.INTER_AREA)
        yield Frame(index, float(time), (rgb,), *IDENTITY)
        index += 1
    if left_out:
        notes.append(f"{left_out} pictures could not be read and were left out")
