"""Oxygen saturation by the ratio of ratios, with a calibration that is somebody's, never nature's."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from zoo.errors import DataError, InputShapeError
from zoo.signals.arrays import Array, back, check_wave, numpy_float64
from zoo.signals.filters import bandpass
from zoo.spec import TARGETS


@dataclass(frozen=True)
class Calibration:
    """SpO2 = offset - slope x R.

    The default is the empirical line of contact oximeters with red and infrared light (Webster 1997, Design of Pulse
    Oximeters). A camera has no infrared: fit your own by `fit_calibration` before a number of it means anything.
    """

    offset: float = 110.0
    slope: float = 25.0


def ratio_of_ratios(
    traces: Array,
    fps: float,
    *,
    channels: tuple[int, int] = (0, 2),
    reference: Array | None = None,
    low: float = 0.7,
    high: float = 3.2,
) -> Array:
    """R = (AC / DC of the first channel) / (AC / DC of the second).

    AC is the part of the band-passed channel that follows the reference pulse, so noise that does not, counts for
    nothing; DC is the mean.

    Args:
        traces: (..., channels, T) raw intensities, never z-scored: RGB of a camera, or red and infrared of a sensor.
        fps: samples a second.
        channels: numerator and denominator (red and blue of RGB).
        reference: (..., T) pulse; None takes the sum of both channels' relative band-passed traces.
        low, high: pulse band in Hz.

    Returns:
        (...) no unit; NaN where a mean is not positive, the denominator does not pulse, or the trace has NaN or
        holds fewer than two periods of `low`.
    """
    traces = check_wave(traces, fps)
    x = numpy_float64(traces)
    if x.ndim < 2 or x.shape[-2] <= max(channels):
        raise InputShapeError(f"Channels {channels} need traces (..., channels, T), not {x.shape}.")
    if x.shape[-1] < 2 * fps / low:
        return back(np.full(x.shape[:-2], np.nan), traces)
    pair = x[..., list(channels), :]
    mean = pair.mean(-1, keepdims=True)
    lit = mean > 0
    relative = np.where(lit, pair / np.where(lit, mean, 1) - 1, np.nan)
    pulses = bandpass(relative, fps, low, high, order=2)
    guide = pulses.sum(-2) if reference is None else bandpass(numpy_float64(reference), fps, low, high, order=2)
    ac = (pulses * guide[..., None, :]).sum(-1)
    size = np.sqrt((guide**2).sum(-1) * (pulses[..., 1, :] ** 2).sum(-1))
    # a denominator that hardly follows the pulse makes any ratio
    good = (np.abs(ac[..., 1]) > 1e-3 * size) & (np.abs(pulses[..., 1, :]).max(-1) > 1e-7)
    return back(np.where(good, ac[..., 0] / np.where(good, ac[..., 1], 1), np.nan), traces)


def spo2(traces: Array, fps: float, calibration: Calibration | None = None, **options: object) -> Array:
    """Oxygen saturation of raw traces.

    Args:
        traces, fps, options: of `ratio_of_ratios`.
        calibration: None takes that of contact oximeters.

    Returns:
        (...) per cent; NaN where R is, or where the line leaves 60 to 102 per cent. Up to 2 beyond full saturation
        is the line's own error and comes out as 100.
    """
    line = calibration or Calibration()
    ratio = numpy_float64(ratio_of_ratios(traces, fps, **options))  # type: ignore[arg-type]
    value = line.offset - line.slope * ratio
    target = TARGETS["spo2"]
    value = np.where((value >= target.low) & (value <= target.high + 2), np.minimum(value, target.high), np.nan)
    return back(value, check_wave(traces, fps))


def fit_calibration(ratios: Array, truth: Array) -> Calibration:
    """Line of least squares through measured ratios and known saturations.

    Args:
        ratios: (n,) of `ratio_of_ratios`.
        truth: (n,) per cent. Pairs with NaN are left out.

    Raises:
        DataError: fewer than three pairs, or ratios that are all the same.
    """
    x, y = numpy_float64(ratios).ravel(), numpy_float64(truth).ravel()
    known = np.isfinite(x) & np.isfinite(y)
    if known.sum() < 3 or np.ptp(x[known]) <= 1e-9:
        raise DataError("A calibration needs at least three pairs of different ratios and their known saturation.")
    slope, offset = np.polyfit(x[known], y[known], 1)
    return Calibration(float(offset), float(-slope))
