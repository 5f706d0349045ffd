from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.signals.waves import breathing_pulse
from zoo.signals.variability import variability, wave_variability


def beats(low: float, high: float, seconds: float = 300.0, mean: float = 0.8) -> np.ndarray:
    """Beats whose intervals swing by `low` ms at 0.1 Hz and `high` ms at 0.25 Hz."""
    times = [0.0]
    while times[-1] < seconds:
        t = times[-1]
        times.append(t + mean + low / 1000 * np.sin(0.2 * np.pi * t) + high / 1000 * np.sin(0.5 * np.pi * t))
    return np.array(times)


@settings(max_examples=15, derandomize=True, deadline=None)
@given(st.floats(10, 40), st.floats(10, 40))
def test_known_spectrum(low, high):
    found = variability(beats(low, high))
    assert found.lf == pytest.approx(low**2 / 2, rel=0.06)
    assert found.hf == pytest.approx(high**2 / 2, rel=0.06)
    assert found.lf_hf == pytest.approx(found.lf / found.hf)
    assert found.respiration_frequency == pytest.approx(0.25, abs=0.003)
    assert found.sdnn == pytest.approx(np.sqrt(low**2 / 2 + high**2 / 2), rel=0.05)


def test_time_domain_by_hand():
    gaps = np.array([0.8, 0.86, 0.8, 0.78, 0.84])
    found = variability(np.concatenate([[0], np.cumsum(gaps)]))
    assert found.mean_ibi == pytest.approx(816)
    assert found.sdnn == pytest.approx(1000 * gaps.std(ddof=1))
    assert found.rmssd == pytest.approx(np.sqrt(np.mean([60**2, 60**2, 20**2, 60**2])))
    assert found.pnn50 == pytest.approx(75)
    assert np.isnan([found.lf, found.hf, found.lf_hf, found.respiration_frequency]).all()


def test_a_missed_beat_changes_little():
    times = beats(20, 20)
    whole, holed = variability(times), variability(np.delete(times, 100))
    assert holed.beats == whole.beats - 2
    for name in ("mean_ibi", "sdnn", "rmssd", "lf", "hf"):
        assert getattr(holed, name) == pytest.approx(getattr(whole, name), rel=0.05)


def test_from_a_wave():
    found = wave_variability(breathing_pulse(seconds=120, frequency=0.05, breaths=15), 30.0)
    assert found.mean_ibi == pytest.approx(60000 / 72, rel=0.01)
    assert found.respiration_frequency == pytest.approx(0.25, abs=0.01)


@pytest.mark.parametrize("times", [np.zeros(0), np.array([1.0]), np.array([1.0, 1.8, 2.6])])
def test_too_few_beats(times):
    found = variability(times)
    assert np.isnan([found.mean_ibi, found.sdnn, found.rmssd, found.pnn50, found.lf, found.hf]).all()


def test_a_clockwork_has_none():
    found = variability(np.arange(100) * 0.8)
    assert (found.sdnn, found.rmssd, found.pnn50) == pytest.approx((0, 0, 0), abs=1e-9)
    assert np.isnan(found.respiration_frequency)
