"""V4V, Vision for Vitals: `Videos/{train-001_of_002, train-002_of_002, valid}/F001_T1.mkv` and blood pressure at 1 kHz.

The contact signal is the blood pressure wave of the finger; the field takes it as the pulse wave (`ppg`). Fold 0 is the
published validation set; people of the training set are dealt into folds 1 to 4 by the hash of their name.
"""

from __future__ import annotations

from functools import partial
from itertools import pairwise
from pathlib import Path

import numpy as np

from zoo.data.labels import even, labels, number, numbers, series, text
from zoo.data.listing import collect, fold_of, folders, inside, natural, need
from zoo.data.recording import DatasetInfo, Labels, Listing, Recording, Series

INFO = DatasetInfo(
    title="V4V, Vision for Vitals",
    people=179,
    recordings=1358,
    signals=("ppg",),
    targets=("heart_rate", "respiration_rate", "systolic", "diastolic", "sex"),
    licence="research use, agreement with the authors",
    access="https://vision4vitals.github.io",
    protocol="Published training and validation sets; the test set's labels were released later.",
    citation="Revanur et al. 2021, The first Vision For Vitals (V4V) challenge for non-contact video-based "
    "physiological estimation, ICCV Workshops.",
    turns=tuple((0, fold) for fold in range(1, 5)),
)

PHASE_1 = "Phase 1_ Training_Validation sets"
LATER_LABELS = "Phase 2_ Testing set/blood_pressure/val_set_bp"
FPS, PRESSURE_RATE = 25.0, 1000.0
# A beat is a maximum that stands out by this much (mmHg), at most 200 times a minute.
BEAT_HEIGHT, BEAT_DISTANCE = 15.0, 0.3


def read(root: Path) -> Listing:
    """List the videos of the training and validation sets.

    Args:
        root: the folder that holds `Phase 1_ Training_Validation sets`, or that folder itself.
    """
    phase = f"{PHASE_1}/" if inside(root, PHASE_1).is_dir() else ""
    videos = need(inside(root, f"{phase}Videos"), "the folder of videos")
    files = [file for folder in folders(videos, "train.*|valid") for file in folder.iterdir() if file.suffix == ".mkv"]
    files.sort(key=lambda path: natural(path.name))
    training = fold_of([_person(file) for file in files if file.parent.name != "valid"], 4)
    return collect(files, partial(_recording, root, phase, training))


def _person(video: Path) -> str:
    return video.stem.split("_")[0]


def _recording(root: Path, phase: str, training: dict[str, int], video: Path) -> Recording:
    name, person = video.stem, _person(video)
    inside(root, f"{phase}Videos", video.parent.name, video.name)
    places = [
        inside(root, f"{phase}Ground truth", "BP_raw_1KHz", f"{name.replace('_', '-')}-BP.txt"),
        inside(root, LATER_LABELS, f"{name}.txt"),
    ]
    truth = need(next((path for path in places if path.is_file()), places[0]), "the blood pressure")
    rates = inside(root, f"{phase}Ground truth", "Physiology", f"{name}.txt")
    sex = {"F": "female", "M": "male"}.get(person[:1], "unknown")
    return Recording(
        dataset="v4v",
        person=person,
        session=name.partition("_")[2],
        video=video,
        targets={"sex": {"female": 0.0, "male": 1.0}.get(sex, float("nan"))},
        fold=0 if video.parent.name == "valid" else 1 + training[person],
        groups={"sex": sex, "task": name.partition("_")[2]},
        load=partial(load, truth, rates, video),
    )


def load(truth: Path, rates: Path, video: Path) -> Labels:
    """The pressure wave, the pressures of its beats, heart and respiration rate; all start with the video.

    Raises:
        DataError: files that are missing, empty, damaged, constant or shorter than the video.
    """
    wave = even(truth, "ppg", numbers(truth, columns=1), PRESSURE_RATE)
    found = {"ppg": wave, **pressures(truth, wave)}
    if rates.is_file():
        lines = [line.split(",")[2:] for line in text(rates).splitlines() if line.strip()]
        for name, cells in zip(("heart_rate", "respiration_rate"), lines, strict=False):
            values = np.array([number(cell) for cell in cells if cell.strip()])
            if np.any(np.isfinite(values)):
                found[name] = even(rates, name, values, FPS)
    return labels(truth, found, video=video)


def pressures(path: Path, wave: Series) -> dict[str, Series]:
    """Systolic and diastolic pressure of each beat: the wave's maxima, and its minimum before each.

    Raises:
        DataError: a wave whose pressures are not plausible in mmHg.
    """
    from scipy.signal import find_peaks

    step = float(np.median(np.diff(wave.times)))
    peaks, _ = find_peaks(wave.values, prominence=BEAT_HEIGHT, distance=max(1, round(BEAT_DISTANCE / step)))
    if len(peaks) < 3:
        return {}
    feet = np.array([a + int(np.argmin(wave.values[a:b])) for a, b in pairwise(peaks)])
    return {
        "systolic": series(path, "systolic", wave.times[peaks], wave.values[peaks]),
        "diastolic": series(path, "diastolic", wave.times[feet], wave.values[feet]),
    }
