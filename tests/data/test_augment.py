"""Augmentation: seeded by window, labels move along, and each change does what its name says and no more."""

from __future__ import annotations

from dataclasses import asdict, replace

import numpy as np
import pytest

from zoo.data.augment import (
    CLIPS,
    TRACES,
    Augmented,
    amplify,
    augment,
    augmentation,
    drift,
    drop_frames,
    drop_regions,
    flip_regions,
    source_input,
    stretch,
)
from zoo.data.augment_clips import sensor_noise, through_codec
from zoo.data.windows import Sample
from zoo.datasets.synthetic import windows
from zoo.errors import UsageError
from zoo.signals.rate import heart_rate
from zoo.spec import REGIONS, Clip, Grid, Traces

TRACE_INPUT = Traces(300, REGIONS)
CLIP_INPUT = Clip(24, size=40)
ALL_TRACES = {"time_stretch": 0.3, "amplitude": 0.5, "drift": 0.02, "region_dropout": 0.3, "dropped_frames": 0.05}
ALL_CLIPS = {
    "noise": 3.0,
    "compression": 30.0,
    "light": 0.2,
    "colour": 0.2,
    "blur": 0.02,
    "crop_jitter": 0.05,
    "flip": 0.5,
    "dropped_frames": 0.1,
}


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def pulse(rate: float, seconds: float, fps: float = 30.0) -> Sample:
    times = np.arange(round(seconds * fps)) / fps
    wave = np.sin(2 * np.pi * rate / 60 * times).astype(np.float32)
    traces = (0.5 + 0.01 * wave * np.ones((1, 3, 1))).astype(np.float32)
    targets = {"heart_rate": rate, "respiration_rate": 15.0, "age": 40.0, "spo2": np.nan}
    nothing = np.full(len(times), np.nan, np.float32)
    mask = np.arange(len(times)) < 100
    return Sample(
        input=traces,
        waveforms={"ppg": wave, "respiration": nothing},
        targets=targets,
        mask=mask,
        person="p",
        recording="r",
        start=2.0,
    )


@pytest.mark.parametrize(("input", "settings"), [(TRACE_INPUT, ALL_TRACES), (CLIP_INPUT, ALL_CLIPS)])
def test_draws_depend_on_seed_epoch_and_window_alone(input: Traces | Clip, settings: dict[str, float]) -> None:
    chosen = augmentation(settings, input)
    data = windows(source_input(input, chosen), "train", people=3)
    forwards = Augmented(data, input, chosen, seed=5)
    backwards = Augmented(data, input, chosen, seed=5)
    assert len(forwards) == 3
    first = [forwards[i] for i in range(3)]
    again = [backwards[i] for i in (2, 1, 0)][::-1]
    for a, b in zip(first, again, strict=True):
        assert np.array_equal(a["input"], b["input"]) and a["targets"] == b["targets"]
        assert a["input"].shape == input.shape()[1:] and a["input"].dtype == np.float32
        assert a["input"].min() >= 0 and a["input"].max() <= 1
    for other in (Augmented(data, input, chosen, seed=6), Augmented(data, input, chosen, seed=5, epoch=1)):
        assert not np.array_equal(other[0]["input"], first[0]["input"])


@pytest.mark.parametrize("factor", [0.75, 1.0, 1.3])
def test_time_stretch_moves_the_rates(factor: float) -> None:
    stretched = stretch(pulse(80.0, 16.0), Traces(300), factor, place=0.5)
    assert stretched["targets"]["heart_rate"] == 80.0 * factor
    assert stretched["targets"]["respiration_rate"] == 15.0 * factor and stretched["targets"]["age"] == 40.0
    assert np.isnan(stretched["targets"]["spo2"]) and np.isnan(stretched["waveforms"]["respiration"]).all()
    for wave in (stretched["waveforms"]["ppg"], stretched["input"][0, 1]):
        assert heart_rate(wave.astype(np.float64), 30.0) == pytest.approx(80 * factor, abs=0.5)
    taken = 0.5 * (479 - 299 * factor)
    assert stretched["start"] == pytest.approx(2.0 + taken / 30)
    assert stretched["mask"].sum() == pytest.approx(max(99 - taken, 0) / factor, abs=1.5)


def test_a_stretch_needs_a_longer_window() -> None:
    settings = augmentation({"time_stretch": 0.3}, TRACE_INPUT)
    assert source_input(TRACE_INPUT, settings).frames == 391
    for seed in range(20):
        augment(pulse(80.0, 391 / 30), replace(TRACE_INPUT, regions=("face",)), settings, rng(seed))
    with pytest.raises(UsageError, match="cut a longer one"):
        stretch(pulse(80.0, 10.0), TRACE_INPUT, 1.2, 0.0)


