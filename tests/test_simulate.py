"""zoo simulate: a data set that the folder reader reads, that goes on after a kill, and never mixes settings."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest

from zoo.cli import main
from zoo.data.synthetic.faces import recordings
from zoo.datasets import folder
from zoo.spec import TARGETS

SMALL = ["--seconds", "2", "--size", "128x96", "--crf", "30", "--codec", "h264", "--seed", "5"]


def simulate(root: Path, *more: str) -> int:
    return main(["simulate", "--out", str(root), *SMALL, *more])


def contents(root: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(root.rglob("*")) if path.is_file()}


def test_workers_and_order_make_no_difference(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert simulate(tmp_path / "one", "--people", "2", "--workers", "1") == 0
    told = capsys.readouterr().out
    assert "made 2" in told and "zoo prepare --data folder" in told
    assert simulate(tmp_path / "two", "--people", "1", "--first-person", "1") == 0
    assert simulate(tmp_path / "two", "--people", "2", "--workers", "2", "--json") == 0
    facts = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert (facts["made"], facts["there"], facts["failed"]) == (1, 1, 0)
    assert contents(tmp_path / "one") == contents(tmp_path / "two")


def test_the_folder_reader_reads_it(tmp_path: Path) -> None:
    assert simulate(tmp_path, "--people", "2", "--recordings-per-person", "2", "--workers", "1") == 0
    listing = folder.read(tmp_path)
    assert not listing.skipped
    assert [recording.person for recording in listing.recordings] == ["p00000", "p00000", "p00001", "p00001"]
    first = listing.recordings[0]
    drawn = recordings.draw(recordings.Simulation(5, 2.0, 1.0, (128, 96), "h264", 30), 0, 0)
    assert first.groups == drawn.groups
    labels = first.load()
    assert set(first.targets) | set(labels.signals) >= set(TARGETS) | {"ppg", "respiration"}
    assert first.targets["age"] == pytest.approx(drawn.person.age, rel=1e-3)
    assert first.targets["sex"] == drawn.person.sex


def test_goes_on_where_it_was_killed(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "zoo", "simulate", "--out", str(tmp_path), *SMALL, "--workers", "1"]
    with subprocess.Popen([*command, "--people", "200"]) as process:
        end = time.monotonic() + 60.0
        while time.monotonic() < end and not (list(tmp_path.rglob("*.mp4")) and list(tmp_path.rglob(".*.part"))):
            time.sleep(0.005)
        process.kill()
    before = {name: content for name, content in contents(tmp_path).items() if name.endswith(".mp4")}
    assert 0 < len(before) < 200
    assert [name for name in contents(tmp_path) if name.endswith(".part")]
    # it may as well be killed over the notes
    part = next(tmp_path.rglob(".*.part"))
    part.with_name(re.sub(r"_0\.(mp4|csv|json|avi|webm)\.", "_0.json.", part.name)).write_text("{")
    assert simulate(tmp_path, "--people", str(len(before) + 1), "--workers", "1") == 0
    after = contents(tmp_path)
    assert len(list(tmp_path.rglob("*.mp4"))) == len(before) + 1
    assert {name: after[name] for name in before} == before
    assert not [name for name in after if name.endswith(".part")]


def test_other_settings_never_mix(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert simulate(tmp_path / "a", "--people", "1", "--workers", "1") == 0
    assert main(["simulate", "--out", str(tmp_path / "a"), "--people", "1"]) == 1
    assert "was made with seed 5, seconds 2.0" in capsys.readouterr().err
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "holiday.mp4").write_bytes(b"")
    assert simulate(tmp_path / "b") == 1
    assert "choose an empty folder" in capsys.readouterr().err


@pytest.mark.parametrize("wrong", [["--people", "0"], ["--size", "big"], ["--size", "31x20"], ["--crf", "77"]])
def test_wrong_arguments(tmp_path: Path, wrong: list[str]) -> None:
    assert main(["simulate", "--out", str(tmp_path / "x"), *wrong]) == 2
    assert not (tmp_path / "x").exists()
