"""Published tables of cost beside the same figures of this zoo, and why they differ."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from importlib import import_module
from typing import Any

from zoo import registry
from zoo.bench.run import Case, Each, count_cases, new_report, run_cases
from zoo.bench.suite import Suite

MEGA = 1e6
# what must be timed; all else is counted
TIMED = ("seconds_20", "ms_per_second", "frames")
PIPELINE = "pipeline"


@dataclass(frozen=True)
class Published:
    """One published figure.

    Args:
        system: whose: of the overview of systems, A to D, or the field's others.
        what: the figure.
        value: as published, in `unit`.
        model, options: ours.
        key: of a measured row; `scale` brings it to `unit`.
        over: ours is the ratio of this model's figure to that of `model`.
        why: what makes them differ, or what else should be known.
        runtime: that is measured; `pipeline` is the way from frames to outputs in ONNX Runtime.
        eager: the same published figure in eager torch, where this is another runtime's.
    """

    system: str
    what: str
    value: float
    unit: str
    model: str
    key: str
    why: str
    options: Mapping[str, Any] = field(default_factory=dict)
    scale: float = 1.0
    over: str = ""
    runtime: str = "torch"
    eager: float | None = None


Measured = Mapping[tuple[str, str, str], dict[str, Any]]


def entries(table: str) -> tuple[Published, ...]:
    """The figures of a table, `systems` or `peers`; those of plugins that are not installed are left out."""
    module = import_module({"systems": "zoo.bench.published_systems", "peers": "zoo.bench.published_peers"}[table])
    known = registry.entries("model")
    return tuple(entry for entry in module.TABLE if entry.model in known)


def run_published(suite: Suite, name: str, threads: int = 1, each: Each = lambda row: None) -> dict[str, Any]:
    """Measure what a table needs; a report whose rows are `system`, `what`, `published`, `ours`, `ratio`, `why`.

    The measured rows themselves are in `measured`.
    """
    report = new_report(suite, name, "cpu", threads)
    table = entries(suite.table)
    measured: dict[tuple[str, str, str], dict[str, Any]] = {}
    report["doubts"] = []
    untimed = replace(suite, accuracy=False, lookahead=False)
    try:
        for runtimes, cases in _timed(table):
            part = run_cases(replace(untimed, runtimes=list(runtimes)), name, cases, "cpu", threads, each)
            _take(part, report, measured)
        for row in count_cases(untimed, _counted(table, measured), threads, each):
            measured[row["model"], str(row["options"]), ""] = row
        whole = list(dict.fromkeys(entry.model for entry in table if entry.runtime == PIPELINE))
        if whole and not report["interrupted"]:
            _take(_pipeline(suite, name, whole, threads, each), report, measured)
    except KeyboardInterrupt:
        report["interrupted"] = True
    report["measured"] = list(measured.values())
    report["rows"] = [one for entry in table if (one := _row(entry, measured)) is not None]
    return report


def _take(part: dict[str, Any], report: dict[str, Any], measured: dict[tuple[str, str, str], dict[str, Any]]) -> None:
    """Put a part's rows to the others; an interrupted part ends the run."""
    for row in part["rows"]:
        measured[row["model"], str(row.get("options", {})), row["runtime"]] = row
    report["doubts"] = list(dict.fromkeys([*report["doubts"], *part["doubts"]]))
    if part["interrupted"]:
        raise KeyboardInterrupt


def _pipeline(suite: Suite, name: str, models: list[str], threads: int, each: Each) -> dict[str, Any]:
    from zoo.bench.pipeline import run_pipeline

    whole = replace(suite, kind="pipeline", models=models, runtimes=["onnx"])
    part = run_pipeline(whole, name, threads, each)
    part["rows"] = [{**row, "runtime": PIPELINE} for row in part["rows"]]
    return part


