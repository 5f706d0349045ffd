"""Scores of one quantity from its columns: what is printed, logged and written, under keys that stay the same."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from zoo.metrics import statistics as stats
from zoo.metrics.clinical import pressure_grade
from zoo.signals.calibrator import TOLERANCE, calibration_error
from zoo.spec import TARGETS

Array = np.ndarray
CONFIDENT_SHARE = 0.6
# shares of the windows, the surest ones, that the table of risk and coverage shows
COVERAGES = (0.8, 0.6, 0.4)
PRESSURES = ("systolic", "diastolic")


def rate_scores(
    estimate: Array,
    truth: Array,
    naive: Array,
    floor: Array | None = None,
    confidence: Array | None = None,
    threshold: float | None = None,
) -> dict[str, float]:
    """Scores of a rate; empty where no truth is known.

    Args:
        estimate, truth, naive: (n,) 1/min, NaN = none.
        floor: (n,) what the contact signal itself gets.
        confidence: (n,) 0..1, larger is surer.
        threshold: of the confidence, below which a window is refused.

    Returns:
        mae, mae_se, rmse, mape, r, within_3, within_5, coverage, naive_mae, naive_within_3, skill; with a floor
        floor_mae, floor_within_3; with a confidence confident_mae, the MAE of the surest 60 % of the windows, and
        what `trust_scores` gives.
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
        scores |= trust_scores(error, confidence[known], threshold)
    return scores


def trust_scores(error: Array, confidence: Array, threshold: float | None = None) -> dict[str, float]:
    """What a confidence is worth.

    Args:
        error: (n,) 1/min, not negative; NaN where no rate was given, which counts as wrong.
        confidence: (n,) 0..1, meant as the probability of an error of at most 3 /min.
        threshold: below which a window is refused; None refuses nothing.

    Returns:
        mae_at_80, within_3_at_80 and the like of the surest 80, 60 and 40 % of the windows; aurc, the area
        under the curve of MAE over coverage; calibration_error, 0..1; with a threshold refused (share of all),
        refused_of_wrong, kept_of_right, kept_mae, kept_within_3, each where there are such windows.
    """
    wrong = ~(error <= TOLERANCE)
    scores: dict[str, float] = {}
    for share in COVERAGES:
        scores[f"mae_at_{100 * share:.0f}"] = stats.risk_at(error, confidence, share)
        answered = np.where(np.isfinite(error), wrong, np.nan)
        scores[f"within_3_at_{100 * share:.0f}"] = 1 - stats.risk_at(answered, confidence, share)
    covered, risk = stats.risk_coverage(error, confidence)
    scores["aurc"] = float(np.trapezoid(risk, covered) / (covered[-1] - covered[0])) if len(covered) > 1 else stats.NAN
    scores["calibration_error"] = calibration_error(np.nan_to_num(confidence), ~wrong)
    if threshold is None:
        return scores
    kept = np.nan_to_num(confidence) >= threshold
    scores["refused"] = 1 - float(kept.mean())
    if wrong.any():
        scores["refused_of_wrong"] = float((~kept)[wrong].mean())
    if not wrong.all():
        scores["kept_of_right"] = float(kept[~wrong].mean())
    known = error[kept & np.isfinite(error)]
    if known.size:
        scores |= {"kept_mae": float(known.mean()), "kept_within_3": float((known <= TOLERANCE).mean())}
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
