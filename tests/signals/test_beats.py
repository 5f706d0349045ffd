from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import scipy.io
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.signals.waves import breathing_pulse, contact, sinusoid
from zoo.errors import InputShapeError
from zoo.signals.beats import beat_times, intervals, mean_ibi_rate
from zoo.signals.resample import grid, resample


def matched(beats: np.ndarray, others: np.ndarray, tolerance: float = 0.05) -> float:
    """Share of `beats` that have one of `others` within the tolerance."""
    return float(np.mean([np.abs(others - beat).min() <= tolerance for beat in beats]))


@settings(max_examples=25, derandomize=True, deadline=None)
@given(st.floats(46, 185), st.sampled_from([25.0, 30.0, 64.0, 125.0]))
def test_every_peak_of_a_sinusoid(rate, fps):
    period = 60 / rate
    beats = beat_times(sinusoid(rate, fps, 20.0), fps)
    expected = period / 4 + period * np.arange(int((20 - period / 4) / period) + 1)
    inner = expected[(expected > period) & (expected < 20 - period)]
    assert matched(inner, beats, 0.01) == 1.0
    assert matched(beats[(beats > period) & (beats < 20 - period)], inner, 0.01) == 1.0
    assert mean_ibi_rate(sinusoid(rate, fps, 20.0), fps) == pytest.approx(rate, rel=0.004)


@pytest.mark.parametrize("ibi", [0.6, 0.85, 1.1])
@pytest.mark.parametrize("fps", [30.0, 100.0])
def test_the_dicrotic_wave_is_no_beat(ibi, fps):
    beats = beat_times(contact(ibi, fps), fps)
    truth = 0.2 + ibi * np.arange(int((30 - 0.2) / ibi) + 1)
    assert matched(truth[1:-1], beats) == 1.0
    assert matched(beats[1:-1], truth) == 1.0


def test_mean_rate_of_a_varying_heart_is_the_count_of_its_beats():
    wave = breathing_pulse(rate=80, frequency=0.1, breaths=6, seconds=60)
    assert mean_ibi_rate(wave, 30.0) == pytest.approx(80, abs=0.5)


def test_a_rate_that_doubles_on_the_way():
    t = np.arange(60 * 50) / 50
    rate = np.interp(t, [0, 20, 40, 60], [60, 60, 130, 130])
    turns = np.cumsum(rate / 60) / 50
    beats = beat_times(np.sin(2 * np.pi * turns), 50.0)
    truth = np.interp(np.arange(0.25, turns[-1], 1.0), turns, t)
    assert matched(truth[1:-1], beats) == 1.0
    assert abs(len(beats) - len(truth)) <= 1


def test_noise_costs_few_beats():
    wave = contact(0.8, 30.0, 60.0)
    noisy = wave + 0.15 * np.random.default_rng(0).normal(size=wave.size)
    truth = 0.2 + 0.8 * np.arange(75)
    beats = beat_times(noisy, 30.0)
    assert matched(truth[1:-1], beats, 0.08) > 0.95
    assert matched(beats[1:-1], truth, 0.08) > 0.95


def test_intervals_around_a_missed_or_invented_beat_are_marked():
    beats = np.delete(np.arange(20) * 0.8, 7)
    gaps = intervals(np.sort(np.append(beats, 12.2)))
    assert np.isnan(gaps).sum() == 2
    np.testing.assert_allclose(gaps[np.isfinite(gaps)], 0.8, atol=0.25)
    assert len(intervals(np.array([1.0]))) == len(intervals(np.zeros(0))) == 0


def test_batch():
    waves = np.stack([sinusoid(rate, seconds=20) for rate in (50, 75, 100, 160)]).reshape(2, 2, -1)
    np.testing.assert_allclose(mean_ibi_rate(waves, 30.0), [[50, 75], [100, 160]], rtol=0.004)


@pytest.mark.parametrize("rate", [25, 38, 200, 260])
def test_outside_the_band(rate):
    assert np.isnan(mean_ibi_rate(sinusoid(rate, seconds=20), 30.0))


@pytest.mark.parametrize("wave", [np.ones(300), np.full(300, 0.1), np.full(300, np.nan), np.ones(1), sinusoid(60)[:10]])
def test_no_beats(wave):
    assert len(beat_times(wave, 30.0)) == 0
    assert np.isnan(mean_ibi_rate(wave, 30.0))


def test_one_waveform_only():
    with pytest.raises(InputShapeError):
        beat_times(np.ones((2, 300)), 30.0)


@pytest.mark.shared
@pytest.mark.parametrize("fps", [250.0, 100.0, 30.0])
def test_annotated_contact_recording(fps, shared: Path):
    record = scipy.io.loadmat(shared / "data/labels/contact_ppg/PPGData.mat")["PPG"][0, 0]
    light = record["data"].ravel().astype(float)
    rate = float(record["fs"].ravel()[0])
    truth = (record["peaks"].ravel().astype(float) - 1) / rate
    # it stores light, which falls when blood comes: the annotated systolic peaks are its lowest points
    times = np.arange(len(light)) / rate
    beats = beat_times(resample(times, -light, grid(times, fps)), fps)
    assert matched(truth, beats) > 0.99
    assert matched(beats, truth) > 0.99
