"""Cross-validation: which folds test and validate in turn, and what all of them say together."""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import mean, stdev
from typing import TYPE_CHECKING, Any

import numpy as np

from zoo import registry
from zoo.data.module import VitalsDataModule
from zoo.errors import UsageError
from zoo.metrics import statistics, tables

if TYPE_CHECKING:
    from rich.console import Console

PUBLISHED = "published"
# columns of a row that are figures of one fold, in the order of the CSV
FIGURES = (
    *("mae", "rmse", "mape", "r", "within_3", "within_5", "coverage", "naive_mae", "skill", "confident_mae"),
    *("snr", "macc", "auroc", "accuracy", "naive_accuracy"),
)
SHOWN = {"rmse": "RMSE", "r": "r", "within_3": "≤ 3", "naive_mae": "naive MAE", "skill": "skill", "auroc": "AUROC"}
WIDTH = 150
Row = dict[str, Any]


@dataclass(frozen=True)
class Turn:
    """One run of a cross-validation.

    Args:
        name: of its folder.
        data: settings of `VitalsDataModule` that make it.
    """

    name: str
    data: Mapping[str, Any]


def turns(kind: str, data: VitalsDataModule) -> list[Turn]:
    """The runs of a cross-validation.

    Args:
        kind: a number of folds by person, or `published`: the data set's own folds, by its own protocol (of MCD-rPPG,
            fold 0 tests and folds 1 to 4 validate in turn), or each in turn where it has none.
        data: what is cross-validated.

    Raises:
        UsageError: no published folds.
    """
    if kind != PUBLISHED:
        folds = int(kind)
        return [Turn(f"fold_{i}", {"split": "person", "folds": folds, "fold": i}) for i in range(folds)]
    count = data.published_folds()
    if not count:
        name = data.sources[0].name
        raise UsageError(f"{name} has no published folds: cross-validate by person with '--cv 5', say.")
    protocol = registry.dataset(data.sources[0].name).INFO.turns or [(i, (i + 1) % count) for i in range(count)]
    return [
        Turn(f"fold_{i}", {"split": "fold", "fold": test, "val_fold": validates})
        for i, (test, validates) in enumerate(protocol)
    ]


@dataclass(frozen=True)
class Summary:
    """What the runs of a cross-validation say together.

    Args:
        title: model, data and folds.
        folds: of each run its `name`, `people`, `windows` and `scores`.
        rows: by quantity and row (model, naive, floor, waveform): `folds`; the mean over them and its standard
            deviation of each figure (`mae`, `mae_sd`...); of the MAE also the 95 % interval over people, all folds
            pooled (`mae_low`, `mae_high`); `mae_by_fold`.
        people, windows: that were tested, each person once.
        notes: to print.
    """

    title: str
    folds: tuple[Row, ...]
    rows: tuple[Row, ...]
    people: int
    windows: int
    notes: tuple[str, ...] = ()


def summarise(title: str, stems: Sequence[Path]) -> Summary:
    """Sum up finished runs.

    Args:
        stems: where their results lie, `stem.json` and `stem-people.csv` each.
    """
    reports = [json.loads(stem.with_name(stem.name + ".json").read_text("utf-8")) for stem in stems]
    errors = [_read(stem.with_name(stem.name + tables.PEOPLE)) for stem in stems]
    people = {row["person"] for fold in errors for row in fold}
    found: dict[tuple[str, str, str], list[Row]] = {}
    for report in reports:
        for row in report["rows"]:
            # the naive predictor of a fold may be another's in name only
            source = row.get("source", "") if row["row"] == "model" else ""
            found.setdefault((row["quantity"], row["row"], source), []).append(row)
    rows = [_together(key, one, errors) for key, one in found.items()]
    folds = [
        {"name": stem.parent.name, "people": report["people"], "windows": report["windows"], "scores": report["scores"]}
        for stem, report in zip(stems, reports, strict=True)
    ]
    notes = sorted({note for report in reports for note in report["notes"]})
    if any(report["simulated"] for report in reports):
        notes.append(tables.SIMULATED)
    return Summary(title, tuple(folds), tuple(rows), len(people), sum(one["windows"] for one in folds), tuple(notes))


