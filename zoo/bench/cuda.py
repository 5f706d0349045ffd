"""What a CUDA device says of itself: its own clock, its memory, its name."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

MOST_RUNS = 200


def device_side(call: Callable[[], Any], runs: int) -> dict[str, Any]:
    """Time calls by CUDA events, and the peak of device memory.

    Events are the device's own clock, from the first kernel to the end of the last. Where Python launches kernels more
    slowly than they run, the gaps in which the device waits are inside: this is no sum over kernels, and close to the
    wall clock of the same calls (synchronised after each) unless the device is the slower of the two.

    Returns:
        `device_p50_ms`, and `peak_device_memory_bytes`: what torch's allocator held at most, weights included.
    """
    import torch

    times = []
    for _ in range(min(runs, MOST_RUNS)):
        start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        start.record()
        call()
        end.record()
        end.synchronize()
        times.append(start.elapsed_time(end))
    return {"device_p50_ms": float(np.median(times)), "peak_device_memory_bytes": torch.cuda.max_memory_allocated()}


def describe(device: str) -> dict[str, Any]:
    """Name, memory and versions of a CUDA device, for a report's environment."""
    import torch

    found = torch.cuda.get_device_properties(torch.device(device))
    return {
        "gpu": found.name,
        "gpu_memory_gb": round(found.total_memory / 1e9, 1),
        "compute_capability": f"{found.major}.{found.minor}",
        "cuda": torch.version.cuda,
        "cudnn": str(torch.backends.cudnn.version()),
        "tf32": f"matmul {torch.backends.cuda.matmul.allow_tf32}, cudnn {torch.backends.cudnn.allow_tf32}",
    }
