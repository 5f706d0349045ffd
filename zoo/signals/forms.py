"""Waveforms as value, derivative or second derivative, and back. All of it is differentiable and exports."""

from __future__ import annotations

import math

from array_api_compat import device

from zoo.errors import UsageError
from zoo.signals.arrays import Array, check_wave, floating, namespace
from zoo.spec import Form

# Integration turns the smallest offset into a drift; whatever is slower than this is drift, not pulse or breath.
DRIFT_HZ = 0.1


def zscore(x: Array, mask: Array | None = None) -> Array:
    """Zero mean and unit standard deviation over time.

    Args:
        x: (..., T).
        mask: (..., T) true where x is known; the rest counts for nothing and comes out as 0.

    Returns:
        (..., T), no unit. A wave that does not move has no shape: it comes out as all 0. NaN under a true mask
        (or without a mask) makes its whole row NaN.
    """
    x = floating(x)
    return _over_std(x - _mean(x, mask), mask, level=_largest(x))


def to_form(value: Array, form: Form, mask: Array | None = None) -> Array:
    """A value waveform in the form that a network is trained on.

    Args:
        value: (..., T) the waveform, any scale.
        form: `value` gives the z-score; `derivative` the difference x[t+1] - x[t], the last one 0; `second_derivative`
            the same taken twice, the last two 0. Both are divided by their standard deviation.
        mask: (..., T) true where the value is known; a difference is known where both its ends are.

    Returns:
        (..., T) standardised.
    """
    order = _order(form)
    value = floating(value)
    if order == 0:
        return zscore(value, mask)
    level = _largest(value)
    for _ in range(order):
        if mask is not None:
            mask = _shifted_and(mask)
        value = _difference(value, mask)
    return _over_std(value, mask, level)


def to_value(wave: Array, form: Form, fps: float = 30.0, drift: float = DRIFT_HZ) -> Array:
    """A network's waveform back as z-scored values.

    A derivative is summed (so that `to_value(to_form(x, form), form)` stands frame on frame with x), freed of its
    straight line, and freed of what is slower than `drift`, since sums turn noise into a random walk.

    Args:
        wave: (..., T) in `form`.
        fps: frames a second.
        drift: Hz; where half of the amplitude is removed. 0 removes the straight line only.

    Returns:
        (..., T) z-scored.
    """
    wave = check_wave(wave, fps)
    for _ in range(_order(form)):
        wave = _sum_before(wave)
        wave = remove_line(wave)
        if drift > 0:
            wave = _high_pass(wave, drift / fps)
    return zscore(wave)


def remove_line(x: Array) -> Array:
    """The wave less its straight line of least squares: (..., T) to (..., T)."""
    x = floating(x)
    xp = namespace(x)
    t = _ramp(x)
    x = x - xp.mean(x, axis=-1, keepdims=True)
    slope = xp.sum(x * t, axis=-1, keepdims=True) / (xp.sum(t * t) + 1e-12)
    return x - slope * t


def _order(form: Form) -> int:
    orders = {"value": 0, "derivative": 1, "second_derivative": 2}
    if form not in orders:
        raise UsageError(f"A waveform's form is one of {', '.join(orders)}, not '{form}'.")
    return orders[form]


def _ramp(x: Array) -> Array:
    xp = namespace(x)
    n = x.shape[-1]
    t = xp.arange(n, dtype=x.dtype, device=device(x))
    return (t - (n - 1) / 2) / n


def _mean(x: Array, mask: Array | None) -> Array:
    xp = namespace(x)
    if mask is None:
        return xp.mean(x, axis=-1, keepdims=True)
    known = xp.astype(mask, xp.bool)
    count = xp.sum(xp.astype(known, x.dtype), axis=-1, keepdims=True)
    total = xp.sum(xp.where(known, x, xp.zeros_like(x)), axis=-1, keepdims=True)
    return total / xp.where(count < 1, xp.ones_like(count), count)


def _over_std(x: Array, mask: Array | None, level: Array) -> Array:
    """x (0 where it is not known) over its standard deviation; all 0 where only rounding moves."""
    xp = namespace(x)
    if mask is not None:
        x = xp.where(xp.astype(mask, xp.bool), x, xp.zeros_like(x))
    std = xp.sqrt(_mean((x - _mean(x, mask)) ** 2, mask))
    still = std <= 4 * xp.finfo(x.dtype).eps * level
    return xp.where(still, xp.zeros_like(x), x / xp.where(still, xp.ones_like(std), std))


def _largest(x: Array) -> Array:
    xp = namespace(x)
    size = xp.abs(x)
    return xp.max(xp.where(xp.isnan(size), xp.zeros_like(size), size), axis=-1, keepdims=True)


def _shifted_and(mask: Array) -> Array:
    xp = namespace(mask)
    known = xp.astype(mask, xp.bool)
    return xp.concat([known[..., 1:] & known[..., :-1], xp.zeros_like(known[..., :1])], axis=-1)


def _difference(x: Array, mask: Array | None) -> Array:
    xp = namespace(x)
    difference = xp.concat([x[..., 1:] - x[..., :-1], xp.zeros_like(x[..., :1])], axis=-1)
    return difference if mask is None else xp.where(mask, difference, xp.zeros_like(difference))


def _sum_before(x: Array) -> Array:
    xp = namespace(x)
    # a difference at t belongs between t and t + 1, so the value at t holds the differences before t
    return xp.concat([xp.zeros_like(x[..., :1]), xp.cumulative_sum(x[..., :-1], axis=-1)], axis=-1)


def _high_pass(x: Array, cutoff: float) -> Array:
    """Smoothness-priors high-pass (response w^4 / (w^4 + c^4)) on the mirrored wave; cutoff in cycles a sample."""
    xp = namespace(x)
    n = x.shape[-1]
    spectrum = xp.fft.rfft(xp.concat([x, xp.flip(x, axis=-1)], axis=-1))
    w = xp.arange(n + 1, dtype=x.dtype, device=device(x)) * (math.pi / n)
    w4 = (2 - 2 * xp.cos(w)) ** 2
    response = w4 / (w4 + (2 - 2 * math.cos(2 * math.pi * cutoff)) ** 2)
    return xp.fft.irfft(spectrum * response, n=2 * n)[..., :n]
