from __future__ import annotations

import csv
import pickle
import time
import tracemalloc
from pathlib import Path

import numpy as np
import pytest

from tests.datasets import trees
from zoo.datasets import mcd_rppg
from zoo.errors import DataError, UsageError

VIEWS = {"FullHDwebcam": "front", "USBVideo": "left", "IriunWebcam": "right"}
BIOMARKERS = {
    "weight": "55.0",
    "height": "170.0",
    "bmi": "19.03",
    "age": "23.0",
    "sex": "F",
    "upper_ap": "113.0",
    "lower_ap": "78.0",
    "saturation": "98.0",
    "temperature": "36.6",
    "hemoglobin": "14.1",
    "glycated_hemoglobin": "5.4",
    "cholesterol": "4.6",
    "respiratory": "16",
    "rigidity": "8.5",
    "pulse": "100.0",
    "stress": "4.0",
}


def row(person: str, step: str, camera: str) -> dict[str, str]:
    name = f"{person}_{camera}_{step}"
    return {
        "patient_id": person,
        **BIOMARKERS,
        "step": step,
        "camera": camera,
        "view": VIEWS[camera],
        "ecg": f"ecg/{person}_{step}.json",
        "ppg": f"ppg/{person}_{step}.PW",
        "video": f"video/{name}.avi",
        "meta": f"meta/{name}.txt",
        "ppg_sync": f"ppg_sync/{name}.txt",
    }


def index(root: Path, rows: list[dict[str, str]]) -> None:
    with (root / "db.csv").open("w", newline="") as file:
        table = csv.DictWriter(file, ["", *rows[0]])
        table.writeheader()
        for number, values in enumerate(rows):
            table.writerow({"": str(number), **values})


def files(root: Path, values: dict[str, str], count: int = 30, fps: int = 24) -> None:
    trees.video(root / values["video"], count=count, fps=fps)
    samples = (100 + 50 * trees.pulse(count, fps)).astype(int)
    trees.write(root / values["ppg_sync"], "".join(f"{value} 0.001994\n" for value in samples))
    start = np.datetime64("2023-05-17T10:59:59.500000")
    stamps = [start + np.timedelta64(int(1e6 * i / fps), "us") for i in range(count)]
    lines = [f"{i} {str(stamp).replace('T', ' ')}\n" for i, stamp in enumerate(stamps)]
    trees.write(root / values["meta"], "".join(lines))


@pytest.fixture
def root(tmp_path: Path) -> Path:
    rows = [
        row(person, step, camera) for person in ("1020", "7412") for step in ("before", "after") for camera in VIEWS
    ]
    index(tmp_path, rows)
    for values in rows:
        files(tmp_path, values)
    return tmp_path


def test_lists_every_row_but_the_degenerate_ones(root: Path) -> None:
    listing = mcd_rppg.read(root)
    assert len(listing.recordings) == 9
    assert {recording.person for recording in listing.recordings} == {"1020", "7412"}
    assert {item.path.name for item in listing.skipped} == {f"7412_{camera}_after.avi" for camera in VIEWS}
    assert {item.reason for item in listing.skipped} == {"known to have degenerate labels"}
    assert listing.recordings[0].session == "FullHDwebcam_before"
    assert listing.recordings[0].groups == {
        "camera": "FullHDwebcam",
        "view": "front",
        "step": "before",
        "sex": "female",
    }


def test_biomarkers_come_in_the_units_of_the_zoo(root: Path) -> None:
    listing = mcd_rppg.read(root)
    targets = listing.recordings[0].targets
    expected = {"haemoglobin": 141.0, "hba1c": 5.4, "cholesterol": 4.6, "systolic": 113.0, "diastolic": 78.0}
    expected |= {"sex": 0.0, "age": 23.0, "spo2": 98.0, "stiffness": 8.5, "stress": 4.0, "respiration_rate": 16.0}
    assert {name: targets[name] for name in expected} == pytest.approx(expected)
    assert "heart_rate" not in targets, "the cuff's pulse was taken at another time"
    assert "hemoglobin: read as g/dL by its median of 14.1, times 10" in listing.notes
    assert "db.csv has no column for glucose: unknown for everybody" in listing.notes