def _together(key: tuple[str, str, str], rows: Sequence[Row], errors: Sequence[Sequence[Row]]) -> Row:
    quantity, kind, source = key
    row: Row = {"quantity": quantity, "row": kind, "source": source, "unit": rows[0].get("unit"), "folds": len(rows)}
    for figure in FIGURES:
        values = [one[figure] for one in rows if one.get(figure) is not None]
        if values:
            row[figure] = mean(values)
            row[f"{figure}_sd"] = stdev(values) if len(values) > 1 else None
    column = {"model": "mae", "naive": "naive_mae"}.get(kind)
    if column is not None and source != "head":
        row["mae_low"], row["mae_high"] = _interval(quantity, column, errors)
    row["mae_by_fold"] = [one.get("mae") for one in rows]
    return row


def _interval(quantity: str, column: str, errors: Sequence[Sequence[Row]]) -> tuple[float, float]:
    """Bootstrap over people: all windows of a person, in whatever fold, are drawn or left together."""
    rows = [row for fold in errors for row in fold if row["quantity"] == quantity and row[column]]
    windows = np.array([int(row["windows"]) for row in rows], int)
    error = np.repeat(np.array([float(row[column]) for row in rows]), windows)
    person = np.repeat(np.array([row["person"] for row in rows], str), windows)
    return statistics.bootstrap(statistics.mae, error, np.zeros_like(error), person.tolist())


def _read(path: Path) -> list[Row]:
    if not path.is_file():
        return []
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def write(summary: Summary, stem: Path) -> list[Path]:
    """Write `stem.csv`, a row a quantity, and `stem.json`, all of it."""
    as_csv, as_json = stem.with_name(stem.name + ".csv"), stem.with_name(stem.name + ".json")
    write_csv(summary, as_csv)
    as_json.write_text(json.dumps(as_dict(summary), indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    return [as_csv, as_json]


def write_csv(summary: Summary, path: Path) -> None:
    """The rows as a table; the MAE of each fold in a column of its own."""
    names = [f"mae_{fold['name']}" for fold in summary.folds]
    figures = [column for figure in FIGURES for column in (figure, f"{figure}_sd")]
    columns = ["quantity", "row", "source", "unit", "folds", "mae_low", "mae_high", *figures, *names]
    path.parent.mkdir(parents=True, exist_ok=True)
    rows = [{**row, **dict(zip(names, row["mae_by_fold"], strict=False))} for row in summary.rows]
    tables.write_rows(rows, path, columns)


def as_dict(summary: Summary) -> dict[str, Any]:
    """All of it as JSON can hold it."""
    plain: dict[str, Any] = tables.as_plain(
        {
            "title": summary.title,
            "people": summary.people,
            "windows": summary.windows,
            "folds": list(summary.folds),
            "rows": list(summary.rows),
            "notes": list(summary.notes),
        }
    )
    return plain


def show(summary: Summary, console: Console | None = None) -> None:
    """Print it: mean ± standard deviation over the folds, the interval over people, and the MAE of each fold."""
    from rich.console import Console as Screen
    from rich.table import Table

    console = console or Screen()
    console = console if console.width >= WIDTH else Screen(file=console.file, width=WIDTH)
    console.print(
        f"[bold]{summary.title}[/bold]: {summary.windows} windows of {summary.people} people", highlight=False
    )
    used = {name: heading for name, heading in SHOWN.items() if any(name in row for row in summary.rows)}
    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in ("", "", ""):
        table.add_column(heading, no_wrap=True)
    for heading in ("MAE", "95 % CI", *used.values(), "MAE by fold"):
        table.add_column(heading, no_wrap=True, justify="right")
    for row in summary.rows:
        figures = [_shown(row, name) for name in used]
        interval = f"{row['mae_low']:.2f}-{row['mae_high']:.2f}" if np.isfinite(row.get("mae_low", np.nan)) else ""
        each = " ".join("-" if one is None else f"{one:.2f}" for one in row["mae_by_fold"]) if "mae" in row else ""
        label = [row["quantity"], row["row"], row["unit"] or ""]
        style = "dim" if row["row"] in ("naive", "floor") else ""
        table.add_row(*label, _shown(row, "mae"), interval, *figures, each, style=style)
    console.print(table)
    console.print("mean ± standard deviation over the folds; 95 % CI of the MAE over people", highlight=False)
    for note in summary.notes:
        console.print(f"[yellow]{note}[/yellow]", highlight=False)


def _shown(row: Row, name: str) -> str:
    value, spread = row.get(name), row.get(f"{name}_sd")
    if value is None:
        return ""
    scale, digits, unit = (100, 0, " %") if name.startswith("within") else (1, 2, "")
    after = f" ± {scale * spread:.{digits}f}" if spread is not None else ""
    return f"{scale * value:.{digits}f}{after}{unit}"
