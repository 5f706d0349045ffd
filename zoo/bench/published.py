"""The published tables of cost beside the same figures of this zoo, and why they differ."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from zoo.bench.run import Case, Each, new_report, run_cases
from zoo.bench.suite import Suite

FRAMES = 180  # of system D's counts
CLIP_S = 20.0  # of system A
MEGA = 1e6


@dataclass(frozen=True)
class Published:
    """One published figure.

    Args:
        system: of the overview of systems, A to D.
        what: the figure.
        value: as published, in `unit`.
        model, options: ours.
        key: of a measured row; `scale` brings it to `unit`.
        over: ours is the ratio of this model's figure to that of `model`.
        why: what makes them differ, or what else should be known.
        runtime: that is measured.
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


_D = {"frames": FRAMES}
TABLE: tuple[Published, ...] = (
    Published("A", "size, MCD-rPPG network", 3.9, "MB", "fpn1d_multitask", "size_bytes", "without biomarkers it is the "
              "published network: 792,769 parameters of 4 bytes; the paper counts in MiB or rounds up",
              {"targets": []}, 1e-6),
    Published("A", "size, PhysFormer", 28.4, "MB", "physformer", "size_bytes", "7.38 M parameters of 4 bytes are "
              "29.5 MB, or 28.2 MiB", {}, 1e-6),
    Published("A", "size, POS", 0.0, "MB", "pos", "size_bytes", "nothing is learned", {}, 1e-6),
    Published("A", "CPU time of a 20 s clip, MCD-rPPG network", 0.15, "s", "fpn1d_multitask", "seconds_20", "theirs "
              "holds the features, on another machine, with the data loader timed; ours is the model from region "
              "means on, one thread: see the suite pipeline for the whole way", {"targets": []}),
    Published("A", "CPU time of a 20 s clip, POS", 0.26, "s", "pos", "seconds_20", "theirs is a loop over windows with "
              "the features; ours is one pass over region means"),
    Published("A", "CPU time of a 20 s clip, PhysFormer", 0.93, "s", "physformer", "seconds_20", "another machine and "
              "number of threads; ours is one thread, preparation included"),
    Published("B", "parameters, teacher", 795_811, "", "can_teacher", "network_parameters", "the same network"),
    Published("B", "parameters, student", 24_769, "", "can_student", "network_parameters", "the same network"),
    Published("B", "teacher over student, time", 10.0, "x", "can_student", "ms_per_second", "theirs is the whole "
              "pipeline on a Jetson Nano, face detection included; ours is the networks alone in ONNX Runtime",
              {}, 1.0, "can_teacher", "onnx"),
    Published("C", "window, PhysNet on a phone", 90, "frames", "physnet", "frames", "3 x 90 x 80 x 80, as published; "
              "ours is its time and size at that window", {"frames": 90, "size": 80}),
    Published("D", "parameters, two-stream attention", 0.24, "M", "mobilenet_attention", "network_parameters", "the "
              "paper does not give its regressor's widths: the nearest MobileNetV3 that fits its totals", {}, 1e-6),
    Published("D", "'GFLOPs', two-stream attention", 28.77, "GMAC", "mobilenet_attention", "macs", "published counts "
              "are multiply-accumulates of 180 frames; at 36x36, since its layer table costs 94.5 GMAC at 72x72",
              _D, 1e-9),
    Published("D", "parameters, TS-CAN", 2.23, "M", "tscan", "network_parameters", "the same network",
              {"size": 72}, 1e-6),
    Published("D", "'GFLOPs', TS-CAN", 40.89, "GMAC", "tscan", "macs", "multiply-accumulates of 180 frames of 72x72",
              {**_D, "size": 72}, 1e-9),
    Published("D", "parameters, ResNet-18", 11.69, "M", "resnet18", "network_parameters", "theirs includes a layer of "
              "1000 classes; one output leaves 11,177,025", {}, 1e-6),
    Published("D", "'GFLOPs', ResNet-18", 41.75, "GMAC", "resnet18", "macs", "multiply-accumulates of 180 frames of "
              "72x72; a layer of 1000 classes adds 0.092 and batch norm counted twice 0.098, which gives theirs",
              {**_D, "size": 72}, 1e-9),
    Published("D", "parameters, PhysFormer", 7.38, "M", "physformer", "network_parameters", "the same network",
              {}, 1e-6),
    Published("D", "'GFLOPs', PhysFormer", 35.32, "GMAC", "physformer", "macs", "theirs cannot be reproduced: ours is "
              "160 frames of 128x128", {}, 1e-9),
)  # fmt: skip


def run_published(suite: Suite, name: str, threads: int = 1, each: Each = lambda row: None) -> dict[str, Any]:
    """Measure what the tables need; a report whose rows are `system`, `what`, `published`, `ours`, `ratio`, `why`.

    The measured rows themselves are in `measured`.
    """
    report = new_report(suite, name, "cpu", threads)
    measured: dict[tuple[str, str, str], dict[str, Any]] = {}
    counting = replace(suite, processes=1, min_runs=1, max_runs=1, warmup=0, seconds=0.0)
    for part, entries in _groups().items():
        timed, runtime = part
        settings = replace(suite if timed else counting, runtimes=[runtime], accuracy=False, lookahead=False)
        part_report = run_cases(settings, name, entries, "cpu", threads, each)
        for row in part_report["rows"]:
            measured[row["model"], str(row["options"]), runtime] = row
        report["interrupted"] |= part_report["interrupted"]
        if report["interrupted"]:
            break
        report.setdefault("doubts", []).extend(part_report["doubts"] if timed else [])
    report["measured"] = list(measured.values())
    report["rows"] = [row for entry in TABLE if (row := _row(entry, measured)) is not None]
    return report


def _timed(entry: Published) -> bool:
    return entry.key in ("seconds_20", "ms_per_second", "frames")


def _groups() -> dict[tuple[bool, str], list[Case]]:
    """Cases by whether they are timed, and runtime; each once."""
    groups: dict[tuple[bool, str], list[Case]] = {}
    for timed in (True, False):
        for entry in TABLE:
            if _timed(entry) is timed:
                known = [case for (_, runtime), cases in groups.items() if runtime == entry.runtime for case in cases]
                for model in filter(None, (entry.model, entry.over)):
                    case = Case(model, dict(entry.options))
                    if case not in known:
                        groups.setdefault((timed, entry.runtime), []).append(case)
    return groups


def _row(entry: Published, measured: Mapping[tuple[str, str, str], dict[str, Any]]) -> dict[str, Any] | None:
    key = str(dict(entry.options)), entry.runtime
    rows = [measured.get((model, *key)) for model in filter(None, (entry.over, entry.model))]
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
    ratio = f"{ours / entry.value:.3f}" if entry.value else ""
    return {**row, "state": "ok", "ours": shown + unit, "ratio": ratio, "figure": ours}


_FIGURES: dict[str, Callable[[dict[str, Any]], float]] = {
    "seconds_20": lambda row: row["ms_per_second"] * CLIP_S / 1e3,
    "frames": lambda row: row["window_s"] * row["fps"],
}


def _figure(row: dict[str, Any], key: str) -> float:
    return float(_FIGURES[key](row) if key in _FIGURES else row[key])
