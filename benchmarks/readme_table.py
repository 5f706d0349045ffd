"""README's table out of the committed results: `python -m benchmarks.readme_table` writes it, `--check` compares.

    zoo bench --suite quick --keep benchmarks/results && python -m benchmarks.readme_table

The table stands between two markers in README.md. Nothing in it is typed by hand.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from zoo.bench.results import describe_data, interval, number, read

ROOT = Path(__file__).parents[1]
BEGIN, END = "<!-- bench: python -m benchmarks.readme_table -->", "<!-- bench ends -->"
HEADER = ("model", "runtime", "parameters", "MMAC", "MB", "ms a window", "ms a second of video", "peak MB",
          "heart-rate error, 1/min", "within 3")  # fmt: skip


def quick(folder: Path = ROOT / "benchmarks" / "results") -> dict[str, Any] | None:
    """The newest committed result of the suite quick on a CPU; None where there is none."""
    reports = [report for path in folder.glob("quick_*.json") if (report := read(path))["device"] == "cpu"]
    newest = max((report["started"] for report in reports), default="")
    # a run is kept as a file for each runtime
    parts = [report for report in reports if report["started"] == newest]
    return {**parts[0], "rows": [row for part in parts for row in part["rows"]]} if parts else None


def table(report: dict[str, Any]) -> str:
    """Markdown of one report: a line a model by its cost, the naive predictor last."""
    rows = [row for row in report["rows"] if row["state"] == "ok"]
    lines = [_line(HEADER), _line(["---", *["---:"] * (len(HEADER) - 1)])]
    lines += [_line(_cells(row)) for row in sorted(rows, key=lambda row: row["ms_per_second"])]
    naive = next((row["worth"] for row in rows if "heart_rate_naive_mae" in row.get("worth", {})), None)
    if naive:
        shares = f"{naive['heart_rate_naive_mae']:.1f}", f"{naive['heart_rate_naive_within_3']:.0%}"
        lines.append(_line(["naive predictor (median)", *[""] * (len(HEADER) - 3), *shares]))
    failed = [row for row in report["rows"] if row["state"] != "ok"]
    machine, versions = report["environment"], report["environment"]["versions"]
    text = (
        f"`{report['command']}` on one core, {machine['cpu']} "
        f"({', '.join(f'{name} {versions[name]}' for name in ('onnxruntime', 'torch') if name in versions)}), "
        f"{max(row['processes'] for row in rows)} processes a model, {report['started'][:10]}. ± is the 95 % interval "
        f"over processes. Accuracy on {describe_data(report['data'])}: simulated people, with its 95 % interval over "
        "them; *untrained* models have random first weights, so only their cost means anything."
    )
    if failed:
        text += " Without a row: " + "; ".join(f"{row['model']} ({row['reason'].rstrip('.')})" for row in failed) + "."
    return "\n".join([*lines, "", text])


def _cells(row: dict[str, Any]) -> list[str]:
    spread = ""
    if row.get("p50_high_ms") is not None:
        spread = f" ± {50 * (row['p50_high_ms'] - row['p50_low_ms']) / row['p50_ms']:.0f} %"
    worth = row.get("worth", {})
    error = "" if row["trained"] else "*untrained*"
    if "heart_rate_mae" in worth:
        between = interval(worth)
        error = f"{worth['heart_rate_mae']:.1f}" + (f" ({between})" if between else "")
    return [
        f"`{row['model']}`", row["runtime"], f"{row['parameters']:,}", number("macs", ",.0f", 1e-6)(row),
        number("size_bytes", ".2f", 1e-6)(row), _figure(row["p50_ms"]) + spread, _figure(row["ms_per_second"]),
        number("peak_memory_bytes", ".0f", 1e-6)(row), error, number("heart_rate_within_3", ".0%")(worth),
    ]  # fmt: skip


def _figure(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cell.replace('|', '/') for cell in cells)} |"


def with_table(readme: str, report: dict[str, Any]) -> str:
    """A README's text with the table between its markers."""
    before, rest = readme.split(BEGIN)
    _, after = rest.split(END)
    return f"{before}{BEGIN}\n\n{table(report)}\n\n{END}{after}"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="change nothing; exit code 1 where README differs")
    args = parser.parse_args()
    report, path = quick(), ROOT / "README.md"
    if report is None:
        print("There is no result of the suite quick in benchmarks/results: measure it with 'zoo bench --keep'.")
        return 1
    readme = path.read_text("utf-8")
    changed = with_table(readme, report)
    if args.check:
        return int(changed != readme)
    path.write_text(changed, "utf-8")
    print(f"{path.name}: {len(report['rows'])} rows")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
