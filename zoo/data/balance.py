"""Who is in a split: people, windows, groups and mean labels, so that an uneven one is seen before training."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from zoo.data.recording import Recording, Skipped

MOST_GROUPS = 8


@dataclass(frozen=True)
class StageBalance:
    """One data set in one stage.

    Args:
        stage, dataset: which.
        people, recordings, windows: how many; people and recordings are 0 where a data set simulates.
        left_out: windows without enough of the face.
        groups: how many recordings of each value of each group (`skin_tone`, `sex`...).
        targets: mean over recordings of each target that is known.
    """

    stage: str
    dataset: str
    people: int
    recordings: int
    windows: int
    left_out: int
    groups: dict[str, dict[str, int]] = field(default_factory=dict)
    targets: dict[str, float] = field(default_factory=dict)


def balance_of(windows: Any, stage: str, dataset: str) -> StageBalance:
    """The balance of a set of windows; of simulated ones only their number is known."""
    recordings: list[Recording] = [prepared.recording for prepared in getattr(windows, "recordings", ())]
    groups: dict[str, Counter[str]] = {}
    values: dict[str, list[float]] = {}
    for recording in recordings:
        for name, value in recording.groups.items():
            groups.setdefault(name, Counter())[value] += 1
        for name, number in recording.targets.items():
            if np.isfinite(number):
                values.setdefault(name, []).append(float(number))
    return StageBalance(
        stage,
        dataset,
        len({recording.person for recording in recordings}),
        len(recordings),
        len(windows),
        getattr(windows, "left_out", 0),
        {name: dict(counts.most_common(MOST_GROUPS)) for name, counts in groups.items()},
        {name: float(np.mean(known)) for name, known in values.items()},
    )


def show_balance(rows: Sequence[StageBalance], notes: Sequence[str], failed: Sequence[Skipped]) -> None:
    """Print the balance on stderr, where anything was recorded by people; simulated ones have nothing to tell."""
    if not any(row.recordings for row in rows):
        return
    from rich.console import Console
    from rich.table import Table

    table = Table("stage", "data", "people", "recordings", "windows", "left out", "groups", "mean targets", box=None)
    for row in rows:
        groups = "; ".join(
            f"{name} " + ", ".join(f"{value} {count}" for value, count in counts.items())
            for name, counts in row.groups.items()
        )
        targets = ", ".join(f"{name} {mean:.4g}" for name, mean in row.targets.items())
        numbers = (row.people, row.recordings, row.windows, row.left_out)
        table.add_row(row.stage, row.dataset, *map(str, numbers), groups or "-", targets or "-")
    console = Console(stderr=True)
    console.print(table)
    for note in dict.fromkeys(notes):
        console.print(f"note: {note}", markup=False)
    if failed:
        console.print(f"{len(failed)} not used; the first: {failed[0].path.name}: {failed[0].reason}", markup=False)
