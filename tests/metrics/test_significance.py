"""Paired tests over people against published tables and a worked example."""

from __future__ import annotations

import math

import numpy as np
import pytest

from zoo.errors import UsageError
from zoo.metrics.significance import nemenyi, person_means, wilcoxon


def test_person_means_leave_unknown_errors_out() -> None:
    means = person_means([1.0, -3.0, float("nan"), float("nan")], ["a", "a", "a", "b"])
    assert means == {"a": 2.0}


def test_wilcoxon_of_six_people_all_better() -> None:
    first = {str(i): 1.0 + 0.1 * i for i in range(6)}
    second = {str(i): 3.0 + 0.2 * i for i in range(6)} | {"only here": 9.0}
    difference, p, people = wilcoxon(first, second)
    # every sign equal: two of the 2^6 sign patterns are as extreme
    assert p == pytest.approx(2 / 64)
    assert people == 6
    assert difference == pytest.approx(-2.25)


def test_wilcoxon_without_a_difference_decides_nothing() -> None:
    assert math.isnan(wilcoxon({"a": 1.0, "b": 2.0}, {"a": 1.0, "b": 2.0})[1])
    assert wilcoxon({"a": 1.0}, {"b": 1.0})[2] == 0


def test_nemenyi_of_the_published_table() -> None:
    # Demsar 2006: q(0.05, 4 models) = 2.569, so for 14 people CD = 2.569 sqrt(4 5 / (6 14)) = 1.25
    generator = np.random.default_rng(0)
    people = [str(i) for i in range(14)]
    models = {
        name: dict(zip(people, shift + generator.uniform(0, 1.5, 14), strict=True))
        for name, shift in (("best", 0.0), ("second", 1.0), ("third", 2.0), ("worst", 9.0))
    }
    ranking = nemenyi(models)
    assert ranking.critical_difference == pytest.approx(1.25, abs=0.005)
    assert ranking.ranks.sum() == pytest.approx(10.0)
    assert ranking.ranks.argmin() == 0
    assert ranking.ranks[3] == 4.0
    apart = np.abs(ranking.ranks[:, None] - ranking.ranks[None, :])
    np.testing.assert_array_equal(ranking.p_values < 0.05, apart > ranking.critical_difference)
    assert ranking.friedman_p < 0.001


def test_nemenyi_of_two_models_says_what_to_take() -> None:
    with pytest.raises(UsageError, match="Wilcoxon"):
        nemenyi({"a": {"x": 1.0, "y": 2.0}, "b": {"x": 2.0, "y": 1.0}})
