"""Agreement and blood-pressure grades against numbers worked out by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest

from zoo.metrics.clinical import bland_altman, pressure_grade, tolerable_sd


def test_bland_altman_of_four_pairs() -> None:
    # differences 1, 2, 3, 6: mean 3, variance 14 / 3, t(0.975, 3) = 3.18245
    agreement = bland_altman([1.0, 2.0, 3.0, 6.0, float("nan")], [0.0, 0.0, 0.0, 0.0, 0.0])
    sd = math.sqrt(14 / 3)
    assert (agreement.n, agreement.bias) == (4, 3.0)
    assert agreement.sd == pytest.approx(sd)
    assert (agreement.lower, agreement.upper) == pytest.approx((3 - 1.96 * sd, 3 + 1.96 * sd))
    assert agreement.bias_interval == pytest.approx((3 - 3.18245 * sd / 2, 3 + 3.18245 * sd / 2), abs=1e-4)
    half = 3.18245 * sd * math.sqrt(1 / 4 + 1.96**2 / 6)
    assert agreement.upper_interval == pytest.approx((agreement.upper - half, agreement.upper + half), abs=1e-4)


def test_windows_of_one_person_are_not_independent() -> None:
    generator = np.random.default_rng(0)
    of_person = generator.normal(0, 4, 200)
    difference = np.repeat(of_person, 5) + generator.normal(0, 3, 1000)
    agreement = bland_altman(difference, np.zeros(1000), np.repeat(np.arange(200), 5))
    assert agreement.sd == pytest.approx(5.0, rel=0.08)
    assert agreement.bias_interval[1] - agreement.bias_interval[0] == pytest.approx(
        2 * 1.97 * 5 / math.sqrt(200), rel=0.1
    )


@pytest.mark.parametrize("person", [None, ["a", "a", "a"]])
def test_too_little_gives_nan(person) -> None:
    values = [1.0] if person is None else [1.0, 2.0, 3.0]
    assert math.isnan(bland_altman(values, [0.0] * len(values), person).sd)


@pytest.mark.parametrize(("mean", "table"), [(0.0, 6.95), (1.0, 6.87), (-2.0, 6.65), (3.0, 6.25), (4.0, 5.64)])
def test_criterion_2_is_the_standards_table(mean: float, table: float) -> None:
    assert tolerable_sd(mean) == pytest.approx(table, abs=0.03)


def test_no_spread_is_tolerable_where_criterion_1_fails() -> None:
    assert math.isnan(tolerable_sd(5.1))
    assert math.isnan(tolerable_sd(float("nan")))


def test_a_good_cuff_passes() -> None:
    error = np.random.default_rng(0).normal(1.0, 4.0, 90 * 3)
    grade = pressure_grade(120 + error, np.full(270, 120.0), np.repeat(np.arange(90), 3))
    assert grade.criterion_1
    assert grade.criterion_2
    assert grade.enough_people
    assert grade.bhs == "A"
    assert grade.person_sd == pytest.approx(4 / math.sqrt(3), rel=0.2)


@pytest.mark.parametrize(
    ("small", "medium", "large", "bhs"), [(60, 25, 10, "A"), (59, 26, 10, "B"), (40, 25, 20, "C"), (39, 26, 20, "D")]
)
def test_bhs_grades_at_their_borders(small: int, medium: int, large: int, bhs: str) -> None:
    error = [5.0] * small + [10.0] * medium + [15.0] * large + [30.0] * (100 - small - medium - large)
    assert pressure_grade(error, [0.0] * 100, list(range(100))).bhs == bhs


def test_a_biased_cuff_fails_both() -> None:
    grade = pressure_grade([130.0, 129.0, 131.0], [120.0] * 3, ["a", "b", "c"])
    assert not grade.criterion_1
    assert not grade.criterion_2
    assert not grade.enough_people


def test_no_pairs_no_grade() -> None:
    grade = pressure_grade([float("nan")], [120.0], ["a"])
    assert (grade.n, grade.people, grade.bhs) == (0, 0, "")
    assert not grade.criterion_1
    assert math.isnan(grade.mean)
