"""Respiration from a pulse waveform: breath moves its amplitude, its baseline and its frequency."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from zoo.errors import InputShapeError
from zoo.signals.arrays import Array, back, check_band, check_wave, numpy_float64
from zoo.signals.beats import SHORTEST, beat_times
from zoo.signals.resample import resample
from zoo.signals.spectrum import peak_frequency, power_spectrum

LOW_HZ, HIGH_HZ = 0.1, 0.6
# samples a second of the modulations: above twice the fastest breath, below no heart
MODULATION_FPS = 4.0
# a modulation below this share (of the mean amplitude, or of the mean rate) is sampling, not breath
LEAST = {"amplitude": 0.01, "baseline": 0.01, "frequency": 0.005}


def respiration_rate(wave: Array, fps: float, *, low: float = LOW_HZ, high: float = HIGH_HZ) -> Array:
    """Respiration rate by the three modulations of the pulse, fused.

    Each modulation's spectrum is scaled to the same power in the band and weighted by the share that its highest
    peak holds, so that one that shows no breath has no say (after Karlen 2013, IEEE TBME 60(7)); the peak of the sum
    is the rate.

    Args:
        wave: (..., T) pulse in value form. A band-pass removes the baseline: two modulations are left then.
        fps: frames a second.
        low, high: band in Hz. Rates above half the heart rate cannot be seen.

    Returns:
        (...) in 1/min; NaN where fewer than six beats are found, no modulation stands out of the sampling, or the
        window does not hold two breaths.
    """
    wave = check_wave(wave, fps)
    check_band(low, high, MODULATION_FPS)
    x = numpy_float64(wave)
    rates = [_rate(row, fps, low, high) for row in x.reshape(-1, x.shape[-1])]
    return back(np.reshape(rates, x.shape[:-1]), wave)


def modulations(wave: Array, fps: float) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Amplitude, baseline and frequency of the beats over time.

    Args:
        wave: (T,) pulse in value form.
        fps: frames a second.

    Returns:
        times (m,) s at 4 a second, and `amplitude`, `baseline` (unit of the wave) and `frequency` (Hz), each (m,).
        Empty where fewer than six beats are found.
    """
    x = numpy_float64(check_wave(wave, fps))
    if x.ndim != 1:
        raise InputShapeError("modulations takes one waveform (T,), not a batch: call it once a row.")
    peaks = beat_times(x, fps)
    if len(peaks) < 6:
        return np.zeros(0), {}
    at = np.round(peaks * fps).astype(int)
    feet = np.array([first + int(np.argmin(x[first : last + 1])) for first, last in pairwise(at)])
    tops, bottoms = np.interp(peaks, np.arange(len(x)) / fps, x)[1:], x[feet]
    gaps = np.diff(peaks)
    good = gaps > SHORTEST * np.median(gaps)
    middles = (peaks[1:] + peaks[:-1]) / 2
    times = np.arange(peaks[1], peaks[-1], 1 / MODULATION_FPS)
    series = {
        "amplitude": (peaks[1:], tops - bottoms),
        "baseline": (peaks[1:], (tops + bottoms) / 2),
        "frequency": (middles, 1 / gaps),
    }
    return times, {name: resample(when[good], what[good], times) for name, (when, what) in series.items()}


def _rate(x: np.ndarray, fps: float, low: float, high: float) -> float:
    times, series = modulations(x, fps)
    if len(times) < 2 * MODULATION_FPS:
        return float("nan")
    size = float(np.mean(series["amplitude"]))
    total: np.ndarray | None = None
    frequencies = np.zeros(0)
    for name, values in series.items():
        unit = size if name != "frequency" else float(values.mean())
        if not values.std() > LEAST[name] * unit:
            continue
        frequencies, power = power_spectrum(values, MODULATION_FPS)
        inside = (frequencies >= low) & (frequencies <= high)
        level = power[inside].sum()
        if level <= 0:
            continue
        # how much of the band stands within one line's width of its top
        top = frequencies[inside][power[inside].argmax()]
        line = inside & (np.abs(frequencies - top) <= 2 * MODULATION_FPS / len(values))
        part = power / level * (power[line].sum() / level) ** 2
        total = part if total is None else total + part
    if total is None:
        return float("nan")
    return 60 * float(peak_frequency(frequencies, total, len(times) / MODULATION_FPS, (low, high), whiten=False))
