"""Two runs of the bench beside each other: is anything slower by more than the noise?"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from zoo.bench.statistics import medians, ratio

TOLERANCE = 0.05
# an interval whose ends differ by more can hide what matters
WIDEST = 1.5


@dataclass(frozen=True)
class Compared:
    """One model and runtime in both runs.

    Args:
        ratio, low, high: after / before, with its 99 % interval over processes; NaN where it cannot be had.
        verdict: `slower`, `faster`, `same`, `unjudged`, `broken` (ran before, fails now), or `missing`.
        says: why, where the verdict does not say all.
    """

    model: str
    runtime: str
    ratio: float
    low: float
    high: float
    verdict: str
    says: str = ""


def compare(before: dict[str, Any], after: dict[str, Any], tolerance: float = TOLERANCE) -> list[Compared]:
    """Compare the rows that both reports have.

    A row is slower if the whole interval of its ratio lies beyond `1 + tolerance`, and still does once the ratio of
    the runs' probes (a fixed piece of work that has nothing to do with the zoo) is divided out: a machine that was
    slower as a whole is no regression.
    """
    drift = _drift(before, after)
    return list(_rows(before, after, tolerance, drift))


def regressed(compared: list[Compared]) -> bool:
    """Whether anything is slower beyond the noise, or broken."""
    return any(one.verdict in ("slower", "broken") for one in compared)


def _rows(before: dict[str, Any], after: dict[str, Any], tolerance: float, drift: float) -> Iterator[Compared]:
    earlier, later = _keyed(before), _keyed(after)
    nothing = (math.nan,) * 3
    for key in dict.fromkeys([*earlier, *later]):
        names = str(key[0]), str(key[1])
        old, new = earlier.get(key), later.get(key)
        if old is None or new is None:
            yield Compared(*names, *nothing, "missing", f"only in the {'first' if new is None else 'second'}")
        elif old["state"] == "ok" and new["state"] != "ok":
            yield Compared(*names, *nothing, "broken", str(new.get("reason", "")))
        elif old["state"] != "ok" or new["state"] != "ok":
            yield Compared(*names, *nothing, "unjudged", "did not run before either" if new["state"] != "ok" else "new")
        else:
            yield _judged(names, old, new, tolerance, drift)


def _judged(
    names: tuple[str, str], old: dict[str, Any], new: dict[str, Any], tolerance: float, drift: float
) -> Compared:
    earlier, later = _logs(old), _logs(new)
    if min(len(earlier), len(later)) < 2:
        found = math.exp(float(later.mean() - earlier.mean()))
        return Compared(*names, found, math.nan, math.nan, "unjudged", "one process: measure with --processes 5")
    found, low, high = ratio(earlier, later)
    limit = 1.0 + tolerance
    if low > limit and low / drift > limit:
        verdict = "slower"
    elif high < 1 / limit and high / drift < 1 / limit:
        verdict = "faster"
    else:
        verdict = "same"
    doubts = [*old.get("doubts", []), *new.get("doubts", [])]
    if verdict == "same" and high / low > WIDEST:
        doubts.insert(0, "too noisy to see less: measure again with more --processes")
    says = "; ".join(dict.fromkeys(doubts))
    return Compared(*names, found, low, high, verdict, says)


def _logs(row: dict[str, Any]) -> np.ndarray:
    samples = row.get("samples_ms") or []
    if not samples or not isinstance(samples[0], list):
        samples = [samples or [row.get("p50_ms") or 1e3 * row["wall_s"]]]
    return medians(samples)


def _keyed(report: dict[str, Any]) -> dict[tuple[Any, ...], dict[str, Any]]:
    return {
        (row["model"], row.get("runtime", ""), row.get("device", ""), str(row.get("options", ""))): row
        for row in report["rows"]
    }


def _drift(before: dict[str, Any], after: dict[str, Any]) -> float:
    """How many times as long the probe took in the second run."""
    probes = [[row["probe_ms"] for row in report["rows"] if row.get("probe_ms")] for report in (before, after)]
    if not all(probes):
        return 1.0
    return float(np.median(probes[1]) / np.median(probes[0]))
