from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.datasets import trees
from zoo.datasets import lgi_ppgi
from zoo.errors import DataError

WAVE = np.round(60 + 30 * trees.pulse(180, 60)).astype(int)


def xml(rows: list[tuple[float, ...]]) -> str:
    records = "".join(
        f"<value{i}>" + "".join(f"<value{k}>{value}</value{k}>" for k, value in enumerate(row)) + f"</value{i}>"
        for i, row in enumerate(rows)
    )
    broken = f"<value{len(rows)}><value0>\n<x>1</x></value0></value{len(rows)}>"
    return f'<?xml version="1.0"?>\n<stream>{records}{broken}</stream>'


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for person, activity in (("alex", "resting"), ("alex", "gym"), ("cpi", "talk")):
        place = tmp_path / person / f"{person}_{activity}"
        trees.video(place / lgi_ppgi.VIDEO, count=50, fps=25)
        trees.write(place / lgi_ppgi.OXIMETER, xml([(i, 75, value) for i, value in enumerate(WAVE)]))
        trees.write(place / lgi_ppgi.CLOCK, xml([(i, 1000 + 40 * i) for i in range(50)]))
    (tmp_path / "cpi" / "cpi_talk" / lgi_ppgi.OXIMETER).unlink()
    return tmp_path


def test_lists_recordings(root: Path) -> None:
    listing = lgi_ppgi.read(root)
    assert [(r.person, r.session, r.groups["motion"]) for r in listing.recordings] == [
        ("alex", "gym", "cycling"),
        ("alex", "resting", "still"),
    ]
    assert [item.reason for item in listing.skipped] == [f"the oximeter's file is missing ({lgi_ppgi.OXIMETER})"]
    assert [r.session for r in lgi_ppgi.read(root, activities=["gym"]).recordings] == ["gym"]


def test_oximeter_and_camera_stop_together(root: Path) -> None:
    found = lgi_ppgi.read(root).recordings[0].load()
    np.testing.assert_allclose(found.frame_times, 0.04 * np.arange(50), atol=1e-9)
    np.testing.assert_allclose(found.signals["ppg"].times, 1.96 - np.arange(180)[::-1] / 60, atol=1e-9)
    np.testing.assert_array_equal(found.signals["ppg"].values, WAVE)
    assert set(found.signals["heart_rate"].values) == {75.0}


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("<a><b>", "is not well-formed xml"),
        ('<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>', "declares a document type"),
        (xml([(0, 75, 3)] * 180), "constant ppg"),
    ],
)
def test_bad_files_are_refused(root: Path, content: str, reason: str) -> None:
    recording = lgi_ppgi.read(root).recordings[0]
    trees.write(recording.video.parent / lgi_ppgi.OXIMETER, content)
    with pytest.raises(DataError, match=reason):
        recording.load()


def test_a_wave_shorter_than_the_video_is_refused(root: Path) -> None:
    recording = lgi_ppgi.read(root).recordings[0]
    trees.write(recording.video.parent / lgi_ppgi.CLOCK, xml([(i, 40 * i) for i in range(250)]))
    with pytest.raises(DataError, match="is shorter than the video"):
        recording.load()
