"""One face through a video: looked for now and then, and a smooth sub-pixel path in time between.

A box that jumps once a second writes a 1 Hz pulse of its own into every region mean, so the places where the face
was seen (knots) are smoothed over time and never used as they are.
"""

from __future__ import annotations

import time as clock
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from zoo.data.align import similarity
from zoo.data.face import THRESHOLDS, Faces, find_faces, follow
from zoo.data.frame import Frame

# Looks at the face a detection interval: the last stage of the cascade is cheap enough to follow real head motion.
LOOKS = 4
# A whole search of the picture every so many detection intervals, to count faces and to catch a track that drifted off.
SEARCH = 10
# Standard deviation (s) of the Gaussian that smooths the path: it leaves 4 % at 1 Hz. Reach in standard deviations.
SMOOTHING = 0.4
REACH = 3.0
# A face counts as another person's if its side is at least this share of the largest one's.
BYSTANDER = 0.4
# Smaller faces are looked for only where no larger one was found.
FINE_WIDTH, FINE_SMALLEST = 640, 0.08


@dataclass(frozen=True)
class Knot:
    """Where the face was at one moment; None where it was not seen.

    Args:
        time: seconds.
        landmarks: (5, 2) frame coordinates.
        box: (4,) x0, y0, x1, y1.
    """

    time: float
    landmarks: np.ndarray | None = None
    box: np.ndarray | None = None


class Tracker:
    """Follows the largest face, the same one as long as it is seen.

    Args:
        every: seconds between detections; the face is looked at `LOOKS` times in between.

    Attributes:
        faces: the most faces of about that size that were seen at once.
        first_box: (4,) where the face was seen first, None before.
        seconds: time spent looking.
    """

    def __init__(self, every: float = 1.0) -> None:
        self.every = every
        self.faces = 0
        self.seconds = 0.0
        self.first_box: np.ndarray | None = None
        self._box: np.ndarray | None = None
        self._searched = -np.inf

    def see(self, frame: Frame) -> Knot:
        """Look for the face in a frame: where it was last, else everywhere."""
        if self._box is not None and frame.time - self._searched < SEARCH * self.every:
            face = follow(frame, self._box)
            if face.scores[0] > THRESHOLDS[2] and overlap(face.boxes[0], self._box) > 0.3:
                return self._keep(frame, face)
        self._searched = frame.time
        found = search(frame)
        if not len(found):
            return Knot(frame.time)
        self.faces = max(self.faces, _company(found))
        chosen = 0
        if self._box is not None:
            shared = [overlap(box, self._box) for box in found.boxes]
            chosen = int(np.argmax(shared)) if max(shared) > 0.1 else 0
        # The search is made on a small picture: look again at the full one.
        face = follow(frame, found.boxes[chosen])
        if face.scores[0] < THRESHOLDS[2]:
            face = Faces(found.boxes[[chosen]], found.landmarks[[chosen]], found.scores[[chosen]])
        return self._keep(frame, face)

    def _keep(self, frame: Frame, face: Faces) -> Knot:
        self._box = face.boxes[0]
        if self.first_box is None:
            self.first_box = self._box
        return Knot(frame.time, face.landmarks[0], face.boxes[0])


def search(frame: Frame) -> Faces:
    """Find all faces of a frame, in its coordinates, largest first."""
    for width, smallest in ((None, None), (FINE_WIDTH, FINE_SMALLEST)):
        rgb = frame.rgb(width or 320)
        found = find_faces(rgb, width=width or 320, **({} if smallest is None else {"smallest": smallest}))
        if len(found):
            break
    scale = np.array([frame.width / rgb.shape[1], frame.height / rgb.shape[0]])
    return Faces(found.boxes * np.tile(scale, 2), found.landmarks * scale, found.scores)


@dataclass(frozen=True, eq=False)
class Placed:
    """A frame and where the face is in it.

    Args:
        frame: the picture.
        landmarks: (5, 2) smoothed, frame coordinates; NaN where the face was not seen.
        transform: (2, 3) canonical to frame coordinates; NaN likewise.
    """

    frame: Frame
    landmarks: np.ndarray
    transform: np.ndarray


