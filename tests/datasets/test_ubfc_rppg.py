from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest

from tests.datasets import trees
from zoo.data.recording import Recording
from zoo.datasets import ubfc_rppg
from zoo.errors import DataError

TIMES = np.array([17.385, 17.42, 17.452, 17.485, 18.3, 18.4])
BVP = np.array([0.12, 0.5, 0.9, 0.4, -0.2, -0.1])


def truth(bvp: np.ndarray = BVP, times: np.ndarray = TIMES) -> str:
    rate = [1.0] * len(bvp)
    return "\n".join(trees.scientific(line) for line in (bvp, rate, times)) + "\n"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for name, suffix in (("subject10", "avi"), ("subject2", "mp4"), ("subject20", "avi")):
        trees.video(tmp_path / "DATASET_2" / name / f"vid.{suffix}", count=30)
        trees.write(tmp_path / "DATASET_2" / name / "ground_truth.txt", truth())
    (tmp_path / "DATASET_2" / "subject20" / "ground_truth.txt").unlink()
    trees.write(tmp_path / "DATASET_2" / "subject3" / "ground_truth.txt", truth())
    lines = "".join(f"{ms},72,98,{value}\n" for ms, value in ((0, 40), (16, 41), (32, 45), (980, 42)))
    trees.video(tmp_path / "DATASET_1" / "5-gt" / "vid.avi")
    trees.write(tmp_path / "DATASET_1" / "5-gt" / "gtdump.xmp", lines)
    return tmp_path


def by_person(recordings: tuple[Recording, ...]) -> dict[str, Recording]:
    return {recording.person: recording for recording in recordings}


def test_lists_both_parts_and_says_what_it_leaves_out(root: Path) -> None:
    listing = ubfc_rppg.read(root)
    assert [recording.person for recording in listing.recordings] == ["1/5-gt", "subject2", "subject10"]
    assert {item.path.name: item.reason for item in listing.skipped} == {
        "subject3": "there is no vid.avi or vid.mp4",
        "subject20": "there is no ground_truth.txt or gtdump.xmp",
    }


def test_one_part_and_a_folder_without_part(root: Path) -> None:
    assert [r.person for r in ubfc_rppg.read(root, part="1").recordings] == ["1/5-gt"]
    assert [r.person for r in ubfc_rppg.read(root / "DATASET_2").recordings] == ["subject2", "subject10"]


def test_the_clock_starts_with_the_first_stamp_and_junk_rates_are_not_read(root: Path) -> None:
    recording = by_person(ubfc_rppg.read(root).recordings)["subject2"]
    found = pickle.loads(pickle.dumps(recording)).load()
    np.testing.assert_allclose(found.signals["ppg"].times, TIMES - TIMES[0], atol=1e-6)
    np.testing.assert_allclose(found.signals["ppg"].values, BVP)
    assert set(found.signals) == {"ppg"}
    assert recording.targets == {} and found.frame_times is None


def test_frames_get_the_stamps_where_there_is_one_for_each(root: Path) -> None:
    recording = by_person(ubfc_rppg.read(root).recordings)["subject2"]
    trees.video(recording.video, count=len(TIMES) + 1)
    found = recording.load()
    np.testing.assert_allclose(found.frame_times, TIMES - TIMES[0], atol=1e-6)
    np.testing.assert_allclose(found.signals["ppg"].times, found.frame_times, atol=1e-9)


def test_first_part_is_in_milliseconds(root: Path) -> None:
    found = by_person(ubfc_rppg.read(root).recordings)["1/5-gt"].load()
    np.testing.assert_allclose(found.signals["ppg"].times, [0, 0.016, 0.032, 0.98])
    np.testing.assert_array_equal(found.signals["ppg"].values, [40, 41, 45, 42])
    np.testing.assert_array_equal(found.signals["spo2"].values, [98] * 4)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("", "is empty"),
        (truth().splitlines()[0], "1 lines instead of"),
        (truth(np.full(6, 0.3)), "constant ppg"),
        (truth(np.array([0.1, np.nan, 0.2, 0.3, 0.4, 0.5])), "1 values of ppg that are NaN"),
        (truth(times=TIMES[::-1]), "time stamps of ppg that do not increase"),
        (truth().replace("e", "x"), "not a number"),
    ],
)
def test_bad_truth_is_refused_with_its_reason(root: Path, content: str, reason: str) -> None:
    recording = by_person(ubfc_rppg.read(root).recordings)["subject2"]
    trees.write(recording.video.parent / "ground_truth.txt", content)
    with pytest.raises(DataError, match=reason):
        recording.load()


def test_truth_shorter_than_the_video_is_refused(root: Path) -> None:
    recording = by_person(ubfc_rppg.read(root).recordings)["subject2"]
    trees.video(recording.video, count=150)
    with pytest.raises(DataError, match=r"shorter than the video: ppg ends 4\.0 s before 5\.0 s"):
        recording.load()


def test_a_link_out_of_the_root_is_refused(root: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    trees.write(elsewhere / "vid.avi", "")
    trees.write(elsewhere / "ground_truth.txt", truth())
    (root / "DATASET_2" / "subject4").symlink_to(elsewhere)
    reasons = {item.path.name: item.reason for item in ubfc_rppg.read(root).skipped}
    assert "leaves the data set's folder" in reasons["subject4"]


@pytest.mark.shared
def test_real_people(shared: Path) -> None:
    listing = ubfc_rppg.read(shared / "data" / "ubfc_rppg")
    assert len(listing.recordings) == 8 and not listing.skipped
    assert all(r.load().frame_times is not None for r in listing.recordings)
    ends = {r.person: r.load().signals["ppg"].times[-1] for r in listing.recordings}
    assert ends["subject3"] == pytest.approx(60.929) and ends["subject5"] == pytest.approx(69.753 - 17.385)
