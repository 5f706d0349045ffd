"""What prediction gives for a video."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from zoo.data.extract import Preview
from zoo.spec import Grid

NOT_MEDICAL = "trained on simulated people: not medical"


@dataclass(frozen=True)
class Estimate:
    """A rate of the whole clip and how it was read.

    Args:
        value: 1/min.
        low, high: ends of its interval, 1/min; NaN where none can be given.
        method: of `zoo.signals`.
        band: lowest and highest Hz that were allowed.
        window: seconds that it was read from.
        source: `waveform`, or `head` where the model says the rate itself.
    """

    value: float
    low: float
    high: float
    method: str
    band: tuple[float, float]
    window: float
    source: Literal["waveform", "head"] = "waveform"
    unit: str = "1/min"


@dataclass(frozen=True)
class OverTime:
    """Heart rate of windows along the clip.

    Args:
        times: (n,) seconds, the windows' middles.
        values, low, high: (n,) 1/min, NaN where nothing can be decided.
        window, hop: seconds.
        confidence: (n,) 0..1, the probability that the value is within 3 bpm; below `Quality.threshold` it is refused.
    """

    times: np.ndarray
    values: np.ndarray
    low: np.ndarray
    high: np.ndarray
    window: float
    hop: float
    confidence: np.ndarray


@dataclass(frozen=True)
class Biomarker:
    """A biomarker of the whole clip (the median of its windows).

    Args:
        value: in `unit`; for a class the probability 0..1 of `label`.
        simulated: the model was trained on simulated people, so this is not medical.
        label: the class whose probability `value` is; empty for a number.
    """

    value: float
    unit: str
    simulated: bool
    label: str = ""


@dataclass(frozen=True)
class Quality:
    """How far the heart rate may be trusted.

    Args:
        snr: dB, power around the heart rate and its first harmonic over the rest of the band.
        confidence: 0..1, the probability that a window's heart rate is within 3 bpm: the median of the clip's windows.
        threshold: a confidence below this is refused.
    """

    snr: float
    confidence: float
    threshold: float

    @property
    def refused(self) -> bool:
        """The heart rate is not to be used."""
        return self.confidence < self.threshold


@dataclass(frozen=True)
class VideoResult:
    """All that prediction says about a video, or in `error` why it cannot.

    Args:
        video: its path as it was given.
        model: its name.
        duration: seconds.
        frames: that were read.
        fps: nominal frames a second of the file.
        times: (T,) seconds of the waveforms' samples.
        waveforms: (T,) z-scored by name, NaN where there was no face.
        preview: a frame with the face, to draw.
        regions, crop: what the model read of it: mean colours of regions, or crops (`zoo.spec.Crop`).
        seconds: time spent a stage.
        picture: where its picture is, if one was drawn.
    """

    video: str
    model: str
    heart_rate: Estimate | None = None
    over_time: OverTime | None = None
    respiration_rate: Estimate | None = None
    biomarkers: Mapping[str, Biomarker] = field(default_factory=dict)
    quality: Quality | None = None
    notes: tuple[str, ...] = ()
    error: str | None = None
    duration: float = 0.0
    frames: int = 0
    fps: float = 0.0
    times: np.ndarray = field(default_factory=lambda: np.zeros(0))
    waveforms: Mapping[str, np.ndarray] = field(default_factory=dict)
    preview: Preview | None = None
    regions: tuple[str, ...] | Grid = ()
    crop: str = ""
    seconds: Mapping[str, float] = field(default_factory=dict)
    picture: str | None = None

    @property
    def realtime_factor(self) -> float:
        """Seconds of video a second of work."""
        spent = sum(self.seconds.values())
        return self.duration / spent if spent else math.nan
