"""Confidence: features that fall with noise, a calibrator that tells what it was taught, cards that are checked."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from tests.signals.waves import contact, pink
from zoo.errors import InputShapeError, UsageError
from zoo.signals.calibrator import (
    FEATURES,
    WAVE_FEATURES,
    Calibrator,
    calibration_error,
    calibrator_from_dict,
    default,
    fit,
)
from zoo.signals.confidence import colours_of, confidence, features, views_of
from zoo.spec import Clip, Traces

FPS, RATE = 30.0, 75.0
CLEAN = (contact(0.8, FPS, 20.0) - 0.2) / contact(0.8, FPS, 20.0).std()
SKIN = np.array([0.62, 0.45, 0.36])


def waves(noise: float, count: int = 12) -> np.ndarray:
    return np.stack([CLEAN + noise * pink(600, seed) for seed in range(count)])


def faces(noise: float, count: int = 6) -> np.ndarray:
    """Traces (n, 3 regions, 3, T) of a pulse of 0.4 %, each region and colour with noise of its own."""
    own = np.stack([pink(600, seed) for seed in range(count * 9)]).reshape(count, 3, 3, 600)
    pulse = np.array([0.33, 0.77, 0.53])[:, None] * CLEAN
    return SKIN[:, None] * (1 - 0.004 * pulse + 0.004 * noise * own)


def test_every_feature_falls_with_noise() -> None:
    means = []
    for noise in (0.3, 2.0, 8.0):
        traces = faces(noise)
        views = views_of(traces, FPS)
        means.append(features(waves(noise, len(traces)), FPS, views).mean(0))
    for i, name in enumerate(FEATURES):
        levels = [float(mean[i]) for mean in means]
        if name == "duration":
            assert levels == pytest.approx([math.log2(20)] * 3)
        else:
            assert levels[0] > levels[2] and levels[0] >= levels[1] - 1e-9, name


def test_no_scale_matters() -> None:
    wave, traces = waves(1.0, 4), faces(1.0, 4)
    once = features(wave, FPS, views_of(traces, FPS))
    again = features(-0.01 * wave + 5, FPS, views_of(255 * traces, FPS))
    assert again == pytest.approx(once, abs=1e-6)


def test_another_rate_than_the_waves_own_is_not_believed() -> None:
    wave = waves(0.3, 3)
    own, other = (confidence(default(), wave, FPS, rate=np.full(3, rate)) for rate in (RATE, RATE + 30))
    assert own.min() > 0.9
    assert other.max() < 0.05
    assert confidence(default(), wave, FPS, rate=np.array([RATE, np.nan, RATE]))[1] == 0


@pytest.mark.parametrize("wave", [np.ones((1, 300)), np.full((1, 300), np.nan), np.ones((1, 1))])
def test_nothing_to_trust(wave: np.ndarray) -> None:
    assert confidence(default(), wave, FPS) == 0


def test_the_colours_of_a_crop_are_those_of_its_cells() -> None:
    clip = np.random.default_rng(0).random((1, 3, 60, 9, 9))
    seen = colours_of(clip, Clip(frames=60, size=9))
    assert seen.shape == (1, 9, 3, 60)
    assert seen[0, 5, 1] == pytest.approx(clip[0, 1, :, 3:6, 6:9].mean(axis=(1, 2)))
    traces = seen[:, :1]
    assert colours_of(traces, Traces(frames=60)) is traces
    assert views_of(traces[..., :47], FPS) is None


def learned() -> tuple[np.ndarray, np.ndarray, list[str]]:
    """2000 windows whose first feature decides by known odds, and whose second is noise."""
    rng = np.random.default_rng(0)
    table = rng.normal(size=(2000, 2)) * [3.0, 1.0] + [1.0, 5.0]
    right = rng.random(2000) < 1 / (1 + np.exp(-table[:, 0]))
    return table, right, [str(i // 4) for i in range(2000)]


def test_a_known_probability_is_learned() -> None:
    table, right, person = learned()
    found = fit(table, right, person, names=FEATURES[:2], refuse=0.9)
    truth = 1 / (1 + np.exp(-table[:, 0]))
    assert np.abs(found.probability(table) - truth).mean() < 0.03
    assert found.weights[0] > 10 * found.weights[1] >= 0
    assert found.measured["refused_of_wrong"] == pytest.approx(0.9, abs=0.01)
    assert found.measured["calibration_error"] < 0.04
    # what speaks against the evidence gets no weight
    assert fit(-table, right, person, names=FEATURES[:2]).weights[0] == 0


def test_nothing_is_learned_from_good_windows_alone() -> None:
    table, _, person = learned()
    with pytest.raises(UsageError, match="0 wrong"):
        fit(table, np.ones(len(table), bool), person, names=FEATURES[:2])


def test_calibration_error_of_a_closed_form() -> None:
    said = np.repeat([0.2, 0.8], 50)
    right = np.concatenate([np.arange(50) < 20, np.arange(50) < 35])
    assert calibration_error(said, right, bins=2) == pytest.approx((0.2 + 0.1) / 2)
    assert math.isnan(calibration_error(np.zeros(0), np.zeros(0, bool)))


def test_plain_values_and_back() -> None:
    shipped = default("classical_fusion")
    assert shipped.needs_views and not default().needs_views
    assert default("../waveform") == default("pos") == default()
    assert calibrator_from_dict(shipped.to_dict()) == shipped
    with pytest.raises(InputShapeError):
        confidence(shipped, waves(1.0, 2), FPS)


@pytest.mark.parametrize(
    "change",
    [
        {"features": ["snr", "colour"]},
        {"weights": [1.0]},
        {"scale": [0.0] * len(WAVE_FEATURES)},
        {"bias": float("nan")},
        {"threshold": 2.0},
    ],
)
def test_a_damaged_calibrator_is_refused(change: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="confidence"):
        calibrator_from_dict({**default().to_dict(), **change})


def test_more_evidence_never_lowers_the_confidence() -> None:
    row = np.array([[3.0, 4.0, -1.0, -0.5, math.log2(20)]])
    judge: Calibrator = replace(default(), features=WAVE_FEATURES)
    for i in range(len(WAVE_FEATURES)):
        better = row.copy()
        better[0, i] += 1
        assert judge.probability(better) >= judge.probability(row)
