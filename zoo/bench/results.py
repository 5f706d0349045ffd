"""What a bench run found: rows, files, and the table on screen."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from zoo.checkpoints import write_whole

SCHEMA = 1

COLUMNS = {
    "model": "model",
    "parameters": "params",
    "macs": "MMAC",
    "size_bytes": "MB",
    "p50_ms": "p50 ms",
    "p90_ms": "p90 ms",
    "p99_ms": "p99 ms",
    "ms_per_second": "ms/s",
    "peak_memory_bytes": "peak MB",
    "heart_rate_mae": "HR MAE",
    "heart_rate_within_3": "within 3",
}
CSV_COLUMNS = (
    *("model", "state", "reason", "runtime", "device", "trained", "parameters", "network_parameters", "macs", "flops"),
    *("size_bytes", "window_s", "first_ms", "p50_ms", "p90_ms", "p99_ms", "runs", "ms_per_second", "start_s"),
    *("peak_memory_bytes", "heart_rate_mae", "heart_rate_within_3", "heart_rate_naive_mae"),
    *("heart_rate_naive_within_3", "ppg_r"),
)


def write(folder: Path, report: dict[str, Any]) -> tuple[Path, Path]:
    """Write `bench.json` (everything) and `bench.csv` (a row a model); each appears whole or not at all."""
    folder.mkdir(parents=True, exist_ok=True)
    table = io.StringIO()
    writer = csv.DictWriter(table, CSV_COLUMNS, extrasaction="ignore")
    writer.writeheader()
    for row in report["rows"]:
        writer.writerow({**row, **row.get("worth", {})})
    paths = folder / "bench.json", folder / "bench.csv"
    write_whole(paths[0], (json.dumps(report, indent=1) + "\n").encode())
    write_whole(paths[1], table.getvalue().encode())
    return paths


def show(report: dict[str, Any]) -> None:
    """Print the table; an untrained model has no accuracy, and the naive row stands last."""
    from rich.console import Console
    from rich.table import Table

    # a table cut off at the edge of a narrow terminal would hide figures
    console = Console(width=max(Console().width, 118))
    machine = report["environment"]
    table = Table(
        title=f"{report['device']} ({machine['cpu']}), {report['threads']} thread(s), suite {report['suite']}"
    )
    for i, title in enumerate(COLUMNS.values()):
        table.add_column(title, justify="left" if i == 0 else "right", no_wrap=True)
    for row in report["rows"]:
        table.add_row(*cells(row))
    naive = naive_row(report["rows"])
    if naive:
        empty = [""] * (len(COLUMNS) - 3)
        table.add_row("naive (median of others)", *empty, f"{naive[0]:.2f}", f"{100 * naive[1]:.0f} %", style="dim")
    console.print(table)
    console.print(
        f"accuracy on {describe_data(report['data'])}; latency of one window, model alone; ms/s = per second of video",
        style="dim",
    )
    for row in report["rows"]:
        if row["state"] != "ok":
            console.print(f"{row['model']}: {row['reason']}", style="red")


def cells(row: dict[str, Any]) -> list[str]:
    """One row as text."""
    if row["state"] != "ok":
        return [row["model"], "failed", *[""] * (len(COLUMNS) - 2)]
    worth = row.get("worth", {})
    accuracy = (
        [f"{worth['heart_rate_mae']:.2f}", f"{100 * worth['heart_rate_within_3']:.0f} %"]
        if "heart_rate_mae" in worth
        else ["untrained" if not row["trained"] else "", ""]
    )
    return [
        row["model"],
        f"{row['parameters'] / 1e6:.3f} M",
        f"{row['macs'] / 1e6:,.1f}" + ("*" if row["uncounted"] else ""),
        f"{row['size_bytes'] / 1e6:.2f}",
        *(f"{row[key]:.2f}" for key in ("p50_ms", "p90_ms", "p99_ms")),
        f"{row['ms_per_second']:.3f}",
        f"{row['peak_memory_bytes'] / 1e6:.0f}" if "peak_memory_bytes" in row else "",
        *accuracy,
    ]


def naive_row(rows: Sequence[dict[str, Any]]) -> tuple[float, float] | None:
    """Heart-rate MAE and share within 3 of the naive predictor, from the first row that has them."""
    for row in rows:
        worth = row.get("worth", {})
        if "heart_rate_naive_mae" in worth:
            return worth["heart_rate_naive_mae"], worth["heart_rate_naive_within_3"]
    return None


def describe_data(data: dict[str, Any]) -> str:
    """The data of a suite in words."""
    options = ", ".join(f"{key} {value}" for key, value in data.items() if key not in ("name", "root"))
    return str(data["name"]) + (f" ({options})" if options else "")
