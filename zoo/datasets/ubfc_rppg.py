"""UBFC-rPPG: DATASET_1 (`N-name/{vid.avi, gtdump.xmp}`) and DATASET_2 (`subjectN/{vid.avi, ground_truth.txt}`)."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Literal

import numpy as np

from zoo.data.labels import frame_clock, frame_count, labels, numbers, series
from zoo.data.listing import inside, natural
from zoo.data.recording import DatasetInfo, Labels, Listing, Recording, Skipped
from zoo.errors import DataError

INFO = DatasetInfo(
    title="UBFC-rPPG",
    people=50,
    recordings=50,
    signals=("ppg",),
    targets=(),
    licence="research use; terms on the data set's page",
    access="https://sites.google.com/view/ybenezeth/ubfcrppg",
    protocol="No published split; DATASET_2 (42 people) is the usual test set. Heart rate comes from the BVP.",
    citation="Bobbia et al. 2019, Unsupervised skin tissue segmentation for remote photoplethysmography, "
    "Pattern Recognition Letters 124.",
)

Part = Literal["both", "1", "2"]
VIDEOS = ("vid.avi", "vid.mp4")
TRUTHS = {"ground_truth.txt": "2", "gtdump.xmp": "1"}
# The last frames may have come without a stamp.
FRAMES_APART = 3


def read(root: Path, *, part: Part = "both") -> Listing:
    """List the recordings below `root`, which holds the people's folders or `DATASET_1` and `DATASET_2`.

    Args:
        root: the data set's folder.
        part: `1` (8 videos, oximeter at 62 Hz), `2` (42 people), or `both`.
    """
    folders = [folder for folder in sorted(root.iterdir(), key=natural) if folder.is_dir()]
    parts = [folder for folder in folders if folder.name.upper().startswith("DATASET_")]
    people = [folder for folder in folders if folder not in parts]
    people += [person for folder in parts for person in sorted(folder.iterdir(), key=natural) if person.is_dir()]
    recordings: list[Recording] = []
    skipped: list[Skipped] = []
    for folder in people:
        try:
            recording, of_part = _recording(root, folder)
        except DataError as error:
            skipped.append(Skipped(folder, str(error)))
            continue
        if part in ("both", of_part):
            recordings.append(recording)
        else:
            skipped.append(Skipped(folder, f"part {of_part} was not asked for"))
    return Listing(tuple(recordings), tuple(skipped))


def _recording(root: Path, folder: Path) -> tuple[Recording, str]:
    place = folder.relative_to(root).as_posix()
    video = next((path for name in VIDEOS if (path := inside(root, place, name)).is_file()), None)
    if video is None:
        raise DataError("there is no vid.avi or vid.mp4")
    truth = next((path for name in TRUTHS if (path := inside(root, place, name)).is_file()), None)
    if truth is None:
        raise DataError("there is no ground_truth.txt or gtdump.xmp")
    part = TRUTHS[truth.name]
    # DATASET_1 numbers its people anew
    person = folder.name if part == "2" else f"1/{folder.name}"
    return Recording("ubfc_rppg", person, "1", video, load=partial(load, truth, video)), part


def load(truth: Path, video: Path) -> Labels:
    """The BVP, on a clock that starts with the first time stamp (some people's starts at 17 s).

    DATASET_2 has a sample and a stamp for each frame, and capture stopped for up to 0.9 s now and then: frames get
    their stamps, since the video file has them evenly spaced. Where a copy has another number of frames than there
    are stamps, its own clock counts.

    Raises:
        DataError: a truth file that is missing, empty, damaged, constant or shorter than the video.
    """
    rows = numbers(truth)
    if truth.name == "gtdump.xmp":
        return _first_part(truth, rows, video)
    if rows.shape[0] != 3:
        raise DataError(f"'{truth}' has {rows.shape[0]} lines instead of BVP, HR and time: copy it again.")
    times = rows[2] - rows[2, 0]
    found = {"ppg": series(truth, "ppg", times, rows[0])}
    if abs(frame_count(video) - len(times)) <= FRAMES_APART:
        return labels(truth, found, frame_clock(truth, times))
    return labels(truth, found, video=video)


def _first_part(truth: Path, rows: np.ndarray, video: Path) -> Labels:
    if rows.shape[1] < 4:
        raise DataError(f"'{truth}' has {rows.shape[1]} columns instead of ms, HR, SpO2, PPG: copy it again.")
    times = (rows[:, 0] - rows[0, 0]) / 1000.0
    found = {"ppg": series(truth, "ppg", times, rows[:, 3])}
    if np.median(rows[:, 2]) > 0:
        found["spo2"] = series(truth, "spo2", times, rows[:, 2])
    return labels(truth, found, video=video)
