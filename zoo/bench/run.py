"""Runs a suite: each model and runtime in fresh processes, so that a crash is a row and not the end."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from zoo import checkpoints, registry
from zoo.bench.environment import environment
from zoo.bench.results import SCHEMA
from zoo.bench.rows import combine
from zoo.bench.runtimes import RUNTIMES, check_runtimes, why_not
from zoo.bench.suite import Suite
from zoo.errors import DeviceError, UsageError

OUT_OF_MEMORY = 9
Each = Callable[[dict[str, Any]], None]


@dataclass(frozen=True)
class Case:
    """A model as it is measured: its name, and hyper-parameters where they are not the registered ones."""

    model: str
    options: Mapping[str, Any] = field(default_factory=dict)


def choose(patterns: str | Sequence[str]) -> list[str]:
    """Names of models, shipped checkpoints and files that a suite's patterns mean.

    Raises:
        UnknownName: a plain name that is neither.
    """
    known = [*registry.entries("model"), *checkpoints.cards()]
    chosen: list[str] = []
    for pattern in [patterns] if isinstance(patterns, str) else patterns:
        if any(sign in pattern for sign in "*?["):
            chosen += registry.matching(known, pattern)
        elif pattern.endswith((".json", ".ckpt", ".safetensors", ".onnx")) or pattern in known:
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
    kind, _, index = device.partition(":")
    if kind != "cuda" or not (index == "" or index.isdigit()):
        raise UsageError(f"There is no device '{device}': choose cpu, cuda, cuda:N or jetson.")
    import torch

    if torch.cuda.device_count() <= int(index or 0):
        raise DeviceError(
            f"There is no CUDA device '{device}' here ({torch.cuda.device_count()} found): use --device cpu, "
            "or check the driver with nvidia-smi."
        )


def new_report(suite: Suite, name: str, device: str, threads: int) -> dict[str, Any]:
    """A report without rows."""
    return {
        "schema": SCHEMA,
        "suite": name,
        "kind": suite.kind,
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


def run_suite(
    suite: Suite, name: str, device: str = "cpu", threads: int = 1, each: Each = lambda row: None
) -> dict[str, Any]:
    """Measure every model of a suite in every runtime.

    Args:
        threads: processor threads a model may use.
        each: called with every process's result.

    Returns:
        A report: `schema`, `suite`, `kind`, `device`, `threads`, `environment`, `data`, `command`, `rows`. Ctrl-C ends
        it early with the rows that were measured at least once and `interrupted` true.
    """
    check_device(device)
    return run_cases(suite, name, [Case(model) for model in choose(suite.models)], device, threads, each)


def run_cases(
    suite: Suite, name: str, cases: Sequence[Case], device: str = "cpu", threads: int = 1, each: Each = lambda row: None
) -> dict[str, Any]:
    """Measure cases in rounds: one process of each in turn, the next round in the other direction.

    A drift of the machine's speed then meets all alike, and a row's processes are spread over the whole run.
    """
    report = new_report(suite, name, device, threads)
    runtimes = check_runtimes(suite.runtimes)
    known: list[dict[str, Any]] = []
    found: dict[tuple[int, str], list[dict[str, Any]]] = {}
    with tempfile.TemporaryDirectory(prefix="zoo-bench-") as folder:
        try:
            known = _all_facts(suite, cases, runtimes, device, threads, Path(folder))
            for round_ in range(suite.processes):
                order = list(enumerate(cases))
                for number, case in order if round_ % 2 == 0 else order[::-1]:
                    place = Path(folder) / str(number)
                    for runtime in runtimes:
                        runs = found.setdefault((number, runtime), [])
                        if round_ == 0 or runs[-1]["state"] == "ok":
                            runs.append(_timing(suite, case, known[number], runtime, device, threads, place, round_))
                        each(runs[-1])
        except KeyboardInterrupt:
            report["interrupted"] = True
    for (number, runtime), runs in found.items():
        if runs:
            row = combine(known[number], runs, suite.batch)
            report["rows"].append(
                {"model": cases[number].model, "options": dict(cases[number].options), "runtime": runtime,
                 "device": device, **row}
            )  # fmt: skip
    # models stay together, whatever round a row began in
    report["rows"].sort(key=lambda row: [case.model for case in cases].index(row["model"]))
    report["seconds"] = time.time() - datetime.fromisoformat(report["started"]).timestamp()
    report["doubts"] = list(doubts(report["rows"]))
    return report


def doubts(rows: Sequence[dict[str, Any]]) -> Iterator[str]:
    """Why the figures of a run may not be trusted, in sentences."""
    measured = [row for row in rows if row["state"] == "ok"]
    doubtful = [row for row in measured if row.get("doubts")]
    if doubtful:
        worst = max(doubtful, key=lambda row: (row["others"] or 0.0, row["spread"]))
        yield (
            f"{len(doubtful)} of {len(measured)} rows were disturbed (worst: {worst['model']}, "
            f"{' and '.join(worst['doubts'])}): close other programs and measure again."
        )
    if any(row.get("processes", 2) < 2 for row in measured):
        yield "One process a row: its interval says nothing about the next process (--processes 5)."


def _all_facts(
    suite: Suite, cases: Sequence[Case], runtimes: Sequence[str], device: str, threads: int, folder: Path
) -> list[dict[str, Any]]:
    """Facts of all cases, several processes at a time: none of them is timed, and nothing is timed meanwhile."""

    def facts(numbered: tuple[int, Case]) -> dict[str, Any]:
        place = folder / str(numbered[0])
        place.mkdir()
        return _facts(suite, numbered[1], runtimes, device, threads, place)

    with ThreadPoolExecutor(max(1, (os.cpu_count() or 1) // threads)) as pool:
        try:
            return list(pool.map(facts, enumerate(cases)))
        except KeyboardInterrupt:
            pool.shutdown(cancel_futures=True)
            raise


def _facts(suite: Suite, case: Case, runtimes: Sequence[str], device: str, threads: int, place: Path) -> dict[str, Any]:
    job = {
        "task": "facts", "model": case.model, "options": dict(case.options), "folder": str(place), "threads": threads,
        "batch": suite.batch, "lookahead": suite.lookahead,
        "runtimes": [name for name in runtimes if why_not(name, device) is None],
    }  # fmt: skip
    return run_job(job, suite.limit_s)


def _timing(
    suite: Suite, case: Case, facts: dict[str, Any], runtime: str, device: str, threads: int, place: Path, round_: int
) -> dict[str, Any]:
    """One process's result; what is known to fail is not tried."""
    if facts["state"] != "ok":
        return facts
    reason = why_not(runtime, device) or facts["not_exported"].get(RUNTIMES[runtime].files)
    if reason:
        return {"state": "failed", "reason": reason}
    job = {
        "task": "timing", "model": case.model, "options": dict(case.options), "folder": str(place), "facts": facts,
        "runtime": runtime, "device": device, "threads": threads, "extras": round_ == 0, "accuracy": suite.accuracy,
        **{key: getattr(suite, key) for key in ("batch", "warmup", "min_runs", "max_runs", "seconds", "data")},
        "batches": suite.batches,
    }  # fmt: skip
    return run_job(job, suite.limit_s)


def run_job(job: dict[str, Any], limit_s: float) -> dict[str, Any]:
    """Do a job of `zoo.bench.worker` in a fresh process; a crash is a result."""
    threads = str(job["threads"])
    environ = {**os.environ, **dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), threads)}
    try:
        done = subprocess.run(
            [sys.executable, "-W", "ignore", "-m", "zoo.bench.worker"],
            input=json.dumps({**job, "born": time.time()}),
            capture_output=True,
            text=True,
            env=environ,
            timeout=limit_s,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return {"state": "failed", "reason": f"took longer than {limit_s:.0f} s"}
    try:
        row: dict[str, Any] = json.loads(done.stdout)
    except ValueError:
        return {"state": "failed", "reason": _death(done)}
    return row


def _death(done: subprocess.CompletedProcess[str]) -> str:
    lines = done.stderr.strip().splitlines()
    if done.returncode < 0:
        hint = " (out of memory?)" if -done.returncode == OUT_OF_MEMORY else ""
        died = f"was killed by signal {-done.returncode}{hint}"
    else:
        died = f"ended with {done.returncode}"
    return f"its process {died}: {lines[-1] if lines else 'it said nothing'}"
