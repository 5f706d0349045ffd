"""Heart rate from waveforms: one door, `heart_rate`, to every way of reading it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np

from zoo.errors import InputShapeError, UsageError
from zoo.signals import published
from zoo.signals.arrays import Array, back, check_band, check_wave, namespace, numpy_float64
from zoo.signals.beats import mean_ibi_rate
from zoo.signals.filters import windows
from zoo.signals.interval import rate_interval
from zoo.signals.spectrum import peak_frequency, power_spectrum, smoothed

__all__ = ["HIGH_HZ", "LOW_HZ", "Method", "Rate", "heart_rate", "measure", "peak_frequency", "power_spectrum"]

Method = Literal["spectrum", "centroid", "welch", "beats", "toolbox", "toolbox_peaks", "system_b", "system_c"]

LOW_HZ, HIGH_HZ = 0.7, 3.2


def heart_rate(
    wave: Array,
    fps: float,
    *,
    low: float = LOW_HZ,
    high: float = HIGH_HZ,
    method: Method = "spectrum",
    whiten: bool = True,
    **options: Any,
) -> Array:
    """Heart rate of each waveform.

    Args:
        wave: (..., T) pulse waveform, value form, any scale.
        fps: frames a second.
        low, high: band in Hz that the rate must lie in.
        method: how it is read:
            `spectrum`: highest peak of the power spectrum, placed by a parabola through its logarithm. Option `guard`
            (True): half the frequency where a peak of nearly the same height stands there.
            `centroid`: centre of gravity within `width` (14 bpm) of the highest peak of the spectrum smoothed by
            `smooth` (6 bpm); `guard` likewise.
            `welch`: as `spectrum`, of the mean spectrum of windows of `seconds` (8) that overlap by half.
            `beats`: 60 over the mean inter-beat interval.
            `toolbox` (option `next_power_of_two`), `toolbox_peaks`, `system_b` (`seconds`, `hop`), `system_c`
            (`frames`): as published, see `zoo.signals.published`.
        whiten: multiply the spectrum by f before the peak is chosen (the noise of face video falls as 1/f). The
            methods by beats and the published ones know no whitening.
        options: of the method, by name.

    Returns:
        (...) in 1/min, the kind of `wave`. NaN where nothing can be decided: NaN in the wave, a constant, fewer than
        two periods, or no peak in the band but what leaks into it from a stronger one outside.

    Raises:
        InputShapeError: no samples.
        UsageError: a band or frame rate that cannot be, an unknown method or option.
    """
    wave = check_wave(wave, fps)
    check_band(low, high, fps)
    if method not in _METHODS:
        raise UsageError(f"There is no way called '{method}' to find a heart rate: use {', '.join(get_args(Method))}.")
    try:
        return _METHODS[method](wave, fps, low, high, whiten, **options)
    except TypeError as error:
        if "unexpected keyword" not in str(error):
            raise
        raise UsageError(f"The method '{method}' has no such option: {', '.join(options)}.") from error


@dataclass(frozen=True)
class Rate:
    """A rate of one recording, and how it was read.

    Args:
        value: 1/min, NaN where it could not be decided.
        low, high: ends of its interval of `level`, 1/min.
        method: of `heart_rate`.
        band: lowest and highest Hz that were allowed.
        window: seconds that it was read from.
        level: probability that the interval is meant to hold the truth with.
        reason: why the value is NaN; empty otherwise.
    """

    value: float
    low: float
    high: float
    method: str
    band: tuple[float, float]
    window: float
    level: float = 0.9
    reason: str = ""


def measure(
    wave: Array,
    fps: float,
    *,
    low: float = LOW_HZ,
    high: float = HIGH_HZ,
    method: Method = "spectrum",
    whiten: bool = True,
    level: float = 0.9,
    confidence: float | None = None,
    **options: Any,
) -> Rate:
    """Heart rate of one waveform with its interval, or the reason why there is none.

    Args:
        wave: (T,).
        level, confidence: of the interval, see `zoo.signals.interval`.

    The others, and the errors, are those of `heart_rate`.
    """
    x = numpy_float64(check_wave(wave, fps))
    if x.ndim != 1:
        raise InputShapeError("measure takes one waveform (T,): call it once a recording.")
    value = float(heart_rate(x, fps, low=low, high=high, method=method, whiten=whiten, **options))
    ends = (np.nan, np.nan)
    if np.isfinite(value):
        judged: Any = {"level": level, "confidence": confidence}
        ends = rate_interval(x, fps, value, low=low, high=high, whiten=whiten, **judged)
    reason = "" if np.isfinite(value) else _reason(x, fps, low, high)
    return Rate(value, float(ends[0]), float(ends[1]), method, (low, high), len(x) / fps, level, reason)


def _reason(x: np.ndarray, fps: float, low: float, high: float) -> str:
    if not np.isfinite(x).all():
        return "the waveform has gaps"
    if np.ptp(x) <= 1e-6 * np.abs(x).max():
        return "the waveform does not move"
    if len(x) / fps < 2 / high:
        return f"{len(x) / fps:.1f} s hold fewer than two periods of any rate in the band"
    return f"no peak between {60 * low:g} and {60 * high:g} bpm stands out"


def _spectrum(wave: Array, fps: float, low: float, high: float, whiten: bool, *, guard: bool = True) -> Array:
    frequencies, power = power_spectrum(wave, fps)
    return 60 * peak_frequency(frequencies, power, wave.shape[-1] / fps, (low, high), whiten, guard)


def _welch(
    wave: Array, fps: float, low: float, high: float, whiten: bool, *, seconds: float = 8.0, guard: bool = True
) -> Array:
    xp = namespace(wave)
    length = min(wave.shape[-1], max(2, round(seconds * fps)))
    frequencies, power = power_spectrum(windows(wave, length, max(1, length // 2)), fps, padding=8)
    return 60 * peak_frequency(frequencies, xp.mean(power, axis=-2), length / fps, (low, high), whiten, guard)


def _centroid(
    wave: Array,
    fps: float,
    low: float,
    high: float,
    whiten: bool,
    *,
    smooth: float = 6.0,
    width: float = 14.0,
    guard: bool = True,
) -> Array:
    xp = namespace(wave)
    frequencies, power = power_spectrum(wave, fps)
    step = float(frequencies[1] - frequencies[0])
    hills = smoothed(power, smooth / 60 / step)
    peak = peak_frequency(frequencies, hills, wave.shape[-1] / fps, (low, high), whiten, guard)
    near = (xp.abs(frequencies - peak[..., None]) <= width / 60) & (frequencies >= low) & (frequencies <= high)
    weight = xp.where(near, power * frequencies if whiten else power, xp.zeros_like(power))
    total = xp.sum(weight, axis=-1)
    known = total > 0
    rate = 60 * xp.sum(weight * frequencies, axis=-1) / xp.where(known, total, xp.ones_like(total))
    return xp.where(known, rate, xp.full_like(rate, float("nan")))


def _beats(wave: Array, fps: float, low: float, high: float, whiten: bool) -> Array:
    return mean_ibi_rate(wave, fps, low=low, high=high)


def _as_published(function: Callable[..., np.ndarray]) -> Callable[..., Array]:
    def method(wave: Array, fps: float, low: float, high: float, whiten: bool, **options: Any) -> Array:
        return back(function(numpy_float64(wave), fps, low, high, **options), wave)

    return method


_METHODS: dict[str, Callable[..., Array]] = {
    "spectrum": _spectrum,
    "centroid": _centroid,
    "welch": _welch,
    "beats": _beats,
    "toolbox": _as_published(published.toolbox),
    "toolbox_peaks": _as_published(published.toolbox_peaks),
    "system_b": _as_published(published.system_b),
    "system_c": _as_published(published.system_c),
}