def _timed(table: Iterable[Published]) -> list[tuple[tuple[str, ...], list[Case]]]:
    """Cases that are timed, by the runtimes that they are timed in: those of the same runtimes take turns."""
    wanted: dict[tuple[str, str], tuple[Case, dict[str, None]]] = {}
    for entry in table:
        if entry.key in TIMED:
            for model in filter(None, (entry.model, entry.over)):
                case = Case(model, dict(entry.options))
                wanted.setdefault((model, str(case.options)), (case, {}))[1][entry.runtime] = None
    groups: dict[tuple[str, ...], list[Case]] = {}
    for case, runtimes in wanted.values():
        groups.setdefault(tuple(runtimes), []).append(case)
    return list(groups.items())


def _counted(table: Iterable[Published], measured: Measured) -> list[Case]:
    """Cases of which only facts are wanted, and that nothing has told yet."""
    known = {(model, options) for model, options, _ in measured}
    cases = {
        (entry.model, str(dict(entry.options))): Case(entry.model, dict(entry.options))
        for entry in table
        if entry.key not in TIMED and entry.runtime != PIPELINE
    }
    return [case for key, case in cases.items() if key not in known]


def _find(measured: Measured, model: str, options: str, runtime: str) -> dict[str, Any] | None:
    """The row of a runtime; for a fact, any row of the same model."""
    if runtime:
        return measured.get((model, options, runtime))
    rows = [row for (one, said, _), row in measured.items() if (one, said) == (model, options)]
    return min(rows, key=lambda row: row["state"] != "ok", default=None)


def _row(entry: Published, measured: Measured) -> dict[str, Any] | None:
    options = str(dict(entry.options))
    runtime = entry.runtime if entry.key in TIMED or entry.runtime == PIPELINE else ""
    rows = [_find(measured, model, options, runtime) for model in filter(None, (entry.over, entry.model))]
    unit = f" {entry.unit}" if entry.unit else ""
    number = f"{entry.value:,.0f}" if float(entry.value).is_integer() else f"{entry.value:g}"
    row = {"system": entry.system, "what": entry.what, "published": number + unit, "unit": entry.unit,
           "why": entry.why, "model": entry.model, "runtime": entry.runtime}  # fmt: skip
    if any(one is None for one in rows):
        return None
    found = [one for one in rows if one is not None]
    if broken := next((one for one in found if one["state"] != "ok"), None):
        return {**row, "state": "failed", "reason": broken["reason"]}
    figures = [_figure(one, entry.key) * entry.scale for one in found]
    ours = figures[0] / figures[1] if entry.over else figures[0]
    shown = f"{ours:,.0f}" if entry.unit in ("", "frames") else f"{ours:,.4g}"
    if entry.key == "frames":
        shown += f" ({found[0]['p50_ms']:.0f} ms, {found[0]['size_bytes'] / MEGA:.2f} MB)"
        return {**row, "state": "ok", "ours": shown, "ratio": "", "figure": ours}
    if entry.over:
        macs = found[0]["macs"] / found[1]["macs"]
        row["why"] += f"; the ratio of their multiply-accumulates is {macs:.2f}"
    if entry.eager and (eager := measured.get((entry.model, options, "torch"), {})).get("state") == "ok":
        times = f"{entry.eager / entry.value:.1f} times as long there, {_figure(eager, entry.key) / ours:.1f} here"
        row["why"] = f"eager torch takes {times}"
    ratio = f"{ours / entry.value:.3f}" if entry.value else ""
    return {**row, "state": "ok", "ours": shown + unit, "ratio": ratio, "figure": ours}


_FIGURES: dict[str, Callable[[dict[str, Any]], float]] = {
    "seconds_20": lambda row: row["ms_per_second"] * 20 / 1e3,
    # face and decoding are not in it
    "features_and_model": lambda row: row["stages_s"]["regions"] + row["stages_s"]["model"],
    "frames": lambda row: row["window_s"] * row["fps"],
}


def _figure(row: dict[str, Any], key: str) -> float:
    return float(_FIGURES[key](row) if key in _FIGURES else row[key])
