"""What every signal function needs to take numpy and torch arrays alike. Nothing here imports torch."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any

import numpy as np
from array_api_compat import array_namespace, device, is_numpy_array, is_torch_array

from zoo.errors import InputShapeError, UsageError

# numpy array or torch tensor: the same kind comes out that went in
Array = Any
# of fixed numbers that a device keeps: a model has a handful for each length of window
MOST_KEPT = 64


def namespace(x: Array) -> Any:
    """The array API namespace of a numpy array or torch tensor."""
    return array_namespace(x)


def floating(x: Array) -> Array:
    """The array in a floating type of at least 32 bits: the pulse lives in the last bits, so half precision is widened.

    Args:
        x: numpy array, torch tensor, or anything that `numpy.asarray` takes.
    """
    if not hasattr(x, "__array_namespace__") and not hasattr(x, "dtype"):
        x = np.asarray(x, dtype=np.float64)
    xp = namespace(x)
    if x.dtype in (xp.float32, xp.float64):
        return x
    wide = xp.float32 if str(x.dtype).endswith(("float16",)) else xp.float64
    return xp.astype(x, wide)


def numpy_float64(x: Array) -> np.ndarray:
    """The same numbers as a float64 numpy array (copied to the CPU and out of the graph where it is a tensor)."""
    if not isinstance(x, np.ndarray) and hasattr(x, "detach"):
        x = x.detach().cpu().numpy()
    return np.asarray(x, dtype=np.float64)


def back(result: np.ndarray, like: Array) -> Array:
    """A numpy result as the kind, type and device of `like` (a floating type)."""
    like = floating(like)
    if is_numpy_array(like):
        return np.asarray(result, dtype=like.dtype)
    return alike(result, like)


def alike(values: Any, like: Array) -> Array:
    """Numbers as an array of the kind, type and device of `like`."""
    return namespace(like).asarray(np.asarray(values).tolist(), dtype=like.dtype, device=device(like))


def constant(values: Any, like: Array) -> Array:
    """Fixed numbers (filter taps, projections) as an array of the kind, type and device of `like`; not to be changed.

    A device keeps them: copying out of the host's memory at every call takes time, and a CUDA graph cannot hold it.
    """
    if not _keeps(like):
        return alike(values, like)
    numbers = np.asarray(values, np.float64)
    return _kept(numbers.tobytes(), numbers.shape, like.dtype, like.device)


def _keeps(like: Array) -> bool:
    """Whether numbers stay on its device; what is traced must not, since it belongs to the trace."""
    if not is_torch_array(like):
        return False
    import torch

    if torch.compiler.is_compiling() or torch.jit.is_tracing() or type(like) not in (torch.Tensor, torch.nn.Parameter):
        return False
    return bool(like.device.type != "cpu")


@lru_cache(MOST_KEPT)
def _kept(numbers: bytes, shape: tuple[int, ...], dtype: Any, place: Any) -> Array:
    import torch

    # made while a model only infers, and used again where one is trained
    with torch.inference_mode(False):
        return torch.asarray(np.frombuffer(numbers).reshape(shape).tolist(), dtype=dtype, device=place)


def check_wave(wave: Array, fps: float) -> Array:
    """The wave in a floating type.

    Raises:
        InputShapeError: it has no time axis, or no sample on it.
        UsageError: fps is not a positive number.
    """
    wave = floating(wave)
    if wave.ndim == 0 or wave.shape[-1] == 0:
        raise InputShapeError("A waveform needs a time axis with at least one sample: pass an array (..., T).")
    if not (math.isfinite(fps) and fps > 0):
        raise UsageError(f"The frame rate must be a positive number of frames a second, not {fps}.")
    return wave


def check_band(low: float, high: float, fps: float) -> None:
    """Refuse a band that is empty or reaches beyond half the frame rate.

    Raises:
        UsageError: not 0 <= low < high <= fps / 2.
    """
    if not 0 <= low < high <= fps / 2:
        raise UsageError(
            f"A band of {low:g} to {high:g} Hz does not fit {fps:g} frames a second: "
            f"choose 0 <= low < high <= {fps / 2:g} Hz."
        )


def moving_sum(x: Array, length: int) -> Array:
    """Sum over every stretch of `length` samples, by doubling: no subtraction, so fp32 keeps its digits.

    Args:
        x: (..., T), T >= length.

    Returns:
        (..., T - length + 1).
    """
    count = x.shape[-1] - length + 1
    total, start, size, block = None, 0, 1, x
    while size <= length:
        if length & size:
            part = block[..., start : start + count]
            total = part if total is None else total + part
            start += size
        size *= 2
        if size <= length:
            block = block[..., : -size // 2] + block[..., size // 2 :]
    return total
