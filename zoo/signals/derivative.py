"""The second derivative of the pulse: where systole begins and where it ends."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import signal
from scipy.interpolate import make_interp_spline

from zoo.errors import InputShapeError
from zoo.signals.arrays import Array, check_wave, numpy_float64
from zoo.signals.beats import beat_times

# ejection times that a heart can have, s
SHORTEST, LONGEST = 0.15, 0.45
STEP = 0.002


@dataclass(frozen=True)
class Ejection:
    """Systole of each beat of a recording.

    Args:
        systolic: (n,) s, where the upstroke sets in: the highest second derivative before the peak.
        diastolic: (n,) s, the dicrotic notch: the highest local maximum of the second derivative after the peak.
        times: (n,) s, left ventricular ejection time of each beat, their distance.
        median: s, of all beats; NaN with fewer than three.
    """

    systolic: np.ndarray
    diastolic: np.ndarray
    times: np.ndarray
    median: float


def second_derivative(wave: Array, fps: float, at: np.ndarray) -> np.ndarray:
    """Second derivative of a waveform at any times, by a quintic spline through the wave below 10 Hz.

    Args:
        wave: (T,) value form.
        fps: frames a second.
        at: (m,) seconds from the first sample.

    Returns:
        (m,) in the unit of the wave over s^2.
    """
    x = numpy_float64(check_wave(wave, fps))
    if x.ndim != 1 or len(x) < 16:
        raise InputShapeError("A second derivative needs one waveform (T,) of at least 16 samples.")
    sections = signal.butter(3, min(10.0, 0.4 * fps), fs=fps, output="sos")
    smooth = signal.sosfiltfilt(sections, x, padlen=min(len(x) - 1, round(fps)))
    return make_interp_spline(np.arange(len(x)) / fps, smooth, k=5).derivative(2)(at)


def ejection(wave: Array, fps: float) -> Ejection:
    """Left ventricular ejection time from one pulse waveform (after Hill 2021, arXiv:2110.03690).

    Args:
        wave: (T,) value form, systole upwards. At 30 frames a second the notch survives only in clean waves.
        fps: frames a second.

    Returns:
        Beats whose notch is found 0.15 to 0.45 s after the upstroke; empty and NaN where there is none (no beats, NaN,
        a constant, a sinusoid that has no notch).
    """
    x = numpy_float64(check_wave(wave, fps))
    if x.ndim != 1:
        raise InputShapeError("ejection takes one waveform (T,), not a batch: call it once a row.")
    beats = beat_times(x, fps)
    found = [] if len(beats) < 3 or len(x) < 16 else _points(x, fps, beats)
    systolic, diastolic = (np.array([pair[k] for pair in found]) for k in (0, 1))
    times = diastolic - systolic
    median = float(np.median(times)) if len(times) >= 3 else float("nan")
    return Ejection(systolic, diastolic, times, median)


def _points(x: np.ndarray, fps: float, beats: np.ndarray) -> list[tuple[float, float]]:
    grid = np.arange(0, (len(x) - 1) / fps, STEP)
    curve = second_derivative(x, fps, grid)
    period = float(np.median(np.diff(beats)))
    found = []
    for peak in beats:
        upstroke = _highest(grid, curve, peak - min(0.4 * period, 0.35), peak)
        notch = _highest(grid, curve, peak + 0.03, peak + min(0.6 * period, LONGEST))
        # the notch bends upwards: a maximum that stays below zero is no notch
        if upstroke is None or notch is None or notch[1] <= 0.02 * upstroke[1]:
            continue
        if SHORTEST <= notch[0] - upstroke[0] <= LONGEST:
            found.append((upstroke[0], notch[0]))
    return found


def _highest(grid: np.ndarray, curve: np.ndarray, first: float, last: float) -> tuple[float, float] | None:
    """Time and height of the highest inner local maximum between two times."""
    a, b = np.searchsorted(grid, [first, last])
    inner = np.arange(max(a, 1), min(b, len(grid) - 1))
    tops = inner[(curve[inner] > curve[inner - 1]) & (curve[inner] >= curve[inner + 1])]
    if not len(tops):
        return None
    best = tops[curve[tops].argmax()]
    return float(grid[best]), float(curve[best])
