from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.signals.waves import sinusoid
from zoo.errors import DataError, InputShapeError
from zoo.signals.oxygen import Calibration, fit_calibration, ratio_of_ratios, spo2


def lit(ratio: float, noise: float = 0.0) -> np.ndarray:
    pulse = sinusoid(72, seconds=20)
    rng = np.random.default_rng(0)
    return np.stack(
        [0.7 * (1 + ratio * 0.01 * pulse), np.full(600, 0.5), 0.4 * (1 + 0.01 * pulse)]
    ) + noise * rng.normal(size=(3, 600))


@settings(max_examples=20, derandomize=True, deadline=None)
@given(st.floats(0.3, 2.0), st.floats(0.1, 300))
def test_ratio_whatever_the_light(ratio, light):
    assert ratio_of_ratios(light * lit(ratio), 30.0) == pytest.approx(ratio, rel=1e-6)


def test_noise_does_not_pull_it_to_one():
    assert ratio_of_ratios(lit(0.5, noise=5e-4), 30.0, reference=sinusoid(72, seconds=20)) == pytest.approx(
        0.5, abs=0.02
    )


def test_line_and_its_limits():
    assert spo2(lit(0.6), 30.0) == pytest.approx(95, abs=0.01)
    assert spo2(lit(0.35), 30.0) == 100
    assert np.isnan(spo2(lit(0.2), 30.0))
    assert spo2(lit(1.0), 30.0, Calibration(100, 10)) == pytest.approx(90, abs=0.01)
    batch = spo2(torch.tensor(np.stack([lit(0.6), lit(1.0)])), 30.0)
    np.testing.assert_allclose(batch.numpy(), [95, 85], atol=0.01)


def test_calibration_round_trip():
    ratios = np.array([0.5, 0.8, 1.1, np.nan])
    line = fit_calibration(ratios, 104 - 17 * ratios)
    assert (line.offset, line.slope) == pytest.approx((104, 17))
    for bad in ([0.5, 0.6], [0.5, 0.5, 0.5]):
        with pytest.raises(DataError):
            fit_calibration(np.array(bad), np.full(len(bad), 97.0))


@pytest.mark.parametrize(
    "traces", [np.ones((3, 600)), np.zeros((3, 600)), lit(0.6) * np.nan, lit(0.6)[:, :30], -lit(0.6)]
)
def test_no_pulse_is_nan(traces):
    assert np.isnan(ratio_of_ratios(traces, 30.0))


def test_channels_must_be_there():
    with pytest.raises(InputShapeError):
        ratio_of_ratios(np.ones((2, 600)), 30.0)
