from __future__ import annotations

from pathlib import Path
from typing import get_args

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.signals.waves import breathing_pulse, pink, sinusoid
from zoo.errors import InputShapeError, UsageError
from zoo.signals.filters import bandpass, detrend
from zoo.signals.rate import Method, heart_rate, measure

METHODS = get_args(Method)
# how far from a clean sinusoid of 20 s a method may be by its own resolution
RESOLUTION = {"toolbox": 0.9, "system_b": 1.8, "system_c": 2.0, "toolbox_peaks": 2.0, "centroid": 0.6, "beats": 0.3}


@settings(max_examples=60, derandomize=True, deadline=None)
@given(st.floats(40, 200), st.floats(0, 6.3), st.sampled_from([20.0, 25.0, 29.97, 30.0, 60.0]), st.floats(1e-3, 1e3))
def test_a_clean_sinusoid_of_ten_seconds(rate, phase, fps, scale):
    wave = scale * sinusoid(rate, fps, 10.0, phase)
    assert abs(heart_rate(wave, fps, low=0.5, high=4.0) - rate) < 0.1
    single = heart_rate(torch.tensor(wave, dtype=torch.float32), fps, low=0.5, high=4.0)
    assert abs(float(single) - rate) < 0.1


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("rate", [48, 61.7, 90, 133.3, 180])
def test_every_method_reads_a_sinusoid(method, rate):
    wave = sinusoid(rate, seconds=20, phase=0.4)
    assert abs(heart_rate(wave, 30.0, method=method) - rate) < RESOLUTION.get(method, 0.1)


@pytest.mark.parametrize("method", METHODS)
def test_batches_and_kinds(method):
    waves = np.stack([sinusoid(rate, seconds=15) for rate in (50, 70, 90, 110, 130, 150)]).reshape(2, 3, -1)
    rates = heart_rate(waves, 30.0, method=method)
    assert rates.shape == (2, 3)
    for index in np.ndindex(2, 3):
        assert rates[index] == pytest.approx(float(heart_rate(waves[index], 30.0, method=method)), abs=1e-6)
    tensor = heart_rate(torch.tensor(waves, dtype=torch.float32), 30.0, method=method)
    assert isinstance(tensor, torch.Tensor) and tensor.dtype == torch.float32
    np.testing.assert_allclose(tensor.numpy(), rates, atol=0.02)


def test_a_chirp_reads_its_middle():
    t = np.arange(600) / 30
    for start, end in ((60, 70), (120, 100)):
        turns = (start * t + (end - start) * t**2 / 40) / 60
        wave = np.sin(2 * np.pi * turns)
        for method in ("centroid", "beats", "system_b"):
            assert abs(heart_rate(wave, 30.0, method=method) - (start + end) / 2) < 2, method


def test_whitening_finds_the_pulse_under_falling_noise():
    errors = {True: [], False: []}
    for seed in range(40):
        walk = np.cumsum(np.random.default_rng(seed).normal(size=600))
        wave = sinusoid(60 + 2 * seed, seconds=20) + 1.2 * walk
        for whiten, found in errors.items():
            found.append(abs(float(heart_rate(wave, 30.0, whiten=whiten)) - 60 - 2 * seed))
    assert np.mean(np.array(errors[True]) < 3) > np.mean(np.array(errors[False]) < 3) + 0.15


def test_the_guard_takes_the_fundamental():
    wave = sinusoid(60, seconds=20) + 0.8 * sinusoid(120, seconds=20, phase=1.0)
    for method in ("spectrum", "centroid", "welch"):
        assert heart_rate(wave, 30.0, method=method, guard=False) == pytest.approx(120, abs=2)
        assert heart_rate(wave, 30.0, method=method) == pytest.approx(60, abs=2)
    for rate in (50, 100, 150):
        assert heart_rate(sinusoid(rate, seconds=20), 30.0) == pytest.approx(rate, abs=0.1)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(
    "wave",
    [
        np.full(300, 0.1),
        np.zeros(300),
        np.full(300, np.nan),
        np.where(np.arange(300) == 7, np.nan, sinusoid(70)),
        np.where(np.arange(300) == 7, np.inf, sinusoid(70)),
        np.ones(1),
        sinusoid(60, seconds=0.4),
        sinusoid(20),
        sinusoid(300),
    ],
    ids=["constant", "zero", "nan", "one nan", "inf", "one sample", "short", "below", "above"],
)
def test_what_cannot_be_decided_is_nan(method, wave):
    with np.errstate(invalid="ignore"):
        assert np.isnan(heart_rate(wave, 30.0, method=method))
        assert np.isnan(float(heart_rate(torch.tensor(wave, dtype=torch.float32), 30.0, method=method)))


