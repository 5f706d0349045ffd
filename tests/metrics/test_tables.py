"""The result table: the same rows on the screen and in the files, never without what they are compared with."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest
import torch
from rich.console import Console

from zoo.metrics import VitalsMetrics
from zoo.metrics.tables import COLUMNS, SIMULATED, Report, report, rows, show, write
from zoo.spec import TARGETS, Signal

NAN = float("nan")


@pytest.fixture
def example() -> Report:
    return Report(
        title="a model on some people",
        scores={
            "heart_rate_mae": 2.5,
            "heart_rate_within_3": 0.86,
            "heart_rate_skill": 0.8,
            "heart_rate_naive_mae": 12.5,
            "heart_rate_floor_mae": 1.76,
            "heart_rate_head_mae": 4.0,
            "ppg_r": 0.6,
            "ppg_snr": -3.456,
            "ibi_mae": 31.0,
            "systolic_mae": 9.0,
            "systolic_naive_mae": 12.0,
            "systolic_skill": 0.25,
            "systolic_within_5": 0.61,
            "systolic_within_10": 0.86,
            "systolic_within_15": 0.96,
            "systolic_iso_criterion_1": 1.0,
            "systolic_iso_criterion_2": 0.0,
            "age_mae": NAN,
        },
        protocol="protocol zoo: by beats",
        naive={"heart_rate": "training median"},
        sources={"heart_rate": "waveform"},
        people=8,
        windows=70,
        simulated=True,
        notes=("seen in training: somewhere",),
    )


def test_rows(example: Report) -> None:
    table = rows(example)
    assert all(set(row) <= set(COLUMNS) for row in table)
    rates = [(row["row"], row["source"], row["mae"]) for row in table if row["quantity"] == "heart_rate"]
    assert rates == [
        ("model", "waveform", 2.5),
        ("model", "head", 4.0),
        ("naive", "training median", 12.5),
        ("floor", "contact signal", 1.76),
    ]
    pressure = next(row for row in table if row["quantity"] == "systolic")
    assert (pressure["unit"], pressure["bhs"], pressure["iso_81060_2"]) == ("mmHg", "A", "1: pass 2: fail")
    assert pressure["mark"] == SIMULATED
    assert pressure["naive_mae"] == 12.0
    assert "mark" not in table[0]


def test_screen(example: Report) -> None:
    screen = io.StringIO()
    show(example, Console(file=screen, width=80))
    text = screen.getvalue()
    for part in ("2.500", "86 %", "training median", "1.760", "-3.46", "12.000", "1: pass 2: fail", "mmHg"):
        assert part in text
    for line in ("protocol zoo: by beats", "seen in training: somewhere", SIMULATED):
        assert line in text
    assert "…" not in text


def test_files_hold_what_the_screen_shows(example: Report, tmp_path: Path) -> None:
    as_csv, as_json = write(example, tmp_path / "new" / "result.v1")
    assert (as_csv.name, as_json.name) == ("result.v1.csv", "result.v1.json")
    with as_csv.open(newline="") as file:
        table = list(csv.DictReader(file))
    assert len(table) == len(rows(example))
    assert table[0]["mae"] == "2.5"
    assert next(row for row in table if row["quantity"] == "age")["mae"] == ""
    data = json.loads(as_json.read_text())
    assert data["scores"]["heart_rate_mae"] == 2.5
    assert data["scores"]["age_mae"] is None
    assert data["protocol"] == "protocol zoo: by beats"


def test_a_report_of_a_run() -> None:
    metric = VitalsMetrics({"ppg": Signal(), "age": TARGETS["age"]}, 30.0, "spectral", {"age": (40.0, 9.0, 41.0)})
    t = torch.arange(600) / 30
    wave = torch.stack([torch.sin(2 * torch.pi * rate * t) for rate in (1.0, 1.5)])
    labels = {"waveforms": {"ppg": wave}, "targets": {"age": torch.tensor([30.0, 50.0])}, "person": ["a", "b"]}
    metric.update({"ppg": wave}, {"age": torch.tensor([31.0, 48.0])}, labels)
    made = report(metric, "m", trained_on=["x", "y"], tested_on=["y"])
    assert (made.people, made.windows) == (2, 2)
    assert made.scores["age_mae"] == 1.5
    assert made.naive["heart_rate"] == "other people's median"
    assert made.naive["age"] == "training median"
    assert "y" in made.notes[0]
    assert "seen in training" in made.notes[0]
    assert report(metric, "m", trained_on=["x"], tested_on=["y"]).notes == ()
