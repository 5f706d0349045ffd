from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.signals.waves import breathing_pulse, sinusoid
from zoo.signals.filters import bandpass
from zoo.signals.respiration import modulations, respiration_rate

NONE = {"amplitude": 0.0, "baseline": 0.0, "frequency": 0.0}


@settings(max_examples=20, derandomize=True, deadline=None)
@given(st.floats(7, 30), st.floats(66, 120), st.sampled_from([30.0, 60.0]))
def test_known_breath(breaths, rate, fps):
    wave = breathing_pulse(rate=rate, breaths=breaths, fps=fps)
    assert abs(respiration_rate(wave, fps) - breaths) < 0.7


@pytest.mark.parametrize("kind", [{"amplitude": 0.2}, {"baseline": 0.2}, {"frequency": 0.05}])
@pytest.mark.parametrize("breaths", [9, 16, 25])
def test_each_modulation_alone(kind, breaths):
    wave = breathing_pulse(breaths=breaths, **{**NONE, **kind})
    assert respiration_rate(wave, 30.0) == pytest.approx(breaths, abs=0.5)


def test_modulations_have_their_size():
    times, series = modulations(breathing_pulse(amplitude=0.2, baseline=0.0, frequency=0.0, breaths=9), 30.0)
    swing = np.ptp(series["amplitude"]) / series["amplitude"].mean() / 2
    assert swing == pytest.approx(0.2, abs=0.04)
    assert len(times) == len(series["frequency"])


def test_without_baseline_and_with_noise():
    wave = breathing_pulse(breaths=14) + 0.1 * np.random.default_rng(0).normal(size=1800)
    assert respiration_rate(bandpass(wave, 30.0, 0.6, 6.0, order=2), 30.0) == pytest.approx(14, abs=1)


@pytest.mark.parametrize(
    "wave",
    [
        breathing_pulse(**NONE),
        sinusoid(70, seconds=60),
        np.ones(1800),
        np.full(1800, np.nan),
        np.ones(1),
        breathing_pulse(seconds=5),
    ],
    ids=["no breath", "sinusoid", "constant", "nan", "one sample", "short"],
)
def test_no_breath_is_nan(wave):
    assert np.isnan(respiration_rate(wave, 30.0))
