"""Scores of a quantity from its columns."""

from __future__ import annotations

import math

import numpy as np
import pytest

from zoo.metrics.scores import rate_scores, target_scores, trust_scores

NAN = float("nan")


def test_a_refused_window_is_not_scored_for_the_naive_row_either() -> None:
    truth = np.array([60.0, 80.0, 120.0])
    scores = rate_scores(np.array([62.0, 80.0, NAN]), truth, np.full(3, 70.0))
    assert scores["coverage"] == pytest.approx(2 / 3)
    assert scores["mae"] == 1.0
    assert scores["naive_mae"] == 10.0
    assert scores["skill"] == 0.9
    assert "floor_mae" not in scores


def test_a_model_that_answers_nothing_leaves_the_naive_row() -> None:
    scores = rate_scores(np.full(2, NAN), np.array([60.0, 80.0]), np.full(2, 70.0))
    assert scores["naive_mae"] == 10.0
    assert scores["coverage"] == 0.0
    assert math.isnan(scores["mae"])
    assert math.isnan(scores["skill"])


def test_the_surest_windows() -> None:
    truth = np.full(5, 60.0)
    estimate = np.array([60.0, 61.0, 62.0, 90.0, NAN])
    scores = rate_scores(estimate, truth, truth, truth, np.array([0.9, 0.8, 0.7, 0.1, 0.0]))
    assert scores["confident_mae"] == 1.0
    assert scores["floor_within_3"] == 1.0


def test_without_any_truth_there_is_nothing() -> None:
    nothing = np.full(3, NAN)
    assert rate_scores(np.ones(3), nothing, nothing) == {}
    assert target_scores("age", np.ones(3), nothing, nothing, ["a", "b", "c"]) == {}


def test_a_class_with_one_kind_only_has_no_auroc() -> None:
    scores = target_scores("sex", np.array([0.9, 0.4]), np.ones(2), np.ones(2), ["a", "b"])
    assert scores["accuracy"] == 0.5
    assert math.isnan(scores["auroc"])
    assert math.isnan(scores["skill"])


def test_risk_coverage_of_a_closed_form() -> None:
    error = np.arange(1.0, 11.0)
    scores = trust_scores(error, 1 - error / 20, threshold=0.8)
    # the surest k of errors 1, 2, 3... have a mean of (k + 1) / 2, and 3 of them are right
    assert (scores["mae_at_80"], scores["mae_at_60"], scores["mae_at_40"]) == (4.5, 3.5, 2.5)
    assert scores["within_3_at_60"] == pytest.approx(0.5)
    assert scores["aurc"] == pytest.approx((1 + 5.5) / 2)
    assert scores["refused"] == pytest.approx(0.6)
    assert scores["refused_of_wrong"] == pytest.approx(6 / 7)
    assert (scores["kept_of_right"], scores["kept_mae"], scores["kept_within_3"]) == (1.0, 2.5, 0.75)


def test_a_window_without_a_rate_is_wrong_and_refused() -> None:
    scores = trust_scores(np.array([1.0, NAN]), np.array([0.9, NAN]), threshold=0.5)
    assert (scores["refused_of_wrong"], scores["kept_of_right"], scores["kept_mae"]) == (1.0, 1.0, 1.0)
    assert scores["calibration_error"] == pytest.approx(0.05)
    assert "refused_of_wrong" not in trust_scores(np.ones(2), np.ones(2), threshold=0.5)
