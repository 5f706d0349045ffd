"""How readers of data sets find recordings: folders in their natural order, paths that stay in the data set, folds."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from zoo.data.recording import Listing, Recording, Skipped
from zoo.errors import DataError


def natural(text: str | Path) -> list[tuple[int, str]]:
    """Sort key by which `s2` comes before `s10`."""
    return [(int(part), "") if part.isdigit() else (-1, part) for part in re.split(r"(\d+)", str(text))]


def folders(root: Path, pattern: str = ".*") -> list[Path]:
    """The folders in `root` whose names match a regular expression in full, `s2` before `s10`."""
    found = [path for path in root.iterdir() if path.is_dir() and re.fullmatch(pattern, path.name)]
    return sorted(found, key=lambda path: natural(path.name))


def collect(places: Iterable[Path], make: Callable[[Path], Recording], notes: Iterable[str] = ()) -> Listing:
    """The recordings that `make` finds at each place.

    A place for which it raises DataError is skipped with that reason, and so is a name that comes twice.
    """
    recordings: dict[str, Recording] = {}
    skipped: list[Skipped] = []
    for place in places:
        try:
            recording = make(place)
            if recording.name in recordings:
                raise DataError(f"{recording.name} is there twice; the first one is used")
            recordings[recording.name] = recording
        except DataError as error:
            skipped.append(Skipped(place, str(error)))
    return Listing(tuple(recordings.values()), tuple(skipped), tuple(notes))


def inside(root: Path, *parts: str) -> Path:
    """The path of `parts` below `root`, where a label file may name anything.

    Raises:
        DataError: the path is absolute, or leaves the root by `..` or by a symbolic link.
    """
    name = "/".join(parts).replace("\\", "/")
    # a drive letter counts as absolute on every system, so that a listing is the same everywhere
    if not name or name.startswith("/") or "\0" in name or re.match(r"[A-Za-z]:", name):
        raise DataError(f"the path '{name}' is not a relative path inside the data set: it is refused.")
    path = root / name
    base = os.path.realpath(root)
    real = os.path.realpath(path)
    if real != base and not real.startswith(base.rstrip(os.sep) + os.sep):
        raise DataError(f"the path '{name}' leaves the data set's folder: it is refused.")
    return path


def need(path: Path, what: str) -> Path:
    """The path itself, if the file or folder is there; for what a recording cannot do without."""
    if not path.exists():
        raise DataError(f"{what} is missing ({path.name})")
    return path


def fold_of(people: Sequence[str], folds: int) -> dict[str, int]:
    """A fold for each person: people ordered by the hash of their name, dealt out in turn (sizes differ by one)."""
    order = sorted(set(people), key=lambda person: hashlib.sha256(person.encode()).digest())
    return {person: index % folds for index, person in enumerate(order)}
