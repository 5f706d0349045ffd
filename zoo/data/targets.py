"""The targets of a window: what holds for the whole recording, and what changes within it."""

from __future__ import annotations

import numpy as np

from zoo.data.recording import Labels, Recording, Series
from zoo.signals.beats import beat_times, intervals
from zoo.spec import TARGETS

BEAT_FPS = 60.0


def window_targets(recording: Recording, labels: Labels, start: float, length: float) -> dict[str, float]:
    """By name in `TARGETS`, NaN where unknown: the recording's own, else the mean of a label signal of that name.

    Args:
        start, length: seconds.
    """
    values = dict.fromkeys(TARGETS, np.nan)
    for name, series in labels.signals.items():
        if name in values:
            values[name] = _mean(series, start, length)
    values.update((name, float(value)) for name, value in recording.targets.items() if name in values)
    return values


def heart_rate(beats: np.ndarray, start: float, length: float) -> float:
    """Mean inter-beat rate (1/min) of the contact beats (s) in a window; NaN where they cover less than half of it."""
    inside = beats[(beats >= start) & (beats < start + length)]
    gaps = intervals(inside)
    known = gaps[np.isfinite(gaps)]
    return 60.0 / float(known.mean()) if len(known) >= 2 and known.sum() >= length / 2 else np.nan


def beats_of(labels: Labels) -> np.ndarray:
    """Times (s) of the beats of a recording's contact PPG, of each stretch without a gap of its own; empty without."""
    ppg = labels.signals.get("ppg")
    if ppg is None or len(ppg.times) < 2:
        return np.empty(0)
    found = []
    for stretch in np.split(np.arange(len(ppg.times)), np.flatnonzero(np.diff(ppg.times) > 1.0) + 1):
        times = ppg.times[stretch]
        if times[-1] - times[0] > 2.0:
            grid = np.arange(times[0], times[-1], 1 / BEAT_FPS)
            found.append(times[0] + beat_times(np.interp(grid, times, ppg.values[stretch]), BEAT_FPS))
    return np.concatenate(found) if found else np.empty(0)


def _mean(series: Series, start: float, length: float) -> float:
    inside = series.values[(series.times >= start) & (series.times < start + length)]
    known = inside[np.isfinite(inside)]
    return float(known.mean()) if len(known) else np.nan
