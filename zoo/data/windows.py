"""Windows over a prepared recording: exactly what a model eats, with labels on the same frame grid."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, NamedTuple, TypedDict

import numpy as np

from zoo.data.recording import Labels, Recording
from zoo.data.stored import StoredCrops, StoredTraces
from zoo.data.targets import beats_of, heart_rate, window_targets
from zoo.spec import WAVEFORMS, Clip, Input


class Sample(TypedDict):
    """One window: `input` float32 RGB 0..1, (regions, 3, T) or (3, T, H, W); labels with NaN where unknown."""

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
    """

    recording: Recording
    labels: Labels
    times: np.ndarray
    found: np.ndarray
    traces: np.ndarray | StoredTraces | None = None
    crops: np.ndarray | StoredCrops | None = None


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
    kept = []
    for start in starts:
        inside = found[(times >= start - frame / 2) & (times < start + length - frame / 2)]
        if len(inside) and 1.0 - inside.mean() <= max_lost:
            kept.append(float(start))
    return kept, len(starts) - len(kept)


def cut(prepared: Prepared, start: float, input: Input, frames: int | None = None) -> Sample:
    """The window of `frames` samples at `input.fps` from `start` (s): traces interpolated, clips by nearest frame.

    Traces bridge frames without a face by straight lines; crops are what they are (black) there, and `mask` tells both.
    """
    grid = start + _steps(frames or input.frames, input.fps)
    place = _between(prepared.times, grid)
    nearest = np.where(place.share > 0.5, place.right, place.left)
    return Sample(
        input=_clip(prepared, nearest, input) if isinstance(input, Clip) else _colours(prepared, grid, place),
        waveforms={name: _label(prepared.labels, name, grid) for name in WAVEFORMS},
        targets=window_targets(prepared.recording, prepared.labels, start, len(grid) / input.fps),
        mask=prepared.found[nearest],
        person=f"{prepared.recording.dataset}/{prepared.recording.person}",
        recording=prepared.recording.name,
        start=start,
    )


@lru_cache(maxsize=64)
def _steps(frames: int, fps: float) -> np.ndarray:
    return np.arange(frames) / fps


class _Place(NamedTuple):
    """Where times lie between samples: indices of those before and after, and how far it is from one to the other."""

    left: np.ndarray
    right: np.ndarray
    share: np.ndarray


def _between(times: np.ndarray, grid: np.ndarray) -> _Place:
    """Places of (T,) increasing times among (n,) increasing stamps; outside, the nearest stamp."""
    # only the stamps around the window: a search is faster the fewer there are
    low = max(int(times.searchsorted(grid[0], side="right")) - 1, 0)
    near = times[low : int(times.searchsorted(grid[-1])) + 1]
    if not len(near):
        low, near = len(times) - 1, times[-1:]
    right = np.minimum(near.searchsorted(grid, side="right"), len(near) - 1)
    left = np.maximum(right - 1, 0)
    before = near[left]
    share = (grid - before) / np.maximum(near[right] - before, 1e-9)
    np.minimum(np.maximum(share, 0.0, out=share), 1.0, out=share)
    return _Place(left + low, right + low, share)


def _clip(prepared: Prepared, nearest: np.ndarray, input: Clip) -> np.ndarray:
    assert prepared.crops is not None
    crops = prepared.crops[nearest]
    if crops.shape[1] != input.size:
        import cv2

        size = (input.size, input.size)
        crops = np.stack([cv2.resize(crop, size, interpolation=cv2.INTER_AREA) for crop in crops])
    return np.multiply(crops.transpose(3, 0, 1, 2), np.float32(1 / 255), dtype=np.float32, order="C")


def _colours(prepared: Prepared, grid: np.ndarray, place: _Place) -> np.ndarray:
    """Traces (regions, 3, T) on a grid of times; of a stored recording only the frames around it are read."""
    traces = prepared.traces
    assert traces is not None
    first, last = int(place.left[0]), int(place.right[-1])
    seen = None
    if not prepared.found[first : last + 1].all():
        # by straight lines from the last frame with a face to the next one
        seen = np.flatnonzero(prepared.found)
        if not len(seen):
            return np.full((*traces.shape[:2], len(grid)), np.nan, np.float32)
        place = _between(prepared.times[seen], grid)
        place = _Place(seen[place.left], seen[place.right], place.share)
        first, last = int(place.left[0]), int(place.right[-1])
    # (frames, regions, 3): so a stored window lies, and whole frames are moved faster than single numbers
    rows = traces[..., first : last + 1].transpose(2, 0, 1)
    values = rows[place.left - first]
    step = rows[place.right - first]
    step -= values
    step *= place.share.astype(np.float32)[:, None, None]
    values += step
    return np.ascontiguousarray(values.transpose(1, 2, 0))


