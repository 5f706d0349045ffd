from __future__ import annotations

import json
import pickle
from pathlib import Path

import numpy as np
import pytest

from tests.datasets import trees
from zoo.datasets import pure
from zoo.errors import DataError

START = 1392643993642815000
FRAMES = [START + i * 33_345_000 for i in range(30)]
SAMPLES = [START + 3_944_000 + i * 16_000_000 for i in range(60)]


def content(frames: list[int] = FRAMES, samples: list[int] = SAMPLES) -> str:
    value = {"beep": False, "o2saturation": 97, "pulseRate": 83, "searching": False, "signalStrength": 5}
    packages = [
        {"Timestamp": stamp, "Value": {**value, "waveform": 48 + i % 30}, "FrameID": ""}
        for i, stamp in enumerate(samples)
    ]
    images = [{"Timestamp": stamp, "Value": {}, "FrameID": "/CameraFrame"} for stamp in frames]
    return json.dumps({"/FullPackage": packages, "/Image": images}, indent=1)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for name in ("01-01", "01-02", "10-06"):
        trees.pictures(tmp_path / name / name, [f"Image{stamp}.png" for stamp in FRAMES])
    trees.write(tmp_path / "01-01" / "01-01.json", content())
    trees.write(tmp_path / "01-02.json", content())
    return tmp_path


def test_lists_recordings_with_the_json_in_either_place(root: Path) -> None:
    listing = pure.read(root)
    assert [(r.person, r.session, r.groups["motion"]) for r in listing.recordings] == [
        ("01", "01", "still"),
        ("01", "02", "talking"),
    ]
    assert [item.reason for item in listing.skipped] == ["the json of labels is missing (10-06.json)"]
    assert listing.recordings[0].video == root / "01-01" / "01-01"
    assert [r.session for r in pure.read(root, setups=["02"]).recordings] == ["02"]


def test_samples_are_on_the_clock_of_the_pictures(root: Path) -> None:
    found = pickle.loads(pickle.dumps(pure.read(root).recordings[0])).load()
    np.testing.assert_allclose(found.signals["ppg"].times, 0.003944 + 0.016 * np.arange(60), atol=1e-9)
    np.testing.assert_array_equal(found.signals["ppg"].values, 48 + np.arange(60) % 30)
    assert set(found.signals["heart_rate"].values) == {83.0} and set(found.signals["spo2"].values) == {97.0}
    assert found.frame_times is None, "the names of the pictures are their times"


def test_pictures_without_times_take_those_of_the_json(root: Path) -> None:
    for index, path in enumerate(sorted((root / "01-01" / "01-01").iterdir())):
        path.rename(path.with_name(f"{index}.png"))
    found = pure.read(root).recordings[0].load()
    np.testing.assert_allclose(found.frame_times, 0.033345 * np.arange(30), atol=1e-9)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("{", "is not a json of PURE"),
        ('{"/FullPackage": []}', "is not a json of PURE"),
        (content(samples=[]), "0 samples of ppg"),
        (content().replace('"waveform": ', '"waveform": null, "was": '), "60 values of ppg that are NaN"),
        (content(samples=SAMPLES[::-1]), "do not increase"),
    ],
)
def test_bad_json_is_refused_with_its_reason(root: Path, text: str, reason: str) -> None:
    trees.write(root / "01-01" / "01-01.json", text)
    with pytest.raises(DataError, match=reason):
        pure.read(root).recordings[0].load()


@pytest.mark.shared
def test_a_real_fragment(shared: Path, tmp_path: Path) -> None:
    real = shared / "data" / "labels" / "pure" / "01-01" / "01-01.json"
    stamps = [item["Timestamp"] for item in json.loads(real.read_text())["/Image"]]
    pictures = trees.pictures(tmp_path / "01-01", [f"Image{stamp}.png" for stamp in stamps])
    signal = pure.load(real, pictures).signals["ppg"]
    assert len(signal.values) == 52 and signal.values[:2].tolist() == [48, 49]
    assert signal.times[0] == pytest.approx(0.003944, abs=1e-9)
