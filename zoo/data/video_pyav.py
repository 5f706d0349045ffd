"""Video files through PyAV (FFmpeg): planes without a copy, time stamps, rotation, damage survived."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from zoo.data.frame import IDENTITY, Frame, gray_to_rgb, yuv_to_rgb
from zoo.data.video import MAX_PIXELS, Video
from zoo.errors import VideoError

# Containers that hold their own data; playlists (HLS, DASH, concat) that refer elsewhere are not among them.
FORMATS = (
    "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,mpegts,mpeg,mpegvideo,flv,asf,ogg,mxf,nut,gif,apng,"
    "h264,hevc,m4v,mjpeg,yuv4mpegpipe,ivf,dv,obu,av1"
)
PLANAR = {"yuv420p", "yuvj420p", "yuv422p", "yuvj422p", "yuv444p", "yuvj444p"}
JPEG_RANGE = 2
ROTATIONS = {90: cv2.ROTATE_90_COUNTERCLOCKWISE, 180: cv2.ROTATE_180, 270: cv2.ROTATE_90_CLOCKWISE}


def open_pyav(path: Path) -> Video:
    """Open a video file with PyAV; see `zoo.data.video.open_video`."""
    import av

    av.logging.set_level(None)
    try:
        container = av.open(
            f"file:{path.resolve()}",
            container_options={
                "protocol_whitelist": "file",
                "format_whitelist": FORMATS,
                "max_pixels": str(MAX_PIXELS),
            },
        )
    except (av.error.FFmpegError, OSError, UnicodeError) as error:
        raise VideoError(
            f"'{path}' is not a video that can be read ({_reason(error)}): "
            "give a complete mp4, mov, avi, mkv or webm file."
        ) from None
    try:
        return _video(path, container)
    except BaseException:
        container.close()
        raise


def _video(path: Path, container: Any) -> Video:
    if not container.streams.video:
        raise VideoError(f"'{path}' holds no video, only sound or data: give a file with a picture.")
    stream = container.streams.video[0]
    if stream.width * stream.height > MAX_PIXELS:
        raise VideoError(
            f"'{path}' has pictures of {stream.width}x{stream.height}: "
            f"the limit is {MAX_PIXELS // 10**6} megapixels, so make it smaller."
        )
    stream.codec_context.thread_count = min(4, _threads())
    stream.codec_context.thread_type = "AUTO"
    rate = stream.average_rate or stream.guessed_rate
    fps = float(rate) if rate else 30.0
    notes: list[str] = []
    frames = _frames(container, stream, fps, notes)
    first = next(frames, None)
    if first is None:
        raise VideoError(f"'{path}' holds no frame that can be decoded: it is empty or cut off.")
    duration = stream.duration * stream.time_base if stream.duration else (container.duration or 0) / 1_000_000
    return Video(
        width=first.width,
        height=first.height,
        fps=fps,
        duration=float(duration) or None,
        frame_count=stream.frames or None,
        frames=_chain(first, frames),
        close=container.close,
        notes=notes,
    )


def _threads() -> int:
    """As many as this process is told to use, as workers and cluster tasks are, else one for each of its cores."""
    told = os.environ.get("OMP_NUM_THREADS", "")
    if told.isdigit():
        return max(int(told), 1)
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _chain(first: Frame, rest: Iterator[Frame]) -> Iterator[Frame]:
    yield first
    yield from rest


def _frames(container: Any, stream: Any, fps: float, notes: list[str]) -> Iterator[Frame]:
    start = last = None
    index = 0
    size = None
    for decoded in _pictures(container, stream, notes):
        size = size or (decoded.width, decoded.height)
        fits = (decoded.width, decoded.height) == size
        picture = decoded if fits else decoded.reformat(width=size[0], height=size[1])
        stamp = decoded.time
        if stamp is None or (last is not None and stamp <= last):
            stamp = 0.0 if last is None else last + 1.0 / fps
        start = stamp if start is None else start
        last = stamp
        yield _frame(picture, index, stamp - start)
        index += 1
    if stream.frames and index < 0.98 * stream.frames:
        notes.append(f"the video ends early: {index} of {stream.frames} frames could be read")


def _pictures(container: Any, stream: Any, notes: list[str]) -> Iterator[Any]:
    """Every picture that decodes; damaged packets are passed over and counted."""
    from av.error import FFmpegError

    damaged = 0
    packets = container.demux(stream)
    while True:
        try:
            packet = next(packets)
        except StopIteration:
            break
        except FFmpegError as error:
            notes.append(f"the file could not be read to its end ({_reason(error)})")
            break
        try:
            yield from packet.decode()
        except FFmpegError:
            damaged += 1
    if damaged:
        notes.append(f"{damaged} damaged packets were passed over")


def _frame(picture: Any, index: int, time: float) -> Frame:
    name = picture.format.name
    full = int(picture.color_range) == JPEG_RANGE
    if name in PLANAR:
        planes = tuple(_plane(plane) for plane in picture.planes[:3])
        matrix, offset = yuv_to_rgb(int(picture.colorspace), full or name.startswith("yuvj"))
    elif name == "gray":
        planes = (_plane(picture.planes[0]),)
        matrix, offset = gray_to_rgb(full or int(picture.color_range) == 0)
    else:
        planes = (picture.to_ndarray(format="rgb24"),)
        matrix, offset = IDENTITY
    turn = ROTATIONS.get(round(picture.rotation) % 360)
    if turn is not None:
        planes = tuple(cv2.rotate(plane, turn) for plane in planes)
    return Frame(index, time, planes, matrix, offset)


def _plane(plane: Any) -> np.ndarray:
    """A view of the decoder's own memory, which stays alive as long as the array."""
    rows = np.frombuffer(plane, np.uint8).reshape(-1, plane.line_size)
    return rows[: plane.height, : plane.width]


def _reason(error: Exception) -> str:
    return (getattr(error, "strerror", None) or str(error)).strip().rstrip(".").lower()
