"""Energy counters, where the machine has readable ones: RAPL (processor package) and NVML (graphics card)."""

from __future__ import annotations

import ctypes
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

# a card tells its energy some ten times a second
LONG_ENOUGH_S = 1.0
FEWEST_CALLS = 20

POWERCAP = Path("/sys/class/powercap")
NVML = "libnvidia-ml.so.1"


def counter(device: str) -> Callable[[], float] | None:
    """A function that gives joules since some moment, or None where nothing can be read."""
    return nvml(int(device.partition(":")[2] or 0)) if device.startswith("cuda") else rapl()


def of_a_call(
    joules: Callable[[], float],
    call: Callable[[], Any],
    synchronise: Callable[[], None],
    seconds: float = LONG_ENOUGH_S,
    fewest: int = FEWEST_CALLS,
) -> float | None:
    """Joules of one warm call, each synchronised as those that are timed; what the device draws at rest is in it.

    Args:
        joules: a counter.
        call: warm already.
        synchronise: waits until the device has finished.
        seconds, fewest: the calls go on until both are reached.

    Returns:
        None where the counter did not move.
    """
    synchronise()
    calls, before, started = 0, joules(), time.perf_counter()
    while calls < fewest or time.perf_counter() - started < seconds:
        call()
        synchronise()
        calls += 1
    spent = joules() - before
    return spent / calls if spent > 0 else None


def rapl(root: Path = POWERCAP) -> Callable[[], float] | None:
    """Joules of all processor packages; a counter that wraps around is unwrapped between two reads."""
    packages = [path for path in sorted(root.glob("intel-rapl:*")) if path.name.count(":") == 1]
    try:
        limits = [int((path / "max_energy_range_uj").read_text()) for path in packages]
        last = [int((path / "energy_uj").read_text()) for path in packages]
    except (OSError, ValueError):
        return None
    if not packages:
        return None
    total = 0

    def read() -> float:
        nonlocal total
        for i, path in enumerate(packages):
            now = int((path / "energy_uj").read_text())
            total += now - last[i] + (limits[i] if now < last[i] else 0)
            last[i] = now
        return total / 1e6

    return read


def nvml(index: int) -> Callable[[], float] | None:
    """Joules of one graphics card since its driver was loaded.

    The driver's own library is called: it is there wherever a card is, and three functions are no reason for a package.
    The card is found by torch's UUID, since torch and the driver count cards in their own ways.
    """
    import torch

    try:
        library = ctypes.CDLL(NVML)
        uuid = f"GPU-{torch.cuda.get_device_properties(index).uuid}".encode()
    except (OSError, AttributeError, RuntimeError, AssertionError):
        return None
    handle, millijoules = ctypes.c_void_p(), ctypes.c_ulonglong()

    def read() -> float | None:
        failed = library.nvmlDeviceGetTotalEnergyConsumption(handle, ctypes.byref(millijoules))
        return None if failed else millijoules.value / 1e3

    if library.nvmlInit_v2() or library.nvmlDeviceGetHandleByUUID(uuid, ctypes.byref(handle)) or read() is None:
        return None
    return lambda: read() or 0.0
