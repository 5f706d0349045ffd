"""Simulated people as a data set: nothing to download, made on the fly, the same for all who take the same seed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from zoo.data.recording import DatasetInfo
from zoo.data.synthetic import SyntheticWindows
from zoo.errors import UsageError
from zoo.spec import TARGETS, WAVEFORMS, Input

Split = Literal["train", "val", "test"]
SPLITS: dict[str, int] = {"train": 0, "val": 1, "test": 2}
DEFAULT_PEOPLE: dict[str, int] = {"train": 4000, "val": 128, "test": 256}
_PEOPLE_PER_SPLIT = 10_000_000

INFO = DatasetInfo(
    title="Simulated people",
    people=sum(DEFAULT_PEOPLE.values()),
    recordings=sum(DEFAULT_PEOPLE.values()),
    signals=WAVEFORMS,
    targets=tuple(TARGETS),
    licence="Apache-2.0",
    access="Made by the zoo itself; nothing to download.",
    protocol="Disjoint people for train, val and test by seed; results say nothing about real people.",
    citation="Wang et al. 2017, Algorithmic principles of remote PPG (reflection model); see the modules' docstrings.",
    simulated=True,
)


def windows(
    input: Input,
    split: Split,
    *,
    people: int | Mapping[str, int] | None = None,
    windows_per_person: int = 1,
    seed: int = 0,
    hard: float = 1.0,
    hopeless: float = 0.0,
) -> SyntheticWindows:
    """Windows of the people of one split; no person is in two splits of any seed's population.

    Args:
        input: what the model eats.
        split: `train`, `val` or `test`.
        people: how many, in every split or by split ({"train": 60000}); by default 4000, 128, 256.
        windows_per_person: separate recordings of each.
        seed: of the population.
        hard: 0 (nearly raw video, still people) to 1 (up to hard compression, talking and moving).
        hopeless: share of the windows in which the pulse was destroyed, to learn by what cannot be read.

    Raises:
        UsageError: an unknown split, or more people than a split holds.
    """
    if split not in SPLITS:
        raise UsageError(f"There is no split '{split}'; choose one of {', '.join(SPLITS)}.")
    by_split = people if isinstance(people, Mapping) else {split: people}
    if unknown := set(by_split) - set(SPLITS):
        raise UsageError(f"people by split: no '{sorted(unknown)[0]}'; choose of {', '.join(SPLITS)}.")
    wanted = by_split.get(split)
    count = DEFAULT_PEOPLE[split] if wanted is None else wanted
    if count > _PEOPLE_PER_SPLIT:
        raise UsageError(f"A split holds at most {_PEOPLE_PER_SPLIT} simulated people; {count} were asked for.")
    first = SPLITS[split] * _PEOPLE_PER_SPLIT
    return SyntheticWindows(
        input,
        people=count,
        windows_per_person=windows_per_person,
        seed=seed,
        first_person=first,
        hard=hard,
        hopeless=hopeless,
    )
