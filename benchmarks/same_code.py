"""The same code measured against itself: how often does `zoo bench compare` cry wolf, and what does the harness cost?

    python -m benchmarks.same_code [--times 20] [--processes 4] [--seconds 0.3] [--out FILE]

One long run of five models in ONNX Runtime, whose rounds (a fresh process of each model in turn) are dealt out in order
as `--times` + 1 runs of `--processes` rounds each; every run is then compared with the next by the code of `zoo bench
compare`. Exit code 1 where more than one pair in ten says that something became slower.
"""

from __future__ import annotations

import argparse
import json
from itertools import pairwise
from pathlib import Path
from typing import Any

from zoo.bench.compare import compare
from zoo.bench.run import run_suite
from zoo.bench.suite import Suite

MODELS = ["pos", "chrom", "green", "lgi", "fpn1d_multitask"]
MOST_FALSE = 0.1


def parts(report: dict[str, Any], size: int) -> list[dict[str, Any]]:
    """A report's rounds as reports of `size` rounds each, in order of time."""
    count = min(len(row["samples_ms"]) for row in report["rows"]) // size
    return [{**report, "rows": [_cut(row, at * size, size) for row in report["rows"]]} for at in range(count)]


def _cut(row: dict[str, Any], start: int, size: int) -> dict[str, Any]:
    kept = {key: row[key] for key in ("model", "runtime", "device", "state")}
    probes = row["probes_ms"][start : start + size]
    return {**kept, "samples_ms": row["samples_ms"][start : start + size], "probe_ms": sorted(probes)[size // 2]}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--times", type=int, default=20, help="comparisons (20)")
    parser.add_argument("--processes", type=int, default=4, help="fresh processes of a model in each run (4)")
    parser.add_argument("--seconds", type=float, default=0.3, help="that a process measures (0.3)")
    parser.add_argument("--out", type=Path, help="write what was found as JSON")
    args = parser.parse_args()
    suite = Suite(
        models=MODELS, runtimes=["onnx"], warmup=2, min_runs=3, seconds=args.seconds,
        processes=args.processes * (args.times + 1), accuracy=False, lookahead=False,
    )  # fmt: skip
    report = run_suite(suite, "same code")
    failed = [f"{row['model']}: {row['reason']}" for row in report["rows"] if row["state"] != "ok"]
    if failed or report["interrupted"]:
        print("; ".join(failed) or "interrupted: nothing can be said")
        return 1
    runs = parts(report, args.processes)
    verdicts = [compare(before, after) for before, after in pairwise(runs)]
    slower = [(number, one) for number, pair in enumerate(verdicts) for one in pair if one.verdict == "slower"]
    wrong = len({number for number, _ in slower})
    overhead = {row["model"]: row["overhead_ms"] / row["p50_ms"] for row in report["rows"]}
    found = {
        "comparisons": len(verdicts),
        "models": MODELS,
        "processes": args.processes,
        "with_a_false_regression": wrong,
        "false": [f"pair {number}: {one.model} x {one.ratio:.3f}" for number, one in slower],
        "harness_share": {model: round(share, 6) for model, share in overhead.items()},
        "medians_ms": {row["model"]: row["p50_ms"] for row in report["rows"]},
        "seconds": report["seconds"],
        "doubts": report["doubts"],
        "environment": report["environment"],
    }
    print(f"{wrong} of {len(verdicts)} comparisons of the same code say that something became slower")
    for one in found["false"]:
        print(f"  {one}")
    worst = max(overhead, key=lambda model: overhead[model])
    print(f"the harness's own share of a figure: at most {100 * overhead[worst]:.3f} % ({worst})")
    print(f"{report['seconds']:.0f} s")
    if args.out:
        args.out.write_text(json.dumps(found, indent=1) + "\n")
    return int(wrong > MOST_FALSE * len(verdicts) or overhead[worst] >= 0.01)


if __name__ == "__main__":
    raise SystemExit(main())
