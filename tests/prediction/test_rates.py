"""Rates of whole clips: by waveform with gaps, over hours, and by the head of a model without a waveform."""

from __future__ import annotations

import numpy as np

from zoo.prediction.rates import MOST_POINTS, read

FPS = 30.0


def pulse(seconds: float, rate: float, breath: float = 0.0, noise: float = 0.05) -> np.ndarray:
    """(T,) with `rate` beats a minute, whose height and baseline follow a breath of so many a minute."""
    t = np.arange(round(seconds * FPS)) / FPS
    swing = np.sin(2 * np.pi * breath / 60 * t)
    wave = (1 + 0.3 * swing) * np.sin(2 * np.pi * rate / 60 * t) + 0.3 * swing
    return wave + noise * np.random.default_rng(0).normal(size=len(t))


def test_a_gap_moves_nothing() -> None:
    wave = pulse(40, 81)
    wave[600:750] = np.nan
    rates = read({"ppg": wave}, {}, FPS, 0.0, 35.0)
    assert rates.heart_rate is not None and abs(rates.heart_rate.value - 81) < 0.5
    assert rates.heart_rate.low < 81 < rates.heart_rate.high
    assert rates.heart_rate.window == 35
    over = rates.over_time
    assert over is not None
    known = np.isfinite(over.values)
    # a window of 20 s may miss a quarter of its face, which this gap is
    assert known.all() and np.abs(over.values - 81).max() < 2


def test_windows_without_a_face_have_no_rate() -> None:
    wave = pulse(60, 81)
    wave[600:1200] = np.nan
    over = read({"ppg": wave}, {}, FPS, 0.0, 40.0).over_time
    assert over is not None
    known = np.isfinite(over.values)
    assert known[0] and known[-1] and not known[len(known) // 2]
    assert np.isnan(over.low[~known]).all()


def test_an_hour_has_a_bounded_number_of_points_and_no_single_line() -> None:
    t = np.arange(round(1200 * FPS)) / FPS
    wandering = 75 + 5 * np.sin(2 * np.pi * t / 300)
    wave = np.sin(2 * np.pi * np.cumsum(wandering) / 60 / FPS)
    rates = read({"ppg": wave}, {}, FPS, 0.0, 1200.0)
    assert rates.heart_rate is not None and rates.heart_rate.method == "welch"
    assert 69 < rates.heart_rate.value < 81
    over = rates.over_time
    assert over is not None and len(over.times) <= MOST_POINTS
    assert np.abs(over.values - np.interp(over.times, t, wandering)).max() < 3


def test_breath_is_read_from_a_pulse_that_is_long_and_sure_enough() -> None:
    breath = read({"ppg": pulse(60, 72, 15)}, {}, FPS, 0.0, 60.0).respiration_rate
    assert breath is not None and abs(breath.value - 15) < 1
    assert read({"ppg": pulse(12, 72, 15)}, {}, FPS, 0.0, 12.0).respiration_rate is None
    noise = np.random.default_rng(0).normal(size=1800)
    weak = read({"ppg": noise}, {}, FPS, 0.0, 60.0)
    assert weak.respiration_rate is None
    assert weak.quality is not None and weak.quality.refused
    assert weak.notes[0].startswith("refused: ")


def test_breath_comes_from_the_models_own_waveform_where_it_has_one() -> None:
    t = np.arange(1800) / FPS
    own = {"ppg": pulse(60, 72, 15), "respiration": np.sin(2 * np.pi * 12 / 60 * t)}
    breath = read(own, {}, FPS, 0.0, 60.0).respiration_rate
    assert breath is not None and abs(breath.value - 12) < 0.3


def test_nothing_moves() -> None:
    rates = read({"ppg": np.zeros(600)}, {}, FPS, 0.0, 20.0)
    assert rates.heart_rate is None
    assert rates.notes == ("no heart rate could be decided: the waveform does not move",)


def test_a_model_without_a_waveform_says_the_rate() -> None:
    rates = read({}, {"heart_rate": np.array([70.0, 74.0, 0.0, 71.0])}, FPS, 0.0, 33.0)
    assert rates.heart_rate is not None
    assert (rates.heart_rate.value, rates.heart_rate.low, rates.heart_rate.high) == (71, 70, 74)
    assert (rates.heart_rate.source, rates.heart_rate.window) == ("head", 33)
    assert read({}, {}, FPS, 0.0, 33.0).heart_rate is None
