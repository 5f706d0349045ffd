"""Windows over a prepared recording: exactly what a model eats, with labels on the same frame grid."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, NamedTuple, TypedDict

import cv2
import numpy as np

from zoo.data.recording import Labels, Recording
from zoo.data.stored import StoredCrops, StoredTraces
from zoo.data.targets import beats_of, window_targets
from zoo.spec import TARGETS, WAVEFORMS, Clip, Input


class Sample(TypedDict):
    """One window: `input` RGB, (regions, 3, T) float32 0..1 or (3, T, H, W), float32 0..1 or uint8 as it is stored;
    labels with NaN where unknown.
    """

    input: np.ndarray
    waveforms: dict[str, np.ndarray]
    targets: dict[str, float]
    mask: np.ndarray
    person: str
    recording: str
    start: float


@dataclass(frozen=True)
class Prepared:
    """A recording whose video has been read: what models need of it, and its labels.

    Args:
        times: (n,) seconds of the frames.
        found: (n,) bool, True where the face was found.
        traces: (regions, 3, n) float32 0..1, or None; in memory or still in a file of the store.
        crops: (n, S, S, 3) uint8, or None; likewise.
        beats: (b,) seconds of the contact PPG's beats, where they are known already.
    """

    recording: Recording
    labels: Labels
    times: np.ndarray
    found: np.ndarray
    traces: np.ndarray | StoredTraces | None = None
    crops: np.ndarray | StoredCrops | None = None
    beats: np.ndarray | None = None


@dataclass(frozen=True)
class Window:
    """A window's place: index of the recording and start in seconds."""

    recording: int
    start: float


def place_windows(
    times: np.ndarray, found: np.ndarray, length: float, hop: float, max_lost: float = 0.05
) -> tuple[list[float], int]:
    """Starts of the windows that fit a recording, and how many were left out because the face was lost.

    Args:
        times: (n,) seconds of the frames.
        found: (n,) bool.
        length, hop: seconds.
        max_lost: largest share of a window's frames that may be without a face.

    Returns:
        Starts in seconds, and the count of windows left out.
    """
    if len(times) < 2:
        return [], 0
    # a recording of exactly one window's frames holds that window
    frame = float(np.median(np.diff(times)))
    first, last = float(times[0]), float(times[-1]) + frame - length
    starts = first + hop * np.arange(int(np.floor((last - first) / hop + 1e-6)) + 1 if last >= first - 1e-6 else 0)
    begin, end = np.searchsorted(times, starts - frame / 2), np.searchsorted(times, starts + length - frame / 2)
    seen = np.concatenate([[0], np.cumsum(found)])
    kept = (end > begin) & (1.0 - (seen[end] - seen[begin]) / np.maximum(end - begin, 1) <= max_lost)
    return starts[kept].tolist(), int(np.sum(~kept))


def cut(prepared: Prepared, start: float, input: Input, targets: np.ndarray | None = None) -> Sample:
    """The window of `input.frames` samples at `input.fps` from `start` (s): traces by straight lines, clips by nearest
    frame.

    Traces bridge frames without a face by straight lines; crops are what they are (black) there, and `mask` tells both.

    Args:
        targets: (len(TARGETS),) of this window, where they are known already.
    """
    grid = start + _steps(input.frames, input.fps)
    place = _between(prepared.times, grid)
    nearest = place.left + (place.share > 0.5)
    if targets is None:
        targets = window_targets(prepared.recording, prepared.labels, grid[:1], input.frames / input.fps)[0]
    return Sample(
        input=_clip(prepared, nearest, input) if isinstance(input, Clip) else _colours(prepared, grid, place),
        waveforms={name: _label(prepared.labels, name, grid) for name in WAVEFORMS},
        targets=dict(zip(TARGETS, targets.tolist(), strict=True)),
        mask=prepared.found[nearest],
        person=f"{prepared.recording.dataset}/{prepared.recording.person}",
        recording=prepared.recording.name,
        start=start,
    )


@lru_cache(maxsize=64)
def _steps(frames: int, fps: float) -> np.ndarray:
    return np.arange(frames) / fps


class _Place(NamedTuple):
    """Where times lie between samples: the index of the one before, and how far it is from there to the next (0..1)."""

    left: np.ndarray
    share: np.ndarray


def _near(times: np.ndarray, grid: np.ndarray) -> slice:
    """The stamps around a window: anything is faster with the few of them than with all."""
    first = max(int(times.searchsorted(grid[0], side="right")) - 1, 0)
    return slice(min(first, len(times) - 1), int(times.searchsorted(grid[-1])) + 1)


def _between(times: np.ndarray, grid: np.ndarray) -> _Place:
    """Places of (T,) increasing times among (n,) increasing stamps; outside, the nearest stamp."""
    near = _near(times, grid)
    inside = times[near]
    place = np.interp(grid, inside, _counting(len(inside)))
    left = place.astype(np.intp)
    return _Place(left + near.start, place - left)


@lru_cache(maxsize=64)
def _counting(count: int) -> np.ndarray:
    return np.arange(count, dtype=np.float64)


def _clip(prepared: Prepared, nearest: np.ndarray, input: Clip) -> np.ndarray:
    assert prepared.crops is not None
    crops = prepared.crops[nearest]
    if crops.shape[1] != input.size:
        size = (input.size, input.size)
        crops = np.stack([cv2.resize(crop, size, interpolation=cv2.INTER_AREA) for crop in crops])
    # to 0..1 only where it is needed: bytes take a quarter of the time and memory from a worker to the model
    return np.ascontiguousarray(crops.transpose(3, 0, 1, 2))


