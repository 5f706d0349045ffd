"""PURE: pictures named by nanoseconds, `01-01/01-01/Image<ns>.png`, and `01-01.json` with pulse oximeter samples.

The json lies in the recording's folder, beside it, or among the pictures: copies differ.
"""

from __future__ import annotations

import json
import re
from functools import partial
from pathlib import Path
from typing import Any, Literal

import numpy as np

from zoo.data.labels import frame_clock, labels, series, text
from zoo.data.listing import collect, folders, inside, need
from zoo.data.recording import DatasetInfo, Labels, Listing, Recording, Series
from zoo.errors import DataError

INFO = DatasetInfo(
    title="PURE, Pulse Rate Detection Dataset",
    people=10,
    recordings=59,
    signals=("ppg",),
    targets=("heart_rate", "spo2"),
    licence="research use, on request",
    access="https://www.tu-ilmenau.de/neurob/data-sets-code/pulse-rate-detection-dataset-pure",
    protocol="No published split; by person. One recording (06-02) was not published.",
    citation="Stricker, Mueller, Gross 2014, Non-contact video-based pulse rate measurement on a mobile service robot, "
    "RO-MAN.",
)

Setup = Literal["01", "02", "03", "04", "05", "06"]
SETUPS: dict[str, str] = {
    "01": "still",
    "02": "talking",
    "03": "slow translation",
    "04": "fast translation",
    "05": "small rotation",
    "06": "medium rotation",
}
SAMPLES = {"ppg": "waveform", "heart_rate": "pulseRate", "spo2": "o2saturation"}
NANOSECONDS = re.compile(r"(\d{16,})\.(?:png|bmp|jpg)", re.IGNORECASE)


def read(root: Path, *, setups: list[Setup] | None = None) -> Listing:
    """List the recordings.

    Args:
        root: the folder that holds `01-01`, `01-02`...
        setups: last two digits of the recordings to use (`01` still, `02` talking...); None for all.
    """
    return collect(folders(root, r"\d\d-\d\d"), partial(_recording, root, setups))


def _recording(root: Path, setups: list[Setup] | None, folder: Path) -> Recording:
    name = folder.name
    person, setup = name.split("-")
    if setups is not None and setup not in setups:
        raise DataError(f"setup {setup} was not asked for")
    pictures = inside(root, name, name)
    pictures = pictures if pictures.is_dir() else inside(root, name)
    places = [
        inside(root, name, f"{name}.json"),
        inside(root, f"{name}.json"),
        inside(root, name, name, f"{name}.json"),
    ]
    truth = next((path for path in places if path.is_file()), places[0])
    return Recording(
        dataset="pure",
        person=person,
        session=setup,
        video=pictures,
        groups={"motion": SETUPS.get(setup, setup)},
        load=partial(load, need(truth, "the json of labels"), pictures),
    )


def load(truth: Path, pictures: Path) -> Labels:
    """Pulse wave, rate and oxygen saturation on the clock of the pictures.

    Picture names are times; where a copy numbers them otherwise, the json's `/Image` list gives the frame times.

    Raises:
        DataError: a json that is missing, empty, not PURE's, constant or shorter than the video.
    """
    try:
        content = json.loads(text(truth))
        packages, images = content["/FullPackage"], content["/Image"]
        stamps = np.array([int(item["Timestamp"]) for item in packages], dtype=np.int64)
        frames = np.array([int(item["Timestamp"]) for item in images], dtype=np.int64)
        samples = [item["Value"] for item in packages]
    except (ValueError, KeyError, TypeError, OverflowError, RecursionError) as error:
        raise DataError(f"'{truth}' is not a json of PURE ({type(error).__name__}: {error}).") from None
    named = sorted(int(match[1]) for path in pictures.iterdir() if (match := NANOSECONDS.search(path.name)))
    if named:
        start, seconds, frame_times = named[0], (named[-1] - named[0]) * 1e-9, None
    elif len(frames) >= 2:
        frame_times = frame_clock(truth, (frames - frames[0]) * 1e-9)
        start, seconds = int(frames[0]), float(frame_times[-1])
    else:
        raise DataError(f"'{pictures}' has no pictures named by time, and '{truth}' no frame times.")
    times = (stamps - start) * 1e-9
    found: dict[str, Series] = {}
    for name, key in SAMPLES.items():
        values = np.array([_value(sample, key) for sample in samples])
        if name == "ppg" or np.any(values > 0):
            found[name] = series(truth, name, times, values)
    return labels(truth, found, frame_times, seconds=seconds)


def _value(sample: Any, key: str) -> float:
    value = sample.get(key) if isinstance(sample, dict) else None
    return float(value) if isinstance(value, int | float) else float("nan")
