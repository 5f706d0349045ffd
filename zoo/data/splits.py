"""Who trains, who validates and who tests: always by person, unless a user asks otherwise and is warned."""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Sequence
from typing import Literal, NamedTuple

from zoo.data.recording import Recording
from zoo.errors import DataError, UsageError

SplitBy = Literal["person", "fold", "recording"]
Stage = Literal["train", "val", "test"]


class Split(NamedTuple):
    """Recordings of each stage."""

    train: list[Recording]
    val: list[Recording]
    test: list[Recording]


def split(
    recordings: Sequence[Recording],
    by: SplitBy = "person",
    ratios: Sequence[float] = (0.7, 0.15, 0.15),
    folds: int = 0,
    fold: int = 0,
    seed: int = 0,
) -> Split:
    """Divide recordings so that nobody is in two stages.

    Args:
        by: `person` shuffles people by `seed`; `fold` takes the data set's published folds; `recording` lets one
            person's recordings fall into different stages (a warning says so).
        ratios: shares of train, validation and test, where `folds` is 0.
        folds: number of parts for cross-validation; part `fold` tests, the next one validates, the rest trains.
        fold: which part tests.

    Raises:
        UsageError: settings that make no split; DataError: no published folds, or a person in two stages.
    """
    keys = {recording.name: _key(recording, by) for recording in recordings}
    groups = sorted(set(keys.values()), key=lambda key: hashlib.sha256(f"{seed}/{key}".encode()).digest())
    if by == "fold":
        stages = _by_fold(sorted(groups), fold)
    elif folds:
        if not (2 <= folds <= len(groups) and 0 <= fold < folds):
            raise UsageError(f"{len(groups)} people cannot make {folds} folds with fold {fold}: choose fewer folds.")
        parts = [groups[i::folds] for i in range(folds)]
        validates = parts[(fold + 1) % folds]
        stages = {**dict.fromkeys(validates, "val"), **dict.fromkeys(parts[fold], "test")}
    else:
        stages = _by_ratio(groups, ratios)
    if by == "recording":
        warnings.warn("Split by recording: the same person may train and test, so scores are too good.", stacklevel=2)
    result = Split([], [], [])
    for recording in recordings:
        getattr(result, stages.get(keys[recording.name], "train")).append(recording)
    if by != "recording":
        refuse_shared_people(result)
    return result


def refuse_shared_people(stages: Split) -> None:
    """Raise DataError if a person stands in two stages."""
    people = [{(r.dataset, r.person) for r in stage} for stage in stages]
    for i, a in enumerate(people):
        for b in people[i + 1 :]:
            if both := a & b:
                who = ", ".join(person for _, person in sorted(both)[:3])
                raise DataError(f"person {who} would be in two splits: give every person one fold.")


def _key(recording: Recording, by: SplitBy) -> str:
    if by == "recording":
        return recording.name
    if by == "fold":
        if recording.fold is None:
            raise DataError(f"{recording.dataset} has no published folds: split by 'person' instead of 'fold'.")
        return f"{recording.fold:06d}"
    return f"{recording.dataset}/{recording.person}"


def _by_fold(folds: list[str], fold: int) -> dict[str, str]:
    if not 0 <= fold < len(folds):
        raise UsageError(f"fold {fold} is not one of the {len(folds)} published folds.")
    return {folds[fold]: "test", folds[(fold + 1) % len(folds)]: "val"} if len(folds) > 1 else {folds[0]: "test"}


def _by_ratio(groups: list[str], ratios: Sequence[float]) -> dict[str, str]:
    if len(ratios) != 3 or min(ratios) < 0 or sum(ratios) <= 0:
        raise UsageError("ratios are three shares, of training, validation and test: [0.7, 0.15, 0.15], say.")
    total = sum(ratios)
    # a share that is not zero gets at least one group, as far as they go
    counts = [max(round(len(groups) * share / total), 1 if share > 0 else 0) for share in ratios[1:]]
    validates, tests = groups[: counts[0]], groups[counts[0] : counts[0] + counts[1]]
    return {**dict.fromkeys(validates, "val"), **dict.fromkeys(tests, "test")}