def test_implausible_and_empty_cells_are_unknown(root: Path) -> None:
    rows = [row("1020", "before", camera) for camera in VIEWS]
    rows[0]["temperature"], rows[1]["temperature"], rows[2]["sex"] = "98", "", ""
    index(root, rows)
    listing = mcd_rppg.read(root)
    assert np.isnan([recording.targets["temperature"] for recording in listing.recordings]).tolist() == [
        True,
        True,
        False,
    ]
    assert np.isnan(listing.recordings[2].targets["sex"]) and listing.recordings[2].groups["sex"] == "unknown"
    assert "temperature: 1 values are not plausible as temperature (the first is 98)" in listing.notes


def test_views_cameras_and_steps_are_chosen(root: Path) -> None:
    front = mcd_rppg.read(root, views=["front"])
    side = mcd_rppg.read(root, views=["left", "right"], steps=["before"])
    assert [recording.groups["view"] for recording in front.recordings] == ["front"] * 3
    assert sorted(recording.groups["view"] for recording in side.recordings) == ["left", "left", "right", "right"]
    assert len(front.recordings) + len(front.skipped) == 12
    assert {r.groups["camera"] for r in mcd_rppg.read(root, cameras=["USBVideo"]).recordings} == {"USBVideo"}
    with pytest.raises(UsageError, match="no view 'top'"):
        mcd_rppg.read(root, views=["top"])  # type: ignore[list-item]


def test_the_ppg_is_on_the_clock_of_meta_not_on_column_two(root: Path) -> None:
    recording = pickle.loads(pickle.dumps(mcd_rppg.read(root).recordings[0]))
    found = recording.load()
    expected = np.floor(1e6 * np.arange(30) / 24) / 1e6
    np.testing.assert_allclose(found.frame_times, expected, atol=1e-9)
    np.testing.assert_allclose(found.signals["ppg"].times, expected, atol=1e-9)
    np.testing.assert_array_equal(found.signals["ppg"].values, (100 + 50 * trees.pulse(30, 24)).astype(int))


def test_samples_far_from_their_frame_are_left_out(root: Path) -> None:
    recording = mcd_rppg.read(root).recordings[0]
    sync = root / "ppg_sync" / "1020_FullHDwebcam_before.txt"
    lines = sync.read_text().splitlines()
    lines[5] = lines[5].replace("0.001994", "0.75")
    trees.write(sync, "\n".join(lines))
    times = recording.load().signals["ppg"].times
    assert len(times) == 29 and 5 / 24 not in np.round(times, 4)


def test_without_meta_the_frame_rate_of_the_video_counts(root: Path) -> None:
    (root / "meta" / "1020_FullHDwebcam_before.txt").unlink()
    found = mcd_rppg.read(root).recordings[0].load()
    assert found.frame_times is None
    np.testing.assert_allclose(found.signals["ppg"].times, np.arange(30) / 24)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("", "is empty"),
        ("128 0.001\n" * 30, "constant ppg"),
        ("nan 0.001\n" + "128 0.001\n100 0.001\n" * 14, "1 values of ppg that are NaN"),
        ("128\n" * 30, "1 columns in row 1, not 2"),
        ("128 0.001\n90 0.001\n" * 40, "80 lines for the 30 frames"),
    ],
)
def test_bad_labels_are_refused_with_their_reason(root: Path, content: str, reason: str) -> None:
    trees.write(root / "ppg_sync" / "1020_FullHDwebcam_before.txt", content)
    with pytest.raises(DataError, match=reason):
        mcd_rppg.read(root).recordings[0].load()


def test_labels_shorter_than_the_video_are_refused(root: Path) -> None:
    values = row("1020", "before", "FullHDwebcam")
    files(root, values, count=120)
    sync = root / values["ppg_sync"]
    trees.write(sync, "\n".join(sync.read_text().splitlines()[:40]))
    with pytest.raises(DataError, match="is shorter than the video"):
        mcd_rppg.read(root).recordings[0].load()


