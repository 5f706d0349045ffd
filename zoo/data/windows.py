"""Windows over a prepared recording: exactly what a model eats, with labels on the same frame grid."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, TypedDict

import numpy as np

from zoo.data.recording import Labels, Recording
from zoo.data.stored import StoredCrops, StoredTraces
from zoo.spec import TARGETS, WAVEFORMS, Clip, Input


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
    grid = start + np.arange(frames or input.frames) / input.fps
    after = np.clip(np.searchsorted(prepared.times, grid), 1, max(len(prepared.times) - 1, 1))
    earlier = grid - prepared.times[after - 1] <= prepared.times[after] - grid
    nearest = np.where(earlier, after - 1, after)
    targets = dict.fromkeys(TARGETS, np.nan)
    targets.update((name, float(value)) for name, value in prepared.recording.targets.items() if name in targets)
    return Sample(
        input=_clip(prepared, nearest, input) if isinstance(input, Clip) else _colours(prepared, grid),
        waveforms={name: _label(prepared.labels, name, grid) for name in WAVEFORMS},
        targets=targets,
        mask=prepared.found[nearest],
        person=f"{prepared.recording.dataset}/{prepared.recording.person}",
        recording=prepared.recording.name,
        start=start,
    )


def _clip(prepared: Prepared, nearest: np.ndarray, input: Clip) -> np.ndarray:
    assert prepared.crops is not None
    crops = prepared.crops[nearest]
    if crops.shape[1] != input.size:
        import cv2

        size = (input.size, input.size)
        crops = np.stack([cv2.resize(crop, size, interpolation=cv2.INTER_AREA) for crop in crops])
    return np.multiply(crops.transpose(3, 0, 1, 2), np.float32(1 / 255), dtype=np.float32, order="C")


def _colours(prepared: Prepared, grid: np.ndarray) -> np.ndarray:
    """Traces (regions, 3, T) on a grid of times; of a stored recording only the frames around it are read."""
    traces, found = prepared.traces, prepared.found
    assert traces is not None
    seen = np.flatnonzero(found)
    if not len(seen):
        return np.full((*traces.shape[:2], len(grid)), np.nan, np.float32)
    times = prepared.times[seen]
    # the frames with a face just before and just after the window, and all between
    first = max(int(np.searchsorted(times, grid[0], side="right")) - 1, 0)
    last = min(int(np.searchsorted(times, grid[-1])), len(seen) - 1)
    part = traces[..., int(seen[first]) : int(seen[last]) + 1]
    if part.shape[-1] > last - first + 1:
        part = part[..., seen[first : last + 1] - seen[first]]
    return _straight_lines(times[first : last + 1], part, grid)


def _straight_lines(times: np.ndarray, values: np.ndarray, grid: np.ndarray) -> np.ndarray:
    """`zoo.signals.resample.resample` for checked times, in float32: (..., n) at `grid`, as (..., T) in one piece."""
    right = np.minimum(np.searchsorted(times, grid, side="right"), len(times) - 1)
    left = np.maximum(right - 1, 0)
    span = np.maximum(times[right] - times[left], 1e-9)
    share = np.clip((grid - times[left]) / span, 0.0, 1.0).astype(np.float32)
    before = np.take(values, left, axis=-1)
    before += (np.take(values, right, axis=-1) - before) * share
    return np.ascontiguousarray(before)


def _label(labels: Labels, name: str, grid: np.ndarray) -> np.ndarray:
    """A label signal on the frame grid; NaN where it is unknown, outside it and in gaps of more than a second."""
    if name not in labels.signals:
        return np.full(len(grid), np.nan, np.float32)
    times, signal = labels.signals[name].times, labels.signals[name].values
    values = np.interp(grid, times, signal).astype(np.float32)
    after = np.clip(np.searchsorted(times, grid), 1, len(times) - 1)
    margin = 1.0 / 10
    outside = (grid < times[0] - margin) | (grid > times[-1] + margin) | (times[after] - times[after - 1] > 1.0)
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
        self.windows: list[Window] = []
        self.left_out = 0
        for i, prepared in enumerate(self.recordings):
            length = input.frames / input.fps
            starts, left_out = place_windows(prepared.times, prepared.found, length, hop, max_lost)
            self.windows += [Window(i, start) for start in starts]
            self.left_out += left_out

    def __len__(self) -> int:
        return len(self.windows)

    def __getitem__(self, index: int) -> Sample:
        window = self.windows[index]
        return cut(self.recordings[window.recording], window.start, self.input)

    def targets(self, index: int) -> dict[str, float]:
        """Targets of a window, by name, without reading it."""
        return dict(self.recordings[self.windows[index].recording].recording.targets)


def _of_regions(prepared: Prepared, input: Input) -> Prepared:
    """A recording whose stored traces are those of the model's regions, of the more that its file may hold."""
    if isinstance(input, Clip) or not isinstance(prepared.traces, StoredTraces):
        return prepared
    return replace(prepared, traces=prepared.traces.choose(input.regions))


def collate(samples: Sequence[Sample]) -> dict[str, Any]:
    """A batch of samples as tensors; names stay lists."""
    import torch

    def stack(values: Sequence[np.ndarray]) -> torch.Tensor:
        return torch.from_numpy(np.stack(values))

    waveforms = sorted({name for sample in samples for name in sample["waveforms"]})
    targets = sorted({name for sample in samples for name in sample["targets"]})
    unknown = np.full(len(samples[0]["mask"]), np.nan, np.float32)
    return {
        "input": stack([sample["input"] for sample in samples]),
        "waveforms": {name: stack([s["waveforms"].get(name, unknown) for s in samples]) for name in waveforms},
        "targets": {
            name: torch.tensor([s["targets"].get(name, float("nan")) for s in samples], dtype=torch.float32)
            for name in targets
        },
        "mask": stack([sample["mask"] for sample in samples]),
        "person": [sample["person"] for sample in samples],
        "recording": [sample["recording"] for sample in samples],
        "start": torch.tensor([sample["start"] for sample in samples], dtype=torch.float64),
    }
