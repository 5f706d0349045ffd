from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.io

from tests.datasets import trees
from zoo.data.arrays import open_array
from zoo.datasets import mmpd
from zoo.errors import DataError


def write(path: Path, **changes: Any) -> None:
    video = np.zeros((45, 32, 24, 3), np.float32)
    video[:, 3, 5, 2] = np.arange(45, dtype=np.float32) / 255
    variables: dict[str, Any] = {
        "video": video,
        "GT_ppg": trees.pulse(45, 30)[None],
        "light": "LED-low",
        "motion": "Stationary",
        "exercise": "False",
        "skin_color": np.array([[5]]),
        "gender": "female",
        "glasser": "True",
        "hair_cover": "False",
        "makeup": "False",
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    scipy.io.savemat(path, {**variables, **changes}, do_compression=True)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    write(tmp_path / "subject1" / "p1_0.mat")
    write(tmp_path / "subject1" / "p1_10.mat", light="Nature")
    write(tmp_path / "subject1" / "p1_2.mat", motion="Watching Videos", gender="male", skin_color=np.array([[3]]))
    trees.write(tmp_path / "subject2" / "p2_0.mat", "damaged")
    return tmp_path


def test_lists_files_with_their_groups(root: Path) -> None:
    listing = mmpd.read(root)
    assert [(r.person, r.session) for r in listing.recordings] == [
        ("subject1", "p1_0"),
        ("subject1", "p1_2"),
        ("subject1", "p1_10"),
    ]
    assert listing.recordings[0].groups == {
        "skin_tone": "5",
        "sex": "female",
        "motion": "Stationary",
        "light": "LED-low",
        "makeup": "False",
        "exercise": "False",
        "glasses": "True",
        "hair_cover": "False",
    }
    assert listing.recordings[1].groups["motion"] == "Walking", "'Watching Videos' was a wrong label"
    assert [r.targets["sex"] for r in listing.recordings] == [0.0, 1.0, 0.0]
    assert "is damaged or not a MATLAB file" in listing.skipped[0].reason
    assert [r.session for r in mmpd.read(root, lights=["Nature"]).recordings] == ["p1_10"]


def test_one_sample_a_frame(root: Path) -> None:
    signal = mmpd.read(root).recordings[0].load().signals["ppg"]
    np.testing.assert_allclose(signal.times, np.arange(45) / 30)
    np.testing.assert_array_equal(signal.values, trees.pulse(45, 30))


def test_its_video(root: Path) -> None:
    with open_array(mmpd.read(root).recordings[0].video) as video:
        assert (video.width, video.height, video.frame_count) == (24, 32, 45)
        assert [int(frame.rgb()[3, 5, 2]) for frame in video] == list(range(45))


def test_a_constant_pulse_is_refused(root: Path) -> None:
    write(root / "subject1" / "p1_0.mat", GT_ppg=np.ones((1, 45)))
    with pytest.raises(DataError, match="constant ppg"):
        mmpd.read(root).recordings[0].load()
