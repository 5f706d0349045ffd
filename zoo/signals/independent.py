"""Independent components of colour traces: JADE for three channels, batched."""

from __future__ import annotations

from itertools import combinations, combinations_with_replacement

import numpy as np

from zoo.errors import InputShapeError
from zoo.signals.arrays import Array, back, floating, numpy_float64
from zoo.signals.filters import detrend


def ica(rgb: Array, fps: float) -> Array:
    """Pulse as an independent component (Poh 2011, IEEE TBME 58(1)).

    Channels are detrended (smoothness priors, 100) and standardised, separated by JADE, and the component with the
    sharpest spectral peak is taken. Its sign is set so that it falls when green rises, as blood does.

    Args:
        rgb: (..., 3, T) mean colours, any scale; copied to numpy and back where it is a tensor. fps is not used.

    Returns:
        (..., T) of unit variance; 0 where fewer than two channels move independently; NaN where the trace has NaN.

    Raises:
        InputShapeError: not three channels, or fewer than eight samples.
    """
    rgb = floating(rgb)
    if rgb.ndim < 2 or rgb.shape[-2] != 3 or rgb.shape[-1] < 8:
        raise InputShapeError(f"ICA needs colour traces (..., 3, T) of at least 8 samples, not {tuple(rgb.shape)}.")
    x = numpy_float64(rgb)
    shape = x.shape
    x = x.reshape(-1, 3, shape[-1])
    pulse = np.full((len(x), shape[-1]), np.nan)
    known = np.isfinite(x).all((1, 2))
    if known.any():
        pulse[known] = _pulse(x[known])
    return back(pulse.reshape(*shape[:-2], shape[-1]), rgb)


def jade(x: np.ndarray, sweeps: int = 30) -> np.ndarray:
    """Independent components by joint diagonalisation of fourth-order cumulants (Cardoso and Souloumiac 1993).

    Args:
        x: (n, 3, T) zero mean.
        sweeps: at most so many rounds of Jacobi rotations.

    Returns:
        (n, 3, T) components of unit variance, in no order and of no sign; all 0 where the channels are dependent.
    """
    n, _, frames = x.shape
    values, vectors = np.linalg.eigh(x @ x.transpose(0, 2, 1) / frames)
    moving = values[:, 0] > 1e-12 * values[:, 2]
    scale = np.where(moving[:, None], 1 / np.sqrt(np.where(values > 0, values, 1)), 0)
    white = (vectors * scale[:, None, :]).transpose(0, 2, 1) @ x
    cumulants = _cumulants(white)
    rotation = np.broadcast_to(np.eye(3), (n, 3, 3)).copy()
    for _ in range(sweeps):
        largest = max(_rotate(cumulants, rotation, p, q) for p, q in combinations(range(3), 2))
        if largest < 1e-10:
            break
    return rotation.transpose(0, 2, 1) @ white


def _cumulants(white: np.ndarray) -> np.ndarray:
    """(n, 6, 3, 3): one matrix a pair of channels, off-diagonal pairs scaled by sqrt 2."""
    frames = white.shape[-1]
    matrices = []
    for i, j in combinations_with_replacement(range(3), 2):
        pair = white[:, i] * white[:, j]
        matrix = (white * pair[:, None]) @ white.transpose(0, 2, 1) / frames
        if i == j:
            matrix = matrix - np.eye(3)
        matrix[:, i, j] -= 1
        matrix[:, j, i] -= 1
        matrices.append(matrix * (1 if i == j else np.sqrt(2)))
    return np.stack(matrices, axis=1)


def _rotate(cumulants: np.ndarray, rotation: np.ndarray, p: int, q: int) -> float:
    """One Jacobi rotation of the plane (p, q), in place; returns the largest angle in radians."""
    apart = cumulants[:, :, p, p] - cumulants[:, :, q, q]
    across = cumulants[:, :, p, q] + cumulants[:, :, q, p]
    on = (apart**2 - across**2).sum(1)
    off = 2 * (apart * across).sum(1)
    angle = 0.5 * np.arctan2(off, on + np.hypot(on, off))
    cos, sin = np.cos(angle), np.sin(angle)
    for array, axis in ((cumulants, 2), (cumulants, 3), (rotation, 2)):
        view = np.moveaxis(array, axis, -1)
        c, s = (value.reshape(-1, *[1] * (view.ndim - 2)) for value in (cos, sin))
        first, second = view[..., p].copy(), view[..., q].copy()
        view[..., p] = c * first + s * second
        view[..., q] = c * second - s * first
    return float(np.abs(angle).max(initial=0.0))


def _pulse(x: np.ndarray) -> np.ndarray:
    level = np.abs(x).max(-1, keepdims=True)
    x = detrend(x)
    x = x - x.mean(-1, keepdims=True)
    std = x.std(-1, keepdims=True)
    x = np.where(std > 1e-9 * level, x / np.where(std > 0, std, 1), 0)
    components = jade(x)
    power = np.abs(np.fft.rfft(components, axis=-1)[..., 1:]) ** 2
    total = power.sum(-1)
    sharpness = power.max(-1) / np.where(total > 0, total, 1)
    chosen = np.take_along_axis(components, sharpness.argmax(1)[:, None, None], axis=1)[:, 0]
    return chosen * np.where((chosen * x[:, 1]).sum(-1, keepdims=True) > 0, -1, 1)
