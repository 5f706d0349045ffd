"""Heart rate over time: sliding windows, and a tracker that weighs them together."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from zoo.errors import UsageError
from zoo.signals.arrays import Array, back, check_band, check_wave, numpy_float64
from zoo.signals.filters import windows
from zoo.signals.rate import HIGH_HZ, LOW_HZ, Method, heart_rate
from zoo.signals.spectrum import power_spectrum

# what a heart changes by in a second, 1/min (standard deviation), with room for the error of a single window
CHANGE = 3.0
# bpm between the states of the tracker
STATE = 1.0


def heart_rate_over_time(
    wave: Array,
    fps: float,
    *,
    window: float = 10.0,
    hop: float = 1.0,
    low: float = LOW_HZ,
    high: float = HIGH_HZ,
    method: Method = "spectrum",
    whiten: bool = True,
    track: bool = False,
    change: float = CHANGE,
    **options: Any,
) -> tuple[np.ndarray, Array]:
    """Heart rate of sliding windows.

    Args:
        wave: (..., T) value form.
        fps: frames a second.
        window, hop: seconds. A wave shorter than a window is one window.
        low, high, method, whiten, options: of `heart_rate`.
        track: choose the path through all windows' spectra that is likely as a whole (Viterbi), each window's rate
            then being the highest peak near the path. Only with the method `spectrum`.
        change: 1/min a second that the tracker expects the rate to change by.

    Returns:
        times (n,) seconds, the windows' middles, and rates (..., n) in 1/min, NaN as in `heart_rate`. A tracked window
        without any movement is NaN; its neighbours carry the path across.
    """
    wave = check_wave(wave, fps)
    check_band(low, high, fps)
    length = min(wave.shape[-1], max(1, round(window * fps)))
    step = max(1, round(hop * fps))
    parts = windows(wave, length, step)
    times = (np.arange(parts.shape[-2]) * step + (length - 1) / 2) / fps
    if not track:
        return times, heart_rate(parts, fps, low=low, high=high, method=method, whiten=whiten, **options)
    if method != "spectrum":
        raise UsageError("The tracker follows spectra: use track=True with the method spectrum only.")
    frequencies, power = power_spectrum(numpy_float64(parts), fps)
    weighted = power * frequencies if whiten else power
    rates = track_spectra(frequencies, weighted, step / fps, low=low, high=high, change=change)
    return times, back(rates, wave)


def track_spectra(
    frequencies: np.ndarray, power: np.ndarray, hop: float, *, low: float, high: float, change: float = CHANGE
) -> np.ndarray:
    """The path of rates through spectra of successive windows that is likeliest as a whole (Viterbi).

    A window speaks for a rate by the logarithm of its share of the band's power; a step of d bpm costs
    (d / s)^2 / 2 with s = `change` x sqrt(hop), bounded at a cost of 8, since a lost peak may have to be left.

    Args:
        frequencies: (F,) Hz.
        power: (..., n, F), whitened or not.
        hop: seconds from window to window.
        low, high: band in Hz.
        change: 1/min a second.

    Returns:
        (..., n) in 1/min, each at the top of the spectrum nearest to the path; NaN where a window has no power.
    """
    states = np.arange(60 * low, 60 * high + STATE / 2, STATE)
    states = states[states <= 60 * high + 1e-9]
    flat = power.reshape(-1, *power.shape[-2:])
    index = np.interp(states / 60, frequencies, np.arange(len(frequencies)))
    left = np.minimum(index.astype(int), len(frequencies) - 2)
    share = index - left
    heights = flat[..., left] * (1 - share) + flat[..., left + 1] * share
    total = np.nansum(heights, -1, keepdims=True)
    known = (total[..., 0] > 0) & np.isfinite(heights).all(-1)
    evidence = np.where(known[..., None], heights / np.where(total > 0, total, 1), 1 / len(states))
    score = np.log(evidence + 1e-4)
    spread = max(change * math.sqrt(hop), STATE / 2)
    cost = np.minimum(((states[:, None] - states[None, :]) / spread) ** 2 / 2, 8.0)
    path = _viterbi(score, cost)
    found = _to_top(states, evidence, path)
    return np.where(known, found, np.nan).reshape(power.shape[:-1])


def _viterbi(score: np.ndarray, cost: np.ndarray) -> np.ndarray:
    """Indices (batch, n) of the states with the highest sum of scores (batch, n, S) less costs (S, S) of steps."""
    batch, count, _ = score.shape
    best = score[:, 0]
    origin = np.zeros(score.shape, dtype=int)
    for k in range(1, count):
        reach = best[:, None, :] - cost
        origin[:, k] = reach.argmax(-1)
        best = np.take_along_axis(reach, origin[:, k][..., None], -1)[..., 0] + score[:, k]
    path = np.zeros((batch, count), dtype=int)
    path[:, -1] = best.argmax(-1)
    for k in range(count - 1, 0, -1):
        path[:, k - 1] = np.take_along_axis(origin[:, k], path[:, k : k + 1], -1)[:, 0]
    return path


def _to_top(states: np.ndarray, evidence: np.ndarray, path: np.ndarray) -> np.ndarray:
    """The rate at the top of the evidence within 6 bpm of the path, placed by a parabola."""
    offsets = np.arange(-6, 7)
    near = np.clip(path[..., None] + offsets, 0, len(states) - 1)
    heights = np.take_along_axis(evidence, near, -1)
    top = np.take_along_axis(near, heights.argmax(-1)[..., None], -1)
    around = np.clip(top + np.array([-1, 0, 1]), 0, len(states) - 1)
    a, b, c = np.moveaxis(np.take_along_axis(evidence, around, -1), -1, 0)
    curvature = a - 2 * b + c
    shift = np.where(curvature < 0, (a - c) / np.where(curvature < 0, 2 * curvature, -1), 0)
    return states[top[..., 0]] + np.clip(shift, -1, 1) * STATE
