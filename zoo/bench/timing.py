"""One process's timing of one model in one runtime: the cold call, warm calls, memory, energy, and who disturbed."""

from __future__ import annotations

import time
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from zoo.bench import cuda, energy, latency, noise
from zoo.bench.facts import INPUT, REFERENCE, load
from zoo.bench.runtimes import Arrays, Opened, open_runtime, takes_any_batch
from zoo.bench.worker import out_of_memory

KEPT = 200
# of one call of a larger batch: a suite must end
LONGEST_MS = 500.0


def timing(job: dict[str, Any]) -> dict[str, Any]:
    """Time one runtime; with `job["extras"]` also its agreement with torch, and throughput over batch sizes.

    Start-up and peak memory are this process's own, the interpreter included, so a runtime that needs no torch shows
    neither torch's.
    """
    cores = noise.pin(job["threads"])
    folder, shared = Path(job["folder"]), job["facts"]
    runtime, device = job["runtime"], job["device"]
    opened = open_runtime(
        runtime, lambda: load(job["model"], job["options"]), folder, shared["outputs"], device, job["threads"]
    )
    window = np.load(folder / INPUT)
    raw = opened.feed(np.repeat(window, job["batch"], axis=0))
    row: dict[str, Any] = {"start_s": time.time() - job["born"], "pinned": cores, "file_bytes": opened.file_bytes}
    row["probe_ms"] = noise.probe()
    watch = noise.Watch(cores)
    limits = {key: job[key] for key in ("warmup", "min_runs", "max_runs", "seconds")}
    summary, samples = latency.measure(lambda: opened.call(raw), opened.synchronise, **limits)
    row |= {
        "first_ms": summary.first,
        "samples_ms": [round(sample, 5) for sample in samples[:KEPT]],
        "others": watch.others(),
        "peak_memory_bytes": latency.peak_memory(),
        "overhead_ms": latency.measure(lambda: None, warmup=1, min_runs=200, max_runs=200, seconds=0)[0].p50,
    }
    if (spent := _energy(opened, raw, job)) is not None:
        row["energy_j"] = spent
    if device.startswith("cuda"):
        row |= cuda.device_side(lambda: opened.call(raw), summary.runs)
    if job["extras"]:
        row["parity"] = _parity(opened, window, dict(np.load(folder / REFERENCE)), shared)
        row["throughput"] = _throughput(opened, window, job, summary.p50 / job["batch"])
    return row


def _energy(opened: Opened, raw: Any, job: dict[str, Any]) -> float | None:
    """Joules of one window; None where the device tells none."""
    joules = energy.counter(job["device"])
    if joules is None:
        return None
    # about as long as the timing itself took, at most
    seconds, fewest = min(energy.LONG_ENOUGH_S, 2 * job["seconds"]), min(energy.FEWEST_CALLS, job["min_runs"])
    spent = energy.of_a_call(joules, lambda: opened.call(raw), opened.synchronise, seconds, fewest)
    return None if spent is None else spent / job["batch"]


def _throughput(opened: Opened, window: np.ndarray, job: dict[str, Any], window_ms: float) -> dict[str, float]:
    """Windows a second by batch size.

    A size that the runtime is not made for, that would take `LONGEST_MS` a call, or that does not fit in memory is left
    out.
    """
    found: dict[str, float] = {}
    free = takes_any_batch(job["runtime"], job["facts"]["free"])
    for batch in sorted(job["batches"]):
        if batch == job["batch"]:
            found[str(batch)] = round(1e3 / window_ms, 3)
            continue
        if not free:
            continue
        if batch * window_ms > LONGEST_MS and not job["device"].startswith("cuda"):
            break
        try:
            call = partial(opened.call, opened.feed(np.repeat(window, batch, axis=0)))
            summary, _ = latency.measure(call, opened.synchronise, 1, 3, 20, job["seconds"] / 2)
        except Exception as error:
            if not out_of_memory(error):
                raise
            # larger ones will not fit either
            break
        found[str(batch)] = round(1e3 * batch / summary.p50, 3)
    return found


def _parity(opened: Opened, window: np.ndarray, expected: Arrays, shared: dict[str, Any]) -> dict[str, float]:
    """How far this runtime's outputs are from torch's in fp32, on a simulated window.

    Returns:
        `waveform_r` (the lowest), `heart_rate_change` (1/min) where a pulse is expected, and `error`, the largest
        relative to the output's own spread.
    """
    from zoo.signals.forms import to_value
    from zoo.signals.rate import heart_rate

    found = opened.read(opened.call(opened.feed(window)))
    errors = [
        float(np.abs(found[k] - value).max() / max(float(np.sqrt(np.mean(value**2))), 1e-6))
        for k, value in expected.items()
    ]
    result = {"error": max(errors)}
    pairs = [(found[name][0], expected[name][0]) for name in shared["forms"]]
    if pairs:
        result["waveform_r"] = min(float(np.corrcoef(one, two)[0, 1]) for one, two in pairs)
    if "ppg" in shared["forms"] and shared["trained"]:
        form, fps = shared["forms"]["ppg"], shared["fps"]
        rates = [
            float(heart_rate(to_value(wave["ppg"][0].astype(float), form, fps), fps)) for wave in (found, expected)
        ]
        result["heart_rate_change"] = abs(rates[0] - rates[1])
    # a waveform that rounding has flattened has nothing in common with the right one
    return {key: value if np.isfinite(value) else 0.0 for key, value in result.items()}
