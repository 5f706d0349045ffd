"""Windows cut from a stream of samples as they arrive, and their waveforms joined again by overlap-add."""

from __future__ import annotations

from dataclasses import dataclass, field
from time import perf_counter

import numpy as np

from zoo.prediction.runner import Runner
from zoo.signals.confidence import colours_of
from zoo.signals.forms import to_value
from zoo.signals.resample import nearest_index, resample
from zoo.spec import Clip, Signal

# A face that is away for longer than this (s) ends a stretch; a shorter gap is bridged.
LONGEST_GAP = 1.0


@dataclass
class Stretch:
    """An unbroken view of the face on the frame grid, whose sample k is at k / fps seconds.

    Args:
        start, frames: grid index of its first sample, and how many there are.
        waveforms: z-scored waveforms (n,) by name.
        biomarkers: a value for each window, by name.
        colours: (regions, 3, n) mean colours that the model saw.
    """

    start: int
    frames: int = 0
    waveforms: dict[str, np.ndarray] = field(default_factory=dict)
    biomarkers: dict[str, list[float]] = field(default_factory=dict)
    colours: np.ndarray = field(default_factory=lambda: np.zeros((0, 3, 0)))


@dataclass
class _Sum:
    """Overlap-add: weighted waveforms and the weights' own sum."""

    total: np.ndarray = field(default_factory=lambda: np.zeros(0))
    weight: np.ndarray = field(default_factory=lambda: np.zeros(0))

    def add(self, at: int, wave: np.ndarray) -> None:
        """Add (..., n) from sample `at` on."""
        length, held = wave.shape[-1], len(self.weight)
        if not held:
            self.total = np.zeros((*wave.shape[:-1], 0), wave.dtype)
        missing = at + length - held
        if missing > 0:
            # doubled, so that hours of video cost no more than their waveform
            more = np.zeros((*wave.shape[:-1], max(missing, held)), wave.dtype)
            self.total = np.concatenate([self.total, more], axis=-1)
            self.weight = np.concatenate([self.weight, np.zeros(more.shape[-1])])
        taper = np.sin(np.pi * (np.arange(length) + 0.5) / length) ** 2
        self.total[..., at : at + length] += (taper * wave).astype(wave.dtype, copy=False)
        self.weight[at : at + length] += taper

    def joined(self, frames: int) -> np.ndarray:
        return self.total[..., :frames] / self.weight[:frames]


class Windows:
    """Feeds a runner with half-overlapping windows of a growing recording; holds little more than one window of it.

    More than a second without a face ends a stretch, and a new one begins behind it. A stretch that is shorter than
    the model's window is one shorter window; one that is shorter than the model's `min_frames` is left out.
    """

    def __init__(self, runner: Runner) -> None:
        self.runner, self.input = runner, runner.input
        self.hop = max(1, self.input.frames // 2)
        self.stretches: list[Stretch] = []
        self.seconds = 0.0
        self._reset()

    def _reset(self) -> None:
        self._times = np.zeros(0)
        self._samples: np.ndarray | None = None
        self._first = self._next = self._covered = 0
        self._open: Stretch | None = None
        self._sums: dict[str, _Sum] = {}
        self._colours = _Sum()

    def push(self, times: np.ndarray, found: np.ndarray, samples: np.ndarray) -> None:
        """Take successive frames.

        Args:
            times: (n,) seconds.
            found: (n,) whether the face was seen.
            samples: traces (regions, 3, n), or crops (n, S, S, 3) uint8 where the model eats clips.
        """
        axis = self._axis
        times, samples = times[found], samples.compress(found, axis=axis)
        for part in np.split(np.arange(len(times)), np.flatnonzero(np.diff(times) > LONGEST_GAP) + 1):
            if not len(part):
                continue
            if len(self._times) and times[part[0]] - self._times[-1] > LONGEST_GAP:
                self.close()
            self._extend(times[part], samples.take(part, axis=axis))

    def close(self) -> None:
        """End the stretch: its last window ends where it ends."""
        if len(self._times) >= 2:
            end, first = self._end, self._first
            length = min(end - first, self.input.frames)
            length -= length % self.input.multiple_of
            if end > self._covered and length >= max(self.input.min_frames, 2):
                self._run(end - length, length)
            if self._open is not None:
                self._open.frames = self._covered - self._open.start
                self._open.waveforms = {name: sums.joined(self._open.frames) for name, sums in self._sums.items()}
                self._open.colours = self._colours.joined(self._open.frames)
                self.stretches.append(self._open)
        self._reset()

    @property
    def _axis(self) -> int:
        return 0 if isinstance(self.input, Clip) else -1

    @property
    def _end(self) -> int:
        """The grid index behind the last sample that has come."""
        return int(np.floor(self._times[-1] * self.input.fps + 1e-3)) + 1

    def _extend(self, times: np.ndarray, samples: np.ndarray) -> None:
        if self._samples is None:
            self._first = self._next = self._covered = int(np.ceil(times[0] * self.input.fps - 1e-3))
            self._samples = samples[:0] if self._axis == 0 else samples[..., :0]
        self._times = np.concatenate([self._times, times])
        self._samples = np.concatenate([self._samples, samples], axis=self._axis)
        while self._next + self.input.frames <= self._end:
            self._run(self._next, self.input.frames)
            # the stretch's last window may start anywhere behind this one's start
            keep = np.flatnonzero(self._times >= self._next / self.input.fps)[0]
            self._times = self._times[max(keep - 1, 0) :]
            self._samples = np.delete(self._samples, np.s_[: max(keep - 1, 0)], axis=self._axis)
            self._next += self.hop

    def _run(self, start: int, length: int) -> None:
        began = perf_counter()
        grid = (start + np.arange(length)) / self.input.fps
        assert self._samples is not None
        cut = clip_at if isinstance(self.input, Clip) else resample
        window = cut(self._times, self._samples, grid).astype(np.float32)
        waveforms, biomarkers = self.runner(window[None])
        if self._open is None:
            self._open = Stretch(start)
        for name, wave in waveforms.items():
            output = self.runner.outputs[name]
            assert isinstance(output, Signal)
            value = to_value(wave[0].astype(np.float64), output.form, self.input.fps)
            self._sums.setdefault(name, _Sum()).add(start - self._open.start, value)
        colours = colours_of(window[None], self.input)[0].astype(np.float32)
        self._colours.add(start - self._open.start, colours)
        for name, number in biomarkers.items():
            self._open.biomarkers.setdefault(name, []).append(float(number[0]))
        self._covered = start + length
        self.seconds += perf_counter() - began


def clip_at(times: np.ndarray, crops: np.ndarray, grid: np.ndarray) -> np.ndarray:
    """Crops at other times: the nearest frame, and where that would repeat one, a blend of the two around it.

    Args:
        times: (n,) seconds.
        crops: (n, S, S, 3) uint8.
        grid: (T,) seconds.

    Returns:
        (3, T, S, S) float32 0..1.
    """
    nearest = nearest_index(times, grid)
    clip = crops[nearest].astype(np.float32)
    for k in np.flatnonzero(np.diff(nearest) == 0) + 1:
        after = int(np.clip(np.searchsorted(times, grid[k]), 1, len(times) - 1))
        share = np.clip((grid[k] - times[after - 1]) / (times[after] - times[after - 1]), 0.0, 1.0)
        clip[k] = (1 - share) * crops[after - 1] + share * crops[after]
    return clip.transpose(3, 0, 1, 2) / np.float32(255)
