"""iBVP: `pNN_x/{pNN_x_rgb/*.bmp, pNN_x_t/*.raw, pNN_x_bvp.csv}`, with a quality of every sample of the pulse wave."""

from __future__ import annotations

import csv
from functools import partial
from pathlib import Path

import numpy as np

from zoo.data.labels import labels, numbers, series, text
from zoo.data.listing import collect, folders, inside, need
from zoo.data.recording import DatasetInfo, Labels, Listing, Recording
from zoo.errors import DataError

INFO = DatasetInfo(
    title="iBVP, RGB-thermal rPPG with signal quality labels",
    people=33,
    recordings=124,
    signals=("ppg",),
    targets=(),
    licence="academic use, agreement with University College London",
    access="https://github.com/PhysiologicAILab/iBVP-Dataset",
    protocol="No published split; by person. Samples of low quality are left out.",
    citation="Joshi, Cho 2024, iBVP Dataset: RGB-thermal rPPG dataset with high resolution signal quality labels, "
    "Electronics 13(7), 1334.",
)

FPS = 30.0
QUALITY, QUALITY_COLUMN = "sq2", 3


def read(root: Path, *, min_quality: float = 0.3) -> Listing:
    """List the recordings.

    Args:
        root: the folder that holds `p01_a`, `p01_b`...
        min_quality: samples of the wave at or below this quality (0 to 1) are left out.
    """
    return collect(folders(root, r"p\d+_[a-z]"), partial(_recording, root, min_quality))


def _recording(root: Path, min_quality: float, folder: Path) -> Recording:
    name = folder.name
    person, session = name.split("_")
    pictures = need(inside(root, name, f"{name}_rgb"), "the folder of pictures")
    truth = need(inside(root, name, f"{name}_bvp.csv"), "the BVP")
    return Recording(
        dataset="ibvp",
        person=person,
        session=session,
        video=pictures,
        groups={"task": session, "motion": "head movement" if session == "d" else "still"},
        load=partial(load, truth, pictures, min_quality),
    )


def load(truth: Path, pictures: Path, min_quality: float) -> Labels:
    """The pulse wave, spread over the video's length (wave and video start and end together).

    Raises:
        DataError: a file that is missing, empty, damaged or constant, or of low quality throughout.
    """
    frames = sum(path.suffix.lower() == ".bmp" for path in pictures.iterdir())
    if frames < 2:
        raise DataError(f"'{pictures}' holds {frames} pictures: copy it again.")
    header = [name.strip().lower() for name in next(csv.reader(text(truth).splitlines()[:1]))]
    rows = numbers(truth, skip=1)
    times = np.arange(len(rows)) * (frames / FPS / len(rows))
    column = header.index(QUALITY) if QUALITY in header else QUALITY_COLUMN
    good = rows[:, column] > min_quality if column < rows.shape[1] else np.ones(len(rows), dtype=bool)
    if not good.any():
        raise DataError(f"'{truth}' has no sample of a quality above {min_quality:g}.")
    return labels(truth, {"ppg": series(truth, "ppg", times[good], rows[good, 0])})
