"""Videos that are a folder of numbered pictures inside a zip: `2D+3D/F001.zip/F001/T1` (BP4D+)."""

from __future__ import annotations

import zipfile
from pathlib import Path, PurePosixPath

from zoo.data.pictures import SUFFIXES, _decode, _frames, _number, _times, _unzip
from zoo.data.video import Video
from zoo.errors import VideoError


def archive_of(path: Path) -> Path | None:
    """The zip file that a path leads into; None for an ordinary path."""
    return next((parent for parent in path.parents if parent.suffix.lower() == ".zip" and parent.is_file()), None)


def members(path: Path) -> list[str]:
    """Names of the pictures directly in a folder inside a zip, by their numbers.

    Raises:
        VideoError: a damaged zip, or no pictures there.
    """
    archive = archive_of(path)
    if archive is None:
        raise VideoError(f"'{path}' does not lead into a zip file.")
    place = PurePosixPath(path.relative_to(archive).as_posix())
    try:
        with zipfile.ZipFile(archive) as opened:
            names = opened.namelist()
    except (OSError, zipfile.BadZipFile) as error:
        raise VideoError(f"'{archive}' is damaged ({error}): copy it again.") from None
    found = [PurePosixPath(name) for name in names]
    pictures = [name.as_posix() for name in found if name.parent == place and name.suffix.lower() in SUFFIXES]
    if not pictures:
        raise VideoError(f"'{archive}' holds no pictures in '{place}': copy it again.")
    return sorted(pictures, key=_number)


def open_member(path: Path) -> Video:
    """Open a folder of pictures inside a zip; see `zoo.data.pictures.open_pictures`.

    Raises:
        VideoError: a damaged zip, or no pictures there.
    """
    names, archive = members(path), zipfile.ZipFile(archive_of(path) or path)
    times, notes = _times(names), list[str]()
    fps = (len(times) - 1) / times[-1] if len(times) > 1 else 30.0

    def read(name: str) -> bytes:
        return _unzip(archive, name)

    try:
        height, width = _decode(path, names[0], read).shape[:2]
    except BaseException:
        archive.close()
        raise
    frames = _frames(path, names, times, read, (height, width), notes)
    return Video(width, height, fps, len(names) / fps, len(names), frames, archive.close, notes)
