"""MCD-rPPG: 600 people, before and after exercise, three cameras from three sides, and the biomarkers of `db.csv`.

Folds: five, by person. The authors' index `mcd_rppg.csv` (columns `patient_id`, `fold`), which lies in their code
repository https://github.com/ksyegorov/mcd_rppg, is used where a copy of it lies beside `db.csv`. Without it people are
dealt into five folds by the hash of their number: the same for everybody with a complete copy, but not the published
assignment. A note of the listing says which.
"""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterable, Mapping
from functools import partial
from pathlib import Path
from typing import Literal, get_args

import numpy as np

from zoo.data.labels import frame_clock, frame_rate, in_range, labels, number, numbers, series, text
from zoo.data.listing import fold_of, inside
from zoo.data.recording import DatasetInfo, Labels, Listing, Recording, Skipped
from zoo.errors import DataError, UsageError

Camera = Literal["FullHDwebcam", "USBVideo", "IriunWebcam"]
View = Literal["front", "left", "right"]
Step = Literal["before", "after"]

# The zoo's targets and the columns that hold them, the first one that is there.
COLUMNS: dict[str, tuple[str, ...]] = {
    "respiration_rate": ("respiratory",),
    "spo2": ("saturation",),
    "systolic": ("upper_ap",),
    "diastolic": ("lower_ap",),
    "temperature": ("temperature",),
    "glucose": ("glucose",),
    "hba1c": ("glycated_hemoglobin",),
    "haemoglobin": ("hemoglobin",),
    "cholesterol": ("cholesterol",),
    "stiffness": ("rigidity", "arterial_stiffness"),
    "stress": ("stress",),
    "age": ("age",),
    "sex": ("sex",),
    "bmi": ("bmi",),
}
# Copies do not state their units; the median of the column tells: (unit, lowest, highest median, factor to the zoo's).
UNITS: dict[str, tuple[tuple[str, float, float, float], ...]] = {
    "haemoglobin": (("g/L", 60.0, 220.0, 1.0), ("g/dL", 10.5, 22.0, 10.0), ("mmol/L", 4.0, 10.5, 16.114)),
    "cholesterol": (("mmol/L", 1.0, 15.0, 1.0), ("mg/dL", 80.0, 400.0, 1 / 38.67)),
    "glucose": (("mmol/L", 2.0, 25.0, 1.0), ("mg/dL", 50.0, 400.0, 1 / 18.016)),
}
REQUIRED = ("patient_id", "step", "camera", "view", "video", "ppg_sync")
# The pulse oximeter of this person had slipped: the whole step is degenerate.
EXCLUDED = {("7412", "after")}
FOLDS = 5
INDEX, FOLD_INDEX = "db.csv", "mcd_rppg.csv"
# Frames without a PPG sample this near (s) have no label; the published ones are within 0.02 s.
MAX_DISTANCE = 0.1

INFO = DatasetInfo(
    title="MCD-rPPG, Multi-Camera Dataset for rPPG",
    people=600,
    recordings=3600,
    signals=("ppg",),
    targets=tuple(COLUMNS),
    licence="CC-BY-4.0",
    access="https://huggingface.co/datasets/kyegorov/mcd_rppg",
    protocol="5 subject-disjoint folds: fold 0 tests, folds 1 to 4 validate in turn. Heart rate comes from ppg_sync: "
    "the cuff's pulse was taken at another time.",
    citation="Egorov et al. 2025, Gaze into the Heart: A Multi-View Video Dataset for rPPG and Health Biomarkers "
    "Estimation, arXiv:2508.17924.",
    turns=tuple((0, fold) for fold in range(1, FOLDS)),
)


