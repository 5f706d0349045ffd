"""`zoo calibrate`: what it learns goes where the model is, and is used from there."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from zoo import checkpoints
from zoo.cli import main
from zoo.signals.calibrator import FEATURES, WAVE_FEATURES, calibrator_from_dict

CPU = ("--trainer.accelerator", "cpu", "--data.workers", "0")
SIMULATED = ("--data", "synthetic", "--data.options", '{"people": 60, "hopeless": 0.5}')


def test_into_the_card(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for path in checkpoints.shipped().glob("fpn1d_multitask.*"):
        shutil.copy(path, tmp_path)
    card = tmp_path / "fpn1d_multitask.json"
    before = json.loads(card.read_text())
    words = ["calibrate", "--model", str(card), *SIMULATED, *CPU, "--refuse", "0.8"]
    assert main([*words, "--json"]) == 0
    printed = json.loads(capsys.readouterr().out)
    after = json.loads(card.read_text())
    assert {**after, "confidence": None} == {**before, "confidence": None}
    found = checkpoints.load(card).confidence
    assert found == calibrator_from_dict(after["confidence"])
    assert found.features == FEATURES and found.measured["refused_of_wrong"] == pytest.approx(0.8, abs=0.05)
    assert found.measured["kept_of_right"] > 0.6
    assert printed["threshold"] == found.threshold
    assert found.command.startswith("zoo calibrate --model")


def test_a_method_without_a_card_needs_a_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["calibrate", "--model", "pos", *SIMULATED, *CPU]) == 2
    assert "--out FILE" in capsys.readouterr().err
    out = tmp_path / "pos.json"
    assert main(["calibrate", "--model", "pos", "--waveform", *SIMULATED, *CPU, "--out", str(out)]) == 0
    assert calibrator_from_dict(json.loads(out.read_text())).features == WAVE_FEATURES
    assert "of the wrong windows are refused" in capsys.readouterr().out


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="a folder in which nobody may write")
def test_a_folder_that_takes_no_file_is_one_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["calibrate", "--model", "pos", *SIMULATED, *CPU, "--out", "/proc/self/pos.json"]) == 2
    assert "cannot be written" in capsys.readouterr().err


@pytest.mark.parametrize("words", [["--refuse", "2"], ["--out", "no/such/folder/x.json"]])
def test_wrong_settings_are_told_at_once(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["calibrate", "--model", "pos", "--data", "synthetic", *words]) == 2
    assert capsys.readouterr().err.count("\n") == 1
