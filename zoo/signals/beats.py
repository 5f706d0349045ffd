"""Beats of a pulse waveform: systolic peaks, inter-beat intervals, and the mean rate that they give.

scipy is loaded when it is first needed: it takes most of the start of every process that prepares or loads data.
"""

from __future__ import annotations

import numpy as np

from zoo.errors import InputShapeError
from zoo.signals.arrays import Array, back, check_band, check_wave, numpy_float64
from zoo.signals.spectrum import peak_frequency, power_spectrum

WINDOW_SECONDS = 8.0
# an interval that is not between these multiples of the median around it holds a missed or an invented beat
SHORTEST, LONGEST = 0.6, 1.5
# below this share of the wave under trusted intervals, a mean rate would be the rate of something else
COVERED = 0.5


def beat_times(wave: Array, fps: float, *, low: float = 0.5, high: float = 3.7) -> np.ndarray:
    """Times of the systolic peaks of one waveform.

    Two moving averages of the squared positive wave, a ninth of a beat and one beat long, cross once a beat (Elgendi
    2013, PLoS ONE 8(10)); here the beat's length follows the rate that the spectrum shows in windows of 8 s. Each peak
    is the highest sample of its crossing, placed by a parabola.

    Args:
        wave: (T,) value form, systole upwards, any scale.
        fps: samples a second; at 30 a peak is placed to a few milliseconds.
        low, high: Hz, slowest and fastest pulse.

    Returns:
        (beats,) seconds from the first sample, increasing, float64; empty where no pulse is found (constant, NaN,
        fewer than two periods).
    """
    from scipy import ndimage

    x = numpy_float64(check_wave(wave, fps))
    check_band(low, high, fps)
    if x.ndim != 1:
        raise InputShapeError("beat_times takes one waveform (T,), not a batch: call it once a row.")
    nothing = np.zeros(0)
    # rounding moves even a constant
    if not np.isfinite(x).all() or np.ptp(x) <= 1e-9 * np.abs(x).max() or len(x) < 2 * fps / high:
        return nothing
    x = _smooth(x - x.mean(), fps)
    period = _period(x, fps, low, high)
    if period is None:
        return nothing
    energy = np.clip(x, 0, None) ** 2
    narrow, wide = _moving_mean(energy, period / 6), _moving_mean(energy, period)
    blocks, count = ndimage.label(narrow > wide)
    if count == 0:
        return nothing
    spans = ndimage.find_objects(blocks)
    peaks = [span[0].start + int(np.argmax(x[span[0]])) for span in spans]
    # a crossing at an end of the wave without a top inside is half a beat
    peaks = [p for p in peaks if 0 < p < len(x) - 1 and x[p] >= x[p - 1] and x[p] >= x[p + 1]]
    kept: list[int] = []
    for peak in peaks:
        if kept and peak - kept[-1] < 0.5 * period[peak]:
            if x[peak] > x[kept[-1]]:
                kept[-1] = peak
        else:
            kept.append(peak)
    index = np.asarray(kept, dtype=int)
    before, here, after = x[index - 1], x[index], x[index + 1]
    curvature = before - 2 * here + after
    shift = np.where(curvature < 0, (before - after) / np.where(curvature < 0, 2 * curvature, -1), 0)
    return (index + shift) / fps


def intervals(beats: np.ndarray) -> np.ndarray:
    """Inter-beat intervals, those around a missed or invented beat marked.

    Args:
        beats: (n,) seconds, increasing.

    Returns:
        (n - 1,) seconds; NaN where an interval is below 0.6 or above 1.5 of the median of the eleven around it.
    """
    from scipy import ndimage

    gaps = np.diff(np.asarray(beats, dtype=np.float64))
    if not len(gaps):
        return gaps
    middle = ndimage.median_filter(gaps, size=min(11, len(gaps)), mode="nearest")
    return np.where((gaps >= SHORTEST * middle) & (gaps <= LONGEST * middle), gaps, np.nan)


