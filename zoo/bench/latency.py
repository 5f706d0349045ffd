"""Wall-clock samples that can be believed: warm-up, enough runs, synchronised devices, memory beside time."""

from __future__ import annotations

import gc
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Latency:
    """Milliseconds a call.

    Args:
        first: the very first call, cold.
        p50, p90, p99: percentiles of the warm calls.
        runs: number of warm calls.
    """

    first: float
    p50: float
    p90: float
    p99: float
    runs: int


def measure(
    call: Callable[[], Any],
    synchronise: Callable[[], None] = lambda: None,
    warmup: int = 3,
    min_runs: int = 20,
    max_runs: int = 200,
    seconds: float = 2.0,
) -> tuple[Latency, list[float]]:
    """Time a call again and again.

    Args:
        call: what is timed.
        synchronise: waits until the device has finished, inside the timed span.
        warmup: calls after the first that are not counted.
        min_runs, max_runs, seconds: stops after `seconds`, within these counts.

    Returns:
        The summary, and the samples in milliseconds.
    """

    def once() -> float:
        start = time.perf_counter()
        call()
        synchronise()
        return 1e3 * (time.perf_counter() - start)

    first = once()
    for _ in range(warmup):
        once()
    collecting = gc.isenabled()
    gc.disable()  # a collection inside a sample is the harness's cost, not the model's
    try:
        samples: list[float] = []
        end = time.perf_counter() + seconds
        while len(samples) < min_runs or (len(samples) < max_runs and time.perf_counter() < end):
            samples.append(once())
    finally:
        if collecting:
            gc.enable()
    p50, p90, p99 = np.percentile(samples, [50, 90, 99])
    return Latency(first, float(p50), float(p90), float(p99), len(samples)), samples


def peak_memory() -> int:
    """Largest resident size of this process so far, in bytes."""
    try:
        # what getrusage says is inherited from the parent process
        return 1024 * int(Path("/proc/self/status").read_text().split("VmHWM:")[1].split()[0])
    except (OSError, IndexError):
        pass
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else 1024 * peak
