"""One row out of what a model's processes said."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from zoo.bench.noise import LARGEST_SHARE
from zoo.bench.statistics import centre

# processes of one row that differ by more than this share make its figures doubtful
LARGEST_SPREAD = 0.10
# half of the interval of p50, as a share of it
WIDEST_HALF = 0.25


def combine(
    facts: dict[str, Any], runs: Sequence[dict[str, Any]], batch: int, worth: dict[str, Any] | None = None
) -> dict[str, Any]:
    """A row of one model in one runtime.

    Args:
        facts: of the model; its `state` may be failed.
        runs: of its processes; the first that failed makes the row fail.
        batch: windows a call.
        worth: what scoring found; where that failed, the row keeps its timings and says so.
    """
    shown = {key: value for key, value in facts.items() if key not in ("forms", "free", "not_exported")}
    broken = next((part for part in (facts, *runs) if part["state"] != "ok"), None)
    if broken is not None:
        return {**shown, "state": "failed", "reason": broken["reason"]}
    row = {**shown, **timings([run["samples_ms"] for run in runs]), "state": "ok"}
    window = facts["window_s"]
    first = runs[0]
    row |= {
        "first_ms": _median(runs, "first_ms"),
        "start_s": _median(runs, "start_s"),
        "peak_memory_bytes": max(run["peak_memory_bytes"] for run in runs),
        "file_bytes": first["file_bytes"],
        "ms_per_second": row["p50_ms"] / window / batch,
        "ms_per_second_at_hop": row["p50_ms"] / facts["hop_s"] / batch if facts.get("hop_s") else None,
        # a window must have been seen whole, then computed
        "first_reading_s": window + row["p50_ms"] / 1e3,
        "probe_ms": _median(runs, "probe_ms"),
        "probes_ms": [run["probe_ms"] for run in runs],
        "overhead_ms": _median(runs, "overhead_ms"),
        "pinned": [run["pinned"] for run in runs],
        "parity": first["parity"],
        **noise([run["others"] for run in runs], [run["samples_ms"] for run in runs]),
    }
    for key in ("energy_j", "device_p50_ms", "peak_device_memory_bytes"):
        if told := [run for run in runs if key in run]:
            row[key] = _median(told, key)
    if "throughput" in first:
        row["throughput"] = first["throughput"]
    if worth is not None and worth["state"] == "ok":
        row |= {key: worth[key] for key in ("worth", "simulated")}
    elif worth is not None:
        row["doubts"].append(f"its accuracy was not measured: {worth['reason']}")
    return row


def timings(samples: Sequence[Sequence[float]]) -> dict[str, Any]:
    """Percentiles in milliseconds over processes, and the samples themselves."""
    middle = centre(samples)
    pooled = np.concatenate([np.asarray(one, float) for one in samples])
    return {
        "p50_ms": middle.value,
        "p50_low_ms": middle.low if math.isfinite(middle.high) else None,
        "p50_high_ms": middle.high if math.isfinite(middle.high) else None,
        "p90_ms": float(np.percentile(pooled, 90)),
        "p99_ms": float(np.percentile(pooled, 99)),
        "runs": len(pooled),
        "processes": len(samples),
        "samples_ms": [list(one) for one in samples],
    }


def noise(others: Sequence[float | None], samples: Sequence[Sequence[float]]) -> dict[str, Any]:
    """Others' share of the cores and the processes' spread; `doubts` says why figures may be wrong or vague."""
    known = [share for share in others if share is not None]
    share = float(np.median(known)) if known else None
    medians = [float(np.median(one)) for one in samples]
    spread = max(medians) / min(medians) - 1.0
    doubts = []
    if share is not None and share > LARGEST_SHARE:
        doubts.append(f"others took {100 * share:.0f} % of the cores")
    if spread > LARGEST_SPREAD:
        doubts.append(f"processes differ by {100 * spread:.0f} %")
    middle = centre(samples)
    half = (middle.high - middle.low) / 2 / middle.value
    if math.isfinite(half) and half > WIDEST_HALF:
        doubts.append(
            f"p50 is known to ±{100 * half:.0f} % only from {_processes(len(samples))}: more --processes or a quieter "
            "machine narrow it"
        )
    return {"others": share, "spread": spread, "doubts": doubts}


def _processes(count: int) -> str:
    return "one process" if count == 1 else f"{count} processes"


def _median(runs: Sequence[dict[str, Any]], key: str) -> float:
    return float(np.median([run[key] for run in runs]))
