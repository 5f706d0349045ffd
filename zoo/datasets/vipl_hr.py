"""VIPL-HR: `pN/vM/source1..4/{video.avi, wave.csv, gt_HR.csv, gt_SpO2.csv, time.txt}`; frames at a variable rate.

Folds: five by person. The published lists are not part of the download; people are dealt out by the hash of their name,
the same for everybody with a complete copy.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Literal

from zoo.data.labels import even, frame_clock, labels, numbers
from zoo.data.listing import collect, fold_of, folders, inside, need
from zoo.data.recording import DatasetInfo, Labels, Listing, Recording, Series
from zoo.errors import DataError

INFO = DatasetInfo(
    title="VIPL-HR",
    people=107,
    recordings=3130,
    signals=("ppg",),
    targets=("heart_rate", "spo2"),
    licence="research use, release agreement",
    access="https://vipl.ict.ac.cn/resources/databases/201811/t20181129_32716.html",
    protocol="5 folds by person, on the colour videos (sources 1 to 3); source 4 is near infra-red.",
    citation="Niu, Han, Shan, Chen 2018, VIPL-HR: A multi-modal database for pulse estimation from less-constrained "
    "face video, ACCV.",
)

Source = Literal[1, 2, 3, 4]
CAMERAS = {"source1": "webcam", "source2": "phone", "source3": "RealSense", "source4": "RealSense near infra-red"}
COLOUR: list[Source] = [1, 2, 3]
# Motion and light of the nine situations (table 3 of the paper).
SITUATIONS = {
    "v1": ("still", "lamp"),
    "v2": ("large motion", "lamp"),
    "v3": ("talking", "lamp"),
    "v4": ("still", "dark"),
    "v5": ("still", "bright"),
    "v6": ("still, far away", "lamp"),
    "v7": ("still, after exercise", "lamp"),
    "v8": ("still, phone in hand", "lamp"),
    "v9": ("large motion, phone in hand", "lamp"),
}
FOLDS = 5
WAVE_RATE, VITALS_RATE = 60.0, 1.0


def read(root: Path, *, sources: list[Source] | None = None) -> Listing:
    """List the videos.

    Args:
        root: the folder that holds `p1`, `p2`...
        sources: cameras to use; None for the three that see colour.
    """
    people = folders(root, r"p\d+")
    folds = fold_of([person.name for person in people], FOLDS)
    places = [
        source
        for person in people
        for session in folders(person, r"v\d+(-\d+)?")
        for source in folders(session, r"source\d")
    ]
    note = "folds are by the hash of the person: the published lists are not part of the data set"
    return collect(places, partial(_recording, root, folds, COLOUR if sources is None else sources), [note])


def _recording(root: Path, folds: dict[str, int], sources: list[Source], folder: Path) -> Recording:
    person, session, source = folder.parts[-3:]
    if int(source.removeprefix("source")) not in sources:
        raise DataError("near infra-red, without colour" if source == "source4" else f"{source} was not asked for")
    place = f"{person}/{session}/{source}"
    video = need(inside(root, place, "video.avi"), "the video")
    need(inside(root, place, "wave.csv"), "the pulse wave")
    motion, light = SITUATIONS.get(session.partition("-")[0], ("unknown", "unknown"))
    return Recording(
        dataset="vipl_hr",
        person=person,
        session=f"{session}_{source}",
        video=video,
        fold=folds[person],
        groups={"camera": CAMERAS.get(source, source), "motion": motion, "light": light},
        load=partial(load, video.parent, video),
    )


def load(folder: Path, video: Path) -> Labels:
    """The pulse wave at 60 Hz, rate and saturation at 1 Hz, and the frame times of `time.txt` where there is one.

    Raises:
        DataError: files that are missing, empty, damaged, constant, or shorter than the video.
    """
    wave, clock = folder / "wave.csv", folder / "time.txt"
    frame_times = frame_clock(clock, numbers(clock, columns=1) / 1000.0) if clock.is_file() else None
    found: dict[str, Series] = {"ppg": even(wave, "ppg", numbers(wave, skip=1, columns=1), WAVE_RATE)}
    for name, file in (("heart_rate", "gt_HR.csv"), ("spo2", "gt_SpO2.csv")):
        path = folder / file
        if path.is_file():
            found[name] = even(path, name, numbers(path, skip=1, columns=1), VITALS_RATE)
    return labels(wave, found, frame_times, video)
