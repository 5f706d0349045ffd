"""Does the CUDA path measure what it says? On a machine with a card:

    python -m benchmarks.cuda [--device cuda:0] [--out DIR]

Benches a trace model and a clip model in eager fp32, in bf16 and as CUDA graphs, then holds what came out against what
must be true: the device's own clock never shows more than the wall clock, outputs agree with torch on the CPU, a
larger batch is not free, memory is at least the weights, power lies between idle and the card's limit, trained models
are scored and as right in one runtime as in another, and a batch that does not fit in memory is a row. Exit code 1
where something is not.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from zoo.bench.results import write
from zoo.bench.run import run_suite
from zoo.bench.screen import show
from zoo.bench.suite import Suite
from zoo.errors import ZooError

MODELS = ["fpn1d_multitask", "physnet"]
RUNTIMES = ["torch", "torch-bf16", "torch-graph"]
# of the waveform with that of torch in fp32 on the CPU; a card convolves in TF32 unless it is told not to
LEAST_R = {"torch": 0.999, "torch-graph": 0.999, "torch-bf16": 0.98}
MOST_WATT = 1500.0
# of the heart rate's mean absolute error between runtimes, 1/min
MOST_DIFFERENCE = 0.5
# a call at batch 1 is bound by launches, so that 64 windows may take as long as one: more is a wrong count
MOST_GAIN = 1.2 * 64
# PhysNet's first maps of one window; all that it holds at once is more
WINDOW_BYTES = 80e6


def too_large(device: str) -> Suite:
    """A batch that no card fits: its first maps alone are one and a half times the device's memory."""
    import torch

    total = torch.cuda.get_device_properties(torch.device(device)).total_memory
    return Suite(
        models=["physnet"],
        runtimes=["torch"],
        batch=int(1.5 * total / WINDOW_BYTES),
        accuracy=False,
        lookahead=False,
    )


def checks(report: dict[str, Any], large: dict[str, Any]) -> Iterator[tuple[str, bool]]:
    """What must be true, and whether it is."""
    for row in report["rows"]:
        name = f"{row['model']} in {row['runtime']}"
        yield f"{name} runs ({row.get('reason', 'ok')})", row["state"] == "ok"
        if row["state"] != "ok":
            continue
        wall, device = row["p50_ms"], row["device_p50_ms"]
        yield f"{name}: {device:.3f} ms on the device's clock, {wall:.3f} on the wall's", 0 < device <= 1.05 * wall
        r = row["parity"]["waveform_r"]
        yield f"{name}: waveform r with the CPU {r:.5f}", r >= LEAST_R[row["runtime"]]
        held = row["peak_device_memory_bytes"]
        yield (
            f"{name}: {held / 1e6:.0f} MB on the device hold {row['size_bytes'] / 1e6:.1f} MB",
            held >= row["size_bytes"],
        )
        if "energy_j" in row:
            watt = row["energy_j"] / (wall / 1e3)
            yield f"{name}: {1e3 * row['energy_j']:.2f} mJ a window are {watt:.0f} W", 5 < watt < MOST_WATT
        windows = row["throughput"]
        yield (
            f"{name}: windows a second by batch {windows}",
            len(windows) == 2 and windows["64"] <= MOST_GAIN * windows["1"],
        )
    yield from accuracy_checks(report["rows"])
    graph, eager = (
        next((row["p50_ms"] for row in report["rows"] if row["runtime"] == runtime and row["state"] == "ok"), 0.0)
        for runtime in ("torch-graph", "torch")
    )
    yield f"a graph takes {graph:.3f} ms, eager {eager:.3f}: launches cost less", 0 < graph <= 1.05 * eager
    (row,) = large["rows"]
    yield f"a batch that does not fit: {row.get('reason', 'ran')}", "does not fit in memory" in row.get("reason", "")


def accuracy_checks(rows: Sequence[dict[str, Any]]) -> Iterator[tuple[str, bool]]:
    """Whether trained models are scored, and every runtime finds about the same."""
    trained = [row for row in rows if row["state"] == "ok" and row["trained"]]
    yield f"{len(trained)} rows are of trained models", bool(trained)
    errors: dict[str, dict[str, float]] = {}
    for row in trained:
        yield (
            f"{row['model']} in {row['runtime']} is scored ({'; '.join(row['doubts']) or 'no doubts'})",
            "worth" in row,
        )
        if "heart_rate_mae" in row.get("worth", {}):
            errors.setdefault(row["model"], {})[row["runtime"]] = row["worth"]["heart_rate_mae"]
    for model, found in errors.items():
        spread = max(found.values()) - min(found.values())
        says = ", ".join(f"{runtime} {error:.2f}" for runtime, error in found.items())
        # a comparison needs two, and what is not a number agrees with nothing
        yield f"{model}: heart-rate error by runtime {says}", len(found) > 1 and spread <= MOST_DIFFERENCE


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--out", type=Path, default=Path("runs/cuda"))
    args = parser.parse_args()
    suite = Suite(
        models=MODELS, runtimes=RUNTIMES, batches=[1, 64], seconds=0.5, min_runs=20, lookahead=False,
        data={"name": "synthetic", "people": 8},
    )  # fmt: skip
    try:
        report = run_suite(suite, "cuda", args.device)
    except ZooError as error:
        print(error)
        return error.exit_code
    large = run_suite(too_large(args.device), "too large", args.device)
    show(report)
    write(args.out, report)
    found = list(checks(report, large))
    for says, holds in found:
        print("ok  " if holds else "NOT ", says)
    print(f"{sum(holds for _, holds in found)} of {len(found)} hold; the report is {args.out / 'bench.html'}")
    return int(not all(holds for _, holds in found))


if __name__ == "__main__":
    raise SystemExit(main())
