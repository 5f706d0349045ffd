"""How a store's files are made, and the folder that holds those of a data set and settings."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from zoo.checkpoints import write_whole
from zoo.errors import DataError
from zoo.spec import REGIONS, Clip, Crop, Grid, Input

# Of the layout and of what extraction gives: counted up when files of before must not be mixed with new ones.
VERSION = 3
SETTINGS_FILE = "settings.json"


@dataclass(frozen=True)
class Settings:
    """How recordings are read; files of other settings stand in another folder.

    Args:
        regions: what traces are taken of; empty for none.
        crop_size: side of the crops in pixels; None for none.
        crop: how the face is cut out.
        synchronise: labels are moved onto the video's clock (`zoo.data.synchronise`).
    """

    regions: tuple[str, ...] | Grid = REGIONS
    crop_size: int | None = None
    crop: Crop = "aligned"
    synchronise: bool = False

    @property
    def digest(self) -> str:
        """Ten hexadecimal digits that differ where the settings or the store's version do."""
        return hashlib.sha256(json.dumps([VERSION, self.to_dict()], sort_keys=True).encode()).hexdigest()[:10]

    def to_dict(self) -> dict[str, Any]:
        """Plain values; the kind of crop counts only where there are crops."""
        values = asdict(self)
        return values if self.crop_size else {**values, "crop": None}

    @staticmethod
    def from_dict(values: Mapping[str, Any]) -> Settings:
        """The settings that `to_dict` wrote."""
        known = dict(values)
        regions = known["regions"]
        known["regions"] = Grid(**regions) if isinstance(regions, dict) else tuple(regions)
        known["crop"] = known["crop"] or "aligned"
        return Settings(**known)

    def give(self, input: Input) -> bool:
        """Whether what a model eats can be made of files of these settings."""
        if isinstance(input, Clip):
            return self.crop_size is not None and self.crop_size >= input.size and self.crop == input.crop
        if isinstance(self.regions, Grid) or isinstance(input.regions, Grid):
            return self.regions == input.regions
        return set(input.regions) <= set(self.regions)


def settings_for(input: Input, synchronise: bool = False) -> Settings:
    """The settings that a model needs; named regions are always all of them, so that models share their files."""
    if isinstance(input, Clip):
        regions: tuple[str, ...] | Grid = REGIONS if synchronise else ()
        return Settings(regions, input.size, input.crop, synchronise=synchronise)
    return Settings(input.regions if isinstance(input.regions, Grid) else REGIONS, synchronise=synchronise)


def open_folder(store: Path, dataset: str, settings: Settings) -> Path:
    """The folder of a data set's recordings, made where it is missing.

    Raises:
        DataError: it cannot be written, or it was made with other settings than its name says.
    """
    folder = store / f"{slug(dataset)}-{settings.digest}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if not (folder / SETTINGS_FILE).exists():
            facts = {
                "version": VERSION,
                "zoo": zoo_version(),
                "dataset": dataset,
                "digest": settings.digest,
                "settings": settings.to_dict(),
            }
            write_whole(folder / SETTINGS_FILE, (json.dumps(facts, indent=1) + "\n").encode())
    except OSError as error:
        raise DataError(f"The store '{store}' cannot be written ({error.strerror}): choose another folder.") from error
    if read_settings(folder) != settings:
        raise DataError(f"'{folder}' was made with other settings than its name says: delete it and prepare again.")
    return folder


def read_settings(folder: Path) -> Settings:
    """How a folder's files were made.

    Raises:
        DataError: no store, a damaged one, or one of another version.
    """
    path = folder / SETTINGS_FILE
    try:
        facts = json.loads(path.read_text("utf-8"))
        check_version(folder, facts["version"], facts.get("zoo"))
        return Settings.from_dict(facts["settings"])
    except OSError as error:
        raise DataError(f"'{folder}' is no folder of a prepared store ({error.strerror}): check the path.") from error
    except (ValueError, KeyError, TypeError) as error:
        raise DataError(f"'{path}' is damaged ({error}): delete '{folder}' and prepare again.") from error


def check_version(path: Path, made: int, zoo: str | None) -> None:
    """Raise DataError for a folder or file of another version of the store."""
    if made != VERSION:
        raise DataError(
            f"'{path}' was made by zoo {zoo} (store version {made}), and this zoo reads version {VERSION}: prepare "
            "into a new folder, or use that zoo."
        )


def find_folder(store: Path, dataset: str, input: Input, synchronise: bool = False) -> Path | None:
    """The folder of a store with what a model eats; of several the one that fits closest, then the fullest.

    Raises:
        DataError: no such store, or the only folders that there are cannot be read.
    """
    if not store.is_dir():
        raise DataError(f"There is no store '{store}': make it with 'zoo prepare --data {dataset} --out {store}'.")
    fitting = []
    for folder in sorted(store.glob(f"{slug(dataset)}-*")):
        settings = read_settings(folder)
        if settings.give(input) and settings.synchronise == synchronise:
            surplus = (settings.crop_size or 0) - input.size if isinstance(input, Clip) else 0
            fitting.append((surplus, -sum(1 for _ in folder.glob("*.h5")), folder))
    return min(fitting)[2] if fitting else None


def zoo_version() -> str:
    """The version of this package."""
    try:
        return version("rppg-zoo")
    except PackageNotFoundError:
        return "unknown"


def slug(text: str) -> str:
    """A name that any file system takes."""
    return re.sub(r"[^A-Za-z0-9._]+", "_", text).strip(".") or "_"
