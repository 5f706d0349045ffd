"""The result table: one way onto the screen, one into files. The naive row and the floor stand in every table."""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from zoo.metrics.clinical import bhs_grade
from zoo.metrics.scores import COVERAGES
from zoo.spec import TARGETS

if TYPE_CHECKING:
    from rich.console import Console

    from zoo.metrics.vitals import VitalsMetrics

WIDTH = 150
SIMULATED = "simulated: not medical"
RATES = ("heart_rate", "respiration_rate")
Row = dict[str, Any]
# in the order of the CSV; a column whose heading is None is written, and not shown
HEADINGS: dict[str, str | None] = {
    "quantity": "",
    "row": "",
    "source": "",
    "unit": "",
    "mae": "MAE",
    "mae_se": "± SE",
    "mae_low": "95 % CI",
    "mae_high": None,
    "rmse": "RMSE",
    "mape": "MAPE %",
    "r": "r",
    "within_3": "≤ 3",
    "within_5": "≤ 5",
    "coverage": "coverage",
    "naive_mae": "naive MAE",
    "skill": "skill",
    "confident_mae": "MAE@60%",
    "snr": "SNR dB",
    "macc": "MACC",
    "auroc": "AUROC",
    "accuracy": "accuracy",
    "naive_accuracy": "naive accuracy",
    "bias": None,
    "error_std": None,
    "iso_81060_2": "ISO 81060-2",
    "bhs": "BHS",
    "mark": None,
}
COLUMNS = tuple(HEADINGS)
PEOPLE = "-people.csv"
PERSON_COLUMNS = ("quantity", "person", "windows", "mae", "naive_mae")
GROUP_COUNTS = ("people", "n")
GROUP_COLUMNS = (
    *("label", "value", "people", "n", "mae", "mae_se", "rmse", "mape", "r", "within_3", "within_5", "coverage"),
)


