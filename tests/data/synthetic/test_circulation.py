"""Beats, breathing and the pulse wave do what physiology says."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy import signal

from zoo.data.synthetic import Circulation, Person, circulate, draw_person
from zoo.data.synthetic.circulation import HEART_RATES, pulse_wave

FPS = 30.0


@pytest.fixture(scope="module")
def bodies() -> list[Circulation]:
    found = []
    for number in range(200):
        rng = np.random.default_rng([3, number])
        found.append(circulate(draw_person(rng), 20.0, rng))
    return found


@pytest.fixture
def calm() -> Person:
    return replace(draw_person(np.random.default_rng(0)), heart_rate=66.0, age=30.0, ectopic=0.0, respiration_rate=15.0)


def test_heart_rates_spread(bodies: list[Circulation]) -> None:
    rates = np.array([body.heart_rate for body in bodies])
    assert rates.min() > HEART_RATES[0] - 8 and rates.max() < HEART_RATES[1] + 15
    assert np.mean(rates < 65) > 0.08
    assert np.mean(rates > 110) > 0.2
    assert np.mean(rates > 140) > 0.06


def test_ppg_peaks_at_the_heart_rate(bodies: list[Circulation]) -> None:
    times = np.arange(600) / FPS
    error = []
    for body in bodies:
        frequency, power = signal.periodogram(body.blood_volume(times), FPS, "hann", 8192)
        band = (frequency > 0.6) & (frequency < 3.4)
        error.append(60.0 * frequency[band][power[band].argmax()] - body.heart_rate)
    assert np.median(np.abs(error)) < 1.2
    assert np.mean(np.abs(error) < 5.0) > 0.9


def test_heart_rate_is_that_of_the_beats(bodies: list[Circulation]) -> None:
    body = bodies[0]
    inside = body.beats[(body.beats >= 0) & (body.beats < 20)]
    assert body.heart_rate == pytest.approx(60.0 / np.diff(inside).mean())
    assert all(np.all(np.diff(other.beats) > 0.2) for other in bodies)


def test_interval_varies_with_breath(calm: Person) -> None:
    person = replace(calm, rsa=0.05, mayer=0.0, jitter=0.001)
    body = circulate(person, 60.0, np.random.default_rng(5), exertion=0.0)
    interval = np.diff(body.beats)
    grid = np.arange(0, 60, 0.25)
    frequency, power = signal.periodogram(np.interp(grid, body.beats[1:], interval), 4.0, "hann", 1024)
    band = (frequency > 0.13) & (frequency < 0.45)
    assert 60.0 * frequency[band][power[band].argmax()] == pytest.approx(body.respiration_rate, abs=2.0)
    assert 0.025 < interval.std() < 0.08


def test_exertion_takes_variability_away(calm: Person) -> None:
    rest, effort = (circulate(calm, 60.0, np.random.default_rng(6), exertion=level) for level in (0.0, 0.8))
    assert effort.heart_rate > rest.heart_rate + 60
    assert np.std(signal.detrend(np.diff(effort.beats))) < 0.5 * np.std(signal.detrend(np.diff(rest.beats)))


def test_breath_modulates_amplitude_and_baseline(calm: Person) -> None:
    body = circulate(calm, 60.0, np.random.default_rng(7), exertion=0.0)
    body = replace(body, amplitude_modulation=0.2, baseline_modulation=0.4)
    times = np.arange(1800) / FPS
    lungs, wave = body.respiration(times), body.blood_volume(times)
    slow = signal.sosfiltfilt(signal.butter(2, 0.5, fs=FPS, output="sos"), wave)
    assert np.corrcoef(slow, -lungs)[0, 1] > 0.9
    heart = signal.sosfiltfilt(signal.butter(2, [0.8, 4.0], "band", fs=FPS, output="sos"), wave)
    envelope = signal.sosfiltfilt(signal.butter(2, 0.4, fs=FPS, output="sos"), np.abs(signal.hilbert(heart)))
    assert np.corrcoef(envelope, -lungs)[0, 1] > 0.7


def test_respiration_rate_is_that_of_the_wave(bodies: list[Circulation]) -> None:
    times = np.arange(600) / FPS
    error = []
    for body in bodies[:50]:
        breaths = np.unwrap(np.angle(signal.hilbert(body.respiration(times))))
        error.append(60.0 * (breaths[-30] - breaths[30]) / (2 * np.pi * 540 / FPS) - body.respiration_rate)
    assert np.median(np.abs(error)) < 1.0


def test_stiff_arteries_bring_the_reflection_back_early(calm: Person) -> None:
    def second_peak(stiffness: float) -> float:
        person = replace(calm, stiffness=stiffness, reflection=2.0, augmentation=-1.5, timing=0.0)
        wave = pulse_wave(person, 60.0, 115.0, 0.0)
        peaks, _ = signal.find_peaks(wave)
        return float(peaks[-1] - peaks[0]) / wave.size

    assert second_peak(5.0) > second_peak(6.5) + 0.03


def _wave_features(body: Circulation) -> np.ndarray:
    times = np.arange(0.0, 20.0, 1.0 / 60.0)
    since = times - body.beats[np.searchsorted(body.beats, times, side="right") - 1]
    place = (since / 0.025).astype(int)
    kept = place < 20
    count = np.maximum(np.bincount(place[kept], minlength=20), 1)
    shape = np.bincount(place[kept], body.pulse(times)[kept], 20) / count
    rate = (body.heart_rate - 80.0) / 40.0
    return np.r_[shape, shape * rate, rate, rate**2]


def test_the_wave_tells_age_stiffness_and_pressure_but_not_blood_chemistry() -> None:
    names = ("age", "stiffness", "systolic", "glucose", "haemoglobin", "cholesterol", "stress")
    features, truth = [], []
    for number in range(900):
        rng = np.random.default_rng([9, number])
        body = circulate(draw_person(rng), 20.0, rng)
        features.append(_wave_features(body))
        truth.append([body.systolic if name == "systolic" else getattr(body.person, name) for name in names])
    x, y = np.array(features), np.array(truth)
    x = np.c_[(x - x.mean(0)) / x.std(0), np.ones(len(x))]
    train, test = slice(0, 500), slice(500, None)
    weights = np.linalg.solve(x[train].T @ x[train] + 3.0 * np.eye(x.shape[1]), x[train].T @ y[train])
    naive = np.abs(y[test] - np.median(y[train], 0)).mean(0)
    skill = dict(zip(names, 1.0 - np.abs(x[test] @ weights - y[test]).mean(0) / naive, strict=True))
    assert 0.3 < skill["age"] < 0.8
    assert 0.25 < skill["stiffness"] < 0.8
    assert 0.2 < skill["systolic"] < 0.8
    assert all(skill[name] < 0.05 for name in ("glucose", "haemoglobin", "cholesterol", "stress"))
