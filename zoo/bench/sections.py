"""The tables of a report of models: what each costs in a stream, counts, what it is worth."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from zoo.bench.results import interval, number
from zoo.metrics.tables import SIMULATED
from zoo.spec import TARGETS

Row = dict[str, Any]


@dataclass(frozen=True)
class Section:
    """A table under a heading, with a note below; the first `words` columns are texts."""

    title: str
    header: Sequence[str]
    lines: Sequence[Sequence[str]]
    note: str = ""
    words: int = 2


def sections(rows: Sequence[Row]) -> Iterator[Section]:
    """All tables that have anything to tell of a report's rows, the main one apart."""
    measured = [row for row in rows if row["state"] == "ok"]
    made = (_latency, _stream, _rates, _biomarkers, _operations, _precision, _throughput)
    for section in (one(measured) for one in made):
        if section.lines:
            yield section


def _latency(rows: Sequence[Row]) -> Section:
    header = ["model", "runtime", "start-up s", "cold ms", "p50 ms", "95 % interval", "p90 ms", "p99 ms", "calls",
              "processes", "processes differ by", "others took"]  # fmt: skip
    lines = [
        [*_names(row), *_numbers(row, start_s=".2f", first_ms=".2f", p50_ms=".3f"),
         "" if row.get("p50_high_ms") is None else f"{row['p50_low_ms']:.3f}-{row['p50_high_ms']:.3f}",
         *_numbers(row, p90_ms=".3f", p99_ms=".3f", runs="d", processes="d", spread=".0%", others=".0%")]
        for row in rows
    ]  # fmt: skip
    note = (
        "The interval is over processes, each of which keeps its luck as long as it lives. p99 wants hundreds of "
        "calls. Start-up counts the interpreter, imports and loading; cold is the first call."
    )
    return Section("Latency of one window", header, lines, note)


def _stream(rows: Sequence[Row]) -> Section:
    energy, device = (any(row.get(key) is not None for row in rows) for key in ("energy_j", "device_p50_ms"))
    header = ["model", "runtime", "window s", "ms a second of video", "hop s", "ms a second at that hop",
              "first reading after s", "look-ahead s", *(["mJ a window"] if energy else []),
              *(["ms from first to last kernel, gaps included", "device MB"] if device else [])]  # fmt: skip
    lines = []
    for row in rows:
        line = [*_names(row), *_numbers(row, window_s=".1f", ms_per_second=".3f", hop_s=".1f")]
        line += _numbers(row, ms_per_second_at_hop=".3f", first_reading_s=".2f", lookahead_s=".2f")
        line += [number("energy_j", ".3g", 1e3)(row)] if energy else []
        if device:
            line += [number("device_p50_ms", ".3f")(row), number("peak_device_memory_bytes", ".0f", 1e-6)(row)]
        lines.append(line)
    note = "The hop is that of the model's protocol. Look-ahead: how far into the future a waveform's sample looks."
    note += (
        " From first to last kernel: by the device's clock, which also runs while it waits for a launch."
        if device
        else ""
    )
    note += " Energy is that of warm calls one after the other, with what the device draws at rest." if energy else ""
    return Section("In a stream", header, lines, note)


def _rates(rows: Sequence[Row]) -> Section:
    header = ["model", "runtime", "MAE 1/min", "95 % interval", "naive MAE", "skill", "within 3", "naive within 3",
              "waveform r"]  # fmt: skip
    lines = []
    for row in rows:
        worth = row.get("worth", {})
        if "heart_rate_mae" not in worth:
            if not row.get("trained", True):
                lines.append([*_names(row), "untrained", *[""] * 6])
            continue
        line = [*_names(row), *_numbers(worth, heart_rate_mae=".2f"), interval(worth)]
        line += _numbers(worth, heart_rate_naive_mae=".2f", heart_rate_skill=".2f", heart_rate_within_3=".0%")
        lines.append([*line, *_numbers(worth, heart_rate_naive_within_3=".0%", ppg_r=".2f")])
    note = "The naive predictor says the training median, or the median of the other people, whatever it sees."
    return Section("Heart rate", header, lines, note)


def _biomarkers(rows: Sequence[Row]) -> Section:
    scored = [row for row in rows if row.get("worth")]
    names = [name for name in TARGETS if name != "heart_rate" and any(f"{name}_skill" in r["worth"] for r in scored)]
    header = ["model", "runtime", "trained on", *(name.replace("_", " ") for name in names)]
    lines = [
        [*_names(row), SIMULATED if row.get("simulated") else ", ".join(row.get("trained_on", [])) or "nothing",
         *(number(f"{name}_skill", ".2f")(row["worth"]) for name in names)]
        for row in scored
        if any(f"{name}_skill" in row["worth"] for name in names)
    ]  # fmt: skip
    note = (
        "1 is perfect, 0 no better than the naive predictor, below 0 worse. Respiration may be read from the waveform. "
        f"'{SIMULATED}': trained on simulated people, which says nothing about real ones."
    )
    return Section("Skill of biomarkers over the naive predictor", header, lines, note, words=3)


def _operations(rows: Sequence[Row]) -> Section:
    header = ["model", "parameters", "of the network", "MMAC (fvcore)", "MFLOP (torch)", "FLOP / MAC",
              "operators that fvcore does not know"]  # fmt: skip
    lines = []
    for row in {row["model"]: row for row in rows if row.get("macs") is not None}.values():
        ratio = f"{row['flops'] / row['macs']:.2f}" if row["macs"] else ""
        unknown = ", ".join(f"{name} x {count}" for name, count in row["uncounted"].items())
        line = [row["model"], *_numbers(row, parameters=",d", network_parameters=",d")]
        lines.append([*line, number("macs", ",.1f", 1e-6)(row), number("flops", ",.1f", 1e-6)(row), ratio, unknown])
    note = "Two counters that see different things: torch's counts 2 a multiply-accumulate, and nothing for an LSTM."
    return Section("Operations of one window", header, lines, note, words=1)


def _precision(rows: Sequence[Row]) -> Section:
    header = ["model", "runtime", "waveform r", "heart-rate change 1/min", "largest relative error"]
    lines = [
        [*_names(row), *_numbers(row["parity"], waveform_r=".5f", heart_rate_change=".2f", error=".1e")]
        for row in rows
        if isinstance(row.get("parity"), dict) and row.get("runtime") != "torch"
    ]
    return Section("Agreement with torch in fp32, on a simulated window", header, lines)


def _throughput(rows: Sequence[Row]) -> Section:
    measured = [row for row in rows if row.get("throughput")]
    batches = sorted({int(batch) for row in measured for batch in row["throughput"]})
    lines = [[*_names(row), *(number(str(batch), ",.1f")(row["throughput"]) for batch in batches)] for row in measured]
    note = (
        "An empty place: a batch that a compiled graph is not made for, that takes over half a second, or does not fit."
    )
    return Section("Windows a second", ["model", "runtime", *(f"batch {batch}" for batch in batches)], lines, note)


def _names(row: Row) -> list[str]:
    return [row["model"], row.get("runtime", "")]


def _numbers(row: Row, **forms: str) -> list[str]:
    return [number(key, form)(row) for key, form in forms.items()]
