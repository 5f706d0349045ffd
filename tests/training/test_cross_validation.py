"""Cross-validation: who tests when, what is kept of a run that was killed, and what the summary says."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest

from tests.datasets.test_mcd_rppg import VIEWS, index, row
from tests.training.runs import TRACES, kill_when, only, start
from zoo.cli import main
from zoo.data.module import VitalsDataModule
from zoo.data.splits import PartOf
from zoo.datasets import synthetic
from zoo.errors import UsageError
from zoo.metrics import tables
from zoo.metrics.tables import Report
from zoo.spec import Traces
from zoo.training.cross_validation import summarise, turns, write

INPUT = Traces(frames=128, multiple_of=1, min_frames=64, regions=("face",), fps=30.0)


def test_the_published_protocol_of_mcd_rppg(tmp_path: Path) -> None:
    rows = [row(str(1000 + number), "before", camera) for number in range(10) for camera in VIEWS]
    index(tmp_path, rows)
    for folder in ("video", "ppg_sync", "meta"):
        (tmp_path / folder).mkdir()
    for values in rows:
        for column in ("video", "ppg_sync", "meta"):
            (tmp_path / values[column]).touch()
    found = turns("published", VitalsDataModule("mcd_rppg", str(tmp_path), input=INPUT))
    assert [(turn.data["fold"], turn.data["val_fold"]) for turn in found] == [(0, 1), (0, 2), (0, 3), (0, 4)]
    assert {turn.data["split"] for turn in found} == {"fold"}
    with pytest.raises(UsageError, match="synthetic has no published folds"):
        turns("published", VitalsDataModule(input=INPUT))


def test_simulated_people_are_dealt_into_folds() -> None:
    windows = synthetic.windows(INPUT, "train", people=7, windows_per_person=2)
    tested = []
    for fold in range(3):
        parts = {stage: PartOf(windows, stage, 3, fold) for stage in ("train", "val", "test")}
        people = {stage: {index // 2 for index in part.indices} for stage, part in parts.items()}
        assert set().union(*people.values()) == set(range(7)) and sum(map(len, people.values())) == 7
        assert sum(map(len, parts.values())) == 14
        tested += sorted(people["test"])
    assert sorted(tested) == list(range(7))
    assert parts["test"][1]["recording"] == windows[parts["test"].indices[1]]["recording"]


def test_the_summary_is_the_mean_over_folds_and_an_interval_over_people(tmp_path: Path) -> None:
    stems = []
    for fold, (error, naive) in enumerate([(2.0, 9.0), (4.0, 11.0), (3.0, 10.0)]):
        scores = {"heart_rate_mae": error, "heart_rate_naive_mae": naive, "heart_rate_skill": 1 - error / naive}
        people = [
            {"quantity": "heart_rate", "person": f"p{fold}{i}", "windows": 4, "mae": error + i, "naive_mae": naive}
            for i in (-1, 1)
        ]
        stems.append(tmp_path / f"fold_{fold}" / "test")
        tables.write(Report("made", scores, "p", people=2, windows=8, by_person=tuple(people)), stems[-1])
    summary = summarise("made, 3 folds", stems)
    model, naive_row = summary.rows
    assert (summary.people, summary.windows) == (6, 24)
    assert (model["mae"], model["mae_sd"]) == pytest.approx((3.0, 1.0))
    assert (naive_row["row"], naive_row["mae"], naive_row["mae_sd"]) == ("naive", 10.0, 1.0)
    assert model["mae_by_fold"] == [2.0, 4.0, 3.0]
    # by hand: draw six people of six, each with four windows
    errors = np.array([1.0, 3.0, 3.0, 5.0, 2.0, 4.0])
    draws = errors[np.random.default_rng(1).integers(6, size=(20000, 6))].mean(axis=1)
    assert (model["mae_low"], model["mae_high"]) == pytest.approx(np.quantile(draws, [0.025, 0.975]), abs=1 / 6 + 1e-9)
    write(summary, tmp_path / "cv")
    with (tmp_path / "cv.csv").open(newline="") as file:
        written = next(csv.DictReader(file))
    assert written["mae_fold_1"] == "4.0" and float(written["mae_low"]) == model["mae_low"]
    assert json.loads((tmp_path / "cv.json").read_text())["folds"][2]["scores"]["heart_rate_mae"] == 3.0


def test_a_cross_validation_that_is_killed_keeps_what_is_finished(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    words = [
        *TRACES,
        "--data.options",
        '{"people": 6}',
        "--trainer.max_steps",
        "2",
        "--trainer.val_check_interval",
        "1",
    ]
    words += ["--cv", "3"]
    folder = "runs/fpn1d_multitask/*_cv_3"
    log = tmp_path / "log"
    child = start(words, log)
    assert kill_when(child, lambda: any(Path().glob(f"{folder}/fold_1/checkpoints/last.ckpt"))), log.read_text()
    before = only(Path(), f"{folder}/fold_0/test.json").stat().st_mtime_ns
    assert main(["fit", "--model", "fpn1d_multitask", "--cv", "3", "--ckpt-path", "auto", "--json"]) == 0
    out, err = capsys.readouterr()
    found = json.loads(out)
    assert "fold_0: kept" in err and "fold_1: 2 of 3" in err
    assert only(Path(), f"{folder}/fold_0/test.json").stat().st_mtime_ns == before
    tested = []
    for fold in found["folds"]:
        with (Path(found["run"]) / fold["name"] / "test-people.csv").open(newline="") as file:
            tested += [one["person"] for one in csv.DictReader(file) if one["quantity"] == "age"]
    assert len(tested) == len(set(tested)) == found["people"] == 6
    age = next(one for one in found["rows"] if one["quantity"] == "age")
    assert age["folds"] == 3 and age["mae_low"] <= age["mae"] <= age["mae_high"] and age["naive_mae"] > 0
    assert {"model", "naive", "floor"} <= {one["row"] for one in found["rows"] if one["quantity"] == "heart_rate"}


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["fit", "--model", "fpn1d_multitask", "--cv", "2"], "a number of folds from 3"),
        (["fit", "--model", "fpn1d_multitask", "--cv", "many"], "not 'many'"),
        (["fit", "--model", "fpn1d_multitask", "--cv"], "--cv needs a value"),
        (["test", "--model", "pos", "--cv", "5"], "'zoo test' takes no --cv"),
        (["fit", "--model", "fpn1d_multitask", "--cv", "3", "--ckpt_path", "best"], "--ckpt_path is last or auto"),
        (["fit", "--model", "fpn1d_multitask", "--cv", "3", "--plots", "x"], "draws nothing"),
        (
            ["fit", "--config", "can_student_kd.quick", "--teacher", "can_teacher", "--data", "synthetic", "--cv", "3"],
            "The teacher was trained on synthetic",
        ),
    ],
)
def test_what_cannot_be_cross_validated_is_one_sentence(
    words: list[str], says: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(words) == 2
    err = capsys.readouterr().err
    assert says in err and err.count("\n") == 1 and not list(Path().iterdir())
