"""COHFACE: `<person>/<session>/{data.avi, data.hdf5}`; lists `protocols/{all,clean,natural}/{train,dev,test}.txt`."""

from __future__ import annotations

import re
from functools import partial
from pathlib import Path
from typing import Literal

from zoo.data.arrays import hdf5_vector
from zoo.data.labels import even, labels, text
from zoo.data.listing import collect, folders, inside, need
from zoo.data.recording import DatasetInfo, Labels, Listing, Recording
from zoo.errors import DataError

INFO = DatasetInfo(
    title="COHFACE",
    people=40,
    recordings=160,
    signals=("ppg", "respiration"),
    targets=(),
    licence="research use, end-user licence agreement",
    access="https://www.idiap.ch/en/scientific-research/data/cohface",
    protocol="Lists of train, dev and test for all, clean (studio light) and natural light: folds 2, 1 and 0.",
    citation="Heusch, Anjos, Marcel 2017, A reproducible study on remote heart rate measurement, arXiv:1709.00962.",
    turns=((0, 1),),
)

Protocol = Literal["all", "clean", "natural"]
# Fold 0 tests and fold 1 validates.
FOLDS = {"test": 0, "dev": 1, "train": 2}
RATE = 256.0
SIGNALS = {"ppg": "pulse", "respiration": "respiration"}
VIDEOS = ("data.avi", "data.mkv")


def read(root: Path, *, protocol: Protocol = "all") -> Listing:
    """List the recordings.

    Args:
        root: the folder that holds `1` to `40` and, for the published split, `protocols`.
        protocol: whose lists to follow; `clean` and `natural` leave out the other light.
    """
    folds, notes = _folds(root, protocol)
    places = [session for person in folders(root, r"\d+") for session in folders(person, r"\d+")]
    return collect(places, partial(_recording, root, folds), notes)


def _folds(root: Path, protocol: str) -> tuple[dict[str, int] | None, list[str]]:
    lists = {inside(root, "protocols", protocol, f"{part}.txt"): fold for part, fold in FOLDS.items()}
    if not all(path.is_file() for path in lists):
        return None, [f"no lists in protocols/{protocol}: there are no published folds, and both lights are used"]
    return {
        match[0]: fold
        for path, fold in lists.items()
        for line in text(path).splitlines()
        if (match := re.match(r"\d+/\d+", line.strip()))
    }, []


def _recording(root: Path, folds: dict[str, int] | None, folder: Path) -> Recording:
    person, session = folder.parent.name, folder.name
    place = f"{person}/{session}"
    if folds is not None and place not in folds:
        raise DataError("it is not in the lists of the protocol")
    videos = [inside(root, place, name) for name in VIDEOS]
    video = next((path for path in videos if path.is_file()), videos[0])
    truth = need(inside(root, place, "data.hdf5"), "the file of signals")
    return Recording(
        dataset="cohface",
        person=person,
        session=session,
        video=need(video, "the video"),
        fold=folds[place] if folds is not None else None,
        groups={"light": "studio" if session in ("0", "1") else "natural"},
        load=partial(load, truth, video),
    )


def load(truth: Path, video: Path) -> Labels:
    """Pulse and, where it is there, respiration; both start with the video.

    Raises:
        DataError: a file that is missing, damaged, without a pulse, constant or shorter than the video.
    """
    found = {}
    for name, key in SIGNALS.items():
        values = hdf5_vector(truth, key)
        if values is not None:
            found[name] = even(truth, name, values, RATE)
        elif name == "ppg":
            raise DataError(f"'{truth}' has no dataset '{key}': it is not a file of COHFACE.")
    return labels(truth, found, video=video)