def _label(labels: Labels, name: str, grid: np.ndarray) -> np.ndarray:
    """A label signal on the frame grid; NaN where it is unknown, outside it and in gaps of more than a second."""
    if name not in labels.signals:
        return np.full(len(grid), np.nan, np.float32)
    times, signal = labels.signals[name].times, labels.signals[name].values
    place = _between(times, grid)
    before = signal[place.left]
    values = (before + (signal[place.right] - before) * place.share).astype(np.float32)
    margin = 1.0 / 10
    outside = (grid < times[0] - margin) | (grid > times[-1] + margin) | (times[place.right] - times[place.left] > 1.0)
    values[outside] = np.nan
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
        self._beats: dict[int, np.ndarray] = {}
        starts: list[list[float]] = []
        for prepared in self.recordings:
            length = input.frames / input.fps
            found, left_out = place_windows(prepared.times, prepared.found, length, hop, max_lost)
            starts.append(found)
            self.left_out += left_out
        # arrays: Python would visit each of a million objects whenever it looks for garbage
        self._recording = np.repeat(np.arange(len(starts)), [len(found) for found in starts])
        self._start = np.array([start for found in starts for start in found])

    @property
    def windows(self) -> list[Window]:
        """The place of each window."""
        return [Window(int(i), float(start)) for i, start in zip(self._recording, self._start, strict=True)]

    def __len__(self) -> int:
        return len(self._start)

    def __getitem__(self, index: int) -> Sample:
        sample = cut(self.recordings[self._recording[index]], float(self._start[index]), self.input)
        self._add_heart_rate(sample["targets"], index)
        return sample

    def targets(self, index: int) -> dict[str, float]:
        """Targets of a window, by name, without reading its video."""
        prepared = self.recordings[self._recording[index]]
        length = self.input.frames / self.input.fps
        targets = window_targets(prepared.recording, prepared.labels, float(self._start[index]), length)
        self._add_heart_rate(targets, index)
        return targets

    def _add_heart_rate(self, targets: dict[str, float], index: int) -> None:
        """From the contact beats, where no label says it; beats are found once a recording, when first asked for."""
        which = int(self._recording[index])
        if np.isnan(targets["heart_rate"]) and "ppg" in self.recordings[which].labels.signals:
            if which not in self._beats:
                self._beats[which] = beats_of(self.recordings[which].labels)
            length = self.input.frames / self.input.fps
            targets["heart_rate"] = heart_rate(self._beats[which], float(self._start[index]), length)


def _of_regions(prepared: Prepared, input: Input) -> Prepared:
    """A recording whose stored traces are those of the model's regions, of the more that its file may hold."""
    if isinstance(input, Clip) or not isinstance(prepared.traces, StoredTraces):
        return prepared
    return replace(prepared, traces=prepared.traces.choose(input.regions))


def collate(samples: Sequence[Sample]) -> dict[str, Any]:
    """A batch of samples as tensors; names stay lists."""
    import torch

    from zoo.data.batches import PackedBatch

    def stack(values: Sequence[np.ndarray]) -> torch.Tensor:
        return torch.from_numpy(np.stack(values))

    waveforms = sorted({name for sample in samples for name in sample["waveforms"]})
    targets = sorted({name for sample in samples for name in sample["targets"]})
    unknown = np.full(len(samples[0]["mask"]), np.nan, np.float32)
    numbers = np.array([[s["targets"].get(name, np.nan) for s in samples] for name in targets], np.float32)
    batch = {
        "input": stack([sample["input"] for sample in samples]),
        "waveforms": {name: stack([s["waveforms"].get(name, unknown) for s in samples]) for name in waveforms},
        "targets": dict(zip(targets, torch.from_numpy(numbers), strict=True)),
        "mask": stack([sample["mask"] for sample in samples]),
        "person": [sample["person"] for sample in samples],
        "recording": [sample["recording"] for sample in samples],
        "start": torch.tensor([sample["start"] for sample in samples], dtype=torch.float64),
    }
    return batch if torch.utils.data.get_worker_info() is None else PackedBatch(batch)
