"""BP4D+: pictures in `2D+3D/F001.zip` (`F001/T1/*.jpg`), signals in `Physiology/F001/T1/*.txt`, ten tasks a person.

The contact signal is the blood pressure wave of the finger; the field takes it as the pulse wave (`ppg`).
"""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np

from zoo.data.labels import even, labels, numbers
from zoo.data.listing import collect, folders, inside, need
from zoo.data.recording import DatasetInfo, Labels, Listing, Recording, Series
from zoo.data.zipped import members
from zoo.errors import DataError, VideoError

INFO = DatasetInfo(
    title="BP4D+, Multimodal Spontaneous Emotion",
    people=140,
    recordings=1400,
    signals=("ppg", "respiration"),
    targets=("heart_rate", "respiration_rate", "systolic", "diastolic", "sex"),
    licence="research use, agreement with Binghamton University",
    access="https://www.cs.binghamton.edu/~lijun/Research/3DFE/3DFE_Analysis.html",
    protocol="No published split for the pulse; by person, often three folds.",
    citation="Zhang et al. 2016, Multimodal spontaneous emotion corpus for human behavior analysis, CVPR.",
)

FPS, RATE = 25.0, 1000.0
PULSE = "BP_mmHg.txt"
FILES = {
    "ppg": PULSE,
    "respiration": "Resp_Volts.txt",
    "heart_rate": "Pulse Rate_BPM.txt",
    "respiration_rate": "Respiration Rate_BPM.txt",
    "systolic": "LA Systolic BP_mmHg.txt",
    "diastolic": "BP Dia_mmHg.txt",
}


def read(root: Path, *, tasks: list[str] | None = None) -> Listing:
    """List the tasks of every person.

    Args:
        root: the folder that holds `2D+3D` and `Physiology`.
        tasks: `T1` to `T10`; None for all.
    """
    physiology = need(inside(root, "Physiology"), "the folder of signals")
    places = [task for person in folders(physiology, r"[FM]\d+") for task in folders(person, r"T\d+")]
    return collect(places, partial(_recording, root, tasks))


def _recording(root: Path, tasks: list[str] | None, folder: Path) -> Recording:
    person, task = folder.parent.name, folder.name
    if tasks is not None and task not in tasks:
        raise DataError(f"task {task} was not asked for")
    need(inside(root, "Physiology", person, task, PULSE), "the blood pressure")
    unpacked, packed = inside(root, "2D+3D", person, task), inside(root, "2D+3D", f"{person}.zip")
    if not unpacked.is_dir():
        need(packed, "the zip of pictures")
    sex = "female" if person.startswith("F") else "male"
    video = unpacked if unpacked.is_dir() else packed / person / task
    return Recording(
        dataset="bp4d",
        person=person,
        session=task,
        video=video,
        targets={"sex": float(sex == "male")},
        groups={"sex": sex, "task": task},
        load=partial(load, folder, video),
    )


def load(folder: Path, video: Path) -> Labels:
    """Signals at 1 kHz, which start with the video, and frame times at 25 frames a second.

    Raises:
        DataError: files that are missing, empty, damaged, constant or shorter than the video.
    """
    found: dict[str, Series] = {}
    for name, file in FILES.items():
        path = folder / file
        if name == "ppg" or path.is_file():
            found[name] = even(path, name, numbers(path, columns=1), RATE)
    return labels(folder / PULSE, found, np.arange(_pictures(video)) / FPS)


def _pictures(video: Path) -> int:
    """How many pictures a folder, or a folder in a zip, holds."""
    if video.is_dir():
        count = sum(path.suffix.lower() == ".jpg" for path in video.iterdir())
    else:
        try:
            count = len(members(video))
        except VideoError as error:
            raise DataError(str(error)) from None
    if count < 2:
        raise DataError(f"'{video}' holds {count} pictures: copy it again.")
    return count
