"""One decoded picture: its colour planes as the codec stored them, and how they become RGB."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache

import cv2
import numpy as np

# Luma weights (red, blue) of the colour matrices, by FFmpeg's colour-space number (ITU-T H.273, table 4).
LUMA_WEIGHTS = {1: (0.2126, 0.0722), 7: (0.212, 0.087), 9: (0.2627, 0.0593), 10: (0.2627, 0.0593)}
BT601 = (0.299, 0.114)
IDENTITY = (np.eye(3) / 255.0, np.zeros(3))


@lru_cache
def yuv_to_rgb(colorspace: int = 5, full_range: bool = False) -> tuple[np.ndarray, np.ndarray]:
    """Matrix (3, 3) and offset (3,) that take 8-bit Y, Cb, Cr to RGB 0..1, without clipping.

    Args:
        colorspace: FFmpeg's number (1 BT.709, 5 and 6 BT.601, 9 BT.2020); others, unspecified too, count as BT.601,
            as OpenCV and swscale have it.
        full_range: luma 0..255 (JPEG) instead of 16..235.

    Source: ITU-T H.273, equations 38-46.
    """
    red, blue = LUMA_WEIGHTS.get(colorspace, BT601)
    green = 1.0 - red - blue
    luma, chroma, black = (1 / 255, 1 / 255, 0.0) if full_range else (1 / 219, 1 / 224, 16.0)
    from_red, from_blue = 2 * (1 - red) * chroma, 2 * (1 - blue) * chroma
    matrix = np.array(
        [
            [luma, 0.0, from_red],
            [luma, -from_blue * blue / green, -from_red * red / green],
            [luma, from_blue, 0.0],
        ]
    )
    return matrix, -matrix @ np.array([black, 128.0, 128.0])


@lru_cache
def gray_to_rgb(full_range: bool = True) -> tuple[np.ndarray, np.ndarray]:
    """Matrix (3, 1) and offset (3,) that take 8-bit grey to RGB 0..1."""
    scale, black = (1 / 255, 0.0) if full_range else (1 / 219, 16.0)
    return np.full((3, 1), scale), np.full(3, -scale * black)


@dataclass(frozen=True, eq=False)
class Frame:
    """A picture of a video.

    Args:
        index: number of the frame, from 0.
        time: seconds since the first frame.
        planes: 8-bit arrays (h, w) or (h, w, channels), the first one of full size, later ones possibly smaller
            (chroma at its own resolution). All channels of all planes, in order, are the picture's channels.
        matrix: (3, channels), with `offset` (3,): RGB 0..1 = matrix @ channels + offset. Being linear it may be
            applied to means of the channels, exactly and in floating point.
    """

    index: int
    time: float
    planes: tuple[np.ndarray, ...]
    matrix: np.ndarray
    offset: np.ndarray

    @property
    def width(self) -> int:
        """Width in pixels."""
        return self.planes[0].shape[1]

    @property
    def height(self) -> int:
        """Height in pixels."""
        return self.planes[0].shape[0]

    def rgb(self, width: int | None = None) -> np.ndarray:
        """The picture as RGB (H, W, 3) uint8, area-averaged to `width` when that is smaller than its own."""
        size = (self.width, self.height)
        if width is not None and width < self.width:
            size = (width, max(1, round(self.height * width / self.width)))
        return to_rgb(np.dstack([_resize(plane, size) for plane in self.planes]), self.matrix, self.offset)

    def reduced(self, factor: int) -> Frame:
        """The same picture with both sides divided by `factor` (area average)."""
        if factor <= 1:
            return self
        sizes = [(max(1, plane.shape[1] // factor), max(1, plane.shape[0] // factor)) for plane in self.planes]
        return replace(self, planes=tuple(_resize(plane, size) for plane, size in zip(self.planes, sizes, strict=True)))


def to_rgb(channels: np.ndarray, matrix: np.ndarray, offset: np.ndarray) -> np.ndarray:
    """(H, W, channels) uint8 through a frame's `matrix` and `offset`: RGB (H, W, 3) uint8, rounded and clipped."""
    if matrix is IDENTITY[0]:
        return np.ascontiguousarray(channels)
    return cv2.transform(channels, np.column_stack([matrix, offset]) * 255.0)


def _resize(plane: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    if plane.shape[1::-1] == size:
        return plane
    smaller = size[0] <= plane.shape[1] and size[1] <= plane.shape[0]
    return cv2.resize(plane, size, interpolation=cv2.INTER_AREA if smaller else cv2.INTER_LINEAR)
