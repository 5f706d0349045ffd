"""A report on the terminal."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from zoo.bench.results import COLUMNS, cells, describe_data, naive_row
from zoo.bench.sections import sections

STAGES = ("decode", "face", "regions", "model", "rates", "other")


def show(report: dict[str, Any]) -> None:
    """Print a report's table, then what failed and what makes its figures doubtful."""
    from rich.console import Console

    # a table cut off at the edge of a narrow terminal would hide figures
    console = Console(width=max(Console().width, 184))
    kind = report.get("kind", "models")
    {"pipeline": _pipeline, "published": _published}.get(kind, _models)(report, console)
    for row in report["rows"]:
        if row["state"] != "ok":
            name = " ".join(str(row[key]) for key in ("model", "runtime") if row.get(key))
            console.print(f"{name}: {row['reason']}", style="red", markup=False)
    for doubt in report.get("doubts", []):
        console.print(f"doubtful: {doubt}", style="yellow", markup=False)


def title(report: dict[str, Any]) -> str:
    """Where and by which suite it was measured."""
    machine = report["environment"]
    chip = machine.get("gpu") or machine.get("cpu")
    return f"{report['device']} ({chip}), {report['threads']} thread(s), suite {report['suite']}"


def _table(header: Sequence[str], rows: Sequence[Sequence[str]], heading: str, long: bool = False) -> Any:
    from rich.table import Table
    from rich.text import Text

    table = Table(title=Text(heading))
    for i, name in enumerate(header):
        table.add_column(Text(name), justify="left" if i < 2 else "right", no_wrap=not long or i < len(header) - 1)
    for row in rows:
        table.add_row(*map(Text, row))
    return table


def _models(report: dict[str, Any], console: Any) -> None:
    rows = [cells(row) for row in report["rows"]]
    naive = naive_row(report["rows"])
    if naive:
        rows.append(naive)
    console.print(_table(list(COLUMNS), rows, title(report)))
    console.print(
        f"accuracy on {describe_data(report['data'])}, 95 % interval over people; latency of one window, model alone, "
        "± 95 % over processes; ms/s = milliseconds a second of video; start-up with the interpreter; "
        "* = operators left out",
        style="dim",
        markup=False,
    )
    for section in sections(report["rows"]):
        if section.title.startswith("Skill"):
            _skill(section, console)


def _skill(section: Any, console: Any) -> None:
    """A line a model: as columns they would be wider than a terminal."""
    console.print(section.title, style="italic", markup=False)
    for model, runtime, learned, *values in section.lines:
        known = zip(section.header[3:], values, strict=True)
        said = ", ".join(f"{name} {value}" for name, value in known if value)
        console.print(f"  {model} ({runtime}; {learned}): {said}", markup=False)


def _pipeline(report: dict[str, Any], console: Any) -> None:
    rows = []
    for row in report["rows"]:
        if row["state"] != "ok":
            rows.append([row["model"], row["runtime"], "failed", *[""] * (3 + len(STAGES))])
            continue
        shares = [f"{100 * row['stages_s'].get(stage, 0.0) / row['wall_s']:.0f} %" for stage in STAGES]
        figures = [f"{row['times_real_time']:.1f}", f"{row['wall_s']:.2f}", f"{row['peak_memory_bytes'] / 1e6:.0f}"]
        rows.append([row["model"], row["runtime"], *figures, f"{row['start_s']:.2f}", *shares])
    header = ["model", "runtime", "x real time", "s", "peak MB", "start s", *STAGES]
    console.print(_table(header, rows, title(report)))
    console.print(f"from file to rate: {report['clip']}", style="dim", markup=False)


def _published(report: dict[str, Any], console: Any) -> None:
    rows = [
        [row["system"], row["what"], row["published"], row.get("ours", "failed"), row.get("ratio", ""), row["why"]]
        for row in report["rows"]
    ]
    header = ["system", "what", "published", "ours", "ours / published", "why they differ"]
    console.print(_table(header, rows, title(report), long=True))
