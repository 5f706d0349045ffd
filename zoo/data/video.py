"""Videos as streams of frames with their times, one reader for video files, picture folders and zips of pictures.

Files are untrusted: only local files of known container formats are opened (never a playlist or an address that a
file or a path names), and pictures larger than `MAX_PIXELS` are refused before they are decoded.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Literal

import numpy as np

from zoo.data.frame import Frame
from zoo.errors import UsageError, VideoError

Backend = Literal["auto", "pyav", "decord"]
MAX_PIXELS = 8192 * 4352


@dataclass
class Video:
    """An open video: a context manager, and an iterator over its frames (once).

    Args:
        width, height: pixels, after the rotation that the file asks for.
        fps: nominal frames a second; frames carry their own times.
        duration: seconds, or None where the file does not say (an estimate).
        frame_count: number of frames, or None (an estimate).
        notes: remarks for the user, complete once the frames were read.
    """

    width: int
    height: int
    fps: float
    duration: float | None
    frame_count: int | None
    frames: Iterator[Frame]
    close: Callable[[], None]
    notes: list[str] = field(default_factory=list)

    def __iter__(self) -> Iterator[Frame]:
        return self.frames

    def __enter__(self) -> Video:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def open_video(path: str | Path, *, backend: Backend = "auto", frame_times: np.ndarray | None = None) -> Video:
    """Open a video file, pictures (a folder, a zip, a folder in a zip) or an array file for one pass.

    Args:
        path: a local file or folder.
        backend: `pyav`, `decord`, or `auto`: PyAV where it is installed, else decord. Pictures need neither.
        frame_times: (frames,) seconds, where they are known better than the file has them; later frames are left out.

    Returns:
        The open video; use it in a `with` statement. The first frame's time is 0.

    Raises:
        VideoError: missing, not a video, without frames, or too large a picture.
        UsageError: a backend that is not installed.
    """
    from zoo.data import arrays, pictures, video_decord, video_pyav, zipped

    path = Path(path)
    if zipped.archive_of(path):
        video = zipped.open_member(path)
    elif not path.exists():
        raise VideoError(f"There is no video '{path}': give the path of a local file or folder.")
    elif arrays.is_array(path):
        video = arrays.open_array(path)
    elif pictures.is_pictures(path):
        video = pictures.open_pictures(path)
    else:
        reader = video_decord.open_decord if _choose(backend) == "decord" else video_pyav.open_pyav
        video = reader(path)
    if frame_times is not None:
        video.frames = _retimed(video.frames, np.asarray(frame_times, dtype=np.float64), video.notes)
    return video


def _choose(backend: str) -> str:
    known = {"pyav": "av", "decord": "decord"}
    names = list(known) if backend == "auto" else [backend]
    for name in names:
        if name not in known:
            raise UsageError(f"There is no video backend called '{name}': use auto, pyav or decord.")
        if importlib.util.find_spec(known[name]):
            return name
    raise UsageError(f"The video backend {' or '.join(names)} is not installed: pip install {known[names[0]]}.")


def _retimed(frames: Iterator[Frame], times: np.ndarray, notes: list[str]) -> Iterator[Frame]:
    if times.ndim != 1 or len(times) < 2 or not np.all(np.diff(times) >= 0):
        raise VideoError(
            "The frame times given for this video are not an increasing list of seconds: correct its label file."
        )
    start = float(times[0])
    for frame in frames:
        if frame.index >= len(times):
            notes.append(f"frames after the last of {len(times)} frame times were left out")
            return
        yield Frame(frame.index, float(times[frame.index]) - start, frame.planes, frame.matrix, frame.offset)
