"""By what a result can be split: the labels of each recording, so that a model's weak sides are seen."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

from zoo.data.recording import Recording
from zoo.spec import TARGETS

Groups = dict[str, dict[str, str]]
"""{label: {recording: value}}; a recording whose value is unknown is missing or has an empty one."""

AGES = (18, 30, 45, 60)


def age_band(age: float) -> str:
    """`under 18`, `18-29`, `30-44`, `45-59` or `60 and over`; empty where the age (years) is unknown."""
    if not math.isfinite(age):
        return ""
    if age < AGES[0]:
        return f"under {AGES[0]}"
    if age >= AGES[-1]:
        return f"{AGES[-1]} and over"
    above = next(i for i, limit in enumerate(AGES) if age < limit)
    return f"{AGES[above - 1]}-{AGES[above] - 1}"


def labels_of(groups: Mapping[str, str], targets: Mapping[str, float]) -> dict[str, str]:
    """The labels of one recording {label: value}: its groups, and `sex` and `age` from its targets."""
    found = {label: str(value) for label, value in groups.items()}
    sex, age = targets.get("sex", math.nan), age_band(targets.get("age", math.nan))
    if math.isfinite(sex) and not found.get("sex"):
        found["sex"] = (TARGETS["sex"].classes or ("0", "1"))[round(sex)]
    if age:
        found["age"] = age
    return found


def groups_of(sets: Iterable[Any]) -> Groups:
    """Labels of every recording in sets of windows.

    Args:
        sets: with `recordings` (what was prepared), or a method `labels()` {recording: {label: value}}; a set with
            neither adds nothing.
    """
    groups: Groups = {}
    for windows in sets:
        for recording, labels in _labels(windows).items():
            for label, value in labels.items():
                groups.setdefault(label, {})[recording] = value
    return groups


def _labels(windows: Any) -> Mapping[str, Mapping[str, str]]:
    if hasattr(windows, "labels"):
        found: Mapping[str, Mapping[str, str]] = windows.labels()
        return found
    recordings: list[Recording] = [prepared.recording for prepared in getattr(windows, "recordings", ())]
    return {one.name: labels_of(one.groups, one.targets) for one in recordings}
