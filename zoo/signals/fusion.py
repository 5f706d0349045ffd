"""The baseline that every network must beat: POS and CHROM over several regions, their whitened spectra summed."""

from __future__ import annotations

import numpy as np

from zoo.errors import InputShapeError
from zoo.signals.arrays import Array, back, check_band, floating, namespace, numpy_float64
from zoo.signals.classical import chrom, pos
from zoo.signals.filters import windows
from zoo.signals.forms import zscore
from zoo.signals.rate import HIGH_HZ, LOW_HZ
from zoo.signals.spectrum import peak_frequency, power_spectrum
from zoo.signals.tracking import CHANGE, track_spectra
from zoo.spec import REGIONS

# every region: noise that is a region's own drops out of the sum, while small regions alone are too noisy
FUSION_REGIONS = REGIONS


def classical_fusion(
    traces: Array,
    fps: float,
    *,
    window: float = 20.0,
    hop: float = 5.0,
    low: float = LOW_HZ,
    high: float = HIGH_HZ,
    track: bool = False,
    change: float = CHANGE,
) -> tuple[np.ndarray, Array]:
    """Heart rate over time from the colours of several regions.

    Each region's POS and CHROM gives a spectrum a window; each is scaled to the same power in the band, since a
    region's amplitude says little about its quality; all are summed and multiplied by f.

    Args:
        traces: (..., regions, 3, T) mean colours, any scale, best those of `FUSION_REGIONS`.
        fps: frames a second.
        window, hop: seconds. Shorter traces are one window.
        low, high: band in Hz.
        track: follow the rate through the windows (Viterbi).
        change: 1/min a second that the tracker expects.

    Returns:
        times (n,) seconds, the windows' middles, and rates (..., n) in 1/min; NaN where no region shows a peak.
        A region with NaN in a window is left out of that window.

    Raises:
        InputShapeError: not (..., regions, 3, T), or less than 1.6 s.
    """
    check_band(low, high, fps)
    waves = pulses(traces, fps)
    length = min(waves.shape[-1], max(2, round(window * fps)))
    step = max(1, round(hop * fps))
    parts = windows(numpy_float64(waves), length, step)
    times = (np.arange(parts.shape[-2]) * step + (length - 1) / 2) / fps
    frequencies, total = _summed(parts, fps, low, high)
    if track:
        rates = track_spectra(frequencies, total * frequencies, step / fps, low=low, high=high, change=change)
    else:
        rates = 60 * peak_frequency(frequencies, total, length / fps, (low, high))
    return times, back(rates, floating(traces))


def fused_rate(waves: Array, fps: float, *, low: float = LOW_HZ, high: float = HIGH_HZ) -> Array:
    """Heart rate of one window of `pulses`: (..., 2 regions, T) to (...) in 1/min, NaN where none shows a peak."""
    check_band(low, high, fps)
    frequencies, total = _summed(numpy_float64(waves)[..., None, :], fps, low, high)
    # a tracer's shapes are tensors, which numpy's own numbers do not mix with
    rates = 60 * peak_frequency(frequencies, total, int(waves.shape[-1]) / fps, (low, high))
    return back(rates[..., 0], floating(waves))


def _summed(parts: np.ndarray, fps: float, low: float, high: float) -> tuple[np.ndarray, np.ndarray]:
    """Spectra (..., pulses, n, T) scaled to the same power in the band and summed: frequencies, and (..., n, bins)."""
    frequencies, power = power_spectrum(parts, fps)
    inside = (frequencies >= low) & (frequencies <= high)
    level = power[..., inside].sum(-1, keepdims=True)
    good = level > 0
    return frequencies, np.where(good, power / np.where(good, level, 1), 0).sum(axis=-3)


def fused_wave(waves: Array) -> Array:
    """One pulse of all: the mean of z-scored CHROM and negated POS, systole upwards. It exports.

    As published POS follows the light and falls at systole, CHROM follows the blood and rises.

    Args:
        waves: (..., 2 regions, T) of `pulses`.

    Returns:
        (..., T) z-scored.
    """
    count = waves.shape[-2] // 2
    waves = zscore(waves)
    both = waves[..., count:, :] - waves[..., :count, :]
    return zscore(namespace(both).mean(both, axis=-2))


def pulses(traces: Array, fps: float) -> Array:
    """POS of all regions, then CHROM of all: (..., regions, 3, T) colours of any scale to (..., 2 regions, T)."""
    traces = floating(traces)
    if traces.ndim < 3 or traces.shape[-2] != 3:
        raise InputShapeError(f"Traces have the shape (..., regions, 3, T), not {tuple(traces.shape)}.")
    return namespace(traces).concat([pos(traces, fps), chrom(traces, fps)], axis=-2)
