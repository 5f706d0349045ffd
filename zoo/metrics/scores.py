"""Scores of one quantity from its columns: what is printed, logged and written, under keys that stay the same."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from zoo.metrics import statistics as stats
from zoo.metrics.clinical import pressure_grade
from zoo.spec import TARGETS

Array = np.ndarray
CONFIDENT_SHARE = 0.6
PRESSURES = ("systolic", "diastolic")


def rate_scores(
    estimate: Array, truth: Array, naive: Array, floor: Array | None = None, confidence: Array | None = None
) -> dict[str, float]:
    """Scores of a rate; empty where no truth is known.

    Args:
        estimate, truth, naive: (n,) 1/min, NaN = none.
        floor: (n,) what the contact signal itself gets.
        confidence: (n,) larger is surer.

    Returns:
        mae, mae_se, rmse, mape, r, within_3, within_5, coverage, naive_mae, naive_within_3, skill; with a floor
        floor_mae, floor_within_3; with a confidence confident_mae, the MAE of the surest 60 % of the windows.
    """
    if not np.isfinite(truth).any():
        return {}
    described = stats.describe(estimate, truth)
    keys = ("mae", "mae_se", "rmse", "mape", "r", "within_3", "within_5", "coverage")
    scores = {key: described[key] for key in keys}
    # the naive predictor answers the same windows as the model, or refusing hard ones would count as skill
    answered = np.isfinite(estimate) if np.isfinite(estimate).any() else np.ones(truth.shape, bool)
    naive = np.where(answered, naive, np.nan)
    scores["naive_mae"] = stats.mae(naive, truth)
    scores["naive_within_3"] = stats.within(naive, truth, 3.0)
    scores["skill"] = stats.skill(scores["mae"], scores["naive_mae"])
    if floor is not None and np.isfinite(floor).any():
        scores["floor_mae"] = stats.mae(floor, truth)
        scores["floor_within_3"] = stats.within(floor, truth, 3.0)
    if confidence is not None and np.isfinite(confidence).any():
        known = np.isfinite(truth)
        error = np.abs(estimate - truth)[known]
        scores["confident_mae"] = stats.risk_at(error, confidence[known], CONFIDENT_SHARE)
    return scores


def target_scores(name: str, estimate: Array, truth: Array, naive: Array, person: Sequence[str]) -> dict[str, float]:
    """Scores of a biomarker; empty where no truth is known.

    Args:
        name: in `zoo.spec.TARGETS`.
        estimate, truth, naive: (n,) in its unit (a class: probability, 0 or 1, 0 or 1).
        person: (n,) whose value it is.

    Returns:
        mae, rmse, r, naive_mae, skill; a class auroc, accuracy, naive_accuracy, skill; a pressure also bias,
        error_std, person_std, within_5, within_10, within_15 (mmHg), iso_criterion_1, iso_criterion_2 (0 or 1).
    """
    if not np.isfinite(truth).any():
        return {}
    if TARGETS[name].kind == "class":
        return _class_scores(estimate, truth, naive)
    naive = np.where(np.isfinite(estimate), naive, np.nan)
    scores = {
        "mae": stats.mae(estimate, truth),
        "rmse": stats.rmse(estimate, truth),
        "r": stats.pearson(estimate, truth),
        "naive_mae": stats.mae(naive, truth),
    }
    scores["skill"] = stats.skill(scores["mae"], scores["naive_mae"])
    if name in PRESSURES:
        grade = pressure_grade(estimate, truth, person)
        scores |= {"bias": grade.mean, "error_std": grade.sd, "person_std": grade.person_sd}
        scores |= {"within_5": grade.within_5, "within_10": grade.within_10, "within_15": grade.within_15}
        scores |= {"iso_criterion_1": float(grade.criterion_1), "iso_criterion_2": float(grade.criterion_2)}
    return scores


def _class_scores(estimate: Array, truth: Array, naive: Array) -> dict[str, float]:
    accuracy = stats.within(np.where(np.isfinite(estimate), estimate > 0.5, np.nan), truth, 0.0)
    naive_accuracy = stats.within(np.where(np.isfinite(naive), naive > 0.5, np.nan), truth, 0.0)
    return {
        "auroc": stats.auroc(estimate, truth),
        "accuracy": accuracy,
        "naive_accuracy": naive_accuracy,
        "skill": stats.skill(1 - accuracy, 1 - naive_accuracy),
    }
