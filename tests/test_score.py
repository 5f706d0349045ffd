"""What `zoo test` says besides its table: results by group, an interval by person, and pictures."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest

from zoo.cli import main
from zoo.data.synthetic.videos import write_face_clip

CPU = ("--trainer.accelerator", "cpu", "--data.workers", "0")
SIMULATED = ("--data", "synthetic", "--data.options", '{"people": 8, "windows_per_person": 2, "hard": 0.2}')
PICTURES = ("bland-altman", "scatter", "people", "risk-coverage", "calibration", "overlays")


def test_simulated_people(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    table, plots = tmp_path / "t.csv", tmp_path / "plots"
    words = ("test", "--model", "pos", *SIMULATED, *CPU, "--json", "--csv", str(table), "--plots", str(plots))
    assert main(list(words)) == 0
    printed = capsys.readouterr()
    found = json.loads(printed.out)
    scores, groups = found["scores"], found["groups"]
    assert scores["heart_rate_mae_low"] <= scores["heart_rate_mae"] <= scores["heart_rate_mae_high"]
    assert set(groups) == {"skin_tone", "sex", "age"}
    for values in groups.values():
        assert sum(one["n"] for one in values.values()) == found["windows"] == 16
        assert sum(one["people"] for one in values.values()) == found["people"] == 8
        # the mean of the groups, weighed by their windows, is the mean of all
        mean = sum(one["n"] * one["mae"] for one in values.values()) / 16
        assert mean == pytest.approx(scores["heart_rate_mae"], abs=1e-4)
    assert found["rows"][0]["mae_low"] == scores["heart_rate_mae_low"]
    with (tmp_path / "t-groups.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert {(row["label"], row["value"]): float(row["mae"]) for row in rows} == pytest.approx(
        {(label, value): one["mae"] for label, values in groups.items() for value, one in values.items()}
    )
    names = {f"heart_rate-{name}.png" for name in (*PICTURES, "by-skin-tone", "by-sex", "by-age")}
    assert {path.name for path in plots.iterdir()} == names
    assert "9 plots" in printed.err


def test_a_folder_of_videos(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "clips").mkdir()
    for name, rate, sex, age in (("ann", 66.0, 0, 25), ("bob", 84.0, 1, 50)):
        write_face_clip(tmp_path / "clips" / f"{name}.mp4", 12.0, heart_rate=rate, size=(160, 120))
        t = np.arange(360) / 30
        lines = [f"{time:.4f},{np.sin(2 * np.pi * rate / 60 * time):.4f},{sex},{age}" for time in t]
        (tmp_path / "clips" / f"{name}.csv").write_text("\n".join(["time,ppg,sex,age", *lines]) + "\n")
    words = (
        "--model.frames",
        "300",
        "--data",
        "folder",
        "--data.root",
        str(tmp_path / "clips"),
        *CPU,
        "--plots",
        str(tmp_path / "plots"),
    )
    assert main(["test", "--model", "pos", *words]) == 0
    printed = capsys.readouterr().out
    assert "heart rate by group" in printed
    shown = [line.split()[:4] for line in printed.splitlines()]
    for label, value in (("sex", "female"), ("sex", "male"), ("age", "18-29"), ("age", "45-59")):
        assert [label, value, "1", "1"] in shown
    assert "95 % CI" in printed
    assert "…" not in printed
    assert (tmp_path / "plots" / "heart_rate-overlays.png").read_bytes().startswith(b"\x89PNG")


def test_plots_needs_a_folder(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["test", "--model", "pos", "--plots"]) == 2
    assert "--plots needs a value" in capsys.readouterr().err
