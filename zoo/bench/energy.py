"""Energy counters, where the machine has readable ones: RAPL (processor package) and NVML (graphics card)."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from pathlib import Path

POWERCAP = Path("/sys/class/powercap")


def counter(device: str) -> Callable[[], float] | None:
    """A function that gives joules since some moment, or None where nothing can be read."""
    return _nvml(int(device.partition(":")[2] or 0)) if device.startswith("cuda") else rapl()


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


def _nvml(index: int) -> Callable[[], float] | None:
    try:
        nvml = importlib.import_module("pynvml")
    except ImportError:
        return None
    try:
        nvml.nvmlInit()
        handle = nvml.nvmlDeviceGetHandleByIndex(index)
        nvml.nvmlDeviceGetTotalEnergyConsumption(handle)
    except nvml.NVMLError:
        return None
    return lambda: nvml.nvmlDeviceGetTotalEnergyConsumption(handle) / 1e3
