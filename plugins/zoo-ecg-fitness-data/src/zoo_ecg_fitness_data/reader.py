"""ECG-Fitness: people who row, pedal and talk; `00/01/{c920-1.avi, c920-2.avi, c920.csv, viatom-raw.csv}`.

`viatom-raw.csv` has a header and a line a sample: milliseconds, ECG, ECG HR, PPG, PPG HR, SpO2, PI (125 Hz; the heart
rate is a signed byte, so that rates above 127 stand as negative numbers). `c920.csv` has a line a frame, without a
header: a time stamp and the number of the sample that was taken with the frame.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Literal

import numpy as np

from zoo.data.labels import frame_clock, labels, numbers, series
from zoo.data.listing import collect, folders, inside, need
from zoo.data.recording import DatasetInfo, Labels, Listing, Recording, Series
from zoo.errors import DataError

INFO = DatasetInfo(
    title="ECG-Fitness",
    people=17,
    recordings=204,
    signals=("ppg",),
    targets=("heart_rate",),
    licence="research use, on request",
    access="https://cmp.felk.cvut.cz/~spetlrad/ecg-fitness",
    protocol="Published lists of train, validation and test people are not read; split by person.",
    citation="Spetlik, Franc, Cech, Matas 2018, Visual heart rate estimation with convolutional neural network, BMVC.",
)

Camera = Literal["c920-1", "c920-2"]
CAMERAS: tuple[Camera, ...] = ("c920-1", "c920-2")
VIEWS = {"c920-1": "from the side", "c920-2": "on the machine"}
# Activity and light of the six sessions.
SESSIONS = {
    1: ("talking", "natural"),
    2: ("rowing", "natural"),
    3: ("talking", "halogen lamp"),
    4: ("rowing", "halogen lamp"),
    5: ("elliptical trainer", "natural"),
    6: ("stationary bike", "natural"),
}
# Their order was swapped for this person.
SWAPPED = {("11", 1): 2, ("11", 2): 1}
MILLISECONDS, HEART_RATE, PPG = 0, 2, 3


def read(root: Path, *, cameras: list[Camera] | None = None) -> Listing:
    """List the videos of both web cameras.

    Args:
        root: the folder that holds `00`, `01`...
        cameras: which to use; None for both.
    """
    sessions = [session for person in folders(root, r"\d\d") for session in folders(person, r"\d\d")]
    places = [session / f"{camera}.avi" for session in sessions for camera in CAMERAS]
    return collect(places, partial(_recording, root, cameras or list(CAMERAS)))


def _recording(root: Path, cameras: list[Camera], video: Path) -> Recording:
    person, session, camera = video.parts[-3], video.parts[-2], video.stem
    if camera not in cameras:
        raise DataError(f"camera {camera} was not asked for")
    need(inside(root, person, session, video.name), "the video")
    samples = need(inside(root, person, session, "viatom-raw.csv"), "the file of samples")
    frames = need(inside(root, person, session, "c920.csv"), "the file of frames")
    number = SWAPPED.get((person, int(session)), int(session))
    motion, light = SESSIONS.get(number, ("unknown", "unknown"))
    return Recording(
        dataset="ecg_fitness",
        person=person,
        session=f"{session}_{camera}",
        video=video,
        groups={"motion": motion, "light": light, "camera": camera, "view": VIEWS[camera]},
        load=partial(load, samples, frames),
    )


def load(samples: Path, frames: Path) -> Labels:
    """Heart rate of the ECG and, where it was worn, the finger's pulse wave, on the clock of the frames.

    Raises:
        DataError: files that are missing, empty or damaged, or frames that refer to samples that are not there.
    """
    rows = numbers(samples, skip=1)
    if rows.shape[1] <= PPG:
        raise DataError(f"'{samples}' has {rows.shape[1]} columns: it is not a file of ECG-Fitness.")
    taken = numbers(frames)[:, 1].astype(int)
    if taken.min() < 0 or taken.max() >= len(rows):
        raise DataError(f"'{frames}' refers to sample {taken.max()}, but '{samples}' has {len(rows)}: copy both again.")
    clock = rows[:, MILLISECONDS] / 1000.0
    frame_times, times = frame_clock(frames, clock[taken]), clock - clock[taken[0]]
    rate = np.where(rows[:, HEART_RATE] < 0, rows[:, HEART_RATE] + 256, rows[:, HEART_RATE])
    found: dict[str, Series] = {"heart_rate": series(samples, "heart_rate", times, rate)}
    if np.ptp(rows[:, PPG]) > 0:
        found["ppg"] = series(samples, "ppg", times, rows[:, PPG])
    return labels(samples, found, frame_times)
