"""Training windows changed at random, with their labels; draws depend on seed, epoch and window, not on the worker."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any, SupportsInt, cast

import numpy as np

from zoo.data.windows import Sample
from zoo.errors import UsageError
from zoo.spec import Clip, Input

RATES = ("heart_rate", "respiration_rate")
# Hz: slower than any pulse and most breaths
DRIFT_HZ = 0.25


@dataclass(frozen=True)
class Augmentation:
    """What is changed, and how much at most; 0 leaves it as it is. A recipe has them as `data.augment: {...}`.

    Args:
        time_stretch: traces: played faster or slower by up to this share (0.2 = between 1/1.2 and 1.2 times), with
            waveforms and the labels of heart and respiration rate.
        amplitude: traces: variation about the mean colour made larger or smaller by up to this share, likewise.
        drift: traces: slow change of the light, its standard deviation as a share of the colour.
        region_dropout: traces: probability of each region to show its mean colour only (one always remains).
        dropped_frames: both: probability of each frame to be lost by the camera, which shows the one before again.
        flip: both: probability of left and right exchanged.
        noise: clips: standard deviation of the sensor's noise at middle grey, grey levels; each pixel and frame anew.
        compression: clips: H.264 with a CRF drawn from 15 to this (51 at most), and back.
        light: clips: brightness and contrast, as a share.
        colour: clips: hue and saturation, as a share.
        blur: clips: standard deviation, as a share of a crop of 100 pixels (0.01 = one of 100).
        crop_jitter: clips: shift as a share of the side; scale by as much, and rotation by as many radians.
    """

    time_stretch: float = 0.0
    amplitude: float = 0.0
    drift: float = 0.0
    region_dropout: float = 0.0
    dropped_frames: float = 0.0
    flip: float = 0.0
    noise: float = 0.0
    compression: float = 0.0
    light: float = 0.0
    colour: float = 0.0
    blur: float = 0.0
    crop_jitter: float = 0.0


BOTH = ("dropped_frames", "flip")
TRACES = ("time_stretch", "amplitude", "drift", "region_dropout", *BOTH)
CLIPS = ("noise", "compression", "light", "colour", "blur", "crop_jitter", *BOTH)
LARGEST = {"compression": 51.0, "noise": 50.0, "time_stretch": 2.0, "amplitude": 9.0}


def augmentation(values: Mapping[str, Any], input: Input) -> Augmentation:
    """The settings that a recipe gives for a model's input.

    Raises:
        UsageError: a name that there is not, or not for this kind of input; a value out of range.
    """
    known = [field.name for field in fields(Augmentation)]
    usable, kind = (CLIPS, "face clips") if isinstance(input, Clip) else (TRACES, "traces")
    for name, value in values.items():
        if name not in known:
            close = difflib.get_close_matches(name, known, n=1)
            meant = f" Did you mean {close[0]}?" if close else ""
            raise UsageError(f"There is no augmentation '{name}'.{meant} There are {', '.join(usable)} for {kind}.")
        if name not in usable and value:
            raise UsageError(f"The augmentation '{name}' is not for {kind}, which this model eats: leave it out.")
        largest = LARGEST.get(name, 1.0)
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= largest:
            raise UsageError(f"data.augment.{name} is a number from 0 to {largest:g}, not {value!r}.")
    return Augmentation(**{name: float(value) for name, value in values.items()})


def source_input(input: Input, settings: Augmentation) -> Input:
    """What windows must be cut to, so that the fastest time stretch still fills the model's."""
    if not settings.time_stretch:
        return input
    # which no network eats before it is stretched, so that any number will do
    return replace(input, frames=int(np.ceil(input.frames * (1 + settings.time_stretch))) + 1, multiple_of=1)


class Augmented:
    """Windows, changed at random; a map-style data set like the one it wraps.

    Args:
        windows: cut to `source_input(input, settings)`.
        input: what the model eats.
        seed: of all draws.
        epoch: the draws of an epoch differ from those of another. Anything that gives a number when it is asked, as a
            tensor in memory that workers share does.
    """

    def __init__(
        self, windows: Any, input: Input, settings: Augmentation, seed: int = 0, epoch: SupportsInt = 0
    ) -> None:
        self.windows, self.input, self.settings = windows, input, settings
        self.seed, self.epoch = seed, epoch

    def __len__(self) -> int:
        return len(self.windows)

    def __getattr__(self, name: str) -> Any:
        if name in ("windows", "__setstate__"):
            raise AttributeError(name)
        return getattr(self.windows, name)

    def __getitem__(self, index: int) -> Sample:
        rng = np.random.default_rng(np.random.SeedSequence(self.seed, spawn_key=(int(self.epoch), index)))
        return augment(self.windows[index], self.input, self.settings, rng)


