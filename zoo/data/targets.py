"""The targets of windows: what holds for the whole recording, and what changes within it."""

from __future__ import annotations

import numpy as np

from zoo.data.recording import Labels, Recording, Series
from zoo.signals.beats import beat_times, intervals
from zoo.spec import TARGETS

BEAT_FPS = 60.0


def window_targets(
    recording: Recording, labels: Labels, starts: np.ndarray, length: float, beats: np.ndarray | None = None
) -> np.ndarray:
    """Targets of windows of one recording.

    Args:
        starts: (n,) seconds.
        length: seconds.
        beats: (b,) seconds of the contact beats, from which the heart rate is taken where nothing else tells it.

    Returns:
        (n, len(TARGETS)) float32 in the order of `TARGETS`, NaN where unknown: the recording's own, else the mean of
        a label signal of that name, else the rate of the beats.
    """
    values = np.full((len(starts), len(TARGETS)), np.nan, np.float32)
    for column, name in enumerate(TARGETS):
        if np.isfinite(recording.targets.get(name, np.nan)):
            values[:, column] = recording.targets[name]
        elif name in labels.signals:
            values[:, column] = _means(labels.signals[name], starts, length)
        if name == "heart_rate" and beats is not None:
            unknown = np.isnan(values[:, column])
            values[unknown, column] = heart_rates(beats, starts[unknown], length)
    return values


def heart_rates(beats: np.ndarray, starts: np.ndarray, length: float) -> np.ndarray:
    """Mean inter-beat rates (n,) (1/min) of the contact beats (s) in windows.

    NaN where fewer than two intervals can be trusted, or where those cover less than half of the window.
    """
    gaps = intervals(beats)
    known = np.isfinite(gaps)
    first = np.searchsorted(beats, starts)
    # a gap is inside where both of its beats are
    last = np.maximum(np.searchsorted(beats, starts + length) - 1, first)
    count, total = (_sums(values, first, last) for values in (known, np.where(known, gaps, 0.0)))
    trusted = (count >= 2) & (total >= length / 2)
    return np.where(trusted, 60.0 * count / np.where(trusted, total, 1.0), np.nan)


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


def _means(series: Series, starts: np.ndarray, length: float) -> np.ndarray:
    """Means of what is known of a signal in windows; NaN where that is nothing."""
    known = np.isfinite(series.values)
    first, last = np.searchsorted(series.times, starts), np.searchsorted(series.times, starts + length)
    count, total = (_sums(values, first, last) for values in (known, np.where(known, series.values, 0.0)))
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)


def _sums(values: np.ndarray, first: np.ndarray, last: np.ndarray) -> np.ndarray:
    """Sums of values[first:last] for many places at once."""
    upto = np.concatenate([[0.0], np.cumsum(values, dtype=np.float64)])
    return upto[last] - upto[first]
