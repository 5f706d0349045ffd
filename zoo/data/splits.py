"""Who trains, who validates and who tests: always by person, unless a user asks otherwise and is warned."""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Sequence
from typing import Any, Literal, NamedTuple

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
    val_fold: int = -1,
) -> Split:
    """Divide recordings so that nobody is in two stages.

    Args:
        by: `person` shuffles people by `seed`; `fold` takes the data set's published folds; `recording` lets one
            person's recordings fall into different stages (a warning says so).
        ratios: shares of train, validation and test, where `folds` is 0.
        folds: number of parts for cross-validation; part `fold` tests, another validates, the rest trains.
        fold: which part tests.
        val_fold: which part validates; -1 for the next one.

    Raises:
        UsageError: settings that make no split; DataError: no published folds, or a person in two stages.
    """
    keys = {recording.name: _key(recording, by) for recording in recordings}
    groups = sorted(set(keys.values()), key=lambda key: hashlib.sha256(f"{seed}/{key}".encode()).digest())
    if by == "fold":
        stages = fold_stages([[group] for group in sorted(groups)], fold, val_fold)
    elif folds:
        stages = fold_stages(parts_of(groups, folds), fold, val_fold)
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


def parts_of(groups: Sequence[str], folds: int) -> list[list[str]]:
    """Groups dealt into so many parts, as they come.

    Raises:
        UsageError: more parts than groups.
    """
    if not 2 <= folds <= len(groups):
        raise UsageError(
            f"{len(groups)} people cannot make {folds} folds: choose 2 at least, and {len(groups)} at most."
        )
    return [list(groups[i::folds]) for i in range(folds)]


def fold_stages(parts: Sequence[Sequence[str]], fold: int, val_fold: int = -1) -> dict[str, Stage]:
    """Which groups test and which validate, by group; the others train.

    Raises:
        UsageError: there is no such part, or one would do both.
    """
    count = len(parts)
    if count == 1:
        return dict.fromkeys(parts[0], "test")
    validates = (fold + 1) % count if val_fold < 0 else val_fold
    for one in (fold, validates):
        if not 0 <= one < count:
            raise UsageError(f"fold {one} is not one of the {count} folds, which are numbered from 0.")
    if fold == validates:
        raise UsageError(f"fold {fold} cannot both test and validate: choose another data.val_fold.")
    return {**dict.fromkeys(parts[validates], "val"), **dict.fromkeys(parts[fold], "test")}


class PartOf:
    """Windows of simulated people, of which one stage of a cross-validation is taken.

    Args:
        windows: of all of them, with `people` and `windows_per_person`.
        stage: which.
        folds, fold, val_fold: as `split` takes them; people are dealt as they come, since each is drawn at random.
    """

    def __init__(self, windows: Any, stage: Stage, folds: int, fold: int, val_fold: int = -1) -> None:
        self.windows = windows
        people = [str(number) for number in range(windows.people)]
        stages = fold_stages(parts_of(people, folds), fold, val_fold)
        each = windows.windows_per_person
        chosen = [int(one) for one in people if stages.get(one, "train") == stage]
        self.indices = [number * each + i for number in chosen for i in range(each)]

    def __len__(self) -> int:
        return len(self.indices)

    def __getitem__(self, index: int) -> Any:
        return self.windows[self.indices[index]]

    def labels(self) -> dict[str, dict[str, str]]:
        """Labels to report by, of all people."""
        found: dict[str, dict[str, str]] = self.windows.labels()
        return found


def _by_ratio(groups: list[str], ratios: Sequence[float]) -> dict[str, Stage]:
    if len(ratios) != 3 or min(ratios) < 0 or sum(ratios) <= 0:
        raise UsageError("ratios are three shares, of training, validation and test: [0.7, 0.15, 0.15], say.")
    total = sum(ratios)
    # a share that is not zero gets at least one group, as far as they go
    counts = [max(round(len(groups) * share / total), 1 if share > 0 else 0) for share in ratios[1:]]
    validates, tests = groups[: counts[0]], groups[counts[0] : counts[0] + counts[1]]
    return {**dict.fromkeys(validates, "val"), **dict.fromkeys(tests, "test")}