def read(
    root: Path,
    *,
    cameras: list[Camera] | None = None,
    views: list[View] | None = None,
    steps: list[Step] | None = None,
) -> Listing:
    """List the rows of `db.csv`.

    Args:
        root: the folder that holds `db.csv`.
        cameras, views, steps: which to use (train on `front`, test on `left` and `right`, say); None for all.

    Raises:
        DataError: no `db.csv`, or one without the columns that name the files. UsageError: an unknown choice.
    """
    wanted = {
        "camera": _chosen("camera", cameras, get_args(Camera)),
        "view": _chosen("view", views, get_args(View)),
        "step": _chosen("step", steps, get_args(Step)),
    }
    rows = _rows(inside(root, INDEX))
    targets, notes = _targets(rows)
    folds, source = _folds(root, [row["patient_id"] for row in rows])
    recordings: dict[str, Recording] = {}
    skipped: list[Skipped] = []
    for row, found in zip(rows, targets, strict=True):
        try:
            _refuse(row, wanted)
            recording = _recording(root, row, found, folds[row["patient_id"]])
            if recording.name in recordings:
                raise DataError("db.csv lists it twice; the first row is used")
            recordings[recording.name] = recording
        except DataError as error:
            skipped.append(Skipped(root / (row["video"] or INDEX), str(error)))
    return Listing(tuple(recordings.values()), tuple(skipped), (*notes, source))


def _chosen(kind: str, chosen: Iterable[str] | None, known: tuple[str, ...]) -> set[str]:
    unknown = set(chosen or ()) - set(known)
    if unknown:
        raise UsageError(f"MCD-rPPG has no {kind} '{sorted(unknown)[0]}': choose from {', '.join(known)}.")
    return set(known if chosen is None else chosen)


def _rows(path: Path) -> list[dict[str, str]]:
    table = csv.DictReader(text(path).splitlines())
    missing = [name for name in REQUIRED if name not in (table.fieldnames or ())]
    if missing:
        raise DataError(f"'{path}' has no column {', '.join(missing)}: it is not the index of MCD-rPPG.")
    rows = [{key: (value or "").strip() for key, value in row.items() if isinstance(key, str)} for row in table]
    for row in rows:
        row["patient_id"] = row["patient_id"].removesuffix(".0")
    return rows


def _refuse(row: Mapping[str, str], wanted: Mapping[str, set[str]]) -> None:
    if (row["patient_id"], row["step"]) in EXCLUDED:
        raise DataError("known to have degenerate labels")
    if not row["patient_id"]:
        raise DataError("db.csv does not say who this is")
    for column, values in wanted.items():
        if row[column] not in values:
            raise DataError(f"{column} '{row[column]}' was not asked for")


def _recording(root: Path, row: Mapping[str, str], targets: Mapping[str, float], fold: int) -> Recording:
    video, sync = inside(root, row["video"]), inside(root, row["ppg_sync"])
    if not video.is_file():
        raise DataError("the video is missing")
    if not sync.is_file():
        raise DataError("its ppg_sync file is missing")
    meta = inside(root, row["meta"]) if row.get("meta") else None
    return Recording(
        dataset="mcd_rppg",
        person=row["patient_id"],
        session=f"{row['camera']}_{row['step']}",
        video=video,
        targets=targets,
        fold=fold,
        groups={
            "camera": row["camera"],
            "view": row["view"],
            "step": row["step"],
            "sex": {"M": "male", "F": "female"}.get(row.get("sex", ""), "unknown"),
        },
        load=partial(load, sync, meta, video),
    )


def _targets(rows: list[dict[str, str]]) -> tuple[list[dict[str, float]], list[str]]:
    """Targets of each row, and remarks: absent columns, units that were told by the median, implausible values."""
    found: list[dict[str, float]] = [{} for _ in rows]
    notes: list[str] = []
    present = rows[0].keys() if rows else ()
    absent = [name for name, columns in COLUMNS.items() if not any(column in present for column in columns)]
    if absent:
        notes.append(f"db.csv has no column for {', '.join(absent)}: unknown for everybody")
    for name in COLUMNS.keys() - set(absent):
        column = next(column for column in COLUMNS[name] if column in present)
        values = np.array([_value(name, row[column]) for row in rows])
        values, remark = _converted(name, column, values)
        refused = [value for value in values[np.isfinite(values)] if not in_range(name, value)]
        if refused:
            notes.append(f"{column}: {len(refused)} values are not plausible as {name} (the first is {refused[0]:g})")
        notes += [remark] if remark else []
        for row, value in zip(found, values, strict=True):
            row[name] = float(value) if in_range(name, value) else float("nan")
    return found, sorted(notes)


