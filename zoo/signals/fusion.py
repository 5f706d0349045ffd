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

# the regions that it is meant for: the whole face, and the two that neither speech nor beard moves
FUSION_REGIONS = ("face", "left_upper_cheek", "right_upper_cheek")


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
    pulses = _pulses(traces, fps)
    length = min(pulses.shape[-1], max(2, round(window * fps)))
    step = max(1, round(hop * fps))
    parts = windows(numpy_float64(pulses), length, step)
    times = (np.arange(parts.shape[-2]) * step + (length - 1) / 2) / fps
    frequencies, power = power_spectrum(parts, fps)
    inside = (frequencies >= low) & (frequencies <= high)
    level = power[..., inside].sum(-1, keepdims=True)
    good = level > 0
    total = np.where(good, power / np.where(good, level, 1), 0).sum(axis=-3)
    if track:
        rates = track_spectra(frequencies, total * frequencies, step / fps, low=low, high=high, change=change)
    else:
        rates = 60 * peak_frequency(frequencies, total, length / fps, (low, high))
    return times, back(rates, floating(traces))


def fused_wave(traces: Array, fps: float) -> Array:
    """One pulse of all regions: the mean of their z-scored CHROM and negated POS, systole upwards. It exports.

    As published POS follows the light and falls at systole, CHROM follows the blood and rises.

    Args:
        traces: (..., regions, 3, T) mean colours, any scale.
        fps: frames a second.

    Returns:
        (..., T) z-scored.
    """
    pulses = _pulses(traces, fps)
    count = pulses.shape[-2] // 2
    pulses = zscore(pulses)
    both = pulses[..., count:, :] - pulses[..., :count, :]
    return zscore(namespace(both).mean(both, axis=-2))


def _pulses(traces: Array, fps: float) -> Array:
    """(..., 2 regions, T): POS of all, then CHROM of all."""
    traces = floating(traces)
    if traces.ndim < 3 or traces.shape[-2] != 3:
        raise InputShapeError(f"Traces have the shape (..., regions, 3, T), not {tuple(traces.shape)}.")
    return namespace(traces).concat([pos(traces, fps), chrom(traces, fps)], axis=-2)
