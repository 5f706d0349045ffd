from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.datasets import trees
from zoo.datasets import folder
from zoo.errors import DataError

TABLE = "time,ppg,heart_rate,sex,age\n0,0.1,60,F,30\n0.5,0.4,61,,\n1.0,0.2,62,,\n"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    trees.video(tmp_path / "ann_1.mp4")
    trees.write(tmp_path / "ann_1.csv", TABLE)
    trees.video(tmp_path / "ann_2.avi")
    trees.video(tmp_path / "bob" / "rest.mkv")
    trees.write(tmp_path / "bob" / "rest.csv", "systolic,diastolic\n121,79\n")
    trees.write(tmp_path / "readme.txt", "hello")
    return tmp_path


def test_lists_videos_with_and_without_labels(root: Path) -> None:
    listing = folder.read(root)
    assert [(r.person, r.session) for r in listing.recordings] == [
        ("ann", "ann_1.mp4"),
        ("ann", "ann_2.avi"),
        ("bob", "bob/rest.mkv"),
    ]
    assert [(item.path.name, item.reason) for item in listing.skipped] == [
        ("readme.txt", "neither a video nor the labels of one")
    ]
    assert listing.recordings[0].targets == {"sex": 0.0, "age": 30.0}
    assert listing.recordings[2].targets == {"systolic": 121.0, "diastolic": 79.0}
    assert listing.recordings[1].load().signals == {}


def test_columns_become_signals(root: Path) -> None:
    found = folder.read(root).recordings[0].load()
    np.testing.assert_array_equal(found.signals["ppg"].times, [0, 0.5, 1.0])
    np.testing.assert_array_equal(found.signals["ppg"].values, [0.1, 0.4, 0.2])
    np.testing.assert_array_equal(found.signals["heart_rate"].values, [60, 61, 62])
    assert set(found.signals) == {"ppg", "heart_rate"}


def test_groups_and_notes(tmp_path: Path) -> None:
    trees.video(tmp_path / "ann_1.mp4")
    trees.write(tmp_path / "ann_1.csv", "time,ppg,group_skin_tone,group_light,Group_Motion\n0,1,5, lamp ,\n1,2,,,\n")
    for notes in ("ann_1.json", "simulation.json", "else.json"):
        trees.write(tmp_path / notes, "{}")
    listing = folder.read(tmp_path)
    assert listing.recordings[0].groups == {"skin_tone": "5", "light": "lamp"}
    assert [item.path.name for item in listing.skipped] == ["else.json"]


def test_who_is_who(root: Path) -> None:
    assert [r.person for r in folder.read(root, person="file").recordings] == ["ann_1", "ann_2", "rest"]
    assert [r.person for r in folder.read(root, person="folder").recordings] == [root.name, root.name, "bob"]
    assert [r.person for r in folder.read(root, person="prefix").recordings] == ["ann", "ann", "rest"]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("time,colour\n0,1\n1,2\n", "no column named as a signal"),
        ("ppg\n1\n2\n", "no column 'time'"),
        ("time,ppg\n0,1\n1\n", "rows of another length"),
        ("time,ppg\n0,1\n1,x\n", "NaN or infinite"),
        ("time,ppg\n0,1\n1,1\n", "constant ppg"),
        ("time,heart_rate\n0,1.2\n1,1.3\n", "wrong unit"),
    ],
)
def test_bad_tables_are_refused_with_their_reason(root: Path, content: str, reason: str) -> None:
    trees.write(root / "ann_1.csv", content)
    with pytest.raises(DataError, match=reason):
        folder.read(root).recordings[0].load()


def test_a_target_in_a_wrong_unit_is_skipped_with_its_reason(root: Path) -> None:
    trees.write(root / "bob" / "rest.csv", "systolic\n16\n")
    skipped = folder.read(root).skipped
    assert "gives systolic as 16, outside 60 to 260 mmHg" in skipped[0].reason
