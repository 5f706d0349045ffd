"""UBFC-Phys: `sN/{vid_sN_T1..T3.avi, bvp_sN_T1..T3.csv}`; rest, speech, arithmetic; BVP of a wrist band at 64 Hz."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Literal

from zoo.data.labels import even, labels, numbers
from zoo.data.listing import collect, folders, inside, need
from zoo.data.recording import DatasetInfo, Labels, Listing, Recording
from zoo.errors import DataError

INFO = DatasetInfo(
    title="UBFC-Phys",
    people=56,
    recordings=168,
    signals=("ppg",),
    targets=(),
    licence="research use, terms on IEEE DataPort",
    access="https://ieee-dataport.org/open-access/ubfc-phys-2",
    protocol="No published split for the pulse; by task T1 (rest), T2 (speech), T3 (arithmetic).",
    citation="Meziati Sabour et al. 2021, UBFC-Phys: A multimodal database for psychophysiological studies of social "
    "stress, IEEE Transactions on Affective Computing.",
)

Task = Literal["T1", "T2", "T3"]
TASKS: dict[str, str] = {"T1": "rest", "T2": "speech", "T3": "arithmetic"}
BVP_RATE = 64.0


def read(root: Path, *, tasks: list[Task] | None = None) -> Listing:
    """List the videos of every person.

    Args:
        root: the folder that holds `s1`, `s2`...
        tasks: which to use; None for all three.
    """
    places = [folder / f"vid_{folder.name}_{task}.avi" for folder in folders(root, r"s\d+") for task in TASKS]
    return collect(places, partial(_recording, root, tasks))


def _recording(root: Path, tasks: list[Task] | None, video: Path) -> Recording:
    person, task = video.parent.name, video.stem.rpartition("_")[2]
    if tasks is not None and task not in tasks:
        raise DataError(f"task {task} was not asked for")
    need(inside(root, person, video.name), "the video")
    truth = need(inside(root, person, f"bvp_{person}_{task}.csv"), "the BVP")
    return Recording(
        dataset="ubfc_phys",
        person=person,
        session=task,
        video=video,
        groups={"task": TASKS[task], "motion": "talking" if task != "T1" else "still"},
        load=partial(load, truth, video),
    )


def load(truth: Path, video: Path) -> Labels:
    """The BVP, which starts with the video.

    Raises:
        DataError: a file that is missing, empty, damaged, constant or shorter than the video.
    """
    values = numbers(truth, columns=1)
    return labels(truth, {"ppg": even(truth, "ppg", values, BVP_RATE)}, video=video)
