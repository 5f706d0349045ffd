"""LGI-PPGI: `alex/alex_{resting,gym,rotation,talk}/` with a video, its frame times and a pulse oximeter's xml."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Literal
from xml.etree import ElementTree

import numpy as np

from zoo.data.labels import SLACK_SECONDS, even, frame_clock, labels, number, text
from zoo.data.listing import collect, inside, natural, need
from zoo.data.recording import DatasetInfo, Labels, Listing, Recording
from zoo.errors import DataError

INFO = DatasetInfo(
    title="LGI-PPGI-Face-Video-Database",
    people=6,
    recordings=24,
    signals=("ppg",),
    targets=("heart_rate",),
    licence="CC-BY-4.0",
    access="https://github.com/partofthestars/LGI-PPGI-DB",
    protocol="No published split; scored by activity.",
    citation="Pilz, Zaunseder, Krajewski, Blazek 2018, Local group invariance for heart rate estimation from face "
    "videos in the wild, CVPR Workshops.",
)

Activity = Literal["resting", "gym", "rotation", "talk"]
VIDEO = "cv_camera_sensor_stream_handler.avi"
CLOCK = "cv_camera_sensor_timer_stream_handler.xml"
OXIMETER = "cms50_stream_handler.xml"
RATE = 60.0
MOTION = {"resting": "still", "gym": "cycling", "rotation": "rotation", "talk": "talking"}


def read(root: Path, *, activities: list[Activity] | None = None) -> Listing:
    """List the recordings, at any depth.

    Args:
        root: the folder that holds `alex`, `angelo`...
        activities: which to use; None for all four.
    """
    places = {path.parent for name in (VIDEO, OXIMETER) for path in root.rglob(name)}
    return collect(sorted(places, key=natural), partial(_recording, root, activities))


def _recording(root: Path, activities: list[Activity] | None, folder: Path) -> Recording:
    place = folder.relative_to(root).as_posix()
    person, _, activity = folder.name.rpartition("_")
    if not person:
        raise DataError("the folder is not named person_activity")
    if activities is not None and activity not in activities:
        raise DataError(f"activity {activity} was not asked for")
    video = need(inside(root, place, VIDEO), "the video")
    truth = need(inside(root, place, OXIMETER), "the oximeter's file")
    clock = inside(root, place, CLOCK)
    return Recording(
        dataset="lgi_ppgi",
        person=person,
        session=activity,
        video=video,
        groups={"motion": MOTION.get(activity, activity)},
        load=partial(load, truth, need(clock, "the file of frame times")),
    )


def load(truth: Path, clock: Path) -> Labels:
    """The pulse wave and rate at 60 Hz on the clock of the frames; oximeter and camera stopped together.

    Raises:
        DataError: files that are missing, damaged, constant or shorter than the video.
    """
    frame_times = frame_clock(clock, _column(clock, "value1") / 1000.0)
    seconds = float(frame_times[-1])
    values = _column(truth, "value2")
    start = seconds - (len(values) - 1) / RATE
    if start > SLACK_SECONDS:
        raise DataError(f"'{truth}' is shorter than the video: the pulse wave starts {start:.1f} s after it.")
    found = {"ppg": even(truth, "ppg", values, RATE, start)}
    rates = _column(truth, "value1")
    if len(rates) == len(values):
        found["heart_rate"] = even(truth, "heart_rate", rates, RATE, start)
    return labels(truth, found, frame_times)


def _column(path: Path, name: str) -> np.ndarray:
    """The numbers under `name` in every record of a file; records without a plain number there are passed over."""
    content = text(path)
    # no published file has one, and entities could blow up
    if "<!" in content.replace("<!--", ""):
        raise DataError(f"'{path}' declares a document type: it is not a file of LGI-PPGI.")
    try:
        records = list(ElementTree.fromstring(content))
    except ElementTree.ParseError as error:
        raise DataError(f"'{path}' is not well-formed xml ({error}): copy it again.") from None
    values = np.array([number(record.findtext(name, "")) for record in records])
    return values[np.isfinite(values)]
