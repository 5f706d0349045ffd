"""A folder of your own: any videos, and beside each an optional `<name>.csv` with a time column in seconds.

Columns are named as the zoo's signals and targets (`ppg`, `heart_rate`, `systolic`...). What stays the same may stand
in the first row only. A column `group_<label>` (`group_skin_tone`, `group_motion`...) holds, in its first row, a label
by which results are reported. `zoo simulate` writes such a folder; its `.json` files are notes for people.
"""

from __future__ import annotations

import csv
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Literal

import numpy as np

from zoo.data.labels import in_range, labels, number, series, text
from zoo.data.listing import inside, natural
from zoo.data.recording import SIMULATION_FILE, DatasetInfo, Labels, Listing, Recording, Skipped
from zoo.errors import DataError
from zoo.spec import TARGETS, WAVEFORMS

INFO = DatasetInfo(
    title="A folder of your own videos",
    people=0,
    recordings=0,
    signals=WAVEFORMS,
    targets=tuple(TARGETS),
    licence="yours",
    access="Put videos into a folder; beside NAME.mp4 an optional NAME.csv: a column 'time' in seconds and columns "
    "named as the zoo's signals and targets (ppg, heart_rate, systolic...), and group_NAME for labels to report by.",
    protocol="By person: the sub-folder's name, or the file's name up to the first underscore.",
    citation="none",
)

SUFFIXES = {".mp4", ".avi", ".mov", ".mkv", ".webm", ".m4v", ".mpg", ".mpeg", ".wmv", ".zip"}
# beside a video: its labels, and notes that nobody here reads
BESIDE = (".csv", ".json")
GROUP = "group_"
TIME_COLUMNS = ("time", "times", "t", "seconds", "time_s")
PersonBy = Literal["auto", "folder", "prefix", "file"]


def read(root: Path, *, person: PersonBy = "auto") -> Listing:
    """List every video below `root`, sub-folders included.

    Args:
        root: the folder.
        person: what tells the person: the `folder` that a video lies in, its name's `prefix` up to the first
            underscore, the whole `file` name; `auto` is `folder` in sub-folders and `prefix` at the top.
    """
    recordings: list[Recording] = []
    skipped: list[Skipped] = []
    paths = sorted(root.rglob("*"), key=natural)
    drawn = {path.parent for path in paths if path.name == SIMULATION_FILE}
    for path in paths:
        if not path.is_file():
            continue
        suffix = path.suffix.lower()
        if suffix not in SUFFIXES:
            beside = suffix in BESIDE and any(path.with_suffix(end).is_file() for end in SUFFIXES)
            if not beside and path.name != SIMULATION_FILE:
                skipped.append(Skipped(path, "neither a video nor the labels of one"))
            continue
        try:
            simulated = not drawn.isdisjoint(path.parents)
            recordings.append(replace(_recording(root, path, person), simulated=simulated))
        except DataError as error:
            skipped.append(Skipped(path, str(error)))
    return Listing(tuple(recordings), tuple(skipped))


def _recording(root: Path, video: Path, by: PersonBy) -> Recording:
    place = video.relative_to(root)
    inside(root, place.as_posix())
    nested = len(place.parts) > 1
    if by == "folder" or (by == "auto" and nested):
        who = place.parent.as_posix() if nested else root.name
    else:
        who = video.stem if by == "file" else video.stem.split("_")[0]
    table = inside(root, place.with_suffix(".csv").as_posix())
    if not table.is_file():
        return Recording("folder", who, place.as_posix(), video)
    targets, groups = _targets(table), _groups(table)
    return Recording("folder", who, place.as_posix(), video, targets, groups=groups, load=partial(load, table, video))


def _targets(table: Path) -> dict[str, float]:
    """Targets that stay the same: given in the first row only, or the same in the first two rows and the last."""
    lines = [line for line in text(table).splitlines() if line.strip()]
    header, *rows = csv.reader([*lines[:3], lines[-1]])
    found: dict[str, float] = {}
    for index, name in enumerate(_names(header)):
        cells = [row[index].strip() for row in rows if index < len(row)]
        if name not in TARGETS or not cells or len({cell for cell in cells if cell}) != 1:
            continue
        value = _value(name, next(cell for cell in cells if cell))
        if np.isnan(value):
            continue
        if not in_range(name, value):
            target = TARGETS[name]
            raise DataError(
                f"'{table.name}' gives {name} as {value:g}, outside {target.low:g} to {target.high:g} {target.unit}: "
                "wrong unit?"
            )
        found[name] = value
    return found


def _groups(table: Path) -> dict[str, str]:
    """Labels to report by: the first row of the columns `group_<label>`, where it is not empty."""
    lines = [line for line in text(table).splitlines() if line.strip()]
    header, *rows = csv.reader(lines[:2])
    first = rows[0] if rows else []
    named = zip(_names(header), first, strict=False)
    return {name[len(GROUP) :]: cell.strip() for name, cell in named if name.startswith(GROUP) and cell.strip()}


def _value(name: str, cell: str) -> float:
    classes = TARGETS[name].classes
    word = cell.strip().lower()
    for index, known in enumerate(classes):
        if word and known.startswith(word):
            return float(index)
    return number(cell)


def _names(header: list[str]) -> list[str]:
    return [name.strip().lower() for name in header]


def load(table: Path, video: Path) -> Labels:
    """The columns of a video's csv that are named as the zoo's signals, and targets that change with time.

    Raises:
        DataError: an empty table, signals without a time column, or defective values.
    """
    rows = list(csv.reader(text(table).splitlines()))
    header = _names(rows[0])
    body = [row for row in rows[1:] if any(cell.strip() for cell in row)]
    names = [name for name in header if name in WAVEFORMS or name in TARGETS]
    if not names:
        raise DataError(f"'{table}' has no column named as a signal or target of the zoo; it has {', '.join(header)}.")
    clock = next((header.index(name) for name in TIME_COLUMNS if name in header), None)
    if clock is None:
        if any(name in WAVEFORMS for name in names):
            raise DataError(f"'{table}' has signals but no column 'time' (seconds): add one.")
        return Labels()
    if any(len(row) != len(header) for row in body):
        raise DataError(f"'{table}' has rows of another length than its header: copy it again.")
    found = {}
    for name in names:
        column = header.index(name)
        filled = [row for row in body if row[column].strip()]
        if name in TARGETS and len({row[column] for row in filled}) < 2:
            continue
        times = np.array([number(row[clock]) for row in filled])
        found[name] = series(table, name, times, np.array([number(row[column]) for row in filled]))
    return labels(table, found, video=video)