def _value(name: str, cell: str) -> float:
    return {"F": 0.0, "M": 1.0}.get(cell.upper(), float("nan")) if name == "sex" else number(cell)


def _converted(name: str, column: str, values: np.ndarray) -> tuple[np.ndarray, str]:
    known = values[np.isfinite(values)]
    if name not in UNITS or not len(known):
        return values, ""
    median = float(np.median(known))
    for unit, low, high, factor in UNITS[name]:
        if low <= median <= high:
            remark = f"{column}: read as {unit} by its median of {median:g}, times {factor:g}" if factor != 1 else ""
            return values * factor, remark
    return values, ""


def _folds(root: Path, people: list[str]) -> tuple[dict[str, int], str]:
    formed = fold_of(people, FOLDS)
    path = inside(root, FOLD_INDEX)
    if not path.is_file():
        return formed, f"no {FOLD_INDEX} beside db.csv: folds are by the hash of the person, not the published ones"
    table = csv.DictReader(text(path).splitlines())
    if not {"patient_id", "fold"} <= set(table.fieldnames or ()):
        raise DataError(f"'{path}' has no columns patient_id and fold: it is not the authors' index.")
    pairs = {(row["patient_id"].removesuffix(".0"), int(float(row["fold"]))) for row in table}
    twice = [person for person, count in Counter(person for person, _ in pairs).items() if count > 1]
    if twice:
        raise DataError(f"'{path}' puts person {twice[0]} into two folds: copy it again.")
    published = dict(pairs)
    rest = len(set(people) - set(published))
    return {**formed, **published}, f"folds from {FOLD_INDEX}; {rest} people are not in it and were dealt by hash"


def load(sync: Path, meta: Path | None, video: Path) -> Labels:
    """The PPG sample of each frame, on the clock of `meta`.

    `ppg_sync` has a line a frame: the PPG, 0 to 255, and how far its sample lies from the frame, which is no time step.
    Without a `meta` file the video's nominal frame rate is the clock.

    Raises:
        DataError: files that are missing, empty, damaged, constant, or of another length than the video.
    """
    rows = numbers(sync, columns=2)
    frame_times = frame_clock(meta, _stamps(meta)) if meta is not None and meta.is_file() else None
    times = np.arange(len(rows)) / frame_rate(video) if frame_times is None else frame_times
    if len(rows) > len(times) * 1.05 + 2:
        raise DataError(f"'{sync}' has {len(rows)} lines for the {len(times)} frames of '{meta}': copy both again.")
    count = min(len(rows), len(times))
    near = np.abs(rows[:count, 1]) <= MAX_DISTANCE
    if not near.any():
        raise DataError(f"'{sync}' has no PPG sample within {MAX_DISTANCE:g} s of its frame.")
    signal = series(sync, "ppg", times[:count][near], rows[:count, 0][near])
    return labels(sync, {"ppg": signal}, frame_times, video)


def _stamps(meta: Path) -> np.ndarray:
    """Seconds of lines `<frame> <date> <time>`."""
    lines = [line.split(maxsplit=1) for line in text(meta).splitlines() if line.strip()]
    try:
        stamps = np.array([line[1].strip().replace(" ", "T") for line in lines], dtype="datetime64[ns]")
    except (ValueError, IndexError) as error:
        raise DataError(f"'{meta}' holds a line that is not '<frame> <time stamp>' ({error}).") from None
    return (stamps - stamps[0]).astype(np.int64) * 1e-9
