"""`zoo bench compare`, `show` and `pick`: what was measured before."""

from __future__ import annotations

import argparse
import json
import math
from dataclasses import asdict
from pathlib import Path

from zoo.bench.results import read, read_all
from zoo.errors import UsageError

WORST_SHOWN = 12


def add_compare_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `zoo bench compare`."""
    parser.add_argument("before", type=Path, metavar="A", help="bench.json, or its folder")
    parser.add_argument("after", type=Path, metavar="B", help="the later one")
    parser.add_argument("--tolerance", type=float, default=0.05, help="slower by this share is no matter (0.05)")
    parser.add_argument("--json", action="store_true", help="print JSON")


def compare(args: argparse.Namespace) -> int:
    """How many times as long each model takes in B as in A; exit code 1 where it is slower beyond the noise."""
    from zoo.bench.compare import compare as compared_rows
    from zoo.bench.compare import regressed
    from zoo.commands._table import columns

    before, after = read(args.before), read(args.after)
    if before.get("kind") == "published" or before.get("kind") != after.get("kind"):
        raise UsageError("Two runs of the same kind of suite (models or pipeline) are compared: give two such results.")
    if args.tolerance < 0:
        raise UsageError("--tolerance is a share of at least 0.")
    found = compared_rows(before, after, args.tolerance)
    if args.json:
        plain = [
            {
                key: None if isinstance(value, float) and math.isnan(value) else value
                for key, value in asdict(one).items()
            }
            for one in found
        ]
        print(json.dumps(plain))
        return int(regressed(found))
    rows = [
        [one.model, one.runtime, _figure(one.ratio), _figure(one.low), _figure(one.high), one.verdict, one.says]
        for one in found
    ]
    print(columns(["model", "runtime", "B / A", "low", "high", "verdict", ""], rows))
    machines = [report["environment"].get("cpu") for report in (before, after)]
    if machines[0] != machines[1]:
        print(f"note: two machines are compared, {machines[0]} and {machines[1]}")
    return int(regressed(found))


def add_show_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `zoo bench show`."""
    parser.add_argument("results", type=Path, nargs="*", help="files or folders (default: the project's own results)")
    parser.add_argument("--html", type=Path, metavar="FILE", help="write the report of one result")


def show(args: argparse.Namespace) -> int:
    """Print what was measured before."""
    from zoo.bench.report import html
    from zoo.bench.screen import show as table
    from zoo.checkpoints import write_whole

    found = read_all(args.results)
    if args.html and len(found) != 1:
        raise UsageError(f"--html is the report of one result, not of {len(found)}: name one file.")
    for path, report in found:
        print(path)
        table(report)
    if args.html:
        write_whole(args.html, html(found[0][1]).encode())
    return 0


def add_pick_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `zoo bench pick`."""
    add = parser.add_argument
    add("results", type=Path, nargs="*", help="files or folders (default: the project's own results)")
    add("--max-ms", type=float, help="milliseconds of one window")
    add("--max-ms-per-second", type=float, help="milliseconds a second of video")
    add("--max-mb", type=float, help="megabytes of the file")
    add("--max-memory-mb", type=float, help="megabytes of memory")
    add("--min-within-3", type=float, help="share of windows whose heart rate is within 3 a minute, 0..1")
    add("--max-mae", type=float, help="mean absolute error of the heart rate, 1/min")
    add("--runtime", help="only this runtime")
    add("--device", help="only this device")


def pick(args: argparse.Namespace) -> int:
    """The most accurate model under a budget, and why not the others; 1 where none fits."""
    from zoo.bench.pick import Budget
    from zoo.bench.pick import pick as choose

    if args.min_within_3 is not None and not 0 <= args.min_within_3 <= 1:
        raise UsageError("--min-within-3 is a share from 0 to 1.")
    rows = [row for _, report in read_all(args.results) if report.get("kind", "models") == "models"
            for row in report["rows"]]  # fmt: skip
    budget = Budget(
        args.max_ms, args.max_ms_per_second, args.max_mb, args.max_memory_mb, args.min_within_3, args.max_mae,
        args.runtime, args.device,
    )  # fmt: skip
    best, judged = choose(rows, budget)
    if best is None:
        print("no model fits:")
    else:
        row, worth = best.row, best.row["worth"]
        size = (row.get("file_bytes") or row["size_bytes"]) / 1e6
        print(
            f"{row['model']} in {row['runtime']}: {row['p50_ms']:.2f} ms a window, {size:.2f} MB, heart rate within "
            f"{worth['heart_rate_mae']:.2f}/min on average, {100 * worth.get('heart_rate_within_3', math.nan):.0f} % "
            "within 3: the lowest error of all that fit"
        )
    others = sorted(
        (choice for choice in judged if choice.against),
        key=lambda choice: (not choice.row.get("trained", False), len(choice.against)),
    )
    for choice in others[:WORST_SHOWN]:
        print(f"  not {choice.row['model']} ({choice.row.get('runtime', '')}): {', '.join(choice.against)}")
    if len(others) > WORST_SHOWN:
        print(f"  and {len(others) - WORST_SHOWN} more")
    return int(best is None)


def _figure(value: float) -> str:
    return "" if math.isnan(value) else f"{value:.3f}"
