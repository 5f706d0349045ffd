"""Networks of the zoo beside the plain form of the same layers: same weights, same input, one run, one thread.

    python -m benchmarks.networks [--seconds 8] [--json FILE] [NAME ...]

The plain forms stand in `benchmarks/plain.py`. A row says milliseconds a second of video in eager fp32 (CPU time,
median of interleaved runs, random weights, batch 1), the ratio of the medians with the middle half of the pairs'
ratios, and the relative difference of the two outputs.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks.plain import FORMS
from benchmarks.plugins import with_plugins
from zoo import registry

LEAST, MOST = 3, 25


def measure(name: str, seconds: float) -> dict[str, Any]:
    """One row: both forms of a network, interleaved for about so many seconds of CPU time."""
    plain, options = FORMS[name]
    torch.manual_seed(0)
    module = registry.model_class(name)(**options).eval()
    network = module.network
    forms = {"plain": lambda: plain(network, x), "ours": lambda: network(x)}
    times: dict[str, list[float]] = {form: [] for form in forms}
    with torch.inference_mode():
        x = module.prepare(module.example_input())
        expected, output = forms["plain"](), forms["ours"]()
        begin = time.process_time()
        while len(times["ours"]) < LEAST or (time.process_time() - begin < seconds and len(times["ours"]) < MOST):
            for form, run in forms.items():
                start = time.process_time()
                run()
                times[form].append(time.process_time() - start)
    window = module.input.frames / module.input.fps
    slow, fast = (1e3 * float(np.median(times[form])) / window for form in forms)
    ratios = np.array(times["plain"]) / np.array(times["ours"])
    return {
        "model": name,
        "shape": list(module.input.shape()),
        "plain_ms_s": slow,
        "ours_ms_s": fast,
        "ratio": slow / fast,
        "ratio_low_high": [float(value) for value in np.percentile(ratios, (25, 75))],
        "runs": len(ratios),
        "relative_difference": ((output - expected).norm() / expected.norm()).item(),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description="Networks beside their plain form.")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(FORMS)}; all by default")
    parser.add_argument("--seconds", type=float, default=8.0, help="CPU time for a network")
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    if unknown := [name for name in args.names if name not in FORMS]:
        parser.error(f"there is no plain form of {', '.join(unknown)}")
    torch.set_num_threads(1)
    rows = []
    print(f"{'model':<25}{'plain ms/s':>11}{'ours ms/s':>11}{'ratio':>7}{'half of pairs':>15}{'difference':>12}")
    with with_plugins():
        for name in args.names or FORMS:
            row = measure(name, args.seconds)
            rows.append(row)
            between = "{:.2f}-{:.2f}".format(*row["ratio_low_high"])
            print(
                f"{name:<25}{row['plain_ms_s']:>11.2f}{row['ours_ms_s']:>11.2f}{row['ratio']:>7.2f}{between:>15}"
                f"{row['relative_difference']:>12.1e}",
                flush=True,
            )
    if args.json:
        report = {"torch": torch.__version__, "threads": 1, "seconds": args.seconds, "rows": rows}
        args.json.write_text(json.dumps(report, indent=1) + "\n")


if __name__ == "__main__":
    main()