@pytest.mark.parametrize("path", ["../out.avi", "/etc/passwd", "video/../../out.avi", "C:\\out.avi", "link/out.avi"])
def test_paths_that_leave_the_root_are_refused(root: Path, path: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    trees.write(elsewhere / "out.avi", "")
    (root / "link").symlink_to(elsewhere)
    rows = [{**row("1020", "before", "USBVideo"), "video": path}, row("1020", "before", "FullHDwebcam")]
    index(root, rows)
    listing = mcd_rppg.read(root)
    assert len(listing.recordings) == 1
    assert "is refused" in listing.skipped[0].reason


def test_missing_files_and_double_rows_are_said(root: Path) -> None:
    rows = [row("1020", "before", camera) for camera in VIEWS] + [row("1020", "before", "USBVideo")]
    index(root, rows)
    (root / rows[0]["video"]).unlink()
    (root / rows[2]["ppg_sync"]).unlink()
    listing = mcd_rppg.read(root)
    assert len(listing.recordings) == 1
    reasons = [item.reason for item in listing.skipped]
    assert reasons == [
        "the video is missing",
        "its ppg_sync file is missing",
        "db.csv lists it twice; the first row is used",
    ]


def test_an_index_of_something_else_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="is missing"):
        mcd_rppg.read(tmp_path)
    trees.write(tmp_path / "db.csv", "name,value\na,1\n")
    with pytest.raises(DataError, match="no column patient_id"):
        mcd_rppg.read(tmp_path)


def test_published_folds_are_used_where_the_authors_index_lies_beside(root: Path) -> None:
    formed = mcd_rppg.read(root)
    assert "not the published ones" in formed.notes[-1]
    trees.write(root / "mcd_rppg.csv", ",file,patient_id,fold\n0,a,1020,2\n1,b,1020,2\n2,c,7412,4\n")
    listing = mcd_rppg.read(root)
    assert {recording.person: recording.fold for recording in listing.recordings} == {"1020": 2, "7412": 4}
    trees.write(root / "mcd_rppg.csv", ",file,patient_id,fold\n0,a,1020,2\n1,b,1020,3\n")
    with pytest.raises(DataError, match="person 1020 into two folds"):
        mcd_rppg.read(root)


def test_the_whole_index_is_listed_in_seconds_without_reading_a_label(tmp_path: Path) -> None:
    people = [str(1000 + number) for number in range(600)]
    rows = [row(person, step, camera) for person in people for step in ("before", "after") for camera in VIEWS]
    index(tmp_path, rows)
    for folder in ("video", "ppg_sync", "meta"):
        (tmp_path / folder).mkdir()
    for values in rows:
        # empty files: to read any of them would fail
        for column in ("video", "ppg_sync", "meta"):
            (tmp_path / values[column]).touch()
    start = time.process_time()
    listing = mcd_rppg.read(tmp_path)
    seconds = time.process_time() - start
    assert len(listing.recordings) == 3600 and not listing.skipped
    folds = {recording.person: recording.fold for recording in listing.recordings}
    assert np.bincount(list(folds.values())).tolist() == [120] * 5  # type: ignore[arg-type]
    assert seconds < 5, seconds
    with pytest.raises(DataError, match="is empty"):
        listing.recordings[0].load()


def test_a_recording_costs_little_memory(root: Path) -> None:
    rows = [row(str(person), step, camera) for person in range(50) for step in ("before", "after") for camera in VIEWS]
    index(root, rows)
    for values in rows:
        for column in ("video", "ppg_sync", "meta"):
            (root / values[column]).touch()
    tracemalloc.start()
    listing = mcd_rppg.read(root)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert len(listing.recordings) == 300
    assert peak < 300 * 16 * 1024, f"{peak / 300:.0f} bytes a recording"


@pytest.mark.shared
def test_a_real_fragment_of_ppg_sync(shared: Path, root: Path) -> None:
    sync = shared / "data" / "labels" / "mcd_rppg" / "ppg_sync" / "1024_USBVideo_before.txt"
    video = trees.video(root / "fragment.avi", count=177, fps=30)
    signal = mcd_rppg.load(sync, None, video).signals["ppg"]
    assert signal.values[:6].tolist() == [161, 150, 103, 60, 36, 35] and signal.times[-1] == pytest.approx(176 / 30)
