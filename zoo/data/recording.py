"""A recording: one face video and what is known about the person in it. Readers list them; nothing is decoded here."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

# what `zoo simulate` writes at the top of a folder, and by which its people are known as simulated
SIMULATION_FILE = "simulation.json"


@dataclass(frozen=True)
class Series:
    """A measured signal.

    Args:
        times: (n,) seconds on the video's clock, increasing, any spacing.
        values: (n,) in the signal's own unit (a contact PPG has none).
    """

    times: np.ndarray
    values: np.ndarray


@dataclass(frozen=True)
class Labels:
    """What a recording's label files hold.

    Args:
        signals: by name (`ppg`, `respiration`).
        frame_times: (frames,) seconds, where the data set gives better times than the video file; else None.
    """

    signals: Mapping[str, Series] = field(default_factory=dict)
    frame_times: np.ndarray | None = None


@dataclass(frozen=True)
class Recording:
    """One video of one person.

    Args:
        dataset: name of the reader that listed it.
        person: who; splits are made by this.
        session: which recording of that person.
        video: a video file, a folder of numbered pictures, a zip of pictures or an array file.
        targets: by name in `zoo.spec.TARGETS`, in its unit; NaN = unknown.
        fold: published fold, where there is one.
        groups: labels to report by (`skin_tone`, `sex`, `motion`, `light`, `makeup`, `camera`, `view`).
        simulated: the zoo's own simulator drew it, among whatever other videos it lies.
        load: reads the label files. It is called when they are needed, so that thousands of recordings are listed
            in seconds; it raises DataError with a reason. A picklable callable (`functools.partial` of a function).
    """

    dataset: str
    person: str
    session: str
    video: Path
    targets: Mapping[str, float] = field(default_factory=dict)
    fold: int | None = None
    groups: Mapping[str, str] = field(default_factory=dict)
    simulated: bool = False
    load: Callable[[], Labels] = Labels

    @property
    def name(self) -> str:
        """`dataset/person/session`: unique within a listing."""
        return f"{self.dataset}/{self.person}/{self.session}"


@dataclass(frozen=True)
class Skipped:
    """Something in a data set that is not used, and why."""

    path: Path
    reason: str


@dataclass(frozen=True)
class Listing:
    """What a reader found: recordings to use, and each thing that it left out with its reason.

    Args:
        notes: remarks about the whole data set (missing label columns, say).
    """

    recordings: tuple[Recording, ...]
    skipped: tuple[Skipped, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class DatasetInfo:
    """What `zoo info DATASET` prints; every reader module holds one as `INFO`.

    Args:
        title: full name.
        people, recordings: published counts.
        signals, targets: names that its labels offer.
        licence: terms of use.
        access: where to ask for it.
        protocol: how it is usually split and scored.
        citation: the paper to cite.
        turns: runs of the published cross-validation, each (fold that tests, fold that validates); none where every
            fold tests in turn and the next one validates.
        simulated: its people are drawn by a computer, so that what is learned from them is marked.
    """

    title: str
    people: int
    recordings: int
    signals: tuple[str, ...]
    targets: tuple[str, ...]
    licence: str
    access: str
    protocol: str
    citation: str
    turns: tuple[tuple[int, int], ...] = ()
    simulated: bool = False