def _colours(prepared: Prepared, grid: np.ndarray, place: _Place) -> np.ndarray:
    """Traces (regions, 3, T) on a grid of times; of a stored recording only the frames around it are read."""
    traces = prepared.traces
    assert traces is not None
    left, right = place.left, place.left + (place.share > 0)
    if not prepared.found[left[0] : right[-1] + 1].all():
        # by straight lines from the last frame with a face to the next one
        seen = np.flatnonzero(prepared.found)
        if not len(seen):
            return np.full((*traces.shape[:2], len(grid)), np.nan, np.float32)
        place = _between(prepared.times[seen], grid)
        left, right = seen[place.left], seen[place.left + (place.share > 0)]
    first, last = int(left[0]), int(right[-1])
    # (frames, regions, 3): so a stored window lies, and whole frames are moved faster than single numbers
    rows = traces[..., first : last + 1].transpose(2, 0, 1).reshape(last + 1 - first, -1)
    before, after = (cv2.transpose(rows.take(index - first, axis=0)) for index in (left, right))
    after -= before
    after *= place.share.astype(np.float32)
    before += after
    return before.reshape(*traces.shape[:2], len(grid))


def _label(labels: Labels, name: str, grid: np.ndarray) -> np.ndarray:
    """A label signal on the frame grid; NaN where it is unknown, outside it and in gaps of more than a second."""
    if name not in labels.signals:
        return np.full(len(grid), np.nan, np.float32)
    near = _near(labels.signals[name].times, grid)
    times, signal = labels.signals[name].times[near], labels.signals[name].values[near]
    values = np.interp(grid, times, signal).astype(np.float32)
    margin = 1.0 / 10
    if grid[0] < times[0] - margin or grid[-1] > times[-1] + margin:
        values[(grid < times[0] - margin) | (grid > times[-1] + margin)] = np.nan
    for gap in np.flatnonzero(np.diff(times) > 1.0):
        values[(grid > times[gap]) & (grid < times[gap + 1])] = np.nan
    return values


class RecordedWindows:
    """A map-style data set of windows over prepared recordings.

    Args:
        recordings: what was prepared.
        input: what the model eats.
        hop: seconds between windows.
        max_lost: largest share of a window's frames that may be without a face.
    """

    def __init__(self, recordings: Sequence[Prepared], input: Input, hop: float, max_lost: float = 0.05) -> None:
        self.recordings = [_of_regions(prepared, input) for prepared in recordings]
        self.input = input
        self.left_out = 0
        starts: list[list[float]] = []
        targets: list[np.ndarray] = []
        length = input.frames / input.fps
        for prepared in self.recordings:
            found, left_out = place_windows(prepared.times, prepared.found, length, hop, max_lost)
            starts.append(found)
            self.left_out += left_out
            beats = beats_of(prepared.labels) if prepared.beats is None else prepared.beats
            targets.append(window_targets(prepared.recording, prepared.labels, np.array(found), length, beats))
        # arrays: Python would visit each of a million objects whenever it looks for garbage
        self._recording = np.repeat(np.arange(len(starts)), [len(found) for found in starts])
        self._start = np.array([start for found in starts for start in found])
        self._targets = np.concatenate([np.empty((0, len(TARGETS)), np.float32), *targets])

    @property
    def windows(self) -> list[Window]:
        """The place of each window."""
        return [Window(int(i), float(start)) for i, start in zip(self._recording, self._start, strict=True)]

    def __len__(self) -> int:
        return len(self._start)

    def __getitem__(self, index: int) -> Sample:
        prepared = self.recordings[self._recording[index]]
        return cut(prepared, float(self._start[index]), self.input, self._targets[index])

    def targets(self) -> dict[str, np.ndarray]:
        """Targets of all windows, by name, without reading any video: (n,) float32, NaN where unknown."""
        return dict(zip(TARGETS, self._targets.T, strict=True))


def _of_regions(prepared: Prepared, input: Input) -> Prepared:
    """A recording whose stored traces are those of the model's regions, of the more that its file may hold."""
    if isinstance(input, Clip) or not isinstance(prepared.traces, StoredTraces):
        return prepared
    return replace(prepared, traces=prepared.traces.choose(input.regions))


def collate(samples: Sequence[Sample]) -> dict[str, Any]:
    """A batch of samples as tensors; names stay lists."""
    from zoo.data.batches import Path, pack

    waveforms = sorted({name for sample in samples for name in sample["waveforms"]})
    targets = sorted({name for sample in samples for name in sample["targets"]})
    unknown = np.full(len(samples[0]["mask"]), np.nan, np.float32)
    numbers = np.array([[s["targets"].get(name, np.nan) for s in samples] for name in targets], np.float32)
    columns: dict[Path, Sequence[np.ndarray] | np.ndarray] = {
        ("input",): [sample["input"] for sample in samples],
        **{("waveforms", name): [s["waveforms"].get(name, unknown) for s in samples] for name in waveforms},
        **{("targets", name): row for name, row in zip(targets, numbers, strict=True)},
        ("mask",): [sample["mask"] for sample in samples],
        ("start",): np.array([sample["start"] for sample in samples]),
    }
    names = ("person", "recording")
    return pack(columns, {(name,): [sample[name] for sample in samples] for name in names})  # type: ignore[literal-required]
