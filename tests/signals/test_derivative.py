from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import minimize_scalar

from tests.signals.waves import contact, sinusoid
from zoo.errors import InputShapeError
from zoo.signals.derivative import ejection, second_derivative


def bend(t: float) -> float:
    """Second derivative of one beat of `contact`."""
    result = 0.0
    for height, centre, width in ((1.0, 0.2, 0.07), (0.45, 0.42, 0.08)):
        z = (t - centre) / width
        result += height / width**2 * (z**2 - 1) * np.exp(-(z**2) / 2)
    return result


def test_second_derivative_of_a_sinusoid():
    at = np.linspace(3, 7, 50)
    found = second_derivative(sinusoid(72, 50.0), 50.0, at)
    expected = -((2.4 * np.pi) ** 2) * np.sin(2.4 * np.pi * at)
    np.testing.assert_allclose(found, expected, atol=0.02 * np.abs(expected).max())


@pytest.mark.parametrize("fps", [30.0, 60.0, 250.0])
def test_known_systole(fps):
    systolic = minimize_scalar(lambda t: -bend(t), bounds=(0.0, 0.15), method="bounded").x
    notch = minimize_scalar(lambda t: -bend(t), bounds=(0.26, 0.38), method="bounded").x
    found = ejection(contact(0.85, fps), fps)
    assert len(found.times) >= 30
    assert found.median == pytest.approx(notch - systolic, abs=0.015)
    assert np.median(found.systolic % 0.85) == pytest.approx(systolic, abs=0.015)
    assert np.median(found.diastolic % 0.85) == pytest.approx(notch, abs=0.015)


@pytest.mark.parametrize("wave", [sinusoid(72, seconds=30), np.ones(600), np.full(600, np.nan), np.ones(5)])
def test_no_notch_no_time(wave):
    found = ejection(wave, 30.0)
    assert len(found.times) == 0
    assert np.isnan(found.median)


def test_wrong_shapes():
    with pytest.raises(InputShapeError):
        ejection(np.ones((2, 300)), 30.0)
    with pytest.raises(InputShapeError):
        second_derivative(np.ones(4), 30.0, np.zeros(1))
