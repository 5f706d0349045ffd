"""Tiny trees of exactly the published shape of each data set, and tiny real videos."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np

WIDTH, HEIGHT = 64, 48


def frames(count: int) -> Iterable[np.ndarray]:
    """Grey pictures that change: (HEIGHT, WIDTH, 3) uint8."""
    for index in range(count):
        yield np.full((HEIGHT, WIDTH, 3), 100 + index % 50, np.uint8)


def video(path: Path, count: int = 30, fps: int = 30) -> Path:
    """A real video file of `count` frames."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=fps)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        stream.codec_context.time_base = Fraction(1, fps)
        for picture in frames(count):
            for packet in stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")):
                container.mux(packet)
        for packet in stream.encode(None):
            container.mux(packet)
    return path


def pictures(folder: Path, names: Sequence[str]) -> Path:
    """A folder of pictures."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, picture in zip(names, frames(len(names)), strict=True):
        assert cv2.imwrite(str(folder / name), picture)
    return folder


def write(path: Path, content: str) -> Path:
    """A text file, folders made as needed, line ends kept."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode())
    return path


def pulse(count: int, rate: float) -> np.ndarray:
    """A pulse of 72 beats a minute, 0 to 1, rounded to four digits as label files have it."""
    return np.round(0.5 + 0.5 * np.sin(2 * np.pi * 1.2 * np.arange(count) / rate), 4)


def scientific(values: Iterable[float]) -> str:
    """A line of numbers as UBFC-rPPG's files have it."""
    return "".join(f"   {value: .7e}" for value in values)
