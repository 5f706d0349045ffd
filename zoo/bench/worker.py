"""Measures one model in a process of its own: a job as JSON on stdin, a row as JSON on stdout."""

from __future__ import annotations

import contextlib
import json
import os
import sys
import time
from typing import Any


def main() -> None:
    job = json.load(sys.stdin)
    for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ[name] = str(job["threads"])
    # whatever a model prints must not end up in the row
    with contextlib.redirect_stdout(sys.stderr):
        row = run(job)
    print(json.dumps(row))


def run(job: dict[str, Any]) -> dict[str, Any]:
    """Cost, latency and worth of one model.

    Args:
        job: `model`, `device`, `threads`, `batch`, `warmup`, `min_runs`, `max_runs`, `seconds`, `data`.

    Returns:
        A row for `zoo.bench.results`.
    """
    from zoo.errors import ZooError

    try:
        return {"state": "ok", **_measure(job)}
    except ZooError as error:
        return {"state": "failed", "reason": str(error)}
    except Exception as error:
        lines = str(error).strip().splitlines() or ["no message"]
        return {"state": "failed", "reason": f"{type(error).__name__}: {lines[0]}"}


def _measure(job: dict[str, Any]) -> dict[str, Any]:
    start = time.perf_counter()
    import torch

    from zoo import checkpoints
    from zoo.bench import cost, latency

    torch.set_num_threads(job["threads"])
    torch.manual_seed(0)
    module = checkpoints.load(job["model"])
    loaded = time.perf_counter() - start
    example = module.example_input(job["batch"])
    counted = cost.operations(module, module.example_input(1))
    device = torch.device(job["device"])
    module, example = module.to(device), example.to(device)
    synchronise = torch.cuda.synchronize if device.type == "cuda" else lambda: None
    with torch.inference_mode():
        timing, samples = latency.measure(
            lambda: module(example),
            synchronise,
            **{key: job[key] for key in ("warmup", "min_runs", "max_runs", "seconds")},
        )
    window = module.input.frames / module.input.fps
    row: dict[str, Any] = {
        "trained": bool(module.trained_on) or not module.trainable,
        "trained_on": list(module.trained_on),
        "parameters": cost.parameters(module),
        "network_parameters": cost.parameters(module.network),
        "macs": counted.macs,
        "flops": counted.flops,
        "uncounted": counted.uncounted,
        "size_bytes": cost.size_bytes(module),
        "input": list(module.input.shape(job["batch"])),
        "window_s": window,
        "first_ms": timing.first,
        "p50_ms": timing.p50,
        "p90_ms": timing.p90,
        "p99_ms": timing.p99,
        "runs": timing.runs,
        "samples_ms": [round(sample, 4) for sample in samples],
        "ms_per_second": timing.p50 / window / job["batch"],
        "start_s": loaded,
        # before accuracy is measured, which needs memory of its own
        "peak_memory_bytes": latency.peak_memory(),
    }
    if device.type == "cuda":
        row["peak_device_memory_bytes"] = torch.cuda.max_memory_allocated()
    if row["trained"]:
        row["worth"] = _worth(module, job)
    return row


def _worth(module: Any, job: dict[str, Any]) -> dict[str, float]:
    """Scores on the chosen data, by the same metrics as `zoo test`."""
    import logging

    import lightning as L

    from zoo.data.module import VitalsDataModule

    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
    data = dict(job["data"])
    name, root = data.pop("name"), data.pop("root", None)
    windows = VitalsDataModule(name, root, options=data, input=module.input, workers=0, batch_size=8)
    accelerator = "gpu" if job["device"].startswith("cuda") else "cpu"
    trainer = L.Trainer(
        accelerator=accelerator, devices=1, logger=False, enable_checkpointing=False, enable_progress_bar=False,
        enable_model_summary=False,
    )  # fmt: skip
    results = trainer.test(module, windows, verbose=False)[0]
    return {key.removeprefix("test/"): float(value) for key, value in results.items()}


if __name__ == "__main__":
    main()
