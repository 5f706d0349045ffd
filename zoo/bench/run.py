"""Runs a suite: each model in a fresh process, so that a crash is a row and not the end."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict
from datetime import datetime, timezone
from typing import Any

from zoo import checkpoints, registry
from zoo.bench.environment import environment
from zoo.bench.results import SCHEMA
from zoo.bench.suite import Suite
from zoo.errors import DeviceError, UsageError

TIME_LIMIT = 600.0


def choose(patterns: str | Sequence[str]) -> list[str]:
    """Names of models and shipped checkpoints that a suite's patterns mean.

    Raises:
        UnknownName: a plain name that is neither.
    """
    known = [*registry.entries("model"), *checkpoints.cards()]
    chosen: list[str] = []
    for pattern in [patterns] if isinstance(patterns, str) else patterns:
        if any(sign in pattern for sign in "*?["):
            chosen += registry.matching(known, pattern)
        elif pattern.endswith((".json", ".ckpt", ".safetensors")) or pattern in known:
            chosen.append(pattern)
        else:
            chosen.append(registry.find("model", pattern).name)
    if not chosen:
        raise UsageError(f"No model fits {patterns!r}: 'zoo list models' shows all.")
    return list(dict.fromkeys(chosen))


def check_device(device: str) -> None:
    """Raise DeviceError where a device is not there."""
    if device == "cpu":
        return
    if not device.startswith("cuda"):
        raise UsageError(f"There is no device '{device}': choose cpu or cuda.")
    import torch

    index = int(device.partition(":")[2] or 0)
    if torch.cuda.device_count() <= index:
        raise DeviceError(
            f"There is no CUDA device '{device}' here ({torch.cuda.device_count()} found): use --device cpu, "
            "or check the driver with nvidia-smi."
        )


def run_suite(
    suite: Suite,
    name: str,
    device: str = "cpu",
    threads: int = 1,
    each: Callable[[dict[str, Any]], None] = lambda row: None,
) -> dict[str, Any]:
    """Measure every model of a suite.

    Args:
        threads: processor threads a model may use.
        each: called with every finished row.

    Returns:
        A report: `schema`, `suite`, `device`, `threads`, `environment`, `data`, `command`, `rows`. Ctrl-C ends it
        early with the rows that were finished and `interrupted` true.
    """
    check_device(device)
    report: dict[str, Any] = {
        "schema": SCHEMA,
        "suite": name,
        "settings": asdict(suite),
        "device": device,
        "threads": threads,
        "data": suite.data,
        "command": "zoo " + " ".join(sys.argv[1:]),
        "started": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "environment": environment(),
        "interrupted": False,
        "rows": [],
    }
    try:
        for model in choose(suite.models):
            row = {"model": model, "runtime": "torch", "device": device, **_measure(suite, model, device, threads)}
            report["rows"].append(row)
            each(row)
    except KeyboardInterrupt:
        report["interrupted"] = True
    return report


def _measure(suite: Suite, model: str, device: str, threads: int) -> dict[str, Any]:
    settings = asdict(suite)
    keys = ("batch", "warmup", "min_runs", "max_runs", "seconds", "data")
    job = {"model": model, "device": device, "threads": threads, **{key: settings[key] for key in keys}}
    environ = {**os.environ, "OMP_NUM_THREADS": str(threads), "MKL_NUM_THREADS": str(threads)}
    try:
        done = subprocess.run(
            [sys.executable, "-W", "ignore", "-m", "zoo.bench.worker"],
            input=json.dumps(job),
            capture_output=True,
            text=True,
            env=environ,
            timeout=TIME_LIMIT,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return {"state": "failed", "reason": f"took longer than {TIME_LIMIT:.0f} s"}
    try:
        row: dict[str, Any] = json.loads(done.stdout)
    except ValueError:
        lines = done.stderr.strip().splitlines()
        died = f"was killed by signal {-done.returncode}" if done.returncode < 0 else f"ended with {done.returncode}"
        return {"state": "failed", "reason": f"its process {died}: {lines[-1] if lines else 'it said nothing'}"}
    return row
