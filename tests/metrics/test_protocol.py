"""Protocols: every file loads, says what it does, and reads rates as it says."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from zoo.errors import UnknownName, UsageError
from zoo.metrics.protocol import Protocol, load_protocol, protocol_from_dict, protocols

FPS = 30.0


def pulse(rate: float, seconds: float = 20.0) -> np.ndarray:
    angle = 2 * np.pi * rate / 60 * np.arange(round(seconds * FPS)) / FPS
    return np.sin(angle) + 0.3 * np.sin(2 * angle + 0.5)


def test_the_promised_protocols_are_there() -> None:
    promised = {"zoo", "spectral", "toolbox", "mcd_rppg", "system_b", "system_c", "repss", "v4v"}
    assert promised <= set(protocols())


@pytest.mark.parametrize("name", protocols())
@pytest.mark.parametrize("rate", [52.0, 74.0, 118.0])
def test_each_reads_a_clean_pulse(name: str, rate: float) -> None:
    protocol = load_protocol(name)
    wave = pulse(rate, protocol.window or 40.0)
    # the coarsest: bins of 30 / 512 Hz, and three seconds of peaks a whole frame apart
    tolerance = 4.0 if name == "system_c" else 60 * 30 / 512 / 2 + 0.1
    assert float(protocol.rate(wave, FPS)) == pytest.approx(rate, abs=tolerance)
    assert float(protocol.truth(wave, FPS)) == pytest.approx(rate, abs=tolerance)
    assert float(protocol.floor(wave, FPS)) == pytest.approx(rate, abs=tolerance)


@pytest.mark.parametrize("name", protocols())
def test_each_says_what_it_does(name: str) -> None:
    protocol = load_protocol(name)
    line = protocol.describe()
    assert "\n" not in line
    assert line.startswith(f"protocol {name}: {60 * protocol.low:g}-{60 * protocol.high:g} bpm")
    assert protocol.says.endswith(".")
    assert protocol.source


@pytest.mark.parametrize("name", protocols())
@pytest.mark.parametrize("wave", [np.zeros(1200), np.full(1200, np.nan)])
def test_nothing_to_read_is_nan(name: str, wave: np.ndarray) -> None:
    assert np.isnan(load_protocol(name).rate(wave, FPS))


def test_whitening_finds_the_pulse_under_slow_noise() -> None:
    wave = pulse(90) + 1.3 * pulse(50)
    assert float(load_protocol("spectral").rate(wave, FPS)) == pytest.approx(90, abs=0.5)
    assert float(load_protocol("spectral").truth(wave, FPS)) == pytest.approx(50, abs=0.5)


def test_the_zoo_counts_beats_as_truth() -> None:
    # a pulse that speeds up from 60 to 80: the mean inter-beat interval is what the contact truth must give
    t = np.arange(round(20 * FPS)) / FPS
    phase = 2 * np.pi * (t + t**2 / 120)
    times = (-1 + np.sqrt(1 + 4 * np.arange(24) / 120)) * 60
    inside = times[(times > 0.2) & (times < 19.9)]
    expected = 60 / np.diff(inside).mean()
    assert float(load_protocol("zoo").truth(np.cos(phase), FPS)) == pytest.approx(expected, abs=0.2)


def test_the_floor_does_not_jump_to_the_harmonic_of_a_contact_wave() -> None:
    notched = pulse(60) + 0.6 * pulse(120)
    assert float(load_protocol("zoo").rate(notched, FPS)) == pytest.approx(120, abs=1)
    assert float(load_protocol("zoo").floor(notched, FPS)) == pytest.approx(60, abs=1)


def test_windows_of_a_recording() -> None:
    protocol = load_protocol("zoo")
    assert protocol.starts(900, FPS) == [(0, 600), (150, 750), (300, 900)]
    assert protocol.starts(400, FPS) == [(0, 400)]
    assert load_protocol("toolbox").starts(1980, FPS) == [(0, 1980)]
    rest = replace(protocol, window=10.0, hop=10.0, remainder=True)
    assert rest.starts(700, FPS) == [(0, 300), (300, 600), (600, 700)]
    assert rest.starts(610, FPS) == [(0, 300), (300, 600)]


def test_averaging() -> None:
    rates = np.array([60.0, 70.0, np.nan, 80.0, 90.0, 100.0, 110.0])
    three = replace(load_protocol("zoo"), average=3)
    np.testing.assert_allclose(three.averaged(rates), [65.0, 90.0])
    np.testing.assert_allclose(three.averaged(rates[:2]), [65.0])
    np.testing.assert_allclose(replace(three, average="recording").averaged(rates), [85.0])
    assert np.isnan(replace(three, average="recording").averaged(np.array([np.nan]))).all()
    np.testing.assert_array_equal(load_protocol("zoo").averaged(rates), rates)


def test_an_unknown_protocol_says_what_was_meant() -> None:
    with pytest.raises(UnknownName, match="Did you mean toolbox"):
        load_protocol("tolbox")


def test_a_protocol_of_ones_own() -> None:
    own = {"name": "mine", "says": "Mine.", "source": "me", "bandpass": [1, 2]}
    assert protocol_from_dict(own) == Protocol("mine", "Mine.", "me", bandpass=(1.0, 2.0))
    with pytest.raises(UsageError, match="windw"):
        protocol_from_dict({**own, "windw": 3})
    with pytest.raises(UsageError, match="source"):
        protocol_from_dict({"name": "mine", "says": "Mine."})
