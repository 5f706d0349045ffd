"""Detrending and band-pass filters over the last axis, batched over all others.

These run in scipy: torch tensors are copied to numpy and back (out of the graph, off the GPU). What has to be
differentiable or exported uses `zoo.signals.forms` and `zoo.signals.classical`, which do not call them.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

import numpy as np
from scipy import linalg, signal

from zoo.errors import InputShapeError, UsageError
from zoo.signals.arrays import Array, back, check_band, check_wave, floating, numpy_float64


def detrend(wave: Array, smoothness: float = 100.0) -> Array:
    """Remove the slow trend by smoothness priors: x - (I + s^2 D'D)^-1 x, D the second difference.

    The matrix has five diagonals, so it is factored once a length and solved in O(T) a wave.

    Args:
        wave: (..., T), T >= 3. NaN makes its own row NaN.
        smoothness: the s (lambda) of the paper; at 30 frames a second 100 halves the amplitude at 0.48 Hz.

    Returns:
        (..., T), the unit of the wave.

    Raises:
        InputShapeError: fewer than three samples.

    Source: Tarvainen, Ranta-aho and Karjalainen 2002, IEEE TBME 49(2), equation 20.
    """
    wave = floating(wave)
    if wave.ndim == 0 or wave.shape[-1] < 3:
        raise InputShapeError("Detrending needs at least three samples.")
    x = numpy_float64(wave)
    rows = x.reshape(-1, x.shape[-1])
    trend = linalg.cho_solve_banded((_factor(x.shape[-1], float(smoothness)), False), rows.T, check_finite=False)
    return back((rows - trend.T).reshape(x.shape), wave)


def bandpass(wave: Array, fps: float, low: float = 0.75, high: float = 2.5, order: int = 1) -> Array:
    """Butterworth band-pass, run forwards and backwards, so that no phase is shifted.

    Args:
        wave: (..., T). NaN makes its own row NaN.
        fps: frames a second.
        low, high: Hz where each of the two runs halves the power.
        order: of the design; the band-pass has twice as many poles.

    Returns:
        (..., T), the unit of the wave.

    Raises:
        InputShapeError: not more than 3 (2 order + 1) samples, which the ends are padded by.
        UsageError: the band does not fit the frame rate.
    """
    wave = check_wave(wave, fps)
    check_band(low, high, fps)
    if low <= 0 or high >= fps / 2:
        raise UsageError(f"A band-pass needs 0 < low < high < {fps / 2:g} Hz at {fps:g} frames a second.")
    numerator, denominator = _butterworth(float(fps), float(low), float(high), order)
    pad = 3 * len(denominator)
    if wave.shape[-1] <= pad:
        raise InputShapeError(f"A band-pass of order {order} needs more than {pad} samples, not {wave.shape[-1]}.")
    return back(signal.filtfilt(numerator, denominator, numpy_float64(wave), axis=-1, padlen=pad), wave)


def windows(wave: Array, length: int, hop: int) -> Array:
    """Overlapping stretches of a wave; samples after the last whole window are left out.

    Args:
        wave: (..., T), numpy or torch.
        length, hop: samples.

    Returns:
        (..., n, length), n = (T - length) // hop + 1, or 0 where the wave is shorter than one window.
    """
    wave = floating(wave)
    if length < 1 or hop < 1:
        raise UsageError("Windows need a length and a hop of at least one sample.")
    count = max((wave.shape[-1] - length) // hop + 1, 0)
    index = hop * np.arange(count)[:, None] + np.arange(length)
    return wave[..., index] if isinstance(wave, np.ndarray) else wave[..., index.tolist()]


def windowed(function: Callable[[np.ndarray], Array], wave: Array, fps: float, seconds: float = 10.0) -> Array:
    """A filter applied in windows that overlap by half, cross-faded (Hann): for recordings that change on the way.

    Args:
        function: takes and returns (..., n, length), for example `lambda x: bandpass(x, fps)`.
        wave: (..., T).
        fps: frames a second.
        seconds: length of a window; a wave that is no longer is one window.

    Returns:
        (..., T). The last window is moved back so that it ends with the wave.
    """
    wave = check_wave(wave, fps)
    x = numpy_float64(wave)
    n = x.shape[-1]
    length = min(n, max(2, round(seconds * fps)))
    starts = np.unique(np.append(np.arange(0, n - length, max(length // 2, 1)), n - length))
    pieces = numpy_float64(function(x[..., starts[:, None] + np.arange(length)]))
    # half a sample in from the zeros of the window, so that the very first and last sample have a weight
    fade = np.sin(np.pi * (np.arange(length) + 0.5) / length) ** 2
    total, weight = np.zeros_like(x), np.zeros(n)
    for k, start in enumerate(starts):
        total[..., start : start + length] += pieces[..., k, :] * fade
        weight[start : start + length] += fade
    return back(total / weight, wave)


@lru_cache(maxsize=32)
def _factor(length: int, smoothness: float) -> np.ndarray:
    """Banded Cholesky factor of I + s^2 D'D (upper form)."""
    difference = np.array([1.0, -2.0, 1.0])
    bands = np.zeros((3, length))
    for k in range(3):
        products = difference[: 3 - k] * difference[k:]
        for offset, product in enumerate(products):
            bands[2 - k, k + offset : k + offset + length - 2] += product
    bands *= smoothness**2
    bands[2] += 1
    return linalg.cholesky_banded(bands, check_finite=False)


@lru_cache(maxsize=64)
def _butterworth(fps: float, low: float, high: float, order: int) -> tuple[np.ndarray, np.ndarray]:
    return signal.butter(order, [low, high], btype="bandpass", fs=fps)
