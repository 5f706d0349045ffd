"""Heart rate from a waveform."""

from __future__ import annotations

import math
from typing import Literal

from array_api_compat import device

from zoo.errors import UsageError
from zoo.signals.arrays import Array, check_band, check_wave, namespace
from zoo.signals.forms import remove_line

Method = Literal["spectrum"]

LOW_HZ, HIGH_HZ = 0.7, 3.2


def power_spectrum(wave: Array, fps: float, padding: int = 4) -> tuple[Array, Array]:
    """Power spectrum of the wave less its straight line, under a Hann window.

    Args:
        wave: (..., T).
        fps: frames a second.
        padding: zeros are appended up to the next power of two from `padding` x T.

    Returns:
        frequencies (F,) in Hz and power (..., F), relative.
    """
    wave = check_wave(wave, fps)
    xp = namespace(wave)
    n = wave.shape[-1]
    size = 2 ** math.ceil(math.log2(max(padding * n, 2)))
    t = xp.arange(n, dtype=wave.dtype, device=device(wave))
    hann = 0.5 - 0.5 * xp.cos(2 * math.pi * (t + 0.5) / n)
    spectrum = xp.fft.rfft(remove_line(wave) * hann, n=size)
    frequencies = xp.arange(size // 2 + 1, dtype=wave.dtype, device=device(wave)) * (fps / size)
    return frequencies, xp.real(spectrum) ** 2 + xp.imag(spectrum) ** 2


def heart_rate(
    wave: Array,
    fps: float,
    *,
    low: float = LOW_HZ,
    high: float = HIGH_HZ,
    method: Method = "spectrum",
    whiten: bool = True,
) -> Array:
    """Heart rate of each waveform.

    Args:
        wave: (..., T) pulse waveform, value form, any scale.
        fps: frames a second.
        low, high: band in Hz that the rate must lie in.
        method: `spectrum` takes the highest peak of the power spectrum, refined by a parabola through its logarithm.
        whiten: multiply the spectrum by f before the peak is chosen (the noise of face video falls as 1/f).

    Returns:
        (...) in 1/min. NaN where nothing can be decided: NaN in the wave, a constant, fewer than two periods, or
        no peak in the band but what leaks into it from a stronger one outside.

    Raises:
        InputShapeError, UsageError: no samples; a band or frame rate that cannot be.
    """
    wave = check_wave(wave, fps)
    check_band(low, high, fps)
    if method != "spectrum":
        raise UsageError(f"There is no way called '{method}' to find a heart rate: use spectrum.")
    frequencies, power = power_spectrum(wave, fps)
    return 60 * peak_frequency(frequencies, power, wave.shape[-1] / fps, (low, high), whiten)


def peak_frequency(
    frequencies: Array, power: Array, duration: float, band: tuple[float, float], whiten: bool = True
) -> Array:
    """Frequency of the highest peak inside a band.

    The peak is chosen with whitening and then placed without it: times f, a lobe's top moves upwards.

    Args:
        frequencies: (F,) Hz, even.
        power: (..., F) of a Hann window.
        duration: seconds that the spectrum was made of.
        band: lowest and highest Hz.

    Returns:
        (...) in Hz, NaN as in `heart_rate`.
    """
    xp = namespace(power)
    step = frequencies[1] - frequencies[0]
    weighted = power * frequencies if whiten else power
    before, here, after = weighted[..., :-2], weighted[..., 1:-1], weighted[..., 2:]
    middle = frequencies[1:-1]
    allowed = (middle >= band[0]) & (middle <= band[1]) & (middle * duration >= 2)
    peaks = xp.where((here > before) & (here >= after) & allowed, here, xp.zeros_like(here))
    index = xp.argmax(peaks, axis=-1, keepdims=True)
    found = xp.take_along_axis(peaks, index, axis=-1)[..., 0] > 0

    tiny = xp.finfo(power.dtype).smallest_normal
    logs = [xp.log(xp.take_along_axis(power, index + k, axis=-1)[..., 0] + tiny) for k in (0, 1, 2)]
    curvature = logs[0] - 2 * logs[1] + logs[2]
    flat = curvature >= 0
    shift = xp.where(flat, xp.zeros_like(curvature), (logs[0] - logs[2]) / xp.where(flat, -1.0, 2 * curvature))
    lobe = 2 / (duration * step)
    shift = xp.where(shift > lobe, lobe, xp.where(shift < -lobe, -lobe, shift))
    peak = (xp.astype(index[..., 0] + 1, power.dtype) + shift) * step
    height = xp.take_along_axis(power, index + 1, axis=-1)[..., 0]
    decided = found & (height > 4 * _leakage(frequencies, power, peak, duration, band))
    return xp.where(decided, peak, xp.full_like(peak, float("nan")))


def _leakage(frequencies: Array, power: Array, at: Array, duration: float, band: tuple[float, float]) -> Array:
    """Power that the strongest component outside the band throws to `at` through the Hann window's side lobes."""
    xp = namespace(power)
    outside = (frequencies < band[0]) | (frequencies > band[1])
    rest = xp.where(outside, power, xp.zeros_like(power))
    source = xp.argmax(rest, axis=-1, keepdims=True)
    distance = xp.abs(xp.take(frequencies, xp.reshape(source, (-1,)), axis=0) - xp.reshape(at, (-1,))) * duration
    distance = xp.reshape(distance, at.shape)
    # envelope of the side lobes: 1 / (pi x (x^2 - 1))^2; within the main lobe the peak must stand on its own
    far = xp.where(distance > 2, distance, xp.full_like(distance, 2.0))
    envelope = 1 / (math.pi * far * (far**2 - 1)) ** 2
    return xp.take_along_axis(rest, source, axis=-1)[..., 0] * envelope
