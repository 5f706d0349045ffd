"""Where simulated regions lie on the face, and how much blood moves in each."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from zoo.spec import Grid, check_regions

# x, y in face coordinates (-1..1, y down), area as a share of the face, perfusion relative to the cheek, pulse delay in
# seconds. Cheeks and forehead are the best skin, nose and chin the worst (Kwon et al. 2015; Kim et al. 2021).
_NAMED: dict[str, tuple[float, float, float, float, float]] = {
    "face": (0.0, 0.0, 1.0, 0.75, 0.006),
    "nose": (0.0, 0.05, 0.07, 0.55, 0.004),
    "left_upper_cheek": (-0.45, 0.05, 0.08, 1.0, 0.004),
    "right_upper_cheek": (0.45, 0.05, 0.08, 1.0, 0.004),
    "left_lower_cheek": (-0.45, 0.45, 0.08, 0.85, 0.0),
    "right_lower_cheek": (0.45, 0.45, 0.08, 0.85, 0.0),
    "lips": (0.0, 0.55, 0.05, 0.7, 0.003),
    "chin": (0.0, 0.85, 0.07, 0.5, 0.002),
}


@dataclass(frozen=True)
class Layout:
    """Skin regions, one row each: `position` (R, 2), `area`, `perfusion`, `delay` (s) and share of `skin` (R,)."""

    position: np.ndarray
    area: np.ndarray
    perfusion: np.ndarray
    delay: np.ndarray
    skin: np.ndarray

    def __len__(self) -> int:
        return len(self.area)


def perfusion_map(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Perfusion relative to the cheek, pulse delay (s) and share of skin (0..1) at face coordinates -1..1, y down."""
    radius = np.hypot(x / 0.85, y / 0.98)
    skin = 1.0 / (1.0 + np.exp((radius - 1.0) / 0.05))
    cheeks = np.exp(-(((np.abs(x) - 0.42) / 0.28) ** 2 + ((y - 0.2) / 0.33) ** 2))
    forehead = np.exp(-((x / 0.5) ** 2 + ((y + 0.6) / 0.25) ** 2))
    eyes = np.exp(-(((np.abs(x) - 0.35) / 0.16) ** 2 + ((y + 0.2) / 0.1) ** 2))
    perfusion = (0.45 + 0.55 * cheeks + 0.45 * forehead) * (1.0 - 0.8 * eyes) * skin
    return perfusion, 0.004 - 0.006 * y, skin * (1.0 - 0.7 * eyes)


@lru_cache(maxsize=64)
def layout_of(regions: tuple[str, ...] | Grid) -> Layout:
    """The layout of named regions (any subset and order of `zoo.spec.REGIONS`) or of a grid over the face.

    Raises:
        UnknownName: a region that is not in `zoo.spec.REGIONS`.
    """
    if isinstance(regions, Grid):
        y, x = np.meshgrid(_centres(regions.height), _centres(regions.width), indexing="ij")
        perfusion, delay, skin = (values.ravel() for values in perfusion_map(x, y))
        position = np.stack([x.ravel(), y.ravel()], -1)
        return Layout(position, np.full(len(regions), 1.0 / len(regions)), perfusion, delay, skin)
    check_regions(regions)
    table = np.array([_NAMED[name] for name in regions])
    return Layout(table[:, :2], table[:, 2], table[:, 3], table[:, 4], np.ones(len(regions)))


def _centres(count: int) -> np.ndarray:
    return (np.arange(count) + 0.5) * 2.0 / count - 1.0
