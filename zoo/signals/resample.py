"""Time by time stamps, never by index: linear resampling of traces, nearest frames of clips."""

from __future__ import annotations

from typing import Literal

import numpy as np
from array_api_compat import device, is_numpy_array

from zoo.errors import InputShapeError, UsageError
from zoo.signals.arrays import Array, alike, floating, namespace, numpy_float64


def grid(times: Array, fps: float) -> np.ndarray:
    """Evenly spaced times from the first to (at most) the last time stamp.

    Args:
        times: (n,) seconds, increasing.
        fps: samples a second of the grid.

    Returns:
        (m,) seconds, float64; m = floor(duration x fps) + 1, the last stamp being allowed a thousandth of a step.
    """
    stamps = _check_times(times)
    if not fps > 0:
        raise UsageError(f"The frame rate must be a positive number of frames a second, not {fps}.")
    count = int(np.floor((stamps[-1] - stamps[0]) * fps + 1e-3)) + 1
    return stamps[0] + np.arange(count) / fps


def resample(times: Array, values: Array, new_times: Array, outside: Literal["hold", "nan"] = "hold") -> Array:
    """Values at other times, by straight lines between the samples around them.

    Args:
        times: (n,) seconds, strictly increasing, any spacing.
        values: (..., n), numpy or torch.
        new_times: (m,) seconds.
        outside: before the first and after the last sample, `hold` that sample or give `nan`.

    Returns:
        (..., m), the kind of `values`.

    Raises:
        InputShapeError: not one time a value, or times that do not increase.
    """
    stamps, wanted = _check_times(times), np.atleast_1d(numpy_float64(new_times))
    values = floating(values)
    if values.ndim == 0 or values.shape[-1] != len(stamps):
        raise InputShapeError(f"There are {len(stamps)} times for values of shape {tuple(values.shape)}: one a value.")
    xp = namespace(values)
    right = np.clip(np.searchsorted(stamps, wanted, side="right"), 1, max(len(stamps) - 1, 1))
    left = right - 1
    right = np.minimum(right, len(stamps) - 1)
    span = np.where(right > left, stamps[right] - stamps[left], 1.0)
    weight = np.clip((wanted - stamps[left]) / span, 0.0, 1.0)
    before, after = (_take(values, index) for index in (left, right))
    share = alike(weight, values)
    # where a weight is 0 or 1 the other sample must not matter, even when it is NaN
    result = xp.where(share <= 0, before, xp.where(share >= 1, after, before * (1 - share) + after * share))
    if outside == "nan":
        unknown = (wanted < stamps[0]) | (wanted > stamps[-1])
        result = result + alike(np.where(unknown, np.nan, 0.0), values)
    return result


def nearest_index(times: Array, new_times: Array) -> np.ndarray:
    """Which frame is nearest to each time (the earlier of two that are equally near).

    Args:
        times: (n,) seconds, strictly increasing.
        new_times: (m,) seconds.

    Returns:
        (m,) integers 0..n-1; an index may come twice where the new times are the denser ones.
    """
    stamps, wanted = _check_times(times), np.atleast_1d(numpy_float64(new_times))
    right = np.clip(np.searchsorted(stamps, wanted), 1, max(len(stamps) - 1, 1))
    left = right - 1
    right = np.minimum(right, len(stamps) - 1)
    return np.where(wanted - stamps[left] <= stamps[right] - wanted, left, right)


def _check_times(times: Array) -> np.ndarray:
    stamps = numpy_float64(times)
    if stamps.ndim != 1 or len(stamps) == 0:
        raise InputShapeError("Time stamps must be a list of at least one number of seconds.")
    if not np.all(np.isfinite(stamps)) or np.any(np.diff(stamps) <= 0):
        raise InputShapeError("Time stamps must be finite and increase from each to the next: sort them first.")
    return stamps


def _take(values: Array, index: np.ndarray) -> Array:
    if is_numpy_array(values):
        return values[..., index]
    xp = namespace(values)
    return xp.take(values, xp.asarray(index, device=device(values)), axis=-1)
