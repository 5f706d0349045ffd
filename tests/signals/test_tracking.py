from __future__ import annotations

import numpy as np
import pytest
import torch

from tests.signals.waves import pink, sinusoid
from zoo.errors import UsageError
from zoo.signals.tracking import heart_rate_over_time


def moving(seconds: float = 60.0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Times, rate in 1/min and the pulse of a heart between 54 and 90."""
    t = np.arange(round(seconds * 30)) / 30
    rate = 72 + 18 * np.sin(2 * np.pi * t / 60)
    return t, rate, np.sin(2 * np.pi * np.cumsum(rate / 60) / 30)


@pytest.mark.parametrize("track", [False, True])
def test_follows_a_moving_rate(track):
    t, rate, wave = moving()
    times, rates = heart_rate_over_time(wave, 30.0, track=track)
    assert len(times) == len(rates) == 51
    assert times[0] == pytest.approx(5.0, abs=0.02)
    assert np.abs(rates - np.interp(times, t, rate)).max() < 4


def test_the_tracker_halves_the_error_in_noise():
    t, rate, wave = moving()
    errors = {True: [], False: []}
    for seed in range(10):
        for track, found in errors.items():
            times, rates = heart_rate_over_time(wave + 2.5 * pink(len(wave), seed), 30.0, track=track)
            found.append(np.abs(rates - np.interp(times, t, rate)).mean())
    assert np.mean(errors[True]) < 0.5 * np.mean(errors[False])


def test_shape_kind_and_short_waves():
    _, _, wave = moving(20.0)
    waves = torch.tensor(np.stack([wave, wave])[None], dtype=torch.float32)
    for track in (False, True):
        times, rates = heart_rate_over_time(waves, 30.0, hop=2.0, track=track)
        assert rates.shape == (1, 2, len(times)) and isinstance(rates, torch.Tensor)
    times, rates = heart_rate_over_time(sinusoid(70, seconds=6), 30.0)
    assert len(times) == 1
    assert rates[0] == pytest.approx(70, abs=0.2)


@pytest.mark.parametrize("track", [False, True])
def test_windows_without_a_pulse_are_nan(track):
    wave = sinusoid(70, seconds=40)
    wave[600:1000] = np.nan
    times, rates = heart_rate_over_time(wave, 30.0, track=track)
    spoilt = (times > 15) & (times < 38)
    assert np.isnan(rates[spoilt]).all()
    np.testing.assert_allclose(rates[~spoilt], 70, atol=0.6)
    assert np.isnan(heart_rate_over_time(np.ones(600), 30.0, track=track)[1]).all()


def test_only_spectra_are_tracked():
    with pytest.raises(UsageError):
        heart_rate_over_time(sinusoid(70), 30.0, method="beats", track=True)
