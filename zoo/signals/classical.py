"""The classical methods: pulse from mean colours, without anything learned.

Each is `method(rgb (..., 3, T), fps) -> pulse (..., T)`, batched over all leading axes, on numpy arrays or torch
tensors (any device), right in fp32. All but `ica` are differentiable and export, with T left open. The pulse is
as published and unfiltered: post-filters belong to a protocol. A trace that does not move gives a pulse of 0; NaN
makes its own row NaN. T must hold one window (1.6 s) for `pos` and `chrom`, and three samples for the others;
otherwise InputShapeError. `pos` and `chrom` need more than 5 frames a second, otherwise UsageError.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache, partial

import numpy as np
from array_api_compat import device
from scipy import signal

from zoo.errors import InputShapeError, UsageError
from zoo.signals.arrays import Array, constant, floating, moving_sum, namespace
from zoo.signals.independent import ica

__all__ = ["METHODS", "chrom", "green", "ica", "lgi", "omit", "pbv", "pos", "upright"]

WINDOW_SECONDS = 1.6


def green(rgb: Array, fps: float) -> Array:
    """The green channel about its mean (Verkruysse 2008): blood absorbs, so it falls when the pulse rises."""
    return _relative(rgb, 3)[0][..., 1, :]


def pos(rgb: Array, fps: float) -> Array:
    """Plane orthogonal to skin (Wang 2017, IEEE TBME 64(7), algorithm 1): windows of 1.6 s, hop one sample.

    Within a window h(t) = sum over colours of p_c (y_c(t) - m_c) with weights p that depend on the window's means and
    covariances alone, so the overlap-add of all windows is y times a moving sum of p: no window is ever cut out.

    Args:
        rgb: (..., 3, T) mean colours, any scale.
        fps: frames a second.

    Returns:
        (..., T), sum over the windows that cover a sample, relative to the mean colour.
    """
    length = _window(fps)
    y, _ = _relative(rgb, length)
    xp = namespace(y)
    red, grn, blu = (y[..., c : c + 1, :] for c in range(3))
    products = xp.concat([y * y, red * grn, red * blu, grn * blu], axis=-2)
    sums = moving_sum(xp.concat([y, products], axis=-2), length) / length
    means = sums[..., :3, :]
    rr, gg, bb, rg, rb, gb = (sums[..., 3 + k, :] for k in range(6))
    mr, mg, mb = (means[..., c, :] for c in range(3))
    gain_r, gain_g, gain_b = (1 / (1 + m) for m in (mr, mg, mb))
    vr, vg, vb = (rr - mr * mr) * gain_r**2, (gg - mg * mg) * gain_g**2, (bb - mb * mb) * gain_b**2
    crg, crb = (rg - mr * mg) * gain_r * gain_g, (rb - mr * mb) * gain_r * gain_b
    cgb = (gb - mg * mb) * gain_g * gain_b
    first = vg + vb - 2 * cgb
    second = 4 * vr + vg + vb - 4 * crg - 4 * crb + 2 * cgb
    alpha = _ratio(first, second)
    weights = xp.stack([-2 * alpha * gain_r, (1 + alpha) * gain_g, (alpha - 1) * gain_b], axis=-2)
    offset = xp.sum(weights * means, axis=-2, keepdims=True)
    edge = xp.zeros_like(y[..., :1, : length - 1])
    spread = xp.concat([weights, offset], axis=-2)
    edges = xp.concat([edge, edge, edge, edge], axis=-2)
    spread = moving_sum(xp.concat([edges, spread, edges], axis=-1), length)
    pulse = xp.sum(spread[..., :3, :] * y, axis=-2) - spread[..., 3, :]
    return _audible(pulse, 4 * length * xp.finfo(y.dtype).eps)


def chrom(rgb: Array, fps: float) -> Array:
    """Chrominance (de Haan and Jeanne 2013, IEEE TBME 60(10)): windows of 1.6 s that overlap by half.

    Within each window both chrominance signals pass a third-order Butterworth, 0.7-2.5 Hz, forwards and backwards;
    that is one fixed matrix, so a batch of windows is one product. A last window that is not full sees the trace
    mirrored at its end.

    Args:
        rgb: (..., 3, T) mean colours, any scale.
        fps: frames a second; above 5.

    Returns:
        (..., T), Hann-weighted overlap-add.
    """
    length = _window(fps)
    length += length % 2
    y, _ = _relative(rgb, length)
    xp = namespace(y)
    half, frames = length // 2, y.shape[-1]
    count = (frames + half - 1) // half - 1
    starts = half * xp.arange(count, dtype=xp.int64, device=device(y))
    index = starts[:, None] + xp.arange(length, dtype=xp.int64, device=device(y))[None, :]
    # mirrored at the end: t beyond the last frame reads the same distance before it
    index = (frames - 1) - xp.abs((frames - 1) - index)
    cut = xp.take(y, xp.reshape(index, (-1,)), axis=-1)
    cut = xp.reshape(cut, (*y.shape[:-1], count, length))
    mean = xp.mean(cut, axis=-1, keepdims=True)
    cut = (cut - mean) / (1 + mean)
    red, grn, blu = (cut[..., c, :, :] for c in range(3))
    taps = constant(_filter_matrix(length, float(fps)), y)
    first = xp.matmul(3 * red - 2 * grn, taps)
    second = xp.matmul(1.5 * red + grn - 1.5 * blu, taps)
    alpha = _ratio(_variance(first), _variance(second))
    pieces = (first - alpha * second) * constant(signal.windows.hann(length), y)
    gap = xp.zeros_like(pieces[..., :1, :half])
    halves = xp.concat([pieces[..., :half], gap], axis=-2) + xp.concat([gap, pieces[..., half:]], axis=-2)
    pulse = xp.reshape(halves, (*halves.shape[:-2], (count + 1) * half))[..., :frames]
    return _audible(pulse, 16 * xp.finfo(y.dtype).eps)


def pbv(rgb: Array, fps: float) -> Array:
    """Blood-volume pulse vector (de Haan and van Leest 2014): what best points along the channels' deviations.

    The published normal equations hold the mean colour, which is 10,000 times the pulse, and the light that all
    channels share. Here green, red - green and blue - green are solved for, and the mean colour is split off by the
    Sherman-Morrison formula: the same solution, for which fp32 suffices.

    Args:
        rgb: (..., 3, T) mean colours, any scale. fps is not used: the whole trace is one window.

    Returns:
        (..., T) about zero.
    """
    y, _ = _relative(rgb, 3)
    xp = namespace(y)
    red, grn, blu = (y[..., c, :] for c in range(3))
    size = xp.sqrt(xp.mean(y * y, axis=-1))
    # differences of deviations as quotients of products, so that nothing cancels
    apart = [xp.mean((c - grn) * (c + grn), axis=-1) for c in (red, blu)]
    target = [size[..., 1], *(d * _inverse(size[..., c] + size[..., 1]) for d, c in zip(apart, (0, 2), strict=True))]
    moves = xp.stack([grn, red - grn, blu - grn], axis=-2)
    deviation = xp.sqrt(xp.mean(moves * moves, axis=-1))
    deviation = xp.where(deviation < 4 * xp.finfo(y.dtype).eps, xp.zeros_like(deviation), deviation)
    unit = moves * _inverse(deviation)[..., None]
    gram = xp.matmul(unit, xp.matrix_transpose(unit)) / y.shape[-1]
    pulse_vector = xp.stack(target, axis=-1) * _inverse(deviation)
    none = xp.zeros_like(deviation[..., 0])
    mean = xp.stack([_inverse(deviation[..., 0]), none, none], axis=-1)
    to_pulse, to_mean = _solve3(gram, pulse_vector), _solve3(gram, mean)
    share = xp.sum(mean * to_pulse, axis=-1) / (1 + xp.sum(mean * to_mean, axis=-1))
    weights = to_pulse - share[..., None] * to_mean
    weights = weights * _inverse(xp.sum(weights * pulse_vector, axis=-1, keepdims=True))
    return xp.sum(weights[..., None] * unit, axis=-2)


def lgi(rgb: Array, fps: float) -> Array:
    """Local group invariance (Pilz 2018): green, less its part along the strongest direction of the colours.

    Args:
        rgb: (..., 3, T) mean colours, any scale. fps is not used: the whole trace is one window.

    Returns:
        (..., T) about zero, in the unit of rgb.
    """
    y, mean = _relative(rgb, 3)
    xp = namespace(y)
    moved = y * mean
    gram = xp.matmul(mean, xp.matrix_transpose(mean)) + xp.matmul(moved, xp.matrix_transpose(moved)) / y.shape[-1]
    # the mean colour outweighs all else, so squaring the matrix five times (32 steps of the power iteration) is exact
    for _ in range(5):
        gram = gram * _inverse(xp.sum(gram * gram, axis=(-2, -1), keepdims=True) ** 0.5)
        gram = xp.matmul(gram, gram)
    return _green_without(moved, xp.sum(gram, axis=-1, keepdims=True), mean[..., 1, :])


def omit(rgb: Array, fps: float) -> Array:
    """Orthogonal matrix image transformation (Alvarez Casado 2022): green, less its part along the first colour.

    The published QR decomposition of the (3, T) trace only serves to normalise its first column.

    Args:
        rgb: (..., 3, T) mean colours, any scale. fps is not used: the whole trace is one window.

    Returns:
        (..., T) about zero, in the unit of rgb.
    """
    y, mean = _relative(rgb, 3)
    return _green_without(y * mean, mean * (1 + y[..., :1]), mean[..., 1, :])


METHODS: dict[str, Callable[[Array, float], Array]] = {
    "green": green,
    "ica": ica,
    "chrom": chrom,
    "pos": pos,
    "pbv": pbv,
    "lgi": lgi,
    "omit": omit,
}

# skin darkens when blood volume rises, and the published sign of these follows the skin
_FALLING = frozenset({"green", "pos", "pbv", "lgi", "omit"})


def upright(name: str) -> Callable[[Array, float], Array]:
    """The method with the sign of a contact PPG: up when blood volume rises, as all waveforms of the zoo."""
    method = METHODS[name]
    return partial(_negated, method=method) if name in _FALLING else method


def _negated(rgb: Array, fps: float, method: Callable[[Array, float], Array]) -> Array:
    return -method(rgb, fps)


def _window(fps: float) -> int:
    """Frames of 1.6 s; five frames a second would not carry CHROM's 2.5 Hz, nor three samples a beat for POS."""
    if not 5 < fps < math.inf:
        raise UsageError(f"POS and CHROM need more than 5 frames a second, not {fps}.")
    return math.ceil(WINDOW_SECONDS * fps)


