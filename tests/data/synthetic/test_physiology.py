"""The population has the spreads and dependencies that its sources give."""

from __future__ import annotations

from dataclasses import asdict

import numpy as np
import pytest

from zoo.data.synthetic import draw_person
from zoo.spec import TARGETS


@pytest.fixture(scope="module")
def population() -> dict[str, np.ndarray]:
    people = [asdict(draw_person(np.random.default_rng([1, number]))) for number in range(1500)]
    return {name: np.array([person[name] for person in people]) for name in people[0]}


def test_a_seed_is_a_person() -> None:
    assert draw_person(np.random.default_rng(4)) == draw_person(np.random.default_rng(4))
    assert draw_person(np.random.default_rng(4)) != draw_person(np.random.default_rng(5))


@pytest.mark.parametrize("name", sorted(TARGETS))
def test_values_are_plausible(population: dict[str, np.ndarray], name: str) -> None:
    values, target = population[name], TARGETS[name]
    assert np.all((values >= target.low) & (values <= target.high))
    assert values.std() > 0


@pytest.mark.parametrize(
    ("name", "mean", "tolerance"),
    [("heart_rate", 70, 2), ("respiration_rate", 15.5, 0.5), ("temperature", 36.6, 0.05), ("spo2", 97.0, 0.4)],
)
def test_means(population: dict[str, np.ndarray], name: str, mean: float, tolerance: float) -> None:
    assert population[name].mean() == pytest.approx(mean, abs=tolerance)


def test_dependencies(population: dict[str, np.ndarray]) -> None:
    def r(first: str, second: str) -> float:
        return float(np.corrcoef(population[first], population[second])[0, 1])

    assert r("age", "systolic") > 0.4
    assert r("age", "stiffness") > 0.6
    assert r("systolic", "diastolic") > 0.3
    assert r("age", "rsa") < -0.3
    assert r("glucose", "hba1c") > 0.6
    assert r("sex", "haemoglobin") > 0.4
    assert abs(r("glucose", "stiffness")) < 0.15
    assert set(population["skin_tone"]) == {1, 2, 3, 4, 5, 6}
