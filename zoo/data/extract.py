"""From a face video to traces and crops: one pass, bounded memory, any length.

Frames wait in a short buffer until the face's path around them is known, since the smoothing looks ahead; then their
region means and crops are taken and they are let go.
"""

from __future__ import annotations

import time as clock
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

import numpy as np

from zoo.data.align import from_box, sample, similarity, upright
from zoo.data.frame import Frame, to_rgb
from zoo.data.regions import Regions, outlines, region_means, samples_for
from zoo.data.track import Placed, Tracker, track
from zoo.data.video import Video, open_video
from zoo.errors import FaceError, UsageError
from zoo.spec import REGIONS, Crop, Grid

CHUNK = 128
# Larger pictures are reduced when they arrive, by a whole factor that brings their longer side to this or less.
WORKING_SIDE = 1000
PREVIEW_WIDTH = 640
NOWHERE, NOPLACE = np.full((5, 2), np.nan), np.full((2, 3), np.nan)
CROPS = ("aligned", "tracked_box", "first_box_1.6", "whole")
Progress = Callable[[int, int | None], None]


@dataclass(frozen=True)
class Chunk:
    """Successive frames of a recording.

    Args:
        times: (n,) seconds since the first frame.
        traces: (regions, 3, n) float32, mean RGB 0..1, never rounded; NaN where the face is not found.
        crops: (n, S, S, 3) uint8 RGB, zero where the face is not found; None if none were asked for.
        found: (n,) whether the face was seen around this frame. Nothing is made up where it was not.
        landmarks: (n, 5, 2) smoothed, pixels of the video; NaN where the face is not found.
    """

    times: np.ndarray
    traces: np.ndarray
    crops: np.ndarray | None
    found: np.ndarray
    landmarks: np.ndarray


@dataclass(frozen=True)
class Preview:
    """One frame to show.

    Args:
        rgb: (H, W, 3) uint8, at most 640 wide.
        landmarks: (5, 2) pixels of `rgb`.
        transform: (2, 3) canonical coordinates to pixels of `rgb`, to draw regions with.
    """

    rgb: np.ndarray
    landmarks: np.ndarray
    transform: np.ndarray


@dataclass(frozen=True)
class Extraction:
    """A whole recording: the chunks' arrays end to end, and what is known about the video.

    Args:
        times, traces, crops, found, landmarks: as in `Chunk`.
        regions: what `traces` are means of.
        fps: nominal frames a second of the file.
        size: (width, height) of the video, rotated as it is meant to be seen.
        preview: the first frame with the face; None for whole-frame crops.
        seconds: time spent a stage: decode, face, regions.
        notes: remarks for the user.
    """

    times: np.ndarray
    traces: np.ndarray
    crops: np.ndarray | None
    found: np.ndarray
    landmarks: np.ndarray
    regions: tuple[str, ...] | Grid
    fps: float
    size: tuple[int, int]
    preview: Preview | None
    seconds: dict[str, float]
    notes: list[str]


@dataclass
class Stream:
    """An iterator of chunks; its other attributes are complete once it is used up."""

    chunks: Iterator[Chunk]
    regions: tuple[str, ...] | Grid = ()
    fps: float = 0.0
    size: tuple[int, int] = (0, 0)
    duration: float | None = None
    frame_count: int | None = None
    preview: Preview | None = None
    samples: int = 0
    seconds: dict[str, float] = field(default_factory=lambda: {"decode": 0.0, "face": 0.0, "regions": 0.0})
    notes: list[str] = field(default_factory=list)

    def __iter__(self) -> Iterator[Chunk]:
        return self.chunks

    def __next__(self) -> Chunk:
        return next(self.chunks)


def stream(
    video_path: str | Path,
    *,
    regions: Regions | None = REGIONS,
    crop_size: int | None = None,
    crop: Crop = "aligned",
    frame_times: np.ndarray | None = None,
    detect_every: float = 1.0,
    progress: Progress | None = None,
) -> Stream:
    """Extract traces and crops in chunks, in memory that does not grow with the video's length.

    Args:
        video_path: anything that `zoo.data.video.open_video` reads.
        regions: names or a grid to take mean colours of; None for none.
        crop_size: side of the square crops in pixels; None for none.
        crop: `aligned` (upright canonical face), `tracked_box` (axis-aligned), `first_box_1.6` (the first box found,
            enlarged 1.6 times and kept), or `whole` (the whole frame; with `regions=None` no face is looked for).
        frame_times: (frames,) seconds, where they are known better than the file has them.
        detect_every: seconds between detections; in between the detector's last stage follows the face.
        progress: called with the frames done and their number (None if unknown) after each chunk.

    Raises (at once or while it is read):
        VideoError: the video cannot be read.
        FaceError: it was read to its end and held no face.
        UsageError: an unknown crop, region or size.
    """
    if crop not in CROPS:
        raise UsageError(f"There is no crop called '{crop}': use one of {', '.join(CROPS)}.")
    if detect_every <= 0 or (crop_size is not None and crop_size < 1):
        raise UsageError("detect_every and crop_size must be above 0.")
    named = regions if isinstance(regions, Grid) else tuple(regions or ())
    outlines(named)
    result = Stream(chunks=iter(()), regions=named)
    plan = _Plan(named, crop_size, crop)
    result.chunks = _chunks(result, Path(video_path), plan, frame_times, detect_every, progress)
    return result


