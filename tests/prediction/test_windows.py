"""Windows of a stream: what the model sees, and waveforms joined again."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pytest

from zoo.prediction.windows import Windows, clip_at
from zoo.spec import TARGETS, Clip, Input, Output, Signal, Traces


class Green:
    """Says the first region's (or pixel's) green as its waveform, and its mean as a heart rate; keeps what it saw."""

    name = "green"
    trained_on = ()
    trainable = False

    def __init__(self, input: Input) -> None:
        self.input = input
        self.outputs: Mapping[str, Output] = {"ppg": Signal("value"), "heart_rate": TARGETS["heart_rate"]}
        self.shapes: list[tuple[int, ...]] = []

    def __call__(self, batch: np.ndarray) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
        self.shapes.append(batch.shape)
        assert batch.dtype == np.float32
        wave = batch[:, 0, 1] if isinstance(self.input, Traces) else batch[:, 1, :, 0, 0]
        return {"ppg": wave}, {"heart_rate": wave.mean(axis=1)}


def traces(times: np.ndarray) -> np.ndarray:
    """(1, 3, n) colours whose green swings at 1.2 Hz."""
    colour = np.full((1, 3, len(times)), 0.5)
    colour[0, 1] += 0.1 * np.sin(2 * np.pi * 1.2 * times)
    return colour.astype(np.float32)


def push(windows: Windows, times: np.ndarray, samples: np.ndarray, found: np.ndarray | None = None) -> None:
    """Chunks of 128 frames, as they arrive from a video."""
    found = np.ones(len(times), bool) if found is None else found
    axis = 0 if samples.dtype == np.uint8 else -1
    for start in range(0, len(times), 128):
        part = np.arange(start, min(start + 128, len(times)))
        windows.push(times[part], found[part], samples.take(part, axis=axis))
    windows.close()


@pytest.mark.parametrize("fps", [30.0, 24.0, 61.0])
def test_a_long_recording_is_joined_from_windows(fps: float) -> None:
    times = np.arange(0, 50, 1 / fps)
    runner = Green(Traces(frames=300, regions=("face",), min_frames=60))
    windows = Windows(runner)
    push(windows, times, traces(times))
    (stretch,) = windows.stretches
    assert set(runner.shapes) == {(1, 1, 3, 300)}
    assert stretch.start == 0
    assert abs(stretch.frames - 1500) <= 2
    grid = np.arange(stretch.frames) / 30.0
    wanted = np.sqrt(2) * np.sin(2 * np.pi * 1.2 * grid)
    assert np.abs(stretch.waveforms["ppg"] - wanted).max() < 0.06
    assert len(stretch.biomarkers["heart_rate"]) == len(runner.shapes)


def test_memory_is_one_window_not_the_recording() -> None:
    runner = Green(Clip(frames=32, size=4))
    windows = Windows(runner)
    times = np.arange(3000) / 30.0
    held = []
    for start in range(0, 3000, 100):
        part = slice(start, start + 100)
        windows.push(times[part], np.ones(100, bool), np.zeros((100, 4, 4, 3), np.uint8))
        held.append(len(windows._times))
    assert max(held) <= 32 + 16 + 100
    assert max(held[-3:]) <= max(held[:3])


def test_a_short_recording_is_one_window_of_a_legal_length() -> None:
    runner = Green(Traces(frames=640, regions=("face",), multiple_of=64, min_frames=64))
    windows = Windows(runner)
    times = np.arange(400) / 30.0
    push(windows, times, traces(times))
    assert runner.shapes == [(1, 1, 3, 384)]
    assert windows.stretches[0].frames == 384


def test_a_stretch_below_the_shortest_is_left_out() -> None:
    runner = Green(Traces(frames=600, regions=("face",), min_frames=301))
    windows = Windows(runner)
    times = np.arange(300) / 30.0
    push(windows, times, traces(times))
    assert (windows.stretches, runner.shapes) == ([], [])


def test_a_long_gap_splits_and_a_short_one_is_bridged() -> None:
    times = np.arange(1500) / 30.0
    samples = traces(times)
    lost = ((times > 10) & (times < 10.5)) | ((times > 20) & (times < 25))
    samples[..., lost] = np.nan
    windows = Windows(Green(Traces(frames=150, regions=("face",), min_frames=60)))
    push(windows, times, samples, ~lost)
    assert [(s.start, s.start + s.frames) for s in windows.stretches] == [(0, 601), (750, 1500)]
    assert all(np.isfinite(stretch.waveforms["ppg"]).all() for stretch in windows.stretches)


def test_variable_frame_rate_is_put_on_the_grid() -> None:
    rng = np.random.default_rng(0)
    times = np.cumsum(rng.uniform(0.015, 0.06, 900))
    times -= times[0]
    windows = Windows(Green(Traces(frames=300, regions=("face",), min_frames=60)))
    push(windows, times, traces(times))
    (stretch,) = windows.stretches
    wanted = np.sqrt(2) * np.sin(2 * np.pi * 1.2 * np.arange(stretch.frames) / 30.0)
    assert np.corrcoef(stretch.waveforms["ppg"], wanted)[0, 1] > 0.99


def test_clips_take_the_nearest_frame_and_never_the_same_twice() -> None:
    times = np.arange(50) / 25.0
    crops = np.arange(50, dtype=np.uint8)[:, None, None, None] * np.ones((1, 2, 2, 3), np.uint8)
    clip = clip_at(times, crops, np.arange(58) / 30.0)
    assert clip.shape == (3, 58, 2, 2)
    assert (np.diff(clip[0, :, 0, 0]) > 0).all()
    assert np.abs(255 * clip[0, :, 0, 0] - 25 * np.arange(58) / 30).max() <= 0.5 + 1e-3
    same = clip_at(times, crops, times)
    assert np.array_equal(np.round(255 * same[0, :, 0, 0]), np.arange(50))
