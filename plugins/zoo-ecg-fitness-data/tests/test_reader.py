from __future__ import annotations

import pickle
from pathlib import Path

import av
import numpy as np
import pytest
import zoo_ecg_fitness_data
from zoo_ecg_fitness_data import reader

from zoo import registry
from zoo.errors import DataError

HEADER = "milliseconds, ECG, ECG HR, PPG, PPG HR, SpO2, PI\n"


def write_video(path: Path, count: int = 30) -> None:
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=30)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for index in range(count):
            picture = np.full((48, 64, 3), 100 + index, np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode(None))


def write_session(folder: Path, ppg: str = "-1") -> None:
    folder.mkdir(parents=True)
    for camera in reader.CAMERAS:
        write_video(folder / f"{camera}.avi")
    lines = [
        f"{1000 + 8 * i}, {i % 7}, {-116 if i % 2 else 75}, {i % 5 if ppg == 'worn' else ppg}, -1, -1, 0\n"
        for i in range(250)
    ]
    (folder / "viatom-raw.csv").write_text(HEADER + "".join(lines))
    (folder / "c920.csv").write_text("".join(f"{5000 + 33 * i},{20 + 4 * i}\n" for i in range(30)))


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for place in ("00/01", "11/02"):
        write_session(tmp_path / place)
    (tmp_path / "11" / "02" / "c920-2.avi").unlink()
    (tmp_path / "bbox").mkdir()
    return tmp_path


def test_the_zoo_finds_the_plugin() -> None:
    assert zoo_ecg_fitness_data.PLUGIN_API == registry.PLUGIN_API
    assert registry.dataset("ecg_fitness") is reader
    assert registry.find("dataset", "ecg_fitness").distribution == "zoo-ecg-fitness-data"


def test_lists_both_cameras_of_every_session(root: Path) -> None:
    listing = reader.read(root)
    assert [recording.name for recording in listing.recordings] == [
        "ecg_fitness/00/01_c920-1",
        "ecg_fitness/00/01_c920-2",
        "ecg_fitness/11/02_c920-1",
    ]
    assert [item.reason for item in listing.skipped] == ["the video is missing (c920-2.avi)"]
    assert [recording.groups["motion"] for recording in listing.recordings] == ["talking"] * 3, "11 was swapped"
    assert len(reader.read(root, cameras=["c920-2"]).recordings) == 1


def test_labels_are_on_the_clock_of_the_frames(root: Path) -> None:
    found = pickle.loads(pickle.dumps(reader.read(root).recordings[0])).load()
    np.testing.assert_allclose(found.frame_times, 0.032 * np.arange(30), atol=1e-9)
    rate = found.signals["heart_rate"]
    np.testing.assert_allclose(rate.times, 0.008 * (np.arange(250) - 20), atol=1e-9)
    assert rate.values[:2].tolist() == [75, 140], "above 127 the byte has turned negative"
    assert "ppg" not in found.signals, "the oximeter was not worn"


def test_the_pulse_wave_where_it_was_worn(root: Path) -> None:
    write_session(root / "03" / "01", ppg="worn")
    recording = next(recording for recording in reader.read(root).recordings if recording.person == "03")
    assert recording.load().signals["ppg"].values[:6].tolist() == [0, 1, 2, 3, 4, 0]


@pytest.mark.parametrize(
    ("file", "content", "reason"),
    [
        ("viatom-raw.csv", "", "is empty"),
        ("viatom-raw.csv", HEADER + "0,1,70\n8,1,70\n", "3 columns"),
        ("c920.csv", "0,1\n33,9999\n", "refers to sample 9999"),
    ],
)
def test_bad_files_are_refused_with_their_reason(root: Path, file: str, content: str, reason: str) -> None:
    (root / "00" / "01" / file).write_text(content)
    with pytest.raises(DataError, match=reason):
        reader.read(root).recordings[0].load()
