from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import signal

from tests.signals.waves import sinusoid
from zoo.errors import InputShapeError, UsageError
from zoo.signals.filters import bandpass, detrend, windowed, windows


@settings(max_examples=15, derandomize=True, deadline=None)
@given(st.integers(3, 300), st.sampled_from([1.0, 10.0, 100.0, 300.0]))
def test_banded_detrend_is_the_dense_one(n, smoothness):
    x = np.random.default_rng(n).normal(size=(2, 2, n)).cumsum(-1)
    difference = np.diff(np.eye(n), 2, axis=0)
    dense = np.eye(n) - np.linalg.inv(np.eye(n) + smoothness**2 * difference.T @ difference)
    np.testing.assert_allclose(detrend(x, smoothness), x @ dense.T, atol=1e-9)


def test_detrend_removes_lines_and_keeps_the_pulse():
    t = np.arange(600.0)
    np.testing.assert_allclose(detrend(5 * t + 3), 0, atol=1e-6)
    pulse = sinusoid(72, seconds=20)
    assert np.corrcoef(detrend(pulse + 0.1 * t), pulse)[0, 1] > 0.97


def test_detrend_halves_what_the_docstring_says():
    wave = sinusoid(60 * 0.48, seconds=60)
    assert detrend(wave)[300:-300].std() / wave[300:-300].std() == pytest.approx(0.5, abs=0.02)


@pytest.mark.parametrize("order", [1, 2, 3, 4])
def test_bandpass_gain_is_the_squared_butterworth(order):
    for rate in (30, 60, 90, 150, 240):
        wave = sinusoid(rate, seconds=60)
        _, response = signal.freqz(*signal.butter(order, [0.75, 2.5], "bandpass", fs=30), worN=[rate / 60], fs=30)
        gain = bandpass(wave, 30.0, order=order)[600:-600].std() / wave[600:-600].std()
        assert gain == pytest.approx(abs(response[0]) ** 2, rel=0.02, abs=1e-3)


def test_bandpass_shifts_no_phase():
    wave = sinusoid(80, seconds=30)
    assert np.corrcoef(bandpass(wave, 30.0)[100:-100], wave[100:-100])[0, 1] > 0.9999


@pytest.mark.parametrize("function", [detrend, lambda x: bandpass(x, 30.0)])
def test_batches_kinds_and_gaps(function):
    x = np.random.default_rng(0).normal(size=(3, 200))
    result = function(torch.tensor(x, dtype=torch.float32))
    assert isinstance(result, torch.Tensor) and result.dtype == torch.float32
    np.testing.assert_allclose(result.numpy(), function(x), atol=1e-4)
    np.testing.assert_allclose(function(x)[1], function(x[1]), atol=1e-9)
    x[1, 50] = np.nan
    assert np.isnan(function(x)).any(-1).tolist() == [False, True, False]


def test_windows():
    x = torch.arange(10)
    assert windows(x, 4, 3).tolist() == [[0, 1, 2, 3], [3, 4, 5, 6], [6, 7, 8, 9]]
    assert windows(np.zeros((2, 3)), 4, 1).shape == (2, 0, 4)


@pytest.mark.parametrize("n", [5, 300, 301, 777])
def test_windowed_of_nothing_changes_nothing(n):
    x = np.random.default_rng(n).normal(size=(2, n))
    np.testing.assert_allclose(windowed(lambda part: part, x, 30.0), x, atol=1e-12)


def test_windowed_band_pass_is_the_whole_one_away_from_the_ends():
    x = np.random.default_rng(0).normal(size=1800)
    whole = bandpass(x, 30.0)[300:-300]
    assert np.corrcoef(windowed(lambda part: bandpass(part, 30.0), x, 30.0, 20.0)[300:-300], whole)[0, 1] > 0.98


def test_bad_input():
    with pytest.raises(InputShapeError):
        detrend(np.ones(2))
    with pytest.raises(InputShapeError):
        bandpass(np.ones(9), 30.0)
    for low, high, fps in ((0, 2, 30), (2, 1, 30), (0.7, 20, 30), (0.7, 2, 0), (0.7, 2, float("nan"))):
        with pytest.raises(UsageError):
            bandpass(np.ones(100), fps, low, high)


@pytest.mark.shared
def test_published_numbers(shared: Path):
    golden = np.load(shared / "golden" / "signals.npz")
    np.testing.assert_allclose(detrend(golden["pos"]), golden["pos_detrended"], atol=1e-9)
    np.testing.assert_allclose(bandpass(golden["pos_detrended"], 30.0), golden["pos_filtered"], atol=1e-9)
    np.testing.assert_allclose(bandpass(detrend(golden["bvp"]), 30.0), golden["bvp_filtered"], atol=1e-9)
