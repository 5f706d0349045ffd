"""Is one model better than another? Paired tests over people, since the windows of one person are not independent."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from zoo.errors import UsageError
from zoo.metrics.statistics import NAN


def person_means(error: Any, person: Sequence[Hashable]) -> dict[str, float]:
    """Mean absolute error of each person, by name; a person without any known error is left out."""
    error, names = np.abs(np.asarray(error, np.float64)), np.asarray([str(one) for one in person])
    known = np.isfinite(error)
    return {str(one): float(error[known & (names == one)].mean()) for one in np.unique(names[known])}


def wilcoxon(first: Mapping[str, float], second: Mapping[str, float]) -> tuple[float, float, int]:
    """Wilcoxon signed-rank test of two models' errors over the people that both have.

    Args:
        first, second: mean error by person, as `person_means` gives.

    Returns:
        (median of first - second, two-sided p value, people); p is NaN where no person differs, or none is shared.

    Source:
        Demsar, Statistical comparisons of classifiers over multiple data sets, JMLR 2006.
    """
    from scipy.stats import wilcoxon as test

    people = sorted(set(first) & set(second))
    difference = np.asarray([first[one] - second[one] for one in people])
    if not difference.any():
        return (0.0 if people else NAN), NAN, len(people)
    return float(np.median(difference)), float(test(difference).pvalue), len(people)


@dataclass(frozen=True)
class Ranking:
    """Friedman test with the Nemenyi comparison of every two models.

    Args:
        models: names, in the order of the arrays.
        people: how many people all models share.
        ranks: (k,) mean rank over people, 1 is best.
        friedman_p: p value of 'all models are the same'.
        critical_difference: mean ranks further apart than this differ at the level asked for.
        p_values: (k, k) Nemenyi p value of each pair.
    """

    models: tuple[str, ...]
    people: int
    ranks: np.ndarray
    friedman_p: float
    critical_difference: float
    p_values: np.ndarray


def nemenyi(models: Mapping[str, Mapping[str, float]], level: float = 0.05) -> Ranking:
    """Rank three or more models over the people that all of them have.

    Args:
        models: by model, the mean error by person.
        level: significance of the critical difference.

    Raises:
        UsageError: fewer than three models or two shared people; for two models take `wilcoxon`.

    Source:
        Demsar, JMLR 2006, section 3.2.2: CD = q sqrt(k (k + 1) / (6 N)), q of the studentised range over sqrt(2).
    """
    from scipy.stats import friedmanchisquare, rankdata, studentized_range

    names = tuple(models)
    people = sorted(set.intersection(*(set(errors) for errors in models.values()))) if models else []
    if len(names) < 3 or len(people) < 2:
        raise UsageError(
            f"Nemenyi ranks at least 3 models over 2 shared people, not {len(names)} over {len(people)}; "
            "compare two models with Wilcoxon's test."
        )
    table = np.asarray([[models[name][one] for name in names] for one in people])
    ranks = rankdata(table, axis=1).mean(0)
    k, scale = len(names), np.sqrt(len(names) * (len(names) + 1) / (6 * len(people)))
    apart = np.abs(ranks[:, None] - ranks[None, :]) / scale * np.sqrt(2)
    p_values = studentized_range.sf(apart, k, np.inf)
    np.fill_diagonal(p_values, 1.0)
    return Ranking(
        models=names,
        people=len(people),
        ranks=ranks,
        friedman_p=float(friedmanchisquare(*table.T).pvalue),
        critical_difference=float(studentized_range.ppf(1 - level, k, np.inf) / np.sqrt(2) * scale),
        p_values=p_values,
    )
