"""What a figure was measured on."""

from __future__ import annotations

import os
import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

PACKAGES = (
    "rppg-zoo",
    "torch",
    "lightning",
    "numpy",
    "onnx",
    "onnxruntime",
    "openvino",
    "tensorrt",
    "av",
    "opencv-python-headless",
)
# what decides how fast low precision is
FEATURES = ("avx2", "avx512f", "avx512_bf16", "avx512_vnni", "amx_bf16", "amx_int8", "asimd", "bf16", "i8mm")


def environment(device: str = "cpu") -> dict[str, Any]:
    """Machine, versions and load, as plain values; with a CUDA device, what it is too."""
    card = {}
    if device.startswith("cuda"):
        from zoo.bench.cuda import describe

        card = describe(device)
    return {
        **card,
        "cpu": _cpu(),
        "features": _features(),
        "cores": os.cpu_count(),
        "memory_gb": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9, 1),
        "governor": _read("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor"),
        "load_1min": round(os.getloadavg()[0], 2),
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "python": platform.python_version(),
        "versions": {name: found for name in PACKAGES if (found := _version(name))},
    }


def _cpu() -> str:
    for line in (_read("/proc/cpuinfo") or "").splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _features() -> list[str]:
    for line in (_read("/proc/cpuinfo") or "").splitlines():
        if line.lower().startswith(("flags", "features")):
            present = set(line.partition(":")[2].split())
            return [name for name in FEATURES if name in present]
    return []


def _read(path: str) -> str | None:
    try:
        return Path(path).read_text().strip()
    except OSError:
        return None


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None
