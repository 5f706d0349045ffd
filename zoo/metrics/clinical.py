"""Agreement as medicine reports it: Bland-Altman, and the grades of blood-pressure devices. Plain numpy and scipy."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from zoo.metrics.statistics import NAN, errors, within


@dataclass(frozen=True)
class Agreement:
    """Bland-Altman analysis, in the unit of the measurements; every interval is (low, high) at 95 %.

    Args:
        n: pairs.
        bias: mean of estimate - truth.
        sd: standard deviation of the differences (between and within people together where people were given).
        lower, upper: limits of agreement, bias -/+ 1.96 sd.
        bias_interval, lower_interval, upper_interval: how sure each of them is.
    """

    n: int
    bias: float
    sd: float
    lower: float
    upper: float
    bias_interval: tuple[float, float]
    lower_interval: tuple[float, float]
    upper_interval: tuple[float, float]


def bland_altman(estimate: Any, truth: Any, person: Sequence[Hashable] | None = None) -> Agreement:
    """Bias and 95 % limits of agreement with their intervals.

    Args:
        estimate, truth: (n,) pairs, NaN = unknown.
        person: (n,) whose pair it is. Given, the variance is the sum of the parts between and within people (one-way
            analysis of variance), and the intervals count people instead of windows.

    Returns:
        all NaN with fewer than two pairs (or people).

    Source:
        Bland and Altman, Lancet 1986 and Stat Methods Med Res 1999 (intervals); J Biopharm Stat 2007, section 3
        (several measurements a person whose true value varies).
    """
    from scipy.stats import t

    difference = errors(estimate, truth)
    n = units = difference.size
    nothing = (NAN, NAN)
    if n < 2:
        return Agreement(n, NAN, NAN, NAN, NAN, nothing, nothing, nothing)
    bias, variance = float(difference.mean()), float(difference.var(ddof=1))
    if person is not None:
        known = np.isfinite(np.asarray(estimate, np.float64) - np.asarray(truth, np.float64))
        variance, units = _variance_between_and_within(difference, np.asarray(person)[known])
        if units < 2:
            return Agreement(n, bias, NAN, NAN, NAN, nothing, nothing, nothing)
    sd = float(np.sqrt(variance))
    quantile = float(t.ppf(0.975, units - 1))
    of_bias = quantile * sd / np.sqrt(units)
    of_limit = quantile * sd * np.sqrt(1 / units + 1.96**2 / (2 * (units - 1)))
    lower, upper = bias - 1.96 * sd, bias + 1.96 * sd
    return Agreement(
        n=n,
        bias=bias,
        sd=sd,
        lower=lower,
        upper=upper,
        bias_interval=(bias - of_bias, bias + of_bias),
        lower_interval=(lower - of_limit, lower + of_limit),
        upper_interval=(upper - of_limit, upper + of_limit),
    )


def _variance_between_and_within(difference: np.ndarray, person: np.ndarray) -> tuple[float, int]:
    """Total variance of one difference of a random person by one-way analysis of variance, and the number of people."""
    _, index, counts = np.unique(person, return_inverse=True, return_counts=True)
    n, people = difference.size, counts.size
    if people < 2 or n == people:
        return float(difference.var(ddof=1)), people
    means = np.bincount(index, weights=difference) / counts
    within_people = ((difference - means[index]) ** 2).sum() / (n - people)
    between = (counts * (means - difference.mean()) ** 2).sum() / (people - 1)
    effective = (n**2 - (counts**2).sum()) / ((people - 1) * n)
    return float(max(0.0, (between - within_people) / effective) + within_people), people


@dataclass(frozen=True)
class PressureGrade:
    """How a blood-pressure estimate would fare under the standards for cuffs.

    Args:
        n, people: pairs and people.
        mean, sd: of estimate - truth, mmHg, over all pairs.
        person_sd: standard deviation of the people's mean errors, mmHg.
        person_sd_limit: the largest that criterion 2 allows for this mean error, mmHg; NaN where none passes.
        criterion_1: |mean| <= 5 mmHg and sd <= 8 mmHg.
        criterion_2: person_sd <= person_sd_limit.
        enough_people: at least 85 people, without which the standard grants nothing.
        within_5, within_10, within_15: share (0..1) of the errors of at most so many mmHg.
        bhs: A, B, C or D; empty without pairs.
    """

    n: int
    people: int
    mean: float
    sd: float
    person_sd: float
    person_sd_limit: float
    criterion_1: bool
    criterion_2: bool
    enough_people: bool
    within_5: float
    within_10: float
    within_15: float
    bhs: str


def pressure_grade(estimate: Any, truth: Any, person: Sequence[Hashable]) -> PressureGrade:
    """AAMI / ISO 81060-2 criteria 1 and 2 and the British Hypertension Society's grade of a blood pressure.

    Args:
        estimate, truth: (n,) mmHg, NaN = unknown.
        person: (n,) whose pair it is.

    Source:
        ISO 81060-2:2018, 5.2.4.1.2; O'Brien et al., J Hypertens 1993 (BHS protocol: grade A has 60, 85, 95 per cent
        of the errors within 5, 10, 15 mmHg, B 50, 75, 90, C 40, 65, 85).
    """
    difference = errors(estimate, truth)
    known = np.isfinite(np.asarray(estimate, np.float64) - np.asarray(truth, np.float64))
    _, index = np.unique(np.asarray(person)[known], return_inverse=True)
    counts = np.bincount(index) if difference.size else np.zeros(0, int)
    means = np.bincount(index, weights=difference) / counts if difference.size else np.zeros(0)
    mean = float(difference.mean()) if difference.size else NAN
    sd = float(difference.std(ddof=1)) if difference.size > 1 else NAN
    person_sd = float(means.std(ddof=1)) if means.size > 1 else NAN
    limit = tolerable_sd(mean)
    shares = [within(difference, np.zeros_like(difference), tolerance) for tolerance in (5.0, 10.0, 15.0)]
    return PressureGrade(
        n=difference.size,
        people=means.size,
        mean=mean,
        sd=sd,
        person_sd=person_sd,
        person_sd_limit=limit,
        criterion_1=bool(abs(mean) <= 5 and sd <= 8),
        criterion_2=bool(person_sd <= limit),
        enough_people=means.size >= 85,
        within_5=shares[0],
        within_10=shares[1],
        within_15=shares[2],
        bhs=bhs_grade(shares),
    )


def tolerable_sd(mean: float) -> float:
    """Largest standard deviation (mmHg) with which 85 % of normal errors around `mean` lie within +/- 10 mmHg.

    Criterion 2 of ISO 81060-2 tabulates it (6.95 mmHg at a mean of 0); solved here, so that a mean between two table
    rows needs no rounding. NaN where |mean| > 5 mmHg: criterion 1 fails there already.
    """
    from scipy.optimize import brentq
    from scipy.stats import norm

    if not abs(mean) <= 5:
        return NAN

    def excess(sd: float) -> float:
        return float(norm.cdf((10 - mean) / sd) - norm.cdf((-10 - mean) / sd)) - 0.85

    return float(brentq(excess, 0.1, 10.0))


def bhs_grade(shares: Sequence[float]) -> str:
    """Grade A, B, C or D by the shares (0..1) of errors within 5, 10 and 15 mmHg; empty where they are NaN."""
    if not np.isfinite(shares).all():
        return ""
    for grade, needed in (("A", (0.60, 0.85, 0.95)), ("B", (0.50, 0.75, 0.90)), ("C", (0.40, 0.65, 0.85))):
        if all(share >= least for share, least in zip(shares, needed, strict=True)):
            return grade
    return "D"