def _relative(rgb: Array, shortest: int) -> tuple[Array, Array]:
    """Colours over their mean, less 1, and that mean (..., 3, 1): small numbers keep the pulse's digits in fp32."""
    rgb = floating(rgb)
    xp = namespace(rgb)
    if rgb.ndim < 2 or rgb.shape[-2] != 3:
        raise InputShapeError(f"Colour traces have the shape (..., 3, T), not {tuple(rgb.shape)}.")
    if rgb.shape[-1] < shortest:
        raise InputShapeError(f"This method needs at least {shortest} samples: give it a longer trace.")
    mean = xp.mean(rgb, axis=-1, keepdims=True)
    y = (rgb - mean) * _inverse(mean)
    return y - xp.mean(y, axis=-1, keepdims=True), mean


def _inverse(x: Array) -> Array:
    """1 / x, and 0 where x is 0."""
    xp = namespace(x)
    return xp.where(x == 0, xp.zeros_like(x), 1 / xp.where(x == 0, xp.ones_like(x), x))


def _ratio(first: Array, second: Array) -> Array:
    """Ratio of two standard deviations from their variances; 0 where the second does not move."""
    xp = namespace(first)
    still = second <= xp.finfo(second.dtype).smallest_normal
    safe = xp.where(still, xp.ones_like(second), second)
    quotient = xp.where(first < 0, xp.zeros_like(first), first) / safe
    return xp.where(still, xp.zeros_like(second), xp.sqrt(quotient))


