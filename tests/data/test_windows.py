"""Windows: placed by time stamps, cut on the model's frame grid, unknown labels as NaN."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from zoo.data.recording import Labels, Recording, Series
from zoo.data.windows import Prepared, RecordedWindows, collate, cut, place_windows
from zoo.spec import Clip, Traces


def prepared(fps: float = 25.0, seconds: float = 30.0, lost: tuple[float, float] = (0.0, 0.0), crops: bool = False):
    times = np.arange(int(seconds * fps)) / fps
    found = ~((times >= lost[0]) & (times < lost[1]))
    traces = np.stack([np.stack([0.5 + 0.01 * c * np.sin(2 * np.pi * times) for c in (1, 2, 3)])]).astype(np.float32)
    pictures = np.repeat(np.arange(len(times), dtype=np.uint8)[:, None, None, None], 4, 1) * np.ones(
        (1, 4, 4, 3), np.uint8
    )
    ppg_times = np.arange(0, seconds, 1 / 60)
    labels = Labels({"ppg": Series(ppg_times, np.sin(2 * np.pi * ppg_times))})
    recording = Recording("made", "p1", "s1", Path("x.mp4"), targets={"age": 33.0})
    return Prepared(recording, labels, times, found, traces, pictures if crops else None)


def test_windows_tile_a_recording():
    times = np.arange(30 * 60) / 30
    starts, left_out = place_windows(times, np.ones(1800, bool), 20.0, 5.0)
    assert starts == pytest.approx([0, 5, 10, 15, 20, 25, 30, 35, 40]) and left_out == 0


def test_a_recording_of_exactly_one_window_has_one():
    times = np.arange(600) / 30
    assert place_windows(times, np.ones(600, bool), 20.0, 5.0)[0] == [0.0]
    assert place_windows(times[:590], np.ones(590, bool), 20.0, 5.0)[0] == []


def test_windows_over_a_lost_face_are_left_out_and_counted():
    times = np.arange(900) / 30
    starts, left_out = place_windows(times, (times < 12) | (times > 14), 10.0, 1.0)
    assert left_out == 21 - len(starts)
    assert all(start + 10 <= 12.6 or start >= 13.4 for start in starts)


def test_traces_are_resampled_by_time():
    window = cut(prepared(fps=25.0), 5.0, Traces(300, ("face",), fps=30.0))
    t = 5.0 + np.arange(300) / 30
    assert window["input"].shape == (1, 3, 300) and window["input"].dtype == np.float32
    assert window["input"][0, 1] == pytest.approx(0.5 + 0.02 * np.sin(2 * np.pi * t), abs=5e-4)
    assert window["waveforms"]["ppg"] == pytest.approx(np.sin(2 * np.pi * t), abs=5e-3)
    assert window["targets"]["age"] == 33.0 and np.isnan(window["targets"]["systolic"])
    assert np.isnan(window["waveforms"]["respiration"]).all()


def test_clips_take_the_nearest_frame():
    window = cut(prepared(fps=10.0, seconds=20.0, crops=True), 2.0, Clip(60, size=4, fps=30.0))
    assert window["input"].shape == (3, 60, 4, 4)
    assert window["input"].dtype == np.uint8
    assert window["input"][0, :7, 0, 0].tolist() == [20, 20, 21, 21, 21, 22, 22]


def test_labels_are_unknown_outside_and_in_long_gaps():
    made = prepared()
    series = made.labels.signals["ppg"]
    keep = (series.times < 8.0) | ((series.times > 10.0) & (series.times < 14.0))
    made = Prepared(
        made.recording,
        Labels({"ppg": Series(series.times[keep], series.values[keep])}),
        made.times,
        made.found,
        made.traces,
    )
    label = cut(made, 5.0, Traces(300, ("face",)))["waveforms"]["ppg"]
    t = 5.0 + np.arange(300) / 30
    assert np.isfinite(label[t < 7.9]).all() and np.isnan(label[(t > 8.1) & (t < 9.9)]).all()
    assert np.isfinite(label[(t > 10.1) & (t < 13.9)]).all() and np.isnan(label[t > 14.2]).all()


def test_collate_keeps_names_and_unknown_labels():
    windows = RecordedWindows([prepared()], Traces(300, ("face",)), hop=5.0)
    batch = collate([windows[0], windows[1]])
    assert batch["input"].shape == (2, 1, 3, 300) and batch["mask"].shape == (2, 300)
    assert batch["person"] == ["made/p1", "made/p1"] and batch["start"].tolist() == [0.0, 5.0]
    assert batch["targets"]["age"].tolist() == [33.0, 33.0] and batch["targets"]["spo2"].isnan().all()


def test_lost_windows_are_counted():
    windows = RecordedWindows([prepared(lost=(10.0, 20.0))], Traces(240, ("face",)), hop=1.0)
    assert windows.left_out > 0 and len(windows) > 0
    assert all(windows[i]["mask"].mean() >= 0.95 for i in range(len(windows)))


def test_heart_rate_comes_from_the_contact_beats_where_no_label_says_it():
    made = prepared(seconds=40.0)
    times = made.labels.signals["ppg"].times
    made = replace(made, labels=Labels({"ppg": Series(times, np.sin(2 * np.pi * 1.3 * times) ** 3)}))
    windows = RecordedWindows([made], Traces(600, ("face",)), hop=5.0)
    assert windows[1]["targets"]["heart_rate"] == pytest.approx(78.0, abs=0.3)
    known = {name: float(column[1]) for name, column in windows.targets().items()}
    assert known == pytest.approx(windows[1]["targets"], nan_ok=True)


def test_a_label_that_changes_is_averaged_over_the_window():
    made = prepared()
    seconds = np.arange(30.0)
    made = replace(
        made, labels=Labels({"heart_rate": Series(seconds, 60 + seconds), "spo2": Series(seconds, 0 * seconds + 97)})
    )
    targets = cut(made, 5.0, Traces(300, ("face",)))["targets"]
    assert targets["heart_rate"] == pytest.approx(60 + np.arange(5, 15).mean())
    assert targets["spo2"] == 97.0
    assert targets["age"] == 33.0
