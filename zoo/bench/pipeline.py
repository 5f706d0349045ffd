"""The whole way from a video file to a rate: share of each stage, real-time factor, memory, start-up."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from zoo.bench import latency, noise
from zoo.bench.rows import noise as noise_of
from zoo.bench.statistics import centre
from zoo.bench.suite import Suite
from zoo.errors import UsageError

RUNTIMES = ("torch", "onnx")


def pipeline(job: dict[str, Any]) -> dict[str, Any]:
    """Worker's task: `zoo.prediction.predict` on a clip, once, in this fresh process."""
    cores = noise.pin(job["threads"])
    import cv2

    from zoo.export.runtime import OnnxRunner
    from zoo.prediction.runner import open_runner
    from zoo.prediction.video import predict

    cv2.setNumThreads(job["threads"])
    if job["runtime"] == "torch" and job["torch"]:
        import torch

        torch.set_num_threads(job["threads"])
    runner: Any = OnnxRunner(Path(job["path"]), job["threads"]) if job["path"] else open_runner(job["model"])
    started = time.time() - job["born"]
    watch, begun = noise.Watch(cores), time.perf_counter()
    result = predict(job["clip"], runner)
    wall = time.perf_counter() - begun
    stages = dict(result.seconds)
    return {
        "wall_s": wall,
        "start_s": started,
        "clip_s": result.duration,
        "stages_s": {**stages, "other": max(wall - sum(stages.values()), 0.0)},
        "peak_memory_bytes": latency.peak_memory(),
        "others": watch.others(),
        "heart_rate": None if result.heart_rate is None else result.heart_rate.value,
        "probe_ms": noise.probe(),
    }


def run_pipeline(
    suite: Suite, name: str, threads: int = 1, each: Callable[[dict[str, Any]], None] = lambda row: None
) -> dict[str, Any]:
    """Measure the pipeline with every model of a suite, in rounds; a report as of `zoo.bench.run.run_suite`.

    Raises:
        UsageError: a runtime that `zoo predict` does not have, or no such clip.
    """
    from zoo.bench.run import choose, doubts, new_report
    from zoo.bench.workers import run_job
    from zoo.signals.classical import METHODS

    if unknown := set(suite.runtimes) - set(RUNTIMES):
        raise UsageError(f"The pipeline runs in {' and '.join(RUNTIMES)}, not in {', '.join(sorted(unknown))}.")
    if suite.clip and not os.path.exists(suite.clip):  # noqa: PTH110 (a folder of pictures is a clip too)
        raise UsageError(f"There is no clip '{suite.clip}': give a video of a face.")
    report = new_report(suite, name, "cpu", threads)
    report["clip"] = Path(suite.clip).name or f"a drawn face, 640x480, {suite.clip_s:g} s"
    plan = [(model, runtime) for model in choose(suite.models) for runtime in suite.runtimes]
    found: dict[tuple[str, str], list[dict[str, Any]]] = {}
    with tempfile.TemporaryDirectory(prefix="zoo-bench-") as folder:
        try:
            clip = suite.clip or _drawn(Path(folder), suite.clip_s)
            files = _files(suite, [model for model, runtime in plan if runtime == "onnx"], threads, Path(folder))
            for round_ in range(suite.processes):
                for model, runtime in plan if round_ % 2 == 0 else plan[::-1]:
                    runs = found.setdefault((model, runtime), [])
                    if round_ == 0 or runs[-1]["state"] == "ok":
                        file = files[model] if runtime == "onnx" else {"state": "ok", "path": ""}
                        job = {"task": "pipeline", "model": model, "runtime": runtime, "path": file.get("path"),
                               "clip": clip, "threads": threads, "torch": model not in METHODS}  # fmt: skip
                        runs.append(run_job(job, suite.limit_s) if file["state"] == "ok" else file)
                    each(runs[-1])
        except KeyboardInterrupt:
            report["interrupted"] = True
    report["rows"] = [_row(model, runtime, runs) for (model, runtime), runs in found.items() if runs]
    report["doubts"] = list(doubts(report["rows"]))
    return report


def _files(suite: Suite, models: list[str], threads: int, folder: Path) -> dict[str, dict[str, Any]]:
    """Each model's exported file as its `path`, or `state` failed and the `reason`."""
    from zoo.bench.runtimes import WHOLE
    from zoo.bench.workers import run_untimed

    made = {model: folder / str(number) for number, model in enumerate(models) if not model.endswith(".onnx")}
    for place in made.values():
        place.mkdir()
    jobs = [
        {"task": "facts", "model": model, "options": {}, "folder": str(place), "threads": threads, "batch": 1,
         "lookahead": False, "runtimes": ["onnx"]}
        for model, place in made.items()
    ]  # fmt: skip
    files = {model: {"state": "ok", "path": model} for model in models if model not in made}
    for (model, place), facts in zip(made.items(), run_untimed(jobs, suite.limit_s), strict=True):
        reason = facts.get("reason") or facts["not_exported"].get("whole")
        files[model] = {"state": "failed", "reason": reason} if reason else {"state": "ok", "path": str(place / WHOLE)}
    return files


def _row(model: str, runtime: str, runs: list[dict[str, Any]]) -> dict[str, Any]:
    row: dict[str, Any] = {"model": model, "runtime": runtime, "device": "cpu"}
    if broken := next((run for run in runs if run["state"] != "ok"), None):
        return {**row, "state": "failed", "reason": broken["reason"]}
    walls = [[1e3 * run["wall_s"]] for run in runs]
    middle = centre(walls)
    several = len(runs) > 1
    stages = {name: float(np.median([run["stages_s"][name] for run in runs])) for name in runs[0]["stages_s"]}
    return {
        **row,
        "state": "ok",
        "clip_s": runs[0]["clip_s"],
        "wall_s": middle.value / 1e3,
        "wall_low_s": middle.low / 1e3 if several else None,
        "wall_high_s": middle.high / 1e3 if several else None,
        "times_real_time": 1e3 * runs[0]["clip_s"] / middle.value,
        "stages_s": stages,
        "start_s": float(np.median([run["start_s"] for run in runs])),
        "peak_memory_bytes": max(run["peak_memory_bytes"] for run in runs),
        "heart_rate": runs[0]["heart_rate"],
        "samples_ms": walls,
        "processes": len(runs),
        "probe_ms": float(np.median([run["probe_ms"] for run in runs])),
        **noise_of([run["others"] for run in runs], walls),
    }


def _drawn(folder: Path, seconds: float) -> str:
    from zoo.data.synthetic.videos import write_face_clip

    return str(write_face_clip(folder / "drawn.mp4", seconds=seconds, size=(640, 480), crf=23))