def test_trace_changes() -> None:
    traces = rng().uniform(0.3, 0.6, (8, 3, 900)).astype(np.float32)
    louder = amplify(traces, 2.0)
    assert louder.mean(-1) == pytest.approx(traces.mean(-1), abs=1e-6)
    assert louder.std(-1) == pytest.approx(2 * traces.std(-1), rel=1e-4)
    changed = drift(traces, 30.0, 0.05, rng()) / traces
    assert changed == pytest.approx(np.broadcast_to(changed[:1], changed.shape), abs=1e-4)
    spectrum = np.abs(np.fft.rfft(changed[0, 1] * np.hanning(900))) ** 2
    assert spectrum[int(0.5 * 30) :].sum() < 1e-3 * spectrum[1:].sum()
    assert 0.03 < changed[0].std(-1).mean() < 0.07
    for seed in range(30):
        kept = drop_regions(traces, 0.9, rng(seed)).std(axis=(1, 2), where=True) > 0
        still = np.ptp(drop_regions(traces, 0.9, rng(seed)), axis=-1).max(-1) < 1e-6
        assert kept.any() and 1 <= (~still).sum() < 8
    lost = drop_frames(traces, 0.2, rng(), axis=-1)
    repeated = np.mean(np.all(np.diff(lost, axis=-1) == 0, axis=(0, 1)))
    assert repeated == pytest.approx(0.2, abs=0.05) and (lost[..., 0] == traces[..., 0]).all()


def test_a_mirrored_face_has_its_sides_exchanged() -> None:
    traces = np.arange(8.0)[:, None, None] * np.ones((8, 3, 4))
    assert flip_regions(traces, TRACE_INPUT)[:, 0, 0].tolist() == [0, 1, 3, 2, 5, 4, 6, 7]
    grid = np.arange(6.0)[:, None, None] * np.ones((6, 3, 4))
    assert flip_regions(grid, Traces(4, Grid(2, 3)))[:, 0, 0].tolist() == [2, 1, 0, 5, 4, 3]


def test_sensor_noise_is_new_in_every_frame_and_of_the_given_size() -> None:
    frames = np.full((40, 32, 32, 3), 0.5, np.float32)
    frames[7] = 0
    noisy = sensor_noise(frames, 4.0, rng())
    noise = (noisy - frames) * 255
    assert noise[0].std() == pytest.approx(4.0, rel=0.05) and (noise[7] == 0).all()
    assert abs(np.corrcoef(noise[0].ravel(), noise[1].ravel())[0, 1]) < 0.1


def test_one_draw_a_clip() -> None:
    still = np.broadcast_to(rng().random((3, 1, 40, 40), dtype=np.float32), (3, 24, 40, 40))
    sample = windows(CLIP_INPUT, "train", people=1)[0]
    for name in ("light", "colour", "blur", "crop_jitter"):
        chosen = augmentation({name: 0.3}, CLIP_INPUT)
        changed = augment({**sample, "input": still}, CLIP_INPUT, chosen, rng(2))["input"]
        assert np.abs(np.diff(changed, axis=1)).max() < 1e-6 and np.abs(changed - still).mean() > 0.005


def test_flip_mirrors_a_clip() -> None:
    sample = windows(CLIP_INPUT, "train", people=1)[0]
    flipped = augment(sample, CLIP_INPUT, augmentation({"flip": 1.0}, CLIP_INPUT), rng())["input"]
    assert flipped == pytest.approx(sample["input"][..., ::-1], abs=1e-6)


def test_the_codec_harms_more_the_higher_its_crf_and_keeps_order() -> None:
    clip = windows(Clip(48, size=36), "train", people=1)[0]["input"].transpose(1, 2, 3, 0)
    errors = [np.abs(through_codec(clip, crf) - clip).mean() for crf in (10.0, 25.0, 40.0)]
    assert errors[0] < errors[1] < errors[2]
    ramp = np.linspace(0.2, 0.8, 48, dtype=np.float32)[:, None, None, None] * np.ones((1, 36, 36, 3), np.float32)
    assert through_codec(ramp, 20.0).mean((1, 2, 3)) == pytest.approx(ramp.mean((1, 2, 3)), abs=0.02)


def test_labels_and_the_given_window_stay_as_they_are() -> None:
    sample = windows(CLIP_INPUT, "train", people=1)[0]
    before = {name: np.copy(value) for name, value in [("input", sample["input"]), *sample["waveforms"].items()]}
    changed = augment(sample, CLIP_INPUT, augmentation(ALL_CLIPS, CLIP_INPUT), rng())
    assert np.array_equal(sample["input"], before["input"])
    assert changed["targets"] == sample["targets"]
    assert np.array_equal(changed["waveforms"]["ppg"], before["ppg"])


@pytest.mark.parametrize(
    ("values", "input", "says"),
    [
        ({"time_strech": 0.1}, TRACE_INPUT, "Did you mean time_stretch"),
        ({"noise": 2.0}, TRACE_INPUT, "not for traces"),
        ({"drift": 0.1}, CLIP_INPUT, "not for face clips"),
        ({"flip": 1.5}, CLIP_INPUT, "from 0 to 1"),
        ({"flip": True}, CLIP_INPUT, "from 0 to 1"),
        ({"drift": "strong"}, TRACE_INPUT, "a number"),
    ],
)
def test_wrong_settings_are_refused(values: dict[str, object], input: Traces | Clip, says: str) -> None:
    with pytest.raises(UsageError, match=says):
        augmentation(values, input)


def test_everything_is_off_by_default() -> None:
    assert set(asdict(augmentation({}, TRACE_INPUT))) == {*TRACES, *CLIPS}
    assert not any(asdict(augmentation({}, TRACE_INPUT)).values())
