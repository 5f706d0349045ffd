"""Skin regions on the canonical face, and their mean colours.

The published regions (MCD-rPPG, arXiv:2508.17924) are polygons through dense landmarks. Five landmarks do not give
those, so the polygons here are an approximation: fixed shapes in canonical coordinates (`zoo.data.align`), carried
onto each picture by the similarity transform of its five landmarks. 'Left' is the left of the picture.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache

import cv2
import numpy as np

from zoo.data.align import sample_exact
from zoo.data.frame import Frame
from zoo.errors import UnknownName
from zoo.spec import Grid

# `face` is tight: skin that is seen whole in every frame, without hair, ears, jaw line and background.
POLYGONS: Mapping[str, tuple[tuple[float, float], ...]] = {
    "face": ((0.30, 0.08), (0.70, 0.08), (0.72, 0.15), (0.72, 0.70), (0.68, 0.80), (0.62, 0.83),
             (0.38, 0.83), (0.32, 0.80), (0.28, 0.70), (0.28, 0.15)),
    "nose": ((0.455, 0.42), (0.545, 0.42), (0.60, 0.61), (0.50, 0.66), (0.40, 0.61)),
    "left_upper_cheek": ((0.22, 0.47), (0.41, 0.47), (0.38, 0.63), (0.23, 0.63)),
    "right_upper_cheek": ((0.59, 0.47), (0.78, 0.47), (0.77, 0.63), (0.62, 0.63)),
    "left_lower_cheek": ((0.23, 0.64), (0.38, 0.64), (0.35, 0.75), (0.34, 0.84), (0.27, 0.76)),
    "right_lower_cheek": ((0.62, 0.64), (0.77, 0.64), (0.73, 0.76), (0.66, 0.84), (0.65, 0.75)),
    "lips": ((0.36, 0.79), (0.45, 0.745), (0.50, 0.755), (0.55, 0.745), (0.64, 0.79), (0.56, 0.85), (0.44, 0.85)),
    "chin": ((0.37, 0.88), (0.63, 0.88), (0.57, 0.98), (0.43, 0.98)),
}  # fmt: skip

# Samples a canonical side on planes of full size; smaller planes get proportionally fewer.
SAMPLES = 128
FEWEST, MOST = 64, 256
# Corners of each sample are weighed by how much of it a polygon covers, to 1/8 of its side.
SUBDIVISION = 8
# Taken off before the sums, so that they stay small and exact in single precision.
MIDDLE = np.float32(128)

Regions = Sequence[str] | Grid


def outlines(regions: Regions) -> list[np.ndarray]:
    """Polygons (points, 2) of regions in canonical coordinates 0..1, in their order; a grid's cells row by row.

    Raises:
        UnknownName: a region that is not one of `zoo.spec.REGIONS`.
    """
    if isinstance(regions, Grid):
        corner = np.array([[0, 0], [1, 0], [1, 1], [0, 1]], dtype=np.float64)
        size = (regions.width, regions.height)
        return [(corner + np.array([x, y])) / size for y in range(regions.height) for x in range(regions.width)]
    for name in regions:
        if name not in POLYGONS:
            raise UnknownName("region", name, POLYGONS)
    return [np.array(POLYGONS[name]) for name in regions]


def samples_for(transform: np.ndarray) -> int:
    """Samples a canonical side that count every pixel of a face alike: one a pixel, more of a small face, fewer of a
    large one, always by a whole factor.

    Samples at another distance count some pixels more than others, in a pattern that moves with the head: at 0.85
    pixels that takes a small region's r with its exact mean down to 0.987. Chosen once a video, since a change would be
    a step in the traces.

    Args:
        transform: (2, 3) canonical to frame coordinates.
    """
    side = float(np.hypot(transform[0, 0], transform[1, 0]))
    return round(side / np.ceil(side / MOST) * np.ceil(FEWEST / side))


@lru_cache(maxsize=16)
def frame_of(regions: tuple[str, ...] | Grid) -> np.ndarray:
    """The smallest upright rectangle that holds all regions: (2, 3), unit square to canonical coordinates."""
    points = np.concatenate(outlines(regions))
    low, high = points.min(0), points.max(0)
    return np.array([[high[0] - low[0], 0.0, low[0]], [0.0, high[1] - low[1], low[1]]])


@lru_cache(maxsize=16)
def weights(regions: tuple[str, ...] | Grid, size: tuple[int, int]) -> np.ndarray:
    """Share of each sample in each region's mean, on `size` (columns, rows) samples of the regions' rectangle.

    Returns:
        (regions, rows * columns) float32; rows sum to 1.
    """
    place, fine = frame_of(regions), np.array(size) * SUBDIVISION
    rows = []
    for outline in outlines(regions):
        points = (outline - place[:, 2]) / np.diag(place) * fine - 0.5
        mask = np.zeros((fine[1], fine[0]), np.float32)
        cv2.fillPoly(mask, [np.round(points * 256).astype(np.int32)], 1.0, shift=8)
        row = cv2.resize(mask, size, interpolation=cv2.INTER_AREA).ravel().astype(np.float64)
        rows.append(row / row.sum())
    return np.array(rows, dtype=np.float32)


def region_means(
    frame: Frame, transform: np.ndarray, regions: tuple[str, ...] | Grid, samples: int = SAMPLES
) -> np.ndarray:
    """Mean colours of regions in one picture.

    Args:
        frame: the picture.
        transform: (2, 3) canonical to frame coordinates.
        regions: names out of `zoo.spec.REGIONS`, or a grid over the canonical square.
        samples: a canonical side, see `samples_for`.

    Returns:
        (regions, 3) RGB float64, scaled to 0..1 and never rounded. Each plane is averaged at its own resolution, and
        the colour matrix is applied to the means, which is exact because it is linear.
    """
    place = frame_of(regions)
    onto = transform[:, :2] @ place
    onto[:, 2] += transform[:, 2]
    sizes = _sizes(regions, samples, tuple(plane.shape[1] / frame.width for plane in frame.planes))
    means = []
    for square, size in zip(sample_exact(frame, onto, sizes), sizes, strict=True):
        means.append(weights(regions, size) @ np.subtract(square, MIDDLE, out=square).reshape(size[0] * size[1], -1))
    return (np.concatenate(means, axis=1, dtype=np.float64) + MIDDLE) @ frame.matrix.T + frame.offset


@lru_cache(maxsize=16)
def _sizes(regions: tuple[str, ...] | Grid, samples: int, shares: tuple[float, ...]) -> list[tuple[int, int]]:
    """Samples (columns, rows) of the regions' rectangle on planes of so many shares of the frame's width."""
    columns, rows = np.diag(frame_of(regions)).tolist()
    return [(max(1, round(samples * columns * share)), max(1, round(samples * rows * share))) for share in shares]