def augment(sample: Sample, input: Input, settings: Augmentation, rng: np.random.Generator) -> Sample:
    """One window, changed: `input.frames` long, from a sample of `source_input` length."""
    sample = cast(Sample, {**sample})
    if sample["input"].dtype == np.uint8:
        sample["input"] = np.multiply(sample["input"], np.float32(1 / 255), dtype=np.float32)
    if settings.dropped_frames:
        sample["input"] = drop_frames(sample["input"], settings.dropped_frames, rng, axis=1 if _clip(input) else -1)
    if isinstance(input, Clip):
        from zoo.data.augment_clips import augment_clip

        sample["input"] = augment_clip(sample["input"], settings, rng)
        return sample
    if settings.time_stretch:
        limit = np.log1p(settings.time_stretch)
        sample = stretch(sample, input, float(np.exp(rng.uniform(-limit, limit))), rng.uniform())
    traces = sample["input"]
    if settings.flip and rng.random() < settings.flip:
        traces = flip_regions(traces, input)
    if settings.amplitude:
        limit = np.log1p(settings.amplitude)
        traces = amplify(traces, float(np.exp(rng.uniform(-limit, limit))))
    if settings.drift:
        traces = drift(traces, input.fps, settings.drift, rng)
    if settings.region_dropout:
        traces = drop_regions(traces, settings.region_dropout, rng)
    sample["input"] = np.clip(traces, 0.0, 1.0).astype(np.float32)
    return sample


def stretch(sample: Sample, input: Input, factor: float, place: float) -> Sample:
    """A window of traces played `factor` times as fast, with its labels.

    Args:
        sample: at least `factor` times as long as the result.
        factor: above 0; rates are multiplied by it.
        place: 0 to 1, from where in the sample the window is taken.
    """
    length = sample["input"].shape[-1]
    span = (input.frames - 1) * factor
    if span > length - 1 + 1e-9:
        raise UsageError(f"A window of {length} frames cannot be played {factor:g} times as fast: cut a longer one.")
    at = place * (length - 1 - span) + factor * np.arange(input.frames)
    left = np.minimum(at.astype(int), length - 2)
    share = (at - left).astype(np.float32)

    def lines(values: np.ndarray) -> np.ndarray:
        before, after = values[..., left], values[..., left + 1]
        return np.where(share <= 0, before, before + (after - before) * share).astype(np.float32)

    targets = {name: value * factor if name in RATES else value for name, value in sample["targets"].items()}
    return Sample(
        input=lines(sample["input"]),
        waveforms={name: lines(wave) for name, wave in sample["waveforms"].items()},
        targets=targets,
        mask=sample["mask"][np.rint(at).astype(int)],
        person=sample["person"],
        recording=sample["recording"],
        start=sample["start"] + float(at[0]) / input.fps,
    )


def amplify(traces: np.ndarray, factor: float) -> np.ndarray:
    """Traces whose variation about their mean colour is `factor` times as large."""
    mean = traces.mean(axis=-1, keepdims=True)
    return mean + (traces - mean) * np.float32(factor)


def drift(traces: np.ndarray, fps: float, strength: float, rng: np.random.Generator) -> np.ndarray:
    """Traces under a light that changes slowly: of all regions alike, with a colour of its own."""
    times = np.arange(traces.shape[-1]) / fps
    frequencies, phases = rng.uniform(0.01, DRIFT_HZ, 4), rng.uniform(0, 2 * np.pi, 4)
    course = np.sin(2 * np.pi * frequencies[:, None] * times + phases[:, None]).sum(axis=0)
    course *= strength / (course.std() or 1.0)
    tint = rng.uniform(0.7, 1.3, 3)[:, None]
    return traces * (1 + tint * course).astype(np.float32)


def drop_frames(values: np.ndarray, share: float, rng: np.random.Generator, axis: int) -> np.ndarray:
    """Values of which some frames show the frame before once more, as where a camera loses one; labels stay."""
    count = values.shape[axis]
    kept = np.asarray(rng.random(count) >= share)
    kept[0] = True
    return np.take(values, np.maximum.accumulate(np.where(kept, np.arange(count), 0)), axis=axis)


def drop_regions(traces: np.ndarray, probability: float, rng: np.random.Generator) -> np.ndarray:
    """Traces of which some regions hold their mean colour all the time; at least one remains."""
    chance = rng.random(len(traces))
    chance[rng.integers(len(traces))] = 1.0
    return np.where((chance < probability)[:, None, None], traces.mean(axis=-1, keepdims=True), traces)


def flip_regions(traces: np.ndarray, input: Input) -> np.ndarray:
    """Traces of the mirrored face: left and right regions, or the columns of a grid, exchanged."""
    assert not isinstance(input, Clip)
    regions = input.regions
    if not isinstance(regions, tuple):
        return traces.reshape(regions.height, regions.width, *traces.shape[1:])[:, ::-1].reshape(traces.shape)
    swap = {"left": "right", "right": "left"}
    names = ["_".join(swap.get(part, part) for part in name.split("_")) for name in regions]
    return traces[[regions.index(name) if name in regions else i for i, name in enumerate(names)]]


def _clip(input: Input) -> bool:
    return isinstance(input, Clip)
