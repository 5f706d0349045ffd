"""Coloured random processes, generated in the frequency domain."""

from __future__ import annotations

import numpy as np
from scipy import fft

# Noise is scaled by its content in this band, because that is where it competes with the pulse.
PULSE_BAND = (0.7, 3.5)


def coloured(
    rng: np.random.Generator, shape: tuple[int, ...], rate: float, exponent: float = 1.0, floor: float = 0.1
) -> np.ndarray:
    """Gaussian noise with power ~ 1/f^exponent whose part inside 0.7-3.5 Hz has unit standard deviation.

    Args:
        rng: source of randomness.
        shape: (..., samples); rows are independent.
        rate: samples a second.
        exponent: 0 white, 1 pink, 2 brown.
        floor: Hz, below which the spectrum is flat, so that the process is stationary.

    Returns:
        float32 array of `shape`.
    """
    samples = shape[-1]
    # A longer period than the window hides that the inverse FFT is circular.
    period = fft.next_fast_len(samples + max(samples // 4, 32), real=True)
    frequency = fft.rfftfreq(period, 1.0 / rate)
    gain = np.maximum(frequency, floor) ** (-exponent / 2.0)
    gain[0] = 0.0
    band = gain[(frequency >= PULSE_BAND[0]) & (frequency <= PULSE_BAND[1])]
    power = np.sum(band**2) if band.size else np.sum(gain**2)
    gain = (gain * period / (2.0 * np.sqrt(power))).astype(np.float32)
    spectrum = np.empty((*shape[:-1], gain.size), np.complex64)
    spectrum.real = rng.standard_normal(spectrum.shape, np.float32) * gain
    spectrum.imag = rng.standard_normal(spectrum.shape, np.float32) * gain
    return fft.irfft(spectrum, period)[..., :samples]
