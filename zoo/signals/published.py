"""Heart rate as published systems compute it, kept as they are so that their tables can be reproduced.

Each is `function(wave (..., T), fps, low, high, ...) -> (...)` in 1/min on numpy float64, NaN where the wave has NaN
or does not move, where it is too short, and where the answer would lie outside the band, on a slope at its edge, or be
a side lobe of something stronger outside.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from scipy import signal

from zoo.signals.filters import windows

# a peak in the band must be so many times what leaks there
LEAK = 2.0


def toolbox(wave: np.ndarray, fps: float, low: float, high: float, next_power_of_two: bool = True) -> np.ndarray:
    """Highest bin of a plain periodogram (no window, no trend removed), as the rPPG toolbox does.

    Args:
        next_power_of_two: pad with zeros to the next power of two; else the wave's own length.
    """
    n = wave.shape[-1]
    size = 2 ** math.ceil(math.log2(n)) if next_power_of_two else n
    power = np.abs(np.fft.rfft(wave, n=size)) ** 2
    rates = 60 * _highest_bin(np.fft.rfftfreq(size, 1 / fps), power, low, high, n / fps)
    return np.where(_moves(wave), rates, np.nan)


def toolbox_peaks(wave: np.ndarray, fps: float, low: float, high: float) -> np.ndarray:
    """60 over the mean distance of all local maxima, as the rPPG toolbox does."""
    return _by_rows(wave, lambda row: _peak_rate(row, fps, low, high, prominence=None))


def system_b(
    wave: np.ndarray, fps: float, low: float, high: float, seconds: float = 10.0, hop: float = 1.0
) -> np.ndarray:
    """Mean over sliding windows of 10 s of the highest bin of each one's power spectrum.

    Args:
        seconds, hop: length of a window and from one to the next. A shorter wave is one window.
    """
    length = min(wave.shape[-1], round(seconds * fps))
    parts = windows(wave, length, max(1, round(hop * fps)))
    parts = parts - parts.mean(-1, keepdims=True)
    rates = toolbox(parts, fps, low, high)
    return _nan_mean(rates)


def system_c(wave: np.ndarray, fps: float, low: float, high: float, frames: int = 90) -> np.ndarray:
    """Peak-to-peak intervals of 90 frames give 60 / their mean; three measurements in a row are averaged.

    Args:
        frames: of one measurement. A wave with more than three gives the mean over all runs of three, one with fewer
            the mean of what there is.
    """
    length = min(wave.shape[-1], frames)
    parts = windows(wave, length, length)
    rates = _by_rows(parts, lambda row: _peak_rate(row, fps, low, high, prominence=0.3 * float(row.std())))
    if rates.shape[-1] > 3:
        rates = _nan_mean(windows(rates, 3, 1))
    return np.where(_moves(wave), _nan_mean(rates), np.nan)


def _highest_bin(frequencies: np.ndarray, power: np.ndarray, low: float, high: float, duration: float) -> np.ndarray:
    """Frequency of the highest bin in the band; NaN on a slope at its edge, below two periods, and for a side lobe."""
    inside = np.flatnonzero((frequencies >= low) & (frequencies <= high))
    if not len(inside):
        return np.full(power.shape[:-1], np.nan)
    index = inside[0] + power[..., inside].argmax(-1)
    height = np.take_along_axis(power, index[..., None], -1)[..., 0]
    beside = np.clip(index[..., None] + np.array([-1, 1]), 0, len(frequencies) - 1)
    slope = (np.take_along_axis(power, beside, -1) > height[..., None]).any(-1)
    rest = power.copy()
    rest[..., inside] = 0
    rest[..., 0] = 0
    source = rest.argmax(-1)
    # side lobes of a window that is none fall as 1 / (pi d)^2, d in bins of the wave's own length
    distance = np.maximum(np.abs(frequencies[source] - frequencies[index]) * duration, 0.5)
    leaked = np.take_along_axis(rest, source[..., None], -1)[..., 0] / (np.pi * distance) ** 2
    good = ~slope & (frequencies[index] * duration >= 2) & (height > LEAK * leaked)
    return np.where(good, frequencies[index], np.nan)


def _peak_rate(row: np.ndarray, fps: float, low: float, high: float, prominence: float | None) -> float:
    if not _moves(row):
        return float("nan")
    peaks, _ = signal.find_peaks(row, prominence=prominence)
    if len(peaks) < 2:
        return float("nan")
    rate = fps / float(np.diff(peaks).mean())
    return 60 * rate if low <= rate <= high else float("nan")


def _moves(wave: np.ndarray) -> np.ndarray:
    return np.isfinite(wave).all(-1) & (np.ptp(wave, axis=-1) > 1e-9 * np.abs(wave).max(-1))


def _by_rows(wave: np.ndarray, function: Callable[[np.ndarray], float]) -> np.ndarray:
    rows = [function(row) for row in wave.reshape(-1, wave.shape[-1])]
    return np.reshape(np.asarray(rows, dtype=np.float64), wave.shape[:-1])


def _nan_mean(x: np.ndarray) -> np.ndarray:
    known = np.isfinite(x)
    count = known.sum(-1)
    return np.where(count > 0, np.where(known, x, 0).sum(-1) / np.maximum(count, 1), np.nan)