def _variance(x: Array) -> Array:
    xp = namespace(x)
    return xp.mean((x - xp.mean(x, axis=-1, keepdims=True)) ** 2, axis=-1, keepdims=True)


def _green_without(moved: Array, direction: Array, brightness: Array) -> Array:
    """Green of (..., 3, T) after projection onto the plane orthogonal to `direction` (..., 3, 1)."""
    xp = namespace(moved)
    size = xp.sum(direction * direction, axis=-2, keepdims=True) ** 0.5
    direction = direction * _inverse(size)
    pulse = moved[..., 1, :] - direction[..., 1, :] * xp.sum(direction * moved, axis=-2)
    return _audible(pulse, 16 * xp.finfo(moved.dtype).eps * brightness)


def _audible(pulse: Array, rounding: Array | float) -> Array:
    """The pulse, or 0 where it never exceeds what rounding alone makes of a grey or still face."""
    xp = namespace(pulse)
    silent = xp.max(xp.abs(pulse), axis=-1, keepdims=True) <= rounding
    return xp.where(silent, xp.zeros_like(pulse), pulse)


def _solve3(matrix: Array, right: Array) -> Array:
    """Solve symmetric positive (..., 3, 3) systems for (..., 3), written out because no exporter knows `solve`.

    A direction in which nothing moves has no equation: its unknown is 0. Where all channels move as one (a grey
    picture) there is no colour to solve for: all unknowns are 0.
    """
    xp = namespace(matrix)
    a = [[matrix[..., i, j] for j in range(3)] for i in range(3)]
    b = [right[..., i] for i in range(3)]
    tiny = 16 * xp.finfo(matrix.dtype).eps
    pivots = []
    for i in range(3):
        pivots.append(_inverse(xp.where(a[i][i] < tiny, xp.zeros_like(a[i][i]), a[i][i])))
        for j in range(i + 1, 3):
            factor = a[j][i] * pivots[i]
            a[j] = [a[j][k] - factor * a[i][k] for k in range(3)]
            b[j] = b[j] - factor * b[i]
    x2 = b[2] * pivots[2]
    x1 = (b[1] - a[1][2] * x2) * pivots[1]
    x0 = (b[0] - a[0][1] * x1 - a[0][2] * x2) * pivots[0]
    colour = (pivots[1] != 0) | (pivots[2] != 0)
    return xp.stack([xp.where(colour, x, xp.zeros_like(x)) for x in (x0, x1, x2)], axis=-1)


@lru_cache(maxsize=16)
def _filter_matrix(length: int, fps: float) -> np.ndarray:
    """Right factor (length, length) of CHROM's band-pass of one window."""
    numerator, denominator = signal.butter(3, [0.7, 2.5], btype="bandpass", fs=fps)
    pad = min(3 * len(denominator), length - 1)
    return signal.filtfilt(numerator, denominator, np.eye(length), axis=-1, padlen=pad)
