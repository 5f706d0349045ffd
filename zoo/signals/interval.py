"""How far a rate may be wrong: an interval from the spectrum itself.

For one steady tone in Gaussian noise the probability of a frequency is proportional to exp(C(f) / N(f)), C being the
periodogram and N the noise power (Bretthorst 1988, Bayesian Spectrum Analysis, chapter 2). N is taken from the median
of the band away from the peak and its harmonics, falling as 1/f where the spectrum is whitened. A second peak that is
nearly as high therefore lies within the interval, as it must. A heart is no steady tone: what its line is wider than
a steady one's is added in quadrature.
"""

from __future__ import annotations

import math

import numpy as np

from zoo.signals.spectrum import power_spectrum

# width of a Hann window's line: standard deviation of its main lobe's power, in 1 / duration
HANN_LINE = 0.577
# Hz, within which a rate counts as right
NEAR = 3 / 60


def rate_interval(
    wave: np.ndarray,
    fps: float,
    rate: float,
    *,
    low: float = 0.7,
    high: float = 3.2,
    whiten: bool = True,
    level: float = 0.9,
    confidence: float | None = None,
) -> tuple[float, float]:
    """Interval that holds the true rate with probability `level`, given that it lies in the band.

    Args:
        wave: (T,) that the rate was read from.
        fps: frames a second.
        rate: 1/min that was read.
        low, high: band in Hz.
        whiten: noise falls as 1/f.
        level: 0..1.
        confidence: probability that the rate is right within 3 bpm, where something has judged it
            (`zoo.signals.confidence`): the probability of what lies within is made so large, what the spectrum says
            else, half of it spread evenly over the band, shares the rest.

    Returns:
        its ends in 1/min, around `rate` and within the band.
    """
    frequencies, power = power_spectrum(wave, fps)
    inside = (frequencies >= low) & (frequencies <= high)
    f = frequencies[inside]
    height = power[inside] * f if whiten else power[inside]
    duration = len(wave) / fps
    peak = rate / 60
    noise = _noise(f, height, peak, duration)
    # bins of the padded spectrum are not independent, but the sum over them is an integral: only its shape counts
    belief = np.exp(np.clip((height - height.max()) / noise, -700, 0))
    if confidence is not None:
        belief = _as_sure(f, belief, peak, confidence)
    cumulative = np.cumsum(belief) / belief.sum()
    first = np.interp((1 - level) / 2, cumulative, f)
    last = np.interp((1 + level) / 2, cumulative, f)
    spread = _wander(f, height, peak, duration, noise) * 1.645
    ends = peak - math.hypot(max(peak - first, 0), spread), peak + math.hypot(max(last - peak, 0), spread)
    return 60 * max(ends[0], low), 60 * min(ends[1], high)


def _as_sure(f: np.ndarray, belief: np.ndarray, peak: float, confidence: float) -> np.ndarray:
    """The belief over f with the share `confidence` of it within 3 bpm of the peak."""
    near = np.abs(f - peak) <= NEAR
    inner = np.where(near, belief, 0)
    outer = np.where(near, 0, belief)
    even = np.where(near, 0.0, 1 / max(int((~near).sum()), 1))
    outer = (outer / outer.sum() + even) / 2 if outer.sum() > 0 else even
    return confidence * inner / inner.sum() + (1 - confidence) * outer


def _noise(f: np.ndarray, height: np.ndarray, peak: float, duration: float) -> float:
    """Mean noise power (its bins are exponential, so the median over ln 2) away from the peak and its harmonics."""
    away = np.ones(len(f), bool)
    for harmonic in (0.5, 1, 2, 3):
        away &= np.abs(f - harmonic * peak) > max(0.15, 2 / duration)
    floor = 1e-9 * float(height.max())
    chosen = height[away] if away.sum() >= 8 else height
    return max(float(np.median(chosen)) / math.log(2), floor)


def _wander(f: np.ndarray, height: np.ndarray, peak: float, duration: float, noise: float) -> float:
    """Hz by which the line is wider than that of a steady tone: standard deviation, as of a rate that moves."""
    near = np.abs(f - peak) <= max(14 / 60, 2 / duration)
    weight = np.clip(height[near] - noise, 0, None)
    if weight.sum() <= 0:
        return 0.0
    centre = (weight * f[near]).sum() / weight.sum()
    variance = (weight * (f[near] - centre) ** 2).sum() / weight.sum()
    moved = math.sqrt(max(variance - (HANN_LINE / duration) ** 2, 0.0))
    return math.hypot(moved / math.sqrt(max(duration / 10, 1)), centre - peak)
