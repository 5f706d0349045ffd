"""Waveforms in files that anybody's model may have written: npz and csv, read without running anything in them."""

from __future__ import annotations

import csv
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

import numpy as np

from zoo.errors import DataError
from zoo.signals.resample import grid, resample
from zoo.spec import Form

FORMAT = (
    "an npz holds arrays 'predictions/<person>' and 'labels/<person>', 'fps' and 'form' where known; a csv has the "
    "columns person, prediction, label, and time (s) where known"
)


@dataclass(frozen=True)
class Waveforms:
    """Predicted and contact waveforms of the same people.

    Args:
        predictions, labels: by person, (T,) float64 each, equally long.
        fps: samples a second.
        form: what they are; None where neither the file nor anybody said so.
    """

    predictions: Mapping[str, np.ndarray]
    labels: Mapping[str, np.ndarray]
    fps: float
    form: Form | None = None


def read_waveforms(path: Path, fps: float | None = None, form: Form | None = None) -> Waveforms:
    """Read a file of predicted and contact waveforms.

    Args:
        path: npz or csv, see `FORMAT`. Objects (pickles) inside are refused.
        fps, form: go before what the file says.

    Raises:
        DataError: not such a file; a prediction without a label; other lengths; no frame rate.
    """
    if not path.is_file():
        raise DataError(f"There is no file {path}.")
    read = _csv if path.suffix.lower() == ".csv" else _npz
    predictions, labels, said_fps, said_form = read(path, fps)
    fps, form = fps or said_fps, form or said_form
    if not predictions:
        raise DataError(f"{path} holds no predictions: {FORMAT}.")
    if fps is None or not fps > 0:
        raise DataError(f"{path} does not say how many samples a second it holds: add --fps.")
    if form is not None and form not in get_args(Form):
        raise DataError(f"{path} calls its form '{form}'; it must be one of {', '.join(get_args(Form))}.")
    for name, wave in predictions.items():
        if name not in labels:
            raise DataError(f"{path} has a prediction but no label of {name}: {FORMAT}.")
        if wave.shape != labels[name].shape or wave.ndim != 1 or wave.size < 3:
            raise DataError(
                f"{path}: the prediction of {name} has shape {wave.shape} and its label {labels[name].shape}; "
                "both must be one waveform of the same length, at least 3 samples."
            )
    return Waveforms(predictions, labels, float(fps), form)


_Parts = tuple[dict[str, np.ndarray], dict[str, np.ndarray], float | None, Any]


def _npz(path: Path, fps: float | None) -> _Parts:
    try:
        with np.load(path, allow_pickle=False) as file:
            entries = {name: file[name] for name in file.files}
    except (ValueError, OSError, zipfile.BadZipFile, AttributeError) as error:
        raise DataError(f"{path} is no npz of plain arrays ({error}): {FORMAT}.") from error
    found: dict[str, dict[str, np.ndarray]] = {"predictions": {}, "labels": {}}
    for name, values in entries.items():
        kind, _, person = name.partition("/")
        if kind in found and person:
            found[kind][person] = _numbers(values, path, name).squeeze()
    rates = [float(entries[key]) for key in ("fps", "fs") if key in entries and entries[key].size == 1]
    return found["predictions"], found["labels"], rates[0] if rates else None, _text(entries.get("form"))


def _text(value: np.ndarray | None) -> str | None:
    return None if value is None else str(value)


def _numbers(values: Any, path: Path, name: str) -> np.ndarray:
    try:
        return np.asarray(values, np.float64)
    except (ValueError, TypeError) as error:
        raise DataError(f"{path}: {name} is not made of numbers.") from error


def _csv(path: Path, fps: float | None) -> _Parts:
    columns: dict[str, dict[str, list[str]]] = {}
    with path.open(newline="", encoding="utf-8-sig") as file:
        reader = csv.DictReader(file)
        if missing := {"person", "prediction", "label"} - set(reader.fieldnames or ()):
            raise DataError(f"{path} has no column {', '.join(sorted(missing))}: {FORMAT}.")
        for row in reader:
            person = columns.setdefault(row["person"], {"prediction": [], "label": [], "time": []})
            for key, values in person.items():
                values.append(row.get(key) or "nan")
    found = {
        name: {key: _numbers(values, path, f"column {key} of {name}") for key, values in person.items()}
        for name, person in columns.items()
    }
    times = {name: person["time"] for name, person in found.items() if np.isfinite(person["time"]).all()}
    if found and len(times) == len(found):
        # samples by time stamps: brought to an even grid, since rates are read from evenly spaced samples
        steps = np.concatenate([np.diff(time) for time in times.values()])
        fps = fps or (float(np.round(1 / np.median(steps), 3)) if steps.size and np.median(steps) > 0 else None)
        for name, time in times.items():
            if fps is not None:
                even = grid(time, fps)
                found[name] = {key: resample(time, found[name][key], even) for key in ("prediction", "label")}
    predictions = {name: person["prediction"] for name, person in found.items()}
    return predictions, {name: person["label"] for name, person in found.items()}, fps, None


def read_groups(path: Path) -> dict[str, dict[str, str]]:
    """Labels to report by, from a csv with a column `person` and a column a label: {label: {person: value}}.

    Raises:
        DataError: no such file, or no column `person`.
    """
    if not path.is_file():
        raise DataError(f"There is no file {path}.")
    with path.open(newline="", encoding="utf-8-sig") as file:
        reader = csv.DictReader(file)
        names = [name for name in reader.fieldnames or () if name != "person"]
        if "person" not in (reader.fieldnames or ()):
            raise DataError(f"{path} has no column 'person': it needs one, and one a label (skin_tone, sex, motion).")
        table = list(reader)
    return {name: {row["person"]: row[name] or "" for row in table} for name in names}
