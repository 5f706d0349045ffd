"""Windows over a prepared recording: exactly what a model eats, with labels on the same frame grid."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypedDict

import numpy as np

from zoo.data.recording import Labels, Recording
from zoo.signals.resample import nearest_index, resample
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
        traces: (regions, 3, n) float32 0..1, or None.
        crops: (n, S, S, 3) uint8, or None.
    """

    recording: Recording
    labels: Labels
    times: np.ndarray
    found: np.ndarray
    traces: np.ndarray | None = None
    crops: np.ndarray | None = None


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
    """The window of `frames` samples at `input.fps` from `start` (s): traces interpolated, clips by nearest frame."""
    grid = start + np.arange(frames or input.frames) / input.fps
    nearest = nearest_index(prepared.times, grid)
    if isinstance(input, Clip):
        assert prepared.crops is not None
        x = prepared.crops[nearest].astype(np.float32).transpose(3, 0, 1, 2) / np.float32(255)
    else:
        assert prepared.traces is not None
        x = resample(prepared.times, prepared.traces, grid).astype(np.float32)
    return Sample(
        input=x,
        waveforms={name: _label(prepared.labels, name, grid) for name in WAVEFORMS},
        targets={name: float(prepared.recording.targets.get(name, np.nan)) for name in TARGETS},
        mask=prepared.found[nearest],
        person=f"{prepared.recording.dataset}/{prepared.recording.person}",
        recording=prepared.recording.name,
        start=start,
    )


def _label(labels: Labels, name: str, grid: np.ndarray) -> np.ndarray:
    """A label signal on the frame grid; NaN where it is unknown, outside it and in gaps of more than a second."""
    if name not in labels.signals:
        return np.full(len(grid), np.nan, np.float32)
    series = labels.signals[name]
    values = resample(series.times, series.values, grid).astype(np.float32)
    after = np.clip(np.searchsorted(series.times, grid), 1, len(series.times) - 1)
    gap = series.times[after] - series.times[after - 1]
    margin = 1.0 / 10
    outside = (grid < series.times[0] - margin) | (grid > series.times[-1] + margin) | (gap > 1.0)
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
        self.recordings = list(recordings)
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
