"""Power spectra of waveforms and the peaks in them."""

from __future__ import annotations

import math

from array_api_compat import device

from zoo.signals.arrays import Array, check_wave, moving_sum, namespace
from zoo.signals.forms import remove_line


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
    moving = remove_line(wave)
    # what rounding makes of a constant is no movement
    level = 16 * xp.finfo(wave.dtype).eps * xp.max(xp.abs(wave), axis=-1, keepdims=True)
    still = xp.max(xp.abs(moving), axis=-1, keepdims=True) <= level
    moving = xp.where(still, xp.zeros_like(moving), moving)
    spectrum = xp.fft.rfft(moving * hann, n=size)
    frequencies = xp.arange(size // 2 + 1, dtype=wave.dtype, device=device(wave)) * (fps / size)
    return frequencies, xp.real(spectrum) ** 2 + xp.imag(spectrum) ** 2


def peak_frequency(
    frequencies: Array,
    power: Array,
    duration: float,
    band: tuple[float, float],
    whiten: bool = True,
    guard: bool = False,
) -> Array:
    """Frequency of the highest peak inside a band.

    The peak is chosen with whitening and then placed without it: times f, a lobe's top moves upwards.

    Args:
        frequencies: (F,) Hz, even.
        power: (..., F) of a Hann window.
        duration: seconds that the spectrum was made of.
        band: lowest and highest Hz.
        whiten: choose by power x f.
        guard: take half the frequency where a peak of at least 0.7 of the height stands there (the chosen one was
            the second harmonic).

    Returns:
        (...) in Hz, NaN as in `heart_rate`.
    """
    xp = namespace(power)
    step = frequencies[1] - frequencies[0]
    weighted = power * frequencies if whiten else power
    index = _highest(weighted, frequencies, duration, band)
    found = index[..., 0] > 0
    if guard:
        index = _fundamental(weighted, index, max(1, round(1 / (duration * float(step)))), frequencies, band)
    tiny = xp.finfo(power.dtype).smallest_normal
    around = xp.where(index > 0, index, xp.ones_like(index))
    logs = [xp.log(xp.take_along_axis(power, around + k, axis=-1)[..., 0] + tiny) for k in (-1, 0, 1)]
    curvature = logs[0] - 2 * logs[1] + logs[2]
    flat = curvature >= 0
    shift = xp.where(flat, xp.zeros_like(curvature), (logs[0] - logs[2]) / xp.where(flat, -1.0, 2 * curvature))
    lobe = 2 / (duration * step)
    shift = xp.where(shift > lobe, lobe, xp.where(shift < -lobe, -lobe, shift))
    peak = (xp.astype(around[..., 0], power.dtype) + shift) * step
    height = xp.take_along_axis(power, around, axis=-1)[..., 0]
    decided = found & (height > 4 * _leakage(frequencies, power, peak, duration, band))
    return xp.where(decided, peak, xp.full_like(peak, float("nan")))


def _highest(weighted: Array, frequencies: Array, duration: float, band: tuple[float, float]) -> Array:
    """Index (..., 1) of the highest local maximum in the band (two periods a window at least); 0 where none is."""
    xp = namespace(weighted)
    before, here, after = weighted[..., :-2], weighted[..., 1:-1], weighted[..., 2:]
    middle = frequencies[1:-1]
    allowed = (middle >= band[0]) & (middle <= band[1]) & (middle * duration >= 2)
    peaks = xp.where((here > before) & (here >= after) & allowed, here, xp.zeros_like(here))
    index = xp.argmax(peaks, axis=-1, keepdims=True)
    return xp.where(xp.take_along_axis(peaks, index, axis=-1) > 0, index + 1, xp.zeros_like(index))


def _fundamental(weighted: Array, index: Array, reach: int, frequencies: Array, band: tuple[float, float]) -> Array:
    """`index`, or that of the peak within `reach` bins of its half where that is at least 0.7 as high."""
    xp = namespace(weighted)
    offsets = xp.arange(-reach, reach + 1, dtype=index.dtype, device=device(index))
    near = xp.clip(index // 2 + offsets, 0, weighted.shape[-1] - 1)
    heights = xp.take_along_axis(weighted, near, axis=-1)
    best = xp.argmax(heights, axis=-1, keepdims=True)
    half = xp.take_along_axis(near, best, axis=-1)
    inner = (best > 0) & (best < 2 * reach)
    high = xp.take_along_axis(heights, best, axis=-1) >= 0.7 * xp.take_along_axis(weighted, index, axis=-1)
    step = frequencies[1] - frequencies[0]
    return xp.where(inner & high & (xp.astype(half, frequencies.dtype) * step >= band[0]), half, index)


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


def smoothed(power: Array, width: float) -> Array:
    """Mean of a spectrum over `width` bins (rounded to an odd number) around each: (..., F) to (..., F)."""
    xp = namespace(power)
    reach = max(0, round((width - 1) / 2))
    pad = xp.zeros_like(power[..., :1])
    pads = [pad] * reach
    return moving_sum(xp.concat([*pads, power, *pads], axis=-1), 2 * reach + 1) / (2 * reach + 1)