def track(frames: Iterable[Frame], tracker: Tracker) -> Iterator[Placed]:
    """Place the face in every frame, in order. Frames are held back for as long as the smoothing looks ahead.

    Args:
        frames: the video.
        tracker: looks for the face.
    """
    every = tracker.every / LOOKS
    width = max(SMOOTHING, 1.5 * every)
    waiting: deque[Frame] = deque()
    knots: list[Knot] = []
    for frame in frames:
        waiting.append(frame)
        if knots and frame.time < knots[-1].time + every - 1e-6:
            continue
        start = clock.perf_counter()
        knots.append(tracker.see(frame))
        knots = [knot for knot in knots if knot.time >= waiting[0].time - REACH * width - every]
        settled = frame.time - REACH * width
        placed = _place([waiting.popleft() for _ in range(sum(held.time <= settled for held in waiting))], knots, width)
        tracker.seconds += clock.perf_counter() - start
        yield from placed
    if waiting:
        if waiting[-1].time > knots[-1].time:
            knots.append(tracker.see(waiting[-1]))
        yield from _place(list(waiting), knots, width)


def _place(frames: Sequence[Frame], knots: Sequence[Knot], width: float) -> list[Placed]:
    path = smooth_path(knots, np.array([frame.time for frame in frames]), width)
    return [Placed(*item) for item in zip(frames, path, similarity(path), strict=True)]


def smooth_path(knots: Sequence[Knot], times: np.ndarray, width: float = SMOOTHING) -> np.ndarray:
    """The face's landmarks at any times, smoothed without delay.

    Args:
        knots: in order of time.
        times: (n,) seconds, between the first and the last knot (later ones count as the last).
        width: standard deviation of the smoothing in seconds.

    Returns:
        (n, 5, 2): local linear regression with Gaussian weights, over the unbroken run of knots around each time.
        NaN where the face was not seen at the knot before or at the one after.
    """
    path = np.full((len(times), 5, 2), np.nan)
    stamps = np.array([knot.time for knot in knots])
    seen = np.array([knot.landmarks is not None for knot in knots])
    after = np.clip(np.searchsorted(stamps, times, side="left"), 0, len(knots) - 1)
    before = np.clip(np.searchsorted(stamps, times, side="right") - 1, 0, len(knots) - 1)
    run = np.cumsum(~seen)
    for number in np.unique(run[seen]):
        member = seen & (run == number)
        inside = member[after] & member[before]
        values = np.array([knot.landmarks for knot, use in zip(knots, member, strict=True) if use]).reshape(-1, 10)
        path[inside] = _local_linear(stamps[member], values, times[inside], width).reshape(-1, 5, 2)
    return path


def _local_linear(stamps: np.ndarray, values: np.ndarray, times: np.ndarray, width: float) -> np.ndarray:
    """Local linear regression at `times` of (k, m) values at `stamps` (Fan 1993)."""
    lag = stamps[None, :] - times[:, None]
    weight = np.exp(-0.5 * (lag / width) ** 2) * (np.abs(lag) <= REACH * width) + 1e-12
    first, second = (weight * lag).sum(1, keepdims=True), (weight * lag**2).sum(1, keepdims=True)
    weight = weight * (second - lag * first + 1e-9)
    return weight @ values / weight.sum(1, keepdims=True)


def overlap(one: np.ndarray, other: np.ndarray) -> float:
    """Intersection over union of two boxes."""
    shared = np.prod(np.maximum(np.minimum(one[2:], other[2:]) - np.maximum(one[:2], other[:2]), 0.0))
    return float(shared / (np.prod(one[2:] - one[:2]) + np.prod(other[2:] - other[:2]) - shared))


def _company(found: Faces) -> int:
    """Number of faces that are not much smaller than the largest."""
    sides = np.sqrt(np.prod(found.boxes[:, 2:] - found.boxes[:, :2], axis=1))
    return int(np.sum(sides >= BYSTANDER * sides[0]))
