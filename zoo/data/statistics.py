"""What is known of the labels that a model is trained on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from zoo.spec import TARGETS


def target_statistics(sets: Sequence[Any], most: int = 512) -> dict[str, tuple[float, float, float]]:
    """Mean, standard deviation and median of the training windows' labels, by target.

    They are taken of at most `most` windows of each set, evenly spread. A set that knows its labels without making its
    windows offers them as `targets()`.
    """
    values: dict[str, list[float]] = {name: [] for name in TARGETS}
    for windows in sets:
        chosen = np.unique(np.linspace(0, len(windows) - 1, min(len(windows), most)).astype(int))
        if hasattr(windows, "targets"):
            known = {name: column[chosen] for name, column in windows.targets().items()}
        else:
            samples = [windows[int(index)]["targets"] for index in chosen]
            known = {name: np.array([sample.get(name, np.nan) for sample in samples]) for name in TARGETS}
        for name, column in known.items():
            values[name] += column[np.isfinite(column)].tolist()
    return {
        name: (float(np.mean(seen)), float(np.std(seen)), float(np.median(seen)))
        for name, seen in values.items()
        if seen
    }
