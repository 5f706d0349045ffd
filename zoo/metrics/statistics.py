"""Errors of an estimate against its truth, and how sure one can be of them. Plain numpy.

Everywhere: pairs in which either value is NaN are left out, and the statistic of nothing is NaN.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from typing import Any

import numpy as np

Array = np.ndarray
NAN = float("nan")


def paired(estimate: Any, truth: Any) -> tuple[Array, Array]:
    """The pairs in which both values are known, as float64 (n,) and (n,)."""
    estimate, truth = np.broadcast_arrays(np.asarray(estimate, np.float64), np.asarray(truth, np.float64))
    known = np.isfinite(estimate) & np.isfinite(truth)
    return estimate[known], truth[known]


def dropped(estimate: Any, truth: Any) -> int:
    """How many pairs `paired` leaves out."""
    return int(np.size(np.broadcast_arrays(estimate, truth)[0]) - paired(estimate, truth)[0].size)


def errors(estimate: Any, truth: Any) -> Array:
    """estimate - truth of the known pairs, (n,)."""
    estimate, truth = paired(estimate, truth)
    return estimate - truth


def _mean(values: Array) -> float:
    return float(values.mean()) if values.size else NAN


def mae(estimate: Any, truth: Any) -> float:
    """Mean absolute error, in the unit of the truth."""
    return _mean(np.abs(errors(estimate, truth)))


def mae_se(estimate: Any, truth: Any) -> float:
    """Standard error of the MAE: s / sqrt(n), n > 1, the pairs taken as independent."""
    absolute = np.abs(errors(estimate, truth))
    return float(absolute.std(ddof=1) / np.sqrt(absolute.size)) if absolute.size > 1 else NAN


def rmse(estimate: Any, truth: Any) -> float:
    """Root of the mean squared error, in the unit of the truth."""
    return float(np.sqrt(_mean(errors(estimate, truth) ** 2)))


def rmse_se(estimate: Any, truth: Any) -> float:
    """Standard error of the RMSE by the delta method: s(squared error) / (2 RMSE sqrt(n))."""
    squared = errors(estimate, truth) ** 2
    if squared.size < 2:
        return NAN
    root = float(np.sqrt(squared.mean()))
    return float(squared.std(ddof=1) / np.sqrt(squared.size) / (2 * root)) if root > 0 else 0.0


def mape(estimate: Any, truth: Any) -> float:
    """Mean absolute percentage error, per cent; published as MER (mean error rate) on MAHNOB-HCI."""
    estimate, truth = paired(estimate, truth)
    nonzero = truth != 0
    return 100.0 * _mean(np.abs((estimate - truth)[nonzero] / truth[nonzero]))


def pearson(estimate: Any, truth: Any) -> float:
    """Pearson's r, -1..1; NaN with fewer than two pairs or where either side is constant."""
    estimate, truth = paired(estimate, truth)
    if estimate.size < 2:
        return NAN
    estimate, truth = estimate - estimate.mean(), truth - truth.mean()
    scale = float(np.sqrt((estimate**2).sum() * (truth**2).sum()))
    return float((estimate * truth).sum() / scale) if scale > 1e-12 else NAN


def pearson_se(estimate: Any, truth: Any) -> float:
    """Standard error of Pearson's r: sqrt((1 - r^2) / (n - 2))."""
    n = paired(estimate, truth)[0].size
    return float(np.sqrt(max(0.0, 1 - pearson(estimate, truth) ** 2) / (n - 2))) if n > 2 else NAN


def within(estimate: Any, truth: Any, tolerance: float) -> float:
    """Share (0..1) of the known pairs whose error is at most `tolerance`."""
    return _mean((np.abs(errors(estimate, truth)) <= tolerance).astype(float))


def coverage(estimate: Any, truth: Any) -> float:
    """Share (0..1) of the pairs with a known truth for which there is an estimate."""
    estimate, truth = np.broadcast_arrays(np.asarray(estimate, np.float64), np.asarray(truth, np.float64))
    return _mean(np.isfinite(estimate[np.isfinite(truth)]).astype(float))


def skill(error: float, naive_error: float) -> float:
    """1 - error / naive error: 1 is perfect, 0 no better than the naive predictor, below 0 worse."""
    return 1.0 - error / naive_error if naive_error > 0 else NAN


def others_median(values: Any, person: Sequence[Hashable]) -> Array:
    """The naive prediction where nothing was trained: for each row the median of all other people's values.

    Args:
        values: (n,) true values, NaN = unknown.
        person: (n,) whose row it is.

    Returns:
        (n,) naive values; NaN where there is no other person with a known value.
    """
    values, people = np.asarray(values, np.float64), np.asarray([str(one) for one in person])
    naive = np.full(values.shape, NAN)
    for one in np.unique(people):
        others = values[(people != one) & np.isfinite(values)]
        if others.size:
            naive[people == one] = np.median(others)
    return naive


def auroc(score: Any, label: Any) -> float:
    """Area under the ROC curve, 0..1: the chance that a positive scores above a negative, ties half (Mann-Whitney).

    Args:
        score: (n,) any increasing score of the positive class.
        label: (n,) 1 = positive, 0 = negative, NaN = unknown.
    """
    from scipy.stats import rankdata

    score, label = paired(score, label)
    positive = label > 0.5
    n_positive, n_negative = int(positive.sum()), int((~positive).sum())
    if not n_positive or not n_negative:
        return NAN
    above = rankdata(score)[positive].sum() - n_positive * (n_positive + 1) / 2
    return float(above / (n_positive * n_negative))


