"""Prediction on one video: stream it, run the model window by window, read rates from what it says."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np

from zoo.data.extract import Chunk, Stream, stream
from zoo.errors import FaceError, VideoError
from zoo.prediction import rates
from zoo.prediction.inputs import check_local
from zoo.prediction.result import Biomarker, VideoResult
from zoo.prediction.runner import DEFAULT, Runner, calibrator_of, open_runner, simulated, untrained
from zoo.prediction.windows import LONGEST_GAP, Windows
from zoo.signals.confidence import views_of
from zoo.spec import TARGETS, Clip, Target

SHORTEST = 10.0
# the one classical method that a single channel is enough for
GREY_METHOD = "green"
# a file's last frame or the face's first look may be missing from "10 s"
TOLERANCE = 0.5


def predict(
    video: str | Path, model: Any = DEFAULT, *, progress: Callable[[int, int | None], None] | None = None
) -> VideoResult:
    """Heart rate, respiration, biomarkers and signal quality of a face video of any length from 10 s.

    Args:
        video: a video file, a folder or zip of numbered pictures.
        model: a model's name, a checkpoint's name, a card, a .ckpt, a VitalsModule, or a `Runner`.
        progress: called with the frames done and their number (None if unknown).

    Raises:
        VideoError: it cannot be read, or is shorter than 10 s.
        FaceError: no face, or never for 10 s in a row.
        UnknownName, CheckpointError: no such model.
    """
    check_local(str(video))
    runner = open_runner(model)
    source = _source(video, runner, progress)
    windows = Windows(runner)
    clock, grey = _Clock(), _Grey()
    for chunk in source:
        samples = chunk.crops if isinstance(runner.input, Clip) else chunk.traces
        assert samples is not None
        clock.see(chunk)
        grey.see(samples, chunk.found, 0 if isinstance(runner.input, Clip) else -1)
        windows.push(chunk.times, chunk.found, samples)
    windows.close()
    _check_length(video, clock, windows, runner)
    if grey.seen and not runner.trainable and runner.name != GREY_METHOD:
        raise VideoError(
            f"'{video}' is grey, and {runner.name} reads the pulse from colour: record it in colour, or use "
            f"--model {GREY_METHOD}."
        )
    return _result(str(video), runner, source, windows, clock, grey)


class _Clock:
    """Frames, their times, and when the face was away."""

    def __init__(self) -> None:
        self.frames, self.last, self.step = 0, 0.0, 0.0
        self.away: list[tuple[float, float]] = []
        self._lost: float | None = 0.0

    @property
    def duration(self) -> float:
        return self.last + self.step

    def see(self, chunk: Chunk) -> None:
        for time, found in zip(chunk.times, chunk.found, strict=True):
            if found and self._lost is not None:
                self._note(float(time))
            elif not found and self._lost is None:
                self._lost = self.last if self.frames else 0.0
            self.frames, self.last = self.frames + 1, float(time)
        self.step = self.last / max(self.frames - 1, 1)

    def notes(self) -> list[str]:
        """A sentence for each time without a face."""
        if self._lost is not None:
            self._note(self.duration)
        return [f"no face from {start:.1f} to {end:.1f} s" for start, end in self.away]

    def _note(self, now: float) -> None:
        assert self._lost is not None
        if now - self._lost > LONGEST_GAP:
            self.away.append((self._lost, now))
        self._lost = None


class _Grey:
    """Whether all that was seen has no colour."""

    def __init__(self) -> None:
        self.seen = True

    def see(self, samples: np.ndarray, found: np.ndarray, time_axis: int) -> None:
        if self.seen and found.any():
            samples = samples.compress(found, axis=time_axis)
            colours = samples if time_axis == 0 else np.moveaxis(samples, 1, -1)
            full = 255.0 if samples.dtype == np.uint8 else 1.0
            self.seen = bool(np.ptp(colours, axis=-1).max() <= 0.01 * full)


def _source(video: str | Path, runner: Runner, progress: Callable[[int, int | None], None] | None) -> Stream:
    if isinstance(runner.input, Clip):
        return stream(video, regions=None, crop_size=runner.input.size, crop=runner.input.crop, progress=progress)
    return stream(video, regions=runner.input.regions, progress=progress)


def _check_length(video: str | Path, clock: _Clock, windows: Windows, runner: Runner) -> None:
    if clock.duration < SHORTEST - TOLERANCE:
        raise VideoError(
            f"'{video}' is {clock.duration:.1f} s long: record at least {SHORTEST:g} s to get a heart rate."
        )
    fps = runner.input.fps
    longest = max((stretch.frames / fps for stretch in windows.stretches), default=0.0)
    if longest < SHORTEST - TOLERANCE:
        need = max(SHORTEST, runner.input.min_frames / fps)
        raise FaceError(
            f"The face in '{video}' is in view for {longest:.1f} s in a row, and {runner.name} needs {need:g} s: "
            f"keep the face in the picture."
        )


def _result(video: str, runner: Runner, source: Stream, windows: Windows, clock: _Clock, grey: _Grey) -> VideoResult:
    began = perf_counter()
    fps = runner.input.fps
    start, waveforms = _joined(windows)
    calibrator = calibrator_of(runner)
    views = _views(windows, start) if calibrator.needs_views else None
    frames = max(stretch.start + stretch.frames for stretch in windows.stretches) - start
    times = (start + np.arange(frames)) / fps
    numbers = _numbers(windows)
    seen = sum(stretch.frames for stretch in windows.stretches) / fps
    read = rates.read(waveforms, numbers, fps, start / fps, seen, views, calibrator)
    notes = [*_model_notes(runner), *source.notes, *clock.notes(), *read.notes]
    if grey.seen:
        notes.append("the video is grey: much of the pulse lies in colour")
    return VideoResult(
        video=video,
        model=runner.name,
        heart_rate=read.heart_rate,
        over_time=read.over_time,
        respiration_rate=read.respiration_rate,
        biomarkers={} if untrained(runner) else _biomarkers(runner, numbers),
        quality=read.quality,
        notes=tuple(notes),
        duration=clock.duration,
        frames=clock.frames,
        fps=source.fps,
        times=times,
        waveforms=waveforms,
        preview=source.preview,
        regions=source.regions,
        crop=runner.input.crop if isinstance(runner.input, Clip) else "",
        seconds={**source.seconds, "model": windows.seconds, "rates": perf_counter() - began},
    )


def _joined(windows: Windows) -> tuple[int, dict[str, np.ndarray]]:
    """The first grid index, and waveforms of all stretches on one grid, NaN between them."""
    start = min(stretch.start for stretch in windows.stretches)
    end = max(stretch.start + stretch.frames for stretch in windows.stretches)
    joined = {name: np.full(end - start, np.nan) for stretch in windows.stretches for name in stretch.waveforms}
    for stretch in windows.stretches:
        for name, wave in stretch.waveforms.items():
            joined[name][stretch.start - start : stretch.start - start + stretch.frames] = wave
    return start, joined


def _views(windows: Windows, start: int) -> np.ndarray:
    """What the colours of all stretches say without the model, (2 regions, T) on the grid of `_joined`."""
    end = max(stretch.start + stretch.frames for stretch in windows.stretches)
    views = np.full((2 * len(windows.stretches[0].colours), end - start), np.nan)
    for stretch in windows.stretches:
        seen = views_of(stretch.colours, windows.input.fps)
        if seen is not None:
            views[:, stretch.start - start : stretch.start - start + stretch.frames] = seen
    return views


def _numbers(windows: Windows) -> dict[str, np.ndarray]:
    """Each biomarker's values over all windows."""
    names = {name for stretch in windows.stretches for name in stretch.biomarkers}
    return {
        name: np.array([value for stretch in windows.stretches for value in stretch.biomarkers.get(name, [])])
        for name in names
    }


def _biomarkers(runner: Runner, numbers: dict[str, np.ndarray]) -> dict[str, Biomarker]:
    unreal = simulated(runner)
    shown = {}
    for name in TARGETS:
        target = runner.outputs.get(name)
        if name in numbers and isinstance(target, Target):
            label = target.classes[1] if target.kind == "class" else ""
            shown[name] = Biomarker(float(np.nanmedian(numbers[name])), target.unit, unreal, label)
    return shown


def _model_notes(runner: Runner) -> list[str]:
    if untrained(runner):
        return [
            f"{runner.name} has no trained weights here, so its numbers mean nothing: train it with "
            f"'zoo fit --model {runner.name}', or give --model a checkpoint"
        ]
    if simulated(runner) and any(isinstance(output, Target) for output in runner.outputs.values()):
        return [f"biomarkers are not medical: {runner.name} was trained on simulated people"]
    return []