def test_one_bad_row_spoils_no_other():
    waves = np.stack([sinusoid(70), np.full(300, np.nan), sinusoid(100)])
    np.testing.assert_allclose(heart_rate(waves, 30.0), [70, np.nan, 100], atol=0.1)


def test_bad_settings():
    wave = sinusoid(60)
    for settings_ in ({"low": 3, "high": 1}, {"high": 16}, {"low": -1}, {"method": "guess"}, {"colour": 1}):
        with pytest.raises(UsageError):
            heart_rate(wave, 30.0, **settings_)
    with pytest.raises(UsageError):
        heart_rate(wave, 0.0)
    with pytest.raises(InputShapeError):
        heart_rate(np.zeros((2, 0)), 30.0)


def test_measure_says_how_and_why_not():
    rate = measure(sinusoid(72, seconds=20), 30.0)
    assert rate.low <= 72 <= rate.high
    assert (rate.band, rate.window, rate.method, rate.reason) == ((0.7, 3.2), 20.0, "spectrum", "")
    for wave, reason in (
        (np.ones(300), "does not move"),
        (np.full(300, np.nan), "gaps"),
        (sinusoid(60, seconds=0.3), "two periods"),
        (sinusoid(300), "stands out"),
    ):
        refused = measure(wave, 30.0)
        assert np.isnan([refused.value, refused.low, refused.high]).all()
        assert reason in refused.reason


@pytest.mark.parametrize("noise", [0.5, 2.0, 3.0])
def test_intervals_hold_the_truth_as_often_as_they_say(noise):
    held, widths = [], []
    for seed in range(80):
        rate = np.random.default_rng(seed).uniform(50, 170)
        found = measure(sinusoid(rate) + noise * pink(300, seed), 30.0, level=0.9)
        held.append(found.low <= rate <= found.high)
        widths.append(found.high - found.low)
    assert np.mean(held) >= 0.87
    assert np.median(widths) < {0.5: 4, 2.0: 20, 3.0: 110}[noise]


def test_an_interval_is_wider_where_the_rate_moves():
    steady = measure(sinusoid(72, seconds=30), 30.0)
    moving = measure(breathing_pulse(frequency=0.1, amplitude=0, baseline=0, breaths=4, seconds=30), 30.0)
    assert moving.high - moving.low > 2 * (steady.high - steady.low)


@pytest.mark.shared
@pytest.mark.parametrize(
    ("settings_", "band", "filtered", "seconds", "expected"),
    [
        ({"method": "toolbox"}, (0.75, 2.5), True, None, (0.984, 2.647, 1.125, 0.990)),
        ({"method": "toolbox"}, (0.75, 2.5), False, None, (1.277, 3.119, 1.385, 0.986)),
        ({"method": "toolbox", "next_power_of_two": False}, (0.75, 2.5), True, None, (0.851, 1.977, 1.011, 0.995)),
        ({"method": "toolbox_peaks"}, (0.75, 2.5), True, None, (1.627, 3.355, 1.695, 0.975)),
        ({"method": "toolbox"}, (0.6, 3.3), True, None, (2.658, 11.168, 2.625, 0.831)),
        ({"method": "toolbox"}, (0.75, 2.5), True, 10, (1.525, 7.456, 1.484, 0.910)),
    ],
)
def test_published_table(settings_, band, filtered, seconds, expected, shared: Path):
    outputs = np.load(shared / "data" / "outputs" / "ubfc_rppg_deepphys_pure.npz")
    rates = {"predictions": [], "labels": []}
    for name in outputs:
        if "/" not in name:
            continue
        raw = outputs[name].astype(float)
        length = len(raw) if seconds is None else 30 * seconds
        # the peer scores the rest of a recording too, as a shorter window
        for start in range(0, len(raw), length):
            wave = detrend(np.cumsum(raw[start : start + length]))
            wave = bandpass(wave, 30.0, *band) if filtered else wave
            found = heart_rate(wave, 30.0, low=band[0], high=band[1], **settings_)
            rates[name.split("/")[0]].append(float(found))
    estimate, truth = (np.array(rates[key]) for key in ("predictions", "labels"))
    error = estimate - truth
    result = (abs(error).mean(), (error**2).mean() ** 0.5, 100 * (abs(error) / truth).mean())
    np.testing.assert_allclose([*result, np.corrcoef(estimate, truth)[0, 1]], expected, atol=6e-4)


@pytest.mark.shared
def test_published_rates_of_one_trace(shared: Path):
    golden = np.load(shared / "golden" / "signals.npz")
    for wave, prefix in (("pos_filtered", ""), ("bvp_filtered", "bvp_")):
        for method, name in (("toolbox", "hr_fft_pow2"), ("toolbox_peaks", "hr_peaks")):
            found = heart_rate(golden[wave], 30.0, low=0.75, high=2.5, method=method)
            assert found == pytest.approx(float(golden[prefix + name]), abs=1e-6)