def bootstrap(
    statistic: Callable[[Array, Array], float],
    estimate: Any,
    truth: Any,
    person: Sequence[Hashable],
    *,
    samples: int = 1000,
    level: float = 0.95,
    seed: int = 0,
) -> tuple[float, float]:
    """Percentile bootstrap interval of a statistic, drawing whole people: windows of one person are not independent.

    Args:
        statistic: such as `mae`, of (estimate, truth).
        estimate, truth: (n,) pairs.
        person: (n,) whose pair it is.
        samples: bootstrap draws.
        level: coverage of the interval, 0..1.
        seed: the same seed gives the same interval.

    Returns:
        (low, high); NaN with fewer than two people.

    Source:
        Efron and Tibshirani, An Introduction to the Bootstrap, 1993, chapter 13; clusters as units.
    """
    estimate, truth = np.asarray(estimate, np.float64), np.asarray(truth, np.float64)
    known = np.isfinite(estimate) & np.isfinite(truth)
    people = np.asarray([str(one) for one in person])[known]
    estimate, truth = estimate[known], truth[known]
    rows = [np.flatnonzero(people == one) for one in np.unique(people)]
    if len(rows) < 2:
        return NAN, NAN
    generator = np.random.default_rng(seed)
    draws = np.empty(samples)
    for i in range(samples):
        chosen = np.concatenate([rows[j] for j in generator.integers(len(rows), size=len(rows))])
        draws[i] = statistic(estimate[chosen], truth[chosen])
    draws = draws[np.isfinite(draws)]
    if not draws.size:
        return NAN, NAN
    low, high = np.quantile(draws, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def waveform_errors(estimate: Any, truth: Any) -> dict[str, Array]:
    """Errors of waveforms as they are, one a row: `std`, `rmse`, `mae` and `r`, each (...,).

    Args:
        estimate, truth: (..., T) on one scale; NaN samples are left out.

    Source:
        the STD / RMSE / r of the BVP error by which two-stream attention networks are compared (UBFC2, COHFACE, PURE).
    """
    estimate, truth = np.broadcast_arrays(np.asarray(estimate, np.float64), np.asarray(truth, np.float64))
    known = np.isfinite(estimate) & np.isfinite(truth)
    n = known.sum(-1)

    def mean(values: Array) -> Array:
        total = np.where(known, values, 0.0).sum(-1)
        return np.divide(total, n, out=np.full(np.shape(total), NAN), where=n > 0)

    error = estimate - truth
    centred = [np.where(known, x - mean(x)[..., None], 0.0) for x in (estimate, truth, error)]
    scale = np.sqrt((centred[0] ** 2).sum(-1) * (centred[1] ** 2).sum(-1))
    product = (centred[0] * centred[1]).sum(-1)
    return {
        "std": np.sqrt(mean(centred[2] ** 2)),
        "rmse": np.sqrt(mean(error**2)),
        "mae": mean(np.abs(error)),
        "r": np.divide(product, scale, out=np.full(np.shape(scale), NAN), where=scale > 1e-12),
    }


def risk_coverage(error: Any, confidence: Any) -> tuple[Array, Array]:
    """How the mean error falls when the least confident windows are refused.

    Args:
        error: (n,) absolute errors; NaN = no answer, which is refused always.
        confidence: (n,) larger is surer; NaN counts as the least sure.

    Returns:
        coverage (m,) ascending in 0..1 and risk (m,), the mean error of the windows kept; m = answered windows.
        Windows of equal confidence are kept or refused together, so they share one value.

    Source:
        El-Yaniv and Wiener, On the foundations of noise-free selective classification, 2010.
    """
    error, confidence = np.asarray(error, np.float64), np.asarray(confidence, np.float64)
    total = error.size
    answered = np.isfinite(error)
    error, confidence = error[answered], np.nan_to_num(confidence[answered], nan=-np.inf)
    order = np.argsort(-confidence, kind="stable")
    error, confidence = error[order], confidence[order]
    kept = np.arange(1, error.size + 1)
    last_of_tie = np.append(confidence[1:] != confidence[:-1], True) if error.size else np.zeros(0, bool)
    return (kept / max(total, 1))[last_of_tie], (np.cumsum(error) / kept)[last_of_tie]


def risk_at(error: Any, confidence: Any, share: float) -> float:
    """Mean error of the most confident windows that cover at least `share` (0..1) of all; NaN where none do."""
    covered, risk = risk_coverage(error, confidence)
    enough = np.flatnonzero(covered >= share - 1e-9)
    return float(risk[enough[0]]) if enough.size else NAN


def describe(estimate: Any, truth: Any) -> dict[str, float]:
    """The usual statistics of pairs: n, dropped, mae, mae_se, rmse, rmse_se, mape, r, r_se, within_3, within_5."""
    known = paired(estimate, truth)
    return {
        "n": float(known[0].size),
        "dropped": float(dropped(estimate, truth)),
        "coverage": coverage(estimate, truth),
        "mae": mae(*known),
        "mae_se": mae_se(*known),
        "rmse": rmse(*known),
        "rmse_se": rmse_se(*known),
        "mape": mape(*known),
        "r": pearson(*known),
        "r_se": pearson_se(*known),
        "within_3": within(*known, 3.0),
        "within_5": within(*known, 5.0),
    }


def by_group(estimate: Any, truth: Any, group: Sequence[Hashable]) -> dict[str, dict[str, float]]:
    """`describe` for each value of a label (skin tone, sex, age band, motion, light, make-up).

    Args:
        estimate, truth: (n,) pairs.
        group: (n,) label of each pair; an empty label is reported as `unknown`.
    """
    estimate, truth = np.asarray(estimate, np.float64), np.asarray(truth, np.float64)
    labels = np.asarray([str(one) or "unknown" for one in group])
    return {str(one): describe(estimate[labels == one], truth[labels == one]) for one in np.unique(labels)}