@dataclass(frozen=True)
class Report:
    """Everything that a result table says.

    Args:
        title: model or file, and the data.
        scores: by the stable keys of `zoo.metrics.VitalsMetrics`.
        protocol: one line, `Protocol.describe()`.
        naive: by quantity, what the naive predictor says.
        sources: by rate, `waveform`, `head` or `pulse` (respiration out of the pulse).
        people, windows: how many were scored.
        simulated: trained on simulated people, so that its biomarkers are marked as not medical.
        notes: further lines to print (data that was seen in training, assumptions).
        groups: the heart rate's scores by label and value, `zoo.metrics.groups.by_labels`.
        by_person: errors of each person, `zoo.metrics.VitalsMetrics.by_person`; they are written beside the table.
    """

    title: str
    scores: Mapping[str, float]
    protocol: str
    naive: Mapping[str, str] = field(default_factory=dict)
    sources: Mapping[str, str] = field(default_factory=dict)
    people: int = 0
    windows: int = 0
    simulated: bool = False
    notes: tuple[str, ...] = ()
    groups: Mapping[str, Mapping[str, Mapping[str, float]]] = field(default_factory=dict)
    by_person: tuple[Row, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """All of it as plain values, with its rows, without each person's."""
        return {**{name: value for name, value in asdict(self).items() if name != "by_person"}, "rows": rows(self)}


def report(
    metrics: VitalsMetrics,
    title: str,
    *,
    simulated: bool = False,
    trained_on: Sequence[str] = (),
    tested_on: Sequence[str] = (),
) -> Report:
    """The report of a run.

    Args:
        metrics: after the run, before it is reset.
        title: model and data.
        simulated: the model was trained on simulated people.
        trained_on, tested_on: names of data sets; one that is in both is flagged.
    """
    _, people = metrics.windows()
    seen = sorted(set(trained_on) & set(tested_on))
    notes = [
        f"seen in training: {name}; unless these are others of its people, this says nothing about new ones"
        for name in seen
    ]
    return Report(
        title=title,
        scores={name: float(value) for name, value in metrics.compute().items()},
        protocol=metrics.protocol.describe(),
        naive=metrics.naive,
        sources=metrics.sources,
        people=len(set(people)),
        windows=len(people),
        simulated=simulated,
        notes=tuple(notes),
    )


def rows(report: Report) -> list[Row]:
    """The table as rows {column: value} with the columns `COLUMNS`; what is not known is left out of a row."""
    table: list[Row] = []
    for rate in RATES:
        table += _rate_rows(rate, report)
    for name in ("ppg", "respiration"):
        scores = _under(f"{name}_", report.scores, ("mae", "rmse", "r", "snr", "macc", "error_std"))
        if scores and name + "_r" in report.scores:
            table.append({"quantity": name, "row": "waveform", "unit": "z-score", **scores})
    if "ibi_mae" in report.scores:
        table.append({"quantity": "ibi", "row": "model", "unit": "ms", "mae": report.scores["ibi_mae"]})
    for name, target in TARGETS.items():
        if name not in RATES:
            table += _target_rows(name, target.unit, report)
    return table


def _under(prefix: str, scores: Mapping[str, float], keys: Sequence[str]) -> Row:
    return {key: scores[prefix + key] for key in keys if prefix + key in scores}


def _rate_rows(rate: str, report: Report) -> list[Row]:
    keys = [column for column in COLUMNS if column not in ("naive_mae", "snr", "macc")]
    if f"{rate}_mae" not in report.scores:
        return []
    source = report.sources.get(rate, "waveform")
    found = [{"row": "model", "source": source, **_under(f"{rate}_", report.scores, keys)}]
    if f"{rate}_head_mae" in report.scores:
        found.append({"row": "model", "source": "head", **_under(f"{rate}_head_", report.scores, keys)})
    naive = report.naive.get(rate, "other people's median")
    found.append({"row": "naive", "source": naive, **_under(f"{rate}_naive_", report.scores, keys)})
    if f"{rate}_floor_mae" in report.scores:
        found.append({"row": "floor", "source": "contact signal", **_under(f"{rate}_floor_", report.scores, keys)})
    return [{"quantity": rate, "unit": TARGETS[rate].unit, **row} for row in found]


def _target_rows(name: str, unit: str, report: Report) -> list[Row]:
    scores = _under(f"{name}_", report.scores, COLUMNS)
    if not scores:
        return []
    row: Row = {"quantity": name, "row": "model", "unit": unit, **scores}
    if f"{name}_iso_criterion_1" in report.scores:
        passed = [report.scores[f"{name}_iso_criterion_{k}"] == 1 for k in (1, 2)]
        row["iso_81060_2"] = " ".join(f"{k}: {'pass' if one else 'fail'}" for k, one in enumerate(passed, 1))
        row["bhs"] = bhs_grade([report.scores[f"{name}_within_{k}"] for k in (5, 10, 15)])
    if report.simulated:
        row["mark"] = SIMULATED
    return [row]


def show(report: Report, console: Console | None = None) -> None:
    """Print the report: rates, then waveforms, then biomarkers, each with what it is compared with."""
    from rich.console import Console as Screen

    # a pipe is taken for 80 columns: a table is never folded, it runs over instead
    console = console or Screen()
    console = console if console.width >= WIDTH else Screen(file=console.file, width=WIDTH)
    table = rows(report)
    console.print(f"[bold]{report.title}[/bold]: {report.windows} windows of {report.people} people", highlight=False)
    parts = {
        "rates": [row for row in table if row["quantity"] in RATES],
        "waveforms": [row for row in table if row["quantity"] in ("ppg", "respiration", "ibi")],
        "biomarkers": [row for row in table if row["quantity"] in TARGETS and row["quantity"] not in RATES],
    }
    for title, part in parts.items():
        if part:
            _print(title, part, console)
    if f"{RATES[0]}_aurc" in report.scores:
        _print_trust(report.scores, console)
    if report.groups:
        _print_groups(report, console)
    console.print(report.protocol, highlight=False, markup=False)
    for note in (*report.notes, *((SIMULATED,) if report.simulated and parts["biomarkers"] else ())):
        console.print(f"[yellow]{note}[/yellow]", highlight=False)


def _print(title: str, part: Sequence[Row], console: Console) -> None:
    from rich.table import Table

    hidden = () if title == "rates" else ("row", "source")
    used = [name for name, heading in HEADINGS.items() if heading is not None and name not in hidden]
    used = [name for name in used if any(_shown(row, name) for row in part)]
    table = Table(title=title, title_justify="left", box=None, pad_edge=False, header_style="bold")
    for column in used:
        justify: Literal["left", "right"] = "left" if column in ("quantity", "row", "source", "unit") else "right"
        table.add_column(HEADINGS[column] or "", no_wrap=True, justify=justify)
    for row in part:
        compared = row["row"] in ("naive", "floor")
        table.add_row(*[_shown(row, column) for column in used], style="dim" if compared else "")
    console.print(table)


def trust_rows(scores: Mapping[str, float]) -> list[Row]:
    """Risk and coverage of the heart rate: `windows` (which are kept), `coverage` 0..1, `mae`, `within_3`."""
    one = {key.removeprefix("heart_rate_"): value for key, value in scores.items() if key.startswith("heart_rate_")}
    found: list[Row] = [{"windows": "all", "coverage": 1.0, "mae": one["mae"], "within_3": one["within_3"]}]
    for share in COVERAGES:
        percent = f"{100 * share:.0f}"
        values = {"mae": one[f"mae_at_{percent}"], "within_3": one[f"within_3_at_{percent}"]}
        found.append({"windows": f"surest {percent} %", "coverage": share, **values})
    if "refused" in one:
        values = {key: one[f"kept_{key}"] for key in ("mae", "within_3") if f"kept_{key}" in one}
        found.append({"windows": "not refused", "coverage": 1 - one["refused"], **values})
    return found


def _print_trust(scores: Mapping[str, float], console: Console) -> None:
    from rich.table import Table

    table = Table(title="heart rate by confidence", title_justify="left", box=None, pad_edge=False, header_style="bold")
    columns = ("windows", "coverage", "mae", "within_3")
    for column in columns:
        table.add_column(HEADINGS.get(column) or "", no_wrap=True, justify="left" if column == "windows" else "right")
    for row in trust_rows(scores):
        table.add_row(*[_shown(row, column) for column in columns])
    console.print(table)
    said = [f"area under risk over coverage {scores['heart_rate_aurc']:.3f}"]
    said.append(f"calibration error {100 * scores['heart_rate_calibration_error']:.0f} %")
    for verb, of in (("refused", "wrong"), ("kept", "right")):
        if f"heart_rate_{verb}_of_{of}" in scores:
            said.append(f"{verb} {100 * scores[f'heart_rate_{verb}_of_{of}']:.0f} % of the {of}")
    console.print("; ".join(said), highlight=False)


def _print_groups(report: Report, console: Console) -> None:
    from rich.table import Table

    table = Table(title="heart rate by group", title_justify="left", box=None, pad_edge=False, header_style="bold")
    for column in GROUP_COLUMNS:
        left = column in ("label", "value")
        heading = column if column in GROUP_COUNTS else HEADINGS.get(column, "")
        table.add_column(heading or "", no_wrap=True, justify="left" if left else "right")
    for row in group_rows(report):
        shown = [f"{row[name]:.0f}" if name in GROUP_COUNTS else _shown(row, name) for name in GROUP_COLUMNS]
        table.add_row(*shown)
    console.print(table)


_SHARES = ("within_3", "within_5", "coverage", "accuracy", "naive_accuracy")


def _shown(row: Row, column: str) -> str:
    value = row.get(column)
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    if math.isnan(value):
        return "-"
    if column == "mae_low":
        return f"{value:.2f}-{row['mae_high']:.2f}"
    if column in _SHARES:
        return f"{100 * value:.0f} %"
    return f"{value:.2f}" if column == "snr" else f"{value:.3f}"


def group_rows(report: Report) -> list[Row]:
    """The scores by group as rows {column: value} with the columns `GROUP_COLUMNS`."""
    return [
        {"label": label, "value": value, **{key: scores[key] for key in GROUP_COLUMNS[2:] if key in scores}}
        for label, table in report.groups.items()
        for value, scores in table.items()
    ]


def write_groups(report: Report, beside: Path) -> Path | None:
    """Write the scores by group beside a table, as `<its name>-groups.csv`; None where there are none."""
    if not report.groups:
        return None
    path = beside.with_name(f"{beside.stem}-groups.csv")
    write_rows(group_rows(report), path, GROUP_COLUMNS)
    return path


def write(report: Report, stem: Path) -> list[Path]:
    """Write the report beside each other as `stem.csv` (its rows) and `stem.json` (all of it).

    Where there are scores by group or person, also `stem-groups.csv` and `stem-people.csv`.

    Returns:
        the files written. NaN is an empty cell in the CSV and null in the JSON.
    """
    stem.parent.mkdir(parents=True, exist_ok=True)
    as_csv, as_json = stem.with_name(stem.name + ".csv"), stem.with_name(stem.name + ".json")
    files = [as_csv]
    write_rows(rows(report), as_csv, COLUMNS)
    if by_group := write_groups(report, as_csv):
        files.append(by_group)
    if report.by_person:
        files.append(stem.with_name(stem.name + PEOPLE))
        write_rows(report.by_person, files[-1], PERSON_COLUMNS)
    # the last one: where it is, all are
    as_json.write_text(json.dumps(as_plain(report.as_dict()), indent=2) + "\n", encoding="utf-8")
    return [*files, as_json]


def write_rows(table: Sequence[Row], path: Path, columns: Sequence[str]) -> None:
    """Write rows as CSV with those columns; NaN and what a row does not have are empty cells."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, columns, extrasaction="ignore", lineterminator="\n")
        writer.writeheader()
        for row in table:
            writer.writerow({key: "" if value is None else value for key, value in as_plain(row).items()})


def as_plain(value: Any) -> Any:
    """The value as JSON can hold it: NaN and infinities become None, mappings and sequences are gone through."""
    if isinstance(value, Mapping):
        return {str(key): as_plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [as_plain(one) for one in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value
