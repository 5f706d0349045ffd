"""Video files through decord, for machines that have it and not PyAV."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from zoo.data.frame import IDENTITY, Frame
from zoo.data.video import MAX_PIXELS, Video
from zoo.errors import VideoError


def open_decord(path: Path) -> Video:
    """Open a video file with decord; see `zoo.data.video.open_video`. Frames come as RGB."""
    import decord

    decord.logging.set_level(decord.logging.QUIET)
    try:
        # A file object, never a name: FFmpeg opens nothing but these bytes.
        with path.open("rb") as file:
            reader = decord.VideoReader(file, ctx=decord.cpu(0), num_threads=1)
        count = len(reader)
        first = reader[0].asnumpy() if count else None
    except (decord.DECORDError, RuntimeError, OSError, ValueError):
        raise VideoError(
            f"'{path}' is not a video that decord can read: give a complete mp4, mov, avi, mkv or webm file."
        ) from None
    if first is None:
        raise VideoError(f"'{path}' holds no frame that can be decoded: it is empty or cut off.")
    height, width = first.shape[:2]
    if height * width > MAX_PIXELS:
        raise VideoError(
            f"'{path}' has pictures of {width}x{height}, above {MAX_PIXELS // 10**6} megapixels: make it smaller."
        )
    fps = float(reader.get_avg_fps()) or 30.0
    reader.seek(0)
    notes: list[str] = []
    return Video(width, height, fps, count / fps, count, _frames(reader, count, fps, notes), lambda: None, notes)


def _frames(reader: Any, count: int, fps: float, notes: list[str]) -> Iterator[Frame]:
    from decord import DECORDError

    start = last = 0.0
    for index in range(count):
        try:
            rgb = reader.next().asnumpy()
        except (DECORDError, StopIteration):
            notes.append(f"the video ends early: {index} of {count} frames could be read")
            return
        stamp = float(reader.get_frame_timestamp(index)[0])
        if index == 0:
            start = stamp
        elif stamp <= last:
            stamp = last + 1.0 / fps
        last = stamp
        yield Frame(index, stamp - start, (rgb,), *IDENTITY)
