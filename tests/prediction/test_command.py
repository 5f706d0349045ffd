"""`zoo predict`: what it prints and writes, and that a bad video or folder disturbs nothing else."""

from __future__ import annotations

import csv
import io
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import cv2
import pytest
import torch

from tests.faces import write_face_clip
from zoo import registry
from zoo.cli import main
from zoo.prediction.runner import DEFAULT


@pytest.fixture(scope="module")
def face_clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """12 s of a face with 72 beats a minute."""
    return write_face_clip(tmp_path_factory.mktemp("clips") / "face.mp4")


@pytest.fixture(scope="module")
def mixed(face_clip: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with two good videos, one bad one and something else."""
    folder = tmp_path_factory.mktemp("mixed")
    (folder / "first").mkdir()
    shutil.copy(face_clip, folder / "first" / "vid.mp4")
    shutil.copy(face_clip, folder / "vid.mp4")
    (folder / "bad.mp4").write_text("no video")
    (folder / "notes.txt").write_text("no video either")
    return folder


def failed(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> tuple[int, str]:
    """Exit code and the one line on stderr; nothing on stdout."""
    code = main(["predict", *arguments])
    out, err = capsys.readouterr()
    assert out == ""
    assert "Traceback" not in err
    assert err.count("\n") == 1
    return code, err


def test_json_is_all_that_stdout_holds(face_clip: Path) -> None:
    command = "import sys; from zoo.cli import main; sys.exit(main())"
    done = subprocess.run(
        [sys.executable, "-c", command, "predict", str(face_clip), "--json"], capture_output=True, text=True, check=True
    )
    (result,) = json.loads(done.stdout)
    assert done.stderr == ""
    assert result["video"] == str(face_clip)
    assert abs(result["heart_rate"]["value"] - 72) < 2
    assert result["heart_rate"]["low"] < result["heart_rate"]["value"] < result["heart_rate"]["high"]
    assert {key: result["heart_rate"][key] for key in ("unit", "method", "band", "source")} == {
        "unit": "1/min",
        "method": "spectrum",
        "band": [0.7, 3.2],
        "source": "waveform",
    }
    assert 0 < result["quality"]["confidence"] <= 1
    assert (result["model"], result["error"], result["picture"]) == (DEFAULT, None, None)
    assert any("not medical" in note for note in result["notes"])
    assert len(result["heart_rate_over_time"]["times"]) == len(result["heart_rate_over_time"]["low"]) > 0
    assert result["realtime_factor"] > 1


def test_good_videos_finish_and_the_bad_one_is_a_row(
    mixed: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "new" / "out"
    table = tmp_path / "table.csv"
    assert main(["predict", str(mixed), "--json", "--csv", str(table), "--out", str(out)]) == 1
    captured = capsys.readouterr()
    results = {Path(result["video"]).relative_to(mixed).as_posix(): result for result in json.loads(captured.out)}
    assert captured.err == ""
    assert list(results) == ["bad.mp4", "first/vid.mp4", "vid.mp4"]
    assert "is not a video" in results["bad.mp4"]["error"]
    assert results["bad.mp4"]["heart_rate"] is None
    assert all(abs(results[name]["heart_rate"]["value"] - 72) < 2 for name in ("first/vid.mp4", "vid.mp4"))
    # same names in two folders are two pictures, and nothing else is left behind
    pictures = {path.name for path in out.iterdir()}
    assert pictures == {Path(results[name]["picture"]).name for name in ("first/vid.mp4", "vid.mp4")}
    assert len(pictures) == 2
    assert all(cv2.imread(str(out / name)).shape == (990, 1760, 3) for name in pictures)
    rows = list(csv.DictReader(io.StringIO(table.read_text())))
    assert [bool(row["error"]) for row in rows] == [True, False, False]
    assert abs(float(rows[1]["heart_rate (1/min)"]) - 72) < 2
    assert rows[0]["heart_rate (1/min)"] == ""


def test_people_read_a_table(mixed: Path, face_clip: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["predict", str(mixed)]) == 1
    out = capsys.readouterr().out
    assert "failed" in out and "It is not a video" in " ".join(out.replace("│", " ").split())
    assert main(["predict", str(face_clip)]) == 0
    out = capsys.readouterr().out
    assert "heart rate" in out and "confidence" in out and "real time" in " ".join(out.replace("│", " ").split())


def test_csv_on_stdout_with_the_video_behind_it(face_clip: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["predict", "--csv", str(face_clip)]) == 0
    (row,) = csv.DictReader(io.StringIO(capsys.readouterr().out))
    assert row["video"] == str(face_clip)
    assert float(row["heart_rate_low (1/min)"]) < float(row["heart_rate_high (1/min)"])


def test_one_bad_video_is_one_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, err = failed([str(tmp_path / "gone.mp4")], capsys)
    assert code == 1
    assert "There is no video" in err


def test_a_missing_checkpoint(face_clip: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "out"
    code, err = failed([str(face_clip), "--model", str(tmp_path / "best.ckpt"), "--out", str(out)], capsys)
    assert code == 1
    assert "best.ckpt" in err
    assert not out.exists()


def test_a_checkpoint_of_another_model(face_clip: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    module = registry.model_class("fpn1d_multitask")(targets=[])
    path = tmp_path / "other.ckpt"
    torch.save(
        {
            "state_dict": {"network.weight": torch.zeros(3)},
            "hyper_parameters": dict(module.hparams),
            "zoo": {"model": "fpn1d_multitask"},
        },
        path,
    )
    code, err = failed([str(face_clip), "--model", str(path)], capsys)
    assert code == 1
    assert "made by another model" in err


def test_an_unknown_model(face_clip: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, err = failed([str(face_clip), "--model", "fpn1d_multitsk"], capsys)
    assert code == 2
    assert "Did you mean fpn1d_multitask?" in err


def test_an_unwritable_folder_is_refused_before_work(
    face_clip: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def never(*_: object, **__: object) -> None:
        raise AssertionError("work began")

    monkeypatch.setattr("zoo.prediction.command.predict", never)
    (tmp_path / "file").touch()
    for option in (["--out", str(tmp_path / "file" / "out")], ["--csv", str(tmp_path / "file" / "table.csv")]):
        code, err = failed([str(face_clip), *option], capsys)
        assert code == 1
        assert "cannot be written" in err
    if os.getuid() != 0:
        locked = tmp_path / "locked"
        locked.mkdir(mode=0o500)
        assert failed([str(face_clip), "--out", str(locked)], capsys)[0] == 1


@pytest.mark.parametrize(
    ("arguments", "words"),
    [([], "at least one video"), (["a.mp4", "--json", "--csv"], "give --csv a file"), (["a.mp4", "--jsn"], "--json")],
)
def test_wrong_arguments(arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]) -> None:
    code, err = failed(arguments, capsys)
    assert code == 2
    assert words in err


def test_biomarkers_are_marked_wherever_they_are_shown(
    face_clip: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from zoo.checkpoints import save

    module = registry.model_class("fpn1d_multitask")(targets=["systolic"])
    module.trained_on = ["synthetic"]
    card = save(module, "simulated", tmp_path, [])
    assert main(["predict", str(face_clip), "--model", str(card), "--json"]) == 0
    (result,) = json.loads(capsys.readouterr().out)
    systolic = result["biomarkers"]["systolic"]
    assert (systolic["unit"], systolic["simulated"]) == ("mmHg", True)
    assert "not medical" in systolic["note"]
    for option in ([], ["--csv"]):
        assert main(["predict", str(face_clip), "--model", str(card), *option]) == 0
        assert "not medical" in " ".join(capsys.readouterr().out.replace("│", " ").split())
