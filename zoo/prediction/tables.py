"""Results for people: one video in full, several as a table."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from zoo.prediction.result import Estimate, VideoResult


def show(results: Sequence[VideoResult], console: Console | None = None) -> None:
    """Print results to stdout; the reason of a single video that failed to stderr."""
    console = console or Console()
    if len(results) == 1 and results[0].error:
        Console(stderr=True).print(Text(f"zoo predict: {results[0].error}"), soft_wrap=True)
    elif len(results) == 1:
        console.print(in_full(results[0]))
    else:
        console.print(summary(results))
        for note in _shared_notes(results):
            console.print(Text(note, style="yellow"))
        if any(result.biomarkers for result in results):
            console.print("Biomarkers: see --json or --csv FILE.", style="dim")


def in_full(result: VideoResult) -> Table:
    """A table of all that is known about one video."""
    facts = f"{result.model} · {result.duration:.1f} s at {result.fps:.3g} frames/s"
    table = Table(title=Text.assemble((result.video, "bold"), "  ", (facts, "dim")), title_justify="left")
    table.add_column("")
    table.add_column("value", justify="right")
    table.add_column("interval", justify="right")
    table.add_column("how", style="dim", overflow="fold")
    for name, estimate in (("heart rate", result.heart_rate), ("respiration rate", result.respiration_rate)):
        if estimate is not None and name == "heart rate" and _refused(result):
            table.add_row(name, Text("refused", style="red"), "", f"guess: {_value(estimate)}; {_how(estimate)}")
        elif estimate is not None:
            table.add_row(name, _value(estimate), _interval(estimate), _how(estimate))
        else:
            table.add_row(name, "–", "", "could not be decided")
    if result.quality is not None:
        snr = f"signal-to-noise ratio {result.quality.snr:.1f} dB" if math.isfinite(result.quality.snr) else ""
        least = f"refused below {100 * result.quality.threshold:.0f} %"
        sure = f"{100 * result.quality.confidence:.0f} %"
        table.add_row("confidence", sure, "", "; ".join(filter(None, [least, snr])))
    if result.biomarkers:
        table.add_section()
    for name, marker in result.biomarkers.items():
        value = f"{100 * marker.value:.0f} %" if marker.label else f"{marker.value:.4g} {marker.unit}"
        remark = [f"probability of {marker.label}"] if marker.label else []
        table.add_row(
            name.replace("_", " "),
            value,
            "",
            "; ".join([*remark, *(["simulated people: not medical"] if marker.simulated else [])]),
        )
    table.add_section()
    for note in result.notes:
        table.add_row("note", "", "", Text(note, style="yellow"))
    stages = ", ".join(f"{name} {seconds:.2f}" for name, seconds in result.seconds.items())
    table.add_row("speed", f"{result.realtime_factor:.0f}x", "", f"real time; seconds: {stages}")
    if result.picture:
        table.add_row("picture", "", "", Text(result.picture, style="default"))
    return table


def summary(results: Sequence[VideoResult]) -> Table:
    """A table with one row a video; a failed one says why."""
    table = Table()
    table.add_column("video", overflow="fold", ratio=2)
    for name in ("heart rate", "respiration", "confidence"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("remarks", overflow="fold", ratio=3)
    for result, name in zip(results, shortened([result.video for result in results]), strict=True):
        if result.error:
            # its name stands in the row already
            reason = result.error.replace(f"'{result.video}'", "it")
            reason = reason[:1].upper() + reason[1:]
            table.add_row(Text(name), "failed", "", "", Text(reason, style="red"))
            continue
        confidence = f"{100 * result.quality.confidence:.0f} %" if result.quality else "–"
        rate, breath = result.heart_rate, result.respiration_rate
        spoken = f"{rate.value:.1f} ({_interval(rate)})" if rate else "–"
        spoken = "refused" if _refused(result) else spoken
        own = [note for note in result.notes if note not in _shared_notes(results)]
        remarks = Text("; ".join(own), style="yellow")
        table.add_row(Text(name), spoken, f"{breath.value:.1f}" if breath else "–", confidence, remarks)
    return table


def _refused(result: VideoResult) -> bool:
    return result.quality is not None and result.quality.refused


def _shared_notes(results: Sequence[VideoResult]) -> list[str]:
    """Notes that stand in every result: they are about the model, and said once."""
    good = [result.notes for result in results if not result.error]
    return [note for note in good[0] if all(note in notes for notes in good)] if len(good) > 1 else []


def shortened(names: Sequence[str]) -> list[str]:
    """Paths without the folders that they all share."""
    parents = [Path(name).parent.parts for name in names]
    shared = 0
    while all(len(parts) > shared and parts[shared] == parents[0][shared] for parts in parents):
        shared += 1
    return [str(Path(*Path(name).parts[shared:])) if shared else name for name in names]


def _value(estimate: Estimate) -> str:
    return f"{estimate.value:.1f} /min"


def _interval(estimate: Estimate) -> str:
    if not (math.isfinite(estimate.low) and math.isfinite(estimate.high)):
        return ""
    return f"{estimate.low:.1f}–{estimate.high:.1f}"


def _how(estimate: Estimate) -> str:
    band = f"{60 * estimate.band[0]:.0f}–{60 * estimate.band[1]:.0f} /min"
    return f"{estimate.source}, {estimate.method}, {band}, over {estimate.window:.1f} s"