def mean_ibi_rate(wave: Array, fps: float, *, low: float = 0.7, high: float = 3.2) -> Array:
    """Mean inter-beat rate: 60 over the mean interval between beats. On contact PPG the truth of the zoo's protocol.

    Args:
        wave: (..., T) value form, systole upwards.
        fps: samples a second.
        low, high: Hz; a rate outside is not given.

    Returns:
        (...) in 1/min; NaN where fewer than two intervals can be trusted, where those cover less than half of the
        wave, or where their rate leaves the band.
    """
    wave = check_wave(wave, fps)
    check_band(low, high, fps)
    x = numpy_float64(wave)
    rates = [_mean_rate(row, fps, low, high) for row in x.reshape(-1, x.shape[-1])]
    return back(np.reshape(rates, x.shape[:-1]), wave)


def _mean_rate(x: np.ndarray, fps: float, low: float, high: float) -> float:
    # beats are looked for a little beyond the band, so that a rate outside it is seen to be there
    found = beat_times(x, fps, low=0.7 * low, high=min(1.2 * high, fps / 2))
    if len(found) > 2:
        # a peak close to an end leans on samples that are not there
        edge = 0.25 * float(np.median(np.diff(found)))
        found = found[(found > edge) & (found < len(x) / fps - edge)]
    gaps = intervals(found)
    trusted = gaps[np.isfinite(gaps)]
    if len(trusted) < 2 or trusted.sum() < COVERED * len(x) / fps:
        return float("nan")
    rate = 1 / trusted.mean()
    return 60 * float(rate) if low <= rate <= high else float("nan")


def _smooth(x: np.ndarray, fps: float) -> np.ndarray:
    """Butterworth 0.5-8 Hz: what the two averages were published with; slower sampling ends it below Nyquist."""
    from scipy import signal

    top = 8.0 if fps > 18 else 0.45 * fps
    sections = signal.butter(2, [0.5, top], btype="bandpass", fs=fps, output="sos")
    return signal.sosfiltfilt(sections, x, padlen=min(len(x) - 1, int(2 * fps)))


def _period(x: np.ndarray, fps: float, low: float, high: float) -> np.ndarray | None:
    """Samples a beat at each sample, by the spectrum of windows of 8 s; None where no window shows a pulse."""
    from scipy import ndimage

    length = min(len(x), round(WINDOW_SECONDS * fps))
    starts = np.unique(np.append(np.arange(0, len(x) - length, max(length // 4, 1)), len(x) - length))
    frequencies, power = power_spectrum(x[starts[:, None] + np.arange(length)], fps)
    duration = length / fps
    found = peak_frequency(frequencies, power, duration, (low, high), whiten=False)
    found = _fundamental(found, frequencies, power, low)
    known = np.isfinite(found)
    if not known.any():
        return None
    if known.sum() > 2:
        found[known] = ndimage.median_filter(found[known], size=3, mode="nearest")
    centres = starts + length / 2
    return fps / np.interp(np.arange(len(x)), centres[known], found[known])


def _fundamental(found: np.ndarray, frequencies: np.ndarray, power: np.ndarray, low: float) -> np.ndarray:
    """Half of a found frequency where that has a good part of its power: the second harmonic of a notched pulse."""
    step = frequencies[1]
    result = found.copy()
    for i in np.flatnonzero(np.isfinite(found) & (found / 2 >= low)):
        half = round(found[i] / 2 / step)
        reach = max(1, round(0.08 * half))
        strongest = power[i, half - reach : half + reach + 1]
        inner = 0 < strongest.argmax() < len(strongest) - 1
        if inner and strongest.max() > 0.2 * power[i, round(found[i] / step)]:
            result[i] = (half - reach + strongest.argmax()) * step
    return result


def _moving_mean(x: np.ndarray, width: np.ndarray) -> np.ndarray:
    """Mean of x over `width` samples (one a sample) around each sample, shorter at the ends."""
    total = np.concatenate([[0.0], np.cumsum(x)])
    n, centre = len(x), np.arange(len(x)) + 0.5
    first, last = np.clip(centre - width / 2, 0, n), np.clip(centre + width / 2, 0, n)
    edges = np.arange(n + 1)
    return (np.interp(last, edges, total) - np.interp(first, edges, total)) / (last - first)
