"""Runs a suite: each model and runtime in fresh processes, so that a crash is a row and not the end."""

from __future__ import annotations

import shlex
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import numpy as np

from zoo import checkpoints, registry
from zoo.bench.environment import environment
from zoo.bench.results import SCHEMA
from zoo.bench.rows import combine
from zoo.bench.runtimes import RUNTIMES, check_runtimes, why_not
from zoo.bench.suite import Suite
from zoo.bench.workers import run_job, run_untimed
from zoo.errors import DeviceError, UsageError, first_line

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

    if torch.version.cuda is None and torch.version.hip is None:
        raise DeviceError(
            "This torch is built without CUDA: install one for your card (https://pytorch.org/get-started/locally), "
            "or use --device cpu."
        )
    try:
        torch.cuda.init()
    # the driver is missing or too old, or shows no card
    except (RuntimeError, AssertionError) as error:
        said = first_line(error).rstrip(".")
        raise DeviceError(
            f"CUDA does not start here ({said}): use --device cpu, or check the driver with nvidia-smi."
        ) from error
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
        "command": shlex.join(["zoo", *sys.argv[1:]]),
        "started": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "environment": environment(device),
        "interrupted": False,
        "rows": [],
    }


def run_suite(
    suite: Suite, name: str, device: str = "cpu", threads: int = 1, each: Each = lambda row: None
) -> dict[str, Any]:
    """Measure every model of a suite in every runtime.

    Args:
        threads: processor threads a model may use.
        each: called after every job, with a timing's result or an empty one.

    Returns:
        A report: `schema`, `suite`, `kind`, `device`, `threads`, `environment`, `data`, `command`, `rows`. Ctrl-C ends
        it early with the rows that were measured at least once and `interrupted` true.
    """
    check_device(device)
    return run_cases(suite, name, [Case(model) for model in choose(suite.models)], device, threads, each)


def run_cases(
    suite: Suite, name: str, cases: Sequence[Case], device: str = "cpu", threads: int = 1, each: Each = lambda row: None
) -> dict[str, Any]:
    """Collect facts, time in rounds, then score.

    A round is one fresh process of each case in turn, the next goes in the other direction: a drift of the machine's
    speed meets all alike, and a row's processes are spread over the whole run.
    """
    report = new_report(suite, name, device, threads)
    runtimes = check_runtimes(suite.runtimes)
    check_runtimes([suite.fallback or runtimes[0]])
    known: list[dict[str, Any]] = []
    found: dict[tuple[int, str], list[dict[str, Any]]] = {}
    worths: dict[tuple[int, str], dict[str, Any]] = {}
    clock = [time.time()]
    with tempfile.TemporaryDirectory(prefix="zoo-bench-") as folder:
        try:
            known = _facts(suite, cases, runtimes, device, threads, Path(folder), each)
            clock.append(time.time())
            for round_ in range(suite.processes):
                order = list(enumerate(cases))
                for number, case in order if round_ % 2 == 0 else order[::-1]:
                    place = Path(folder) / str(number)
                    for runtime in _possible(runtimes, suite.fallback, known[number]):
                        runs = found.setdefault((number, runtime), [])
                        if round_ == 0 or runs[-1]["state"] == "ok":
                            runs.append(_timing(suite, case, known[number], runtime, device, threads, place, round_))
                        each(runs[-1])
            clock.append(time.time())
            if suite.accuracy:
                worths = _worths(suite, cases, known, found, device, threads, Path(folder), each)
        except KeyboardInterrupt:
            report["interrupted"] = True
    for (number, runtime), runs in found.items():
        if runs:
            row = combine(known[number], runs, suite.batch, worths.get((number, runtime)))
            report["rows"].append(
                {"model": cases[number].model, "options": dict(cases[number].options), "runtime": runtime,
                 "device": device, **row}
            )  # fmt: skip
    # models stay together, whatever round a row began in
    report["rows"].sort(key=lambda row: [case.model for case in cases].index(row["model"]))
    clock.append(time.time())
    report["seconds"] = clock[-1] - clock[0]
    report["phases_s"] = dict(zip(("facts", "timing", "accuracy"), np.diff(clock).round(1).tolist(), strict=False))
    report["doubts"] = list(doubts(report["rows"]))
    return report


def _possible(runtimes: Sequence[str], fallback: str, facts: dict[str, Any]) -> list[str]:
    """The runtimes of one model: the fallback in the place of those that it has no file for."""
    lacking = facts.get("not_exported", {})
    return list(dict.fromkeys(fallback if fallback and RUNTIMES[one].files in lacking else one for one in runtimes))


def count_cases(
    suite: Suite, cases: Sequence[Case], threads: int = 1, each: Each = lambda row: None
) -> list[dict[str, Any]]:
    """Facts of cases, nothing timed: rows with `model`, `options`, `state`, and parameters, operations and size."""
    with tempfile.TemporaryDirectory(prefix="zoo-bench-") as folder:
        known = _facts(suite, cases, [], "cpu", threads, Path(folder), each)
    return [
        {"model": case.model, "options": dict(case.options), "runtime": "", **row}
        for case, row in zip(cases, known, strict=True)
    ]


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


def _facts(
    suite: Suite,
    cases: Sequence[Case],
    runtimes: Sequence[str],
    device: str,
    threads: int,
    folder: Path,
    each: Each = lambda row: None,
) -> list[dict[str, Any]]:
    """Facts of all cases, before anything is timed."""
    jobs = []
    for number, case in enumerate(cases):
        place = folder / str(number)
        place.mkdir()
        jobs.append(
            {"task": "facts", "model": case.model, "options": dict(case.options), "folder": str(place),
             "threads": threads, "batch": suite.batch, "lookahead": suite.lookahead,
             "runtimes": [name for name in runtimes if why_not(name, device) is None]}
        )  # fmt: skip
    return run_untimed(jobs, suite.limit_s, lambda: each({}))


def _worths(
    suite: Suite,
    cases: Sequence[Case],
    known: Sequence[dict[str, Any]],
    found: dict[tuple[int, str], list[dict[str, Any]]],
    device: str,
    threads: int,
    folder: Path,
    each: Each,
) -> dict[tuple[int, str], dict[str, Any]]:
    """What trained models are worth in each runtime that they ran in, when nothing is timed any more."""
    keys = [key for key, runs in found.items() if known[key[0]].get("trained") and runs[-1]["state"] == "ok"]
    jobs = [
        {"task": "worth", "model": cases[number].model, "options": dict(cases[number].options),
         "folder": str(folder / str(number)), "facts": known[number], "runtime": runtime, "device": device,
         "threads": threads, "batch": suite.batch, "data": suite.data}
        for number, runtime in keys
    ]  # fmt: skip
    return dict(zip(keys, run_untimed(jobs, suite.limit_s, lambda: each({})), strict=True))


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
        "runtime": runtime, "device": device, "threads": threads, "extras": round_ == 0,
        **{key: getattr(suite, key) for key in ("batch", "warmup", "min_runs", "max_runs", "seconds")},
        "batches": suite.batches,
    }  # fmt: skip
    return run_job(job, suite.limit_s)
