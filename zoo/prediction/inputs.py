"""Which videos a command means."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from zoo.data.pictures import SUFFIXES as PICTURES
from zoo.errors import VideoError

VIDEOS = (
    *(".mp4", ".m4v", ".mov", ".avi", ".mkv", ".webm", ".mpg", ".mpeg", ".ts", ".mts", ".m2ts"),
    *(".wmv", ".flv", ".3gp", ".3g2", ".ogv", ".mxf", ".mjpeg"),
)


def expand(names: Iterable[str]) -> list[str]:
    """The videos that arguments name, each once: a folder stands for the videos in it and in its subfolders.

    A folder that holds no video but pictures is a video itself (`zoo.data.pictures`), so it is kept.
    """
    found: dict[str, None] = {}
    for name in names:
        inside = videos_in(Path(name)) if Path(name).is_dir() else []
        found.update(dict.fromkeys([str(path) for path in inside] or [name]))
    return list(found)


def videos_in(folder: Path) -> list[Path]:
    """Video files of a folder and its subfolders by their suffix, sorted; hidden ones are left out."""
    return sorted(
        path
        for path in folder.rglob("*")
        if path.suffix.lower() in VIDEOS and path.is_file() and not path.name.startswith(".")
    )


def check_local(name: str) -> None:
    """Refuse what is no local video, where more can be said than that it does not open.

    Raises:
        VideoError: an address, or a folder without videos and pictures.
    """
    path = Path(name)
    if "://" in name:
        raise VideoError(
            f"'{name}' is an address, and nothing is fetched from the net: download it, then give its path."
        )
    if path.suffix.lower() in PICTURES and path.is_file():
        raise VideoError(f"'{name}' is a single picture: a pulse needs a video of 10 s or more.")
    if path.is_dir() and not any(file.suffix.lower() in PICTURES for file in path.iterdir()):
        raise VideoError(f"The folder '{name}' holds no videos: give one that does, or the videos themselves.")
