"""Intervals of timings that hold for the next process too, not for the one that was measured."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

# Blocks that one process's samples are cut into where there is no second process: neighbours are not independent.
BLOCKS = 8


@dataclass(frozen=True)
class Centre:
    """A typical duration.

    Args:
        value: geometric mean of the processes' medians.
        low, high: its confidence interval.
        processes: how many there were; with 1 the interval says nothing about the next process.
    """

    value: float
    low: float
    high: float
    processes: int


def centre(processes: Sequence[Sequence[float]], level: float = 0.95) -> Centre:
    """Typical duration over processes, each a list of samples.

    A process keeps its luck (memory layout, core, clock) as long as it lives, so its samples are one observation:
    the interval is Student's t over the logarithms of the processes' medians. Resampling a handful of processes with
    replacement would give an interval that is too narrow.
    """
    logs = medians(processes)
    spread = logs if len(logs) > 1 else _blocks(processes[0])
    margin = _margin(spread, level)
    value = float(logs.mean())
    return Centre(math.exp(value), math.exp(value - margin), math.exp(value + margin), len(processes))


def medians(processes: Sequence[Sequence[float]]) -> np.ndarray:
    """Natural logarithms of the processes' medians."""
    return np.log([float(np.median(samples)) for samples in processes])


def ratio(before: np.ndarray, after: np.ndarray, level: float = 0.99) -> tuple[float, float, float]:
    """How many times as long `after` takes as `before`, with Welch's interval.

    Args:
        before, after: logarithms of the processes' medians, at least two each.
    """
    from scipy import stats

    parts = [float(np.var(logs, ddof=1)) / len(logs) for logs in (before, after)]
    difference = float(after.mean() - before.mean())
    error = math.sqrt(sum(parts))
    if error == 0:
        return (math.exp(difference),) * 3
    freedom = sum(parts) ** 2 / sum(
        part**2 / (len(logs) - 1) for part, logs in zip(parts, (before, after), strict=True)
    )
    margin = float(stats.t.ppf(0.5 + level / 2, freedom)) * error
    return math.exp(difference), math.exp(difference - margin), math.exp(difference + margin)


def _blocks(samples: Sequence[float]) -> np.ndarray:
    parts = np.array_split(np.asarray(samples, float), min(BLOCKS, len(samples)))
    return np.log([float(np.median(part)) for part in parts])


def _margin(logs: np.ndarray, level: float) -> float:
    from scipy import stats

    if len(logs) < 2:
        return math.inf
    return float(stats.t.ppf(0.5 + level / 2, len(logs) - 1) * logs.std(ddof=1) / math.sqrt(len(logs)))