def extract(
    video_path: str | Path,
    *,
    regions: Regions | None = REGIONS,
    crop_size: int | None = None,
    crop: Crop = "aligned",
    frame_times: np.ndarray | None = None,
    detect_every: float = 1.0,
    progress: Progress | None = None,
) -> Extraction:
    """Extract a whole video at once; arguments and errors as in `stream`."""
    source = stream(
        video_path,
        regions=regions,
        crop_size=crop_size,
        crop=crop,
        frame_times=frame_times,
        detect_every=detect_every,
        progress=progress,
    )
    chunks = list(source)
    return Extraction(
        times=np.concatenate([chunk.times for chunk in chunks]),
        traces=np.concatenate([chunk.traces for chunk in chunks], axis=-1),
        crops=None if crop_size is None else np.concatenate([c.crops for c in chunks if c.crops is not None]),
        found=np.concatenate([chunk.found for chunk in chunks]),
        landmarks=np.concatenate([chunk.landmarks for chunk in chunks]),
        regions=source.regions,
        fps=source.fps,
        size=source.size,
        preview=source.preview,
        seconds=source.seconds,
        notes=source.notes,
    )


@dataclass(frozen=True)
class _Plan:
    """What is wanted of each frame."""

    regions: tuple[str, ...] | Grid
    crop_size: int | None
    crop: Crop

    @property
    def faceless(self) -> bool:
        return self.crop == "whole" and not len(self.regions)


def _chunks(
    result: Stream,
    path: Path,
    plan: _Plan,
    frame_times: np.ndarray | None,
    detect_every: float,
    progress: Progress | None,
) -> Iterator[Chunk]:
    tracker, seen, done = Tracker(detect_every), False, 0
    with open_video(path, frame_times=frame_times) as video:
        result.fps, result.size = video.fps, (video.width, video.height)
        result.duration, result.frame_count = video.duration, video.frame_count
        factor = -(-max(result.size) // WORKING_SIDE)
        frames = _arriving(video, factor, result.seconds)
        placed = (Placed(f, NOWHERE, NOPLACE) for f in frames) if plan.faceless else track(frames, tracker)
        while rows := [_row(result, plan, tracker, item) for item in islice(placed, CHUNK)]:
            chunk = _chunk(rows, factor)
            seen, done = seen or bool(chunk.found.any()), done + len(rows)
            result.seconds["face"] = tracker.seconds
            yield chunk
            if progress:
                progress(done, video.frame_count)
        result.notes += video.notes
    if not seen:
        raise FaceError(
            f"No face was found in '{path}': use a video of one face from the front, well lit and not too small."
        )
    if tracker.faces > 1:
        result.notes.append(f"{tracker.faces} faces were seen: the largest one is used")


def _arriving(video: Video, factor: int, seconds: dict[str, float]) -> Iterator[Frame]:
    """The video's frames, reduced; the time that they take is counted."""
    frames = iter(video)
    while True:
        start = clock.perf_counter()
        frame = next(frames, None)
        frame = frame and frame.reduced(factor)
        seconds["decode"] += clock.perf_counter() - start
        if frame is None:
            return
        yield frame


_Row = tuple[float, bool, np.ndarray, np.ndarray, "np.ndarray | None"]


def _row(result: Stream, plan: _Plan, tracker: Tracker, placed: Placed) -> _Row:
    """Time, found, landmarks, region means and crop of one frame."""
    start = clock.perf_counter()
    frame, landmarks, transform = placed.frame, placed.landmarks, placed.transform
    located = bool(np.isfinite(landmarks[0, 0]))
    means = np.full((len(plan.regions), 3), np.nan)
    if located and len(plan.regions):
        result.samples = result.samples or samples_for(transform)
        means = region_means(frame, transform, plan.regions, result.samples)
    crop = None
    if plan.crop_size is not None:
        place = _place(plan.crop, frame, transform, tracker.first_box) if located or plan.crop == "whole" else None
        crop = _cut(frame, place, plan.crop_size)
    if result.preview is None and located:
        result.preview = _preview(frame, landmarks)
    result.seconds["regions"] += clock.perf_counter() - start
    return frame.time, located or plan.faceless, landmarks, means, crop


def _place(crop: Crop, frame: Frame, transform: np.ndarray, first_box: np.ndarray | None) -> np.ndarray:
    """The transform (2, 3) from the unit square of a crop to the frame."""
    if crop == "aligned":
        return transform
    if crop == "tracked_box":
        return upright(transform)
    box = np.array([0, 0, frame.width, frame.height]) if crop == "whole" else first_box
    assert box is not None
    return from_box(box, 1.6 if crop == "first_box_1.6" else 1.0)


def _cut(frame: Frame, place: np.ndarray | None, size: int) -> np.ndarray:
    if place is None:
        return np.zeros((size, size, 3), np.uint8)
    return to_rgb(np.dstack(sample(frame, place, [size] * len(frame.planes))), frame.matrix, frame.offset)


def _preview(frame: Frame, landmarks: np.ndarray) -> Preview:
    rgb = frame.rgb(PREVIEW_WIDTH)
    onto = landmarks * (rgb.shape[1] / frame.width, rgb.shape[0] / frame.height)
    return Preview(rgb, onto, similarity(onto))


def _chunk(rows: list[_Row], factor: int) -> Chunk:
    times, found, landmarks, means, crops = zip(*rows, strict=True)
    return Chunk(
        times=np.array(times),
        traces=np.stack(means, axis=-1).astype(np.float32),
        crops=None if crops[0] is None else np.stack(crops),
        found=np.array(found),
        landmarks=np.stack(landmarks) * factor,
    )
