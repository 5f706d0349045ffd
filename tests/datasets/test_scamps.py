from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pytest

from tests.datasets import trees
from zoo.data.arrays import open_array
from zoo.datasets import scamps
from zoo.errors import DataError


def write(path: Path, count: int = 60) -> None:
    """A MATLAB 7.3 file: HDF5 behind a header of 512 bytes, axes the other way round."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with h5py.File(path, "w", userblock_size=512) as file:
        file["d_ppg"] = trees.pulse(count, 30)[:, None]
        file["d_br"] = trees.pulse(count, 300)[:, None]
        video = np.zeros((3, 24, 32, count), np.float64)
        video[0] = 0.5
        video[1, 5, 7] = np.arange(count) / 255
        file.create_dataset("RawFrames", data=video, chunks=(3, 24, 32, 16), compression="gzip")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for place in ("Train/P000001", "Train/P000010", "Val/P000002", "Test/P000003"):
        write(tmp_path / f"{place}.mat")
    return tmp_path


def test_lists_the_three_sets(root: Path) -> None:
    listing = scamps.read(root)
    assert {r.person: r.fold for r in listing.recordings} == {"P000001": 2, "P000010": 2, "P000002": 1, "P000003": 0}
    chosen = scamps.read(root, parts=["Val"])
    assert [r.person for r in chosen.recordings] == ["P000002"] and len(chosen.skipped) == 3


def test_one_sample_a_frame(root: Path) -> None:
    found = scamps.read(root).recordings[0].load()
    np.testing.assert_allclose(found.signals["ppg"].times, np.arange(60) / 30)
    np.testing.assert_array_equal(found.signals["ppg"].values, trees.pulse(60, 30))
    np.testing.assert_array_equal(found.signals["respiration"].values, trees.pulse(60, 300))


def test_its_video_is_read_frame_by_frame(root: Path) -> None:
    with open_array(scamps.read(root).recordings[0].video) as video:
        assert (video.width, video.height, video.frame_count) == (24, 32, 60)
        pictures = [(frame.time, frame.rgb()) for frame in video]
    assert len(pictures) == 60 and pictures[30][0] == pytest.approx(1.0)
    assert [int(picture[7, 5, 1]) for _, picture in pictures] == list(range(60))
    assert {int(picture[0, 0, 0]) for _, picture in pictures} == {128}


def test_a_file_without_a_pulse_is_refused(root: Path) -> None:
    recording = scamps.read(root).recordings[0]
    with h5py.File(recording.video, "w") as file:
        file["other"] = [1.0]
    with pytest.raises(DataError, match="has no 'd_ppg'"):
        recording.load()
