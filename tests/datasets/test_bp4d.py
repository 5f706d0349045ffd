from __future__ import annotations

import zipfile
from pathlib import Path

import cv2
import numpy as np
import pytest

from tests.datasets import trees
from zoo.data.zipped import open_member
from zoo.datasets import bp4d
from zoo.errors import DataError

VALUES = {
    "BP_mmHg": 80 + 40 * trees.pulse(2000, 1000),
    "Resp_Volts": trees.pulse(2000, 10000),
    "Pulse Rate_BPM": np.full(2000, 72.0),
    "Respiration Rate_BPM": np.full(2000, 15.0),
    "LA Systolic BP_mmHg": np.full(2000, 120.0),
    "BP Dia_mmHg": np.full(2000, 80.0),
}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "2D+3D").mkdir()
    for person, tasks in (("F001", ("T1", "T10")), ("M003", ("T1",))):
        with zipfile.ZipFile(tmp_path / "2D+3D" / f"{person}.zip", "w") as archive:
            for task in tasks:
                for index in range(50):
                    picture = np.full((24, 32, 3), 40 if task == "T1" else 200, np.uint8)
                    archive.writestr(f"{person}/{task}/{index:04d}.jpg", cv2.imencode(".jpg", picture)[1].tobytes())
        for task in tasks:
            for name, values in VALUES.items():
                text = "".join(f"{value}\n" for value in values)
                trees.write(tmp_path / "Physiology" / person / task / f"{name}.txt", text)
    trees.write(tmp_path / "Physiology" / "F042" / "T11" / "BP_mmHg.txt", "80\n")
    return tmp_path


def test_lists_the_tasks_of_everybody(root: Path) -> None:
    listing = bp4d.read(root)
    assert [(r.person, r.session, r.targets["sex"]) for r in listing.recordings] == [
        ("F001", "T1", 0.0),
        ("F001", "T10", 0.0),
        ("M003", "T1", 1.0),
    ]
    assert [(s.path.parent.name, s.reason) for s in listing.skipped] == [
        ("F042", "the zip of pictures is missing (F042.zip)")
    ]
    assert [r.session for r in bp4d.read(root, tasks=["T10"]).recordings] == ["T10"]


def test_signals_at_1_khz_and_frames_at_25(root: Path) -> None:
    found = bp4d.read(root).recordings[0].load()
    np.testing.assert_allclose(found.frame_times, np.arange(50) / 25)
    np.testing.assert_allclose(found.signals["ppg"].times, np.arange(2000) / 1000)
    np.testing.assert_array_equal(found.signals["ppg"].values, VALUES["BP_mmHg"])
    assert {name: float(found.signals[name].values[0]) for name in ("systolic", "diastolic", "heart_rate")} == {
        "systolic": 120.0,
        "diastolic": 80.0,
        "heart_rate": 72.0,
    }


def test_only_the_pictures_of_the_task_are_its_video(root: Path) -> None:
    for recording, grey in zip(bp4d.read(root).recordings[:2], (40, 200), strict=True):
        with open_member(recording.video) as video:
            pictures = [frame.rgb() for frame in video]
        assert len(pictures) == 50 and {int(picture[5, 5, 1]) for picture in pictures} == {grey}


def test_unpacked_pictures_are_taken_where_they_are(root: Path) -> None:
    trees.pictures(root / "2D+3D" / "M003" / "T1", [f"{index:04d}.jpg" for index in range(40)])
    recording = bp4d.read(root).recordings[2]
    assert recording.video == root / "2D+3D" / "M003" / "T1"
    assert len(recording.load().frame_times) == 40  # type: ignore[arg-type]


def test_a_damaged_zip_is_refused(root: Path) -> None:
    (root / "2D+3D" / "F001.zip").write_bytes(b"PK")
    with pytest.raises(DataError, match="is damaged"):
        bp4d.read(root).recordings[0].load()
