from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from tests.datasets import trees
from zoo.datasets import vipl_hr
from zoo.errors import DataError


def column(header: str, values: np.ndarray) -> str:
    return "".join(f"{line}\r\n" for line in (header, *values))


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for person in ("p1", "p2", "p10"):
        for session in ("v1", "v4"):
            for source in ("source1", "source2", "source4"):
                place = tmp_path / person / session / source
                trees.video(place / "video.avi", count=60, fps=30)
                trees.write(place / "wave.csv", column("Wave", 20 + np.arange(120) % 40))
                trees.write(place / "gt_HR.csv", column("HR", np.array([67, 66, 65])))
                trees.write(place / "gt_SpO2.csv", column("SpO2", np.array([97, 0, 98])))
                if source != "source2":
                    trees.write(place / "time.txt", "".join(f"{ms}\r\n" for ms in 100 + 33 * np.arange(60)))
    (tmp_path / "p10" / "v4" / "source1" / "wave.csv").unlink()
    return tmp_path


def test_lists_the_colour_videos(root: Path) -> None:
    listing = vipl_hr.read(root)
    assert [f"{r.person}/{r.session}" for r in listing.recordings[:4]] == [
        "p1/v1_source1",
        "p1/v1_source2",
        "p1/v4_source1",
        "p1/v4_source2",
    ]
    assert len(listing.recordings) == 11
    reasons = [item.reason for item in listing.skipped]
    assert reasons.count("near infra-red, without colour") == 6
    assert reasons.count("the pulse wave is missing (wave.csv)") == 1
    assert listing.recordings[2].groups == {"camera": "webcam", "motion": "still", "light": "dark"}
    assert {r.groups["camera"] for r in vipl_hr.read(root, sources=[2]).recordings} == {"phone"}


def test_a_person_has_one_fold(root: Path) -> None:
    folds = {(r.person, r.fold) for r in vipl_hr.read(root).recordings}
    assert len(folds) == 3 and {fold for _, fold in folds} == {0, 1, 2}
    assert folds == {(r.person, r.fold) for r in vipl_hr.read(root).recordings}


def test_frames_are_where_time_txt_has_them(root: Path) -> None:
    found = vipl_hr.read(root).recordings[0].load()
    np.testing.assert_allclose(found.frame_times, 0.033 * np.arange(60), atol=1e-9)
    np.testing.assert_allclose(found.signals["ppg"].times, np.arange(120) / 60)
    np.testing.assert_array_equal(found.signals["ppg"].values[:3], [20, 21, 22])
    np.testing.assert_array_equal(found.signals["heart_rate"].times, [0, 1, 2])
    np.testing.assert_array_equal(found.signals["spo2"].values, [97, 98])
    assert vipl_hr.read(root).recordings[1].load().frame_times is None


def test_bad_labels_are_refused(root: Path) -> None:
    recording = vipl_hr.read(root).recordings[0]
    folder = recording.video.parent
    trees.write(folder / "gt_HR.csv", column("HR", np.array([1.1, 1.2])))
    with pytest.raises(DataError, match="wrong unit"):
        recording.load()
    (folder / "gt_HR.csv").unlink()
    trees.write(folder / "time.txt", "".join(f"{ms}\r\n" for ms in 33 * np.arange(200)))
    with pytest.raises(DataError, match="is shorter than the video"):
        recording.load()
    trees.write(folder / "time.txt", "0\n" * 60)
    with pytest.raises(DataError, match="stand still"):
        recording.load()


@pytest.mark.shared
def test_real_labels(shared: Path, tmp_path: Path) -> None:
    place = tmp_path / "p1" / "v1" / "source1"
    shutil.copytree(shared / "data" / "labels" / "vipl_hr", place)
    found = vipl_hr.load(place, place / "video.avi")
    assert found.frame_times is not None and len(found.frame_times) == 1036
    assert found.frame_times[-1] == pytest.approx(34.736) and found.signals["ppg"].times[-1] == pytest.approx(2083 / 60)
    assert found.signals["heart_rate"].values[:3].tolist() == [67, 67, 66]
