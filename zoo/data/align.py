"""The canonical face, and how pictures are sampled on it.

Canonical coordinates are a unit square around an upright face: x to the right, y downwards, forehead at the top edge,
chin at the bottom edge. Frame coordinates are continuous pixels: the first pixel covers 0..1.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import cv2
import numpy as np

from zoo.data.frame import Frame

# Eyes, nose tip, mouth corners (left and right as the picture shows them); proportions of an average adult face.
CANONICAL = np.array([[0.33, 0.40], [0.67, 0.40], [0.50, 0.595], [0.36, 0.79], [0.64, 0.79]])
MAX_OVERSAMPLING = 6


def similarity(landmarks: np.ndarray) -> np.ndarray:
    """The similarity transform from canonical to frame coordinates that fits five landmarks best (least squares).

    Args:
        landmarks: (..., 5, 2) frame coordinates.

    Returns:
        (..., 2, 3). It is linear in the landmarks, so that smoothing them smooths it.
    """
    center = CANONICAL.mean(axis=0)
    model = CANONICAL - center
    power = float(np.sum(model**2))
    mean = landmarks.mean(axis=-2)
    x, y = landmarks[..., 0] - mean[..., :1], landmarks[..., 1] - mean[..., 1:]
    cosine = (x @ model[:, 0] + y @ model[:, 1]) / power
    sine = (y @ model[:, 0] - x @ model[:, 1]) / power
    linear = np.stack([np.stack([cosine, -sine], -1), np.stack([sine, cosine], -1)], -2)
    shift = mean - linear @ center
    return np.concatenate([linear, shift[..., None]], axis=-1)


def upright(transform: np.ndarray) -> np.ndarray:
    """The same place and size without the rotation: an axis-aligned square box around the face.

    Args:
        transform: (2, 3) canonical to frame.
    """
    side = float(np.hypot(transform[0, 0], transform[1, 0]))
    center = transform[:, :2] @ (0.5, 0.5) + transform[:, 2]
    return np.array([[side, 0.0, center[0] - side / 2], [0.0, side, center[1] - side / 2]])


def from_box(box: np.ndarray, scale: float = 1.0) -> np.ndarray:
    """The transform (2, 3) from the unit square to a box x0, y0, x1, y1, enlarged about its centre by `scale`."""
    x, y = (box[0] + box[2]) / 2, (box[1] + box[3]) / 2
    width, height = (box[2] - box[0]) * scale, (box[3] - box[1]) * scale
    return np.array([[width, 0.0, x - width / 2], [0.0, height, y - height / 2]])


def sample(frame: Frame, transform: np.ndarray, sizes: Sequence[int]) -> list[np.ndarray]:
    """A picture of the unit square, plane by plane, at sub-pixel places.

    Args:
        frame: the picture.
        transform: (2, 3) unit square to frame coordinates.
        sizes: side of the sampled square in pixels, one for each plane.

    Returns:
        One (size, size) or (size, size, channels) uint8 array a plane, area-averaged where samples cover several
        pixels; the picture's edge is repeated outside it.
    """
    sampled = []
    (a, b, _), (c, d, _) = transform.tolist()
    for plane, size in zip(frame.planes, sizes, strict=True):
        share = plane.shape[0] * plane.shape[1] / (frame.height * frame.width)
        factor = int(np.clip(round(np.sqrt(abs(a * d - b * c) * share) / size), 1, MAX_OVERSAMPLING))
        side = (size * factor, size * factor)
        square = _warp(plane, _indices(_onto(plane, frame, transform), side), side)
        sampled.append(cv2.resize(square, (size, size), interpolation=cv2.INTER_AREA) if factor > 1 else square)
    return sampled


def sample_exact(frame: Frame, transform: np.ndarray, sizes: Sequence[tuple[int, int]]) -> list[np.ndarray]:
    """As `sample`, in float32 and without any rounding: material for means.

    Bilinear samples rounded to whole levels lose half of a pulse that shows as single levels of single pixels. Means
    count every pixel alike where samples are a pixel apart; pixels that lie closer are averaged by whole factors first.

    Args:
        sizes: (columns, rows), one for each plane.
    """
    sampled: list[np.ndarray] = []
    alike = None
    for plane, size in zip(frame.planes, sizes, strict=True):
        # once for both chroma planes
        if (plane.shape[:2], size) != alike:
            alike = plane.shape[:2], size
            window, factor, onto = _covered(frame, transform, plane, size)
        # Only the part that is sampled is made floating point.
        part: np.ndarray = plane[window].astype(np.float32)
        if factor > 1:
            columns, rows = part.shape[1] // factor, part.shape[0] // factor
            part = cv2.resize(part[: rows * factor, : columns * factor], (columns, rows), interpolation=cv2.INTER_AREA)
        sampled.append(_warp(part, onto, size))
    return sampled


def _covered(
    frame: Frame, transform: np.ndarray, plane: np.ndarray, size: tuple[int, int]
) -> tuple[tuple[slice, slice], int, np.ndarray]:
    """The part of a plane under the unit square, by what factor it is to be reduced, and the transform onto that."""
    onto = _onto(plane, frame, transform)
    (a, b, x), (c, d, y) = onto.tolist()
    x0, x1 = _span(x, a, b, plane.shape[1])
    y0, y1 = _span(y, c, d, plane.shape[0])
    onto[:, 2] -= (x0, y0)
    factor = round(math.hypot(a, c) / size[0])
    if factor > 1 and min(y1 - y0, x1 - x0) >= factor:
        onto /= factor
    else:
        factor = 1
    return (slice(y0, y1), slice(x0, x1)), factor, _indices(onto, size)


def _span(start: float, along: float, across: float, limit: int) -> tuple[int, int]:
    """The pixels, first and last + 1, that the unit square takes up in one direction, with those beside them."""
    ends = (start, start + along, start + across, start + along + across)
    first = min(max(int(min(ends)) - 2, 0), limit - 1)
    return first, max(min(int(max(ends)) + 3, limit), first + 1)


def _onto(plane: np.ndarray, frame: Frame, transform: np.ndarray) -> np.ndarray:
    """The transform in the coordinates of a plane that may be smaller than its frame."""
    return transform * np.array([[plane.shape[1] / frame.width], [plane.shape[0] / frame.height]])


def _indices(transform: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """From the index of a sample to that of a pixel; both count from the middle of the first."""
    onto = transform / (size[0], size[1], 1)
    onto[:, 2] += (onto[:, 0] + onto[:, 1]) / 2 - 0.5
    return onto


def _warp(plane: np.ndarray, onto: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return cv2.warpAffine(plane, onto, size, flags=flags, borderMode=cv2.BORDER_REPLICATE)
