"""Rates of the whole clip and along it, from waveforms, or from what the model's head says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from zoo.prediction.result import Estimate, OverTime, Quality
from zoo.signals.calibrator import Calibrator, suited
from zoo.signals.confidence import confidence
from zoo.signals.filters import windows
from zoo.signals.interval import rate_interval
from zoo.signals.quality import snr
from zoo.signals.rate import HIGH_HZ as FASTEST
from zoo.signals.rate import LOW_HZ as SLOWEST
from zoo.signals.rate import heart_rate, measure
from zoo.signals.respiration import HIGH_HZ, LOW_HZ, respiration_rate
from zoo.signals.tracking import heart_rate_over_time
from zoo.spec import TARGETS

# seconds; the shorter window where the clip is shorter than LONG
WINDOW, SHORT_WINDOW, LONG, HOP = 20.0, 10.0, 40.0, 1.0
# no more points than these along a clip: a longer one has a longer hop
MOST_POINTS = 300
# seconds; beyond them a heart rate wanders too far for one line of one spectrum, and windows' spectra are averaged
STEADY = 90.0
# an interval that is wider (1/min) is said in words
UNSURE = 20.0
# seconds of pulse that a breath is read from, at least
BREATH = 20.0
# seconds between the windows by which a clip is trusted
TRUST_HOP = 5.0
# of a window without a face, the largest share
MOST_LOST = 0.25


@dataclass(frozen=True)
class Rates:
    """What `read` finds; None where nothing can be decided."""

    heart_rate: Estimate | None = None
    over_time: OverTime | None = None
    respiration_rate: Estimate | None = None
    quality: Quality | None = None
    notes: tuple[str, ...] = ()


def read(
    waveforms: Mapping[str, np.ndarray],
    numbers: Mapping[str, np.ndarray],
    fps: float,
    start: float,
    seconds: float,
    views: np.ndarray | None = None,
    calibrator: Calibrator | None = None,
) -> Rates:
    """Read all rates of a clip.

    Args:
        waveforms: (T,) z-scored by name, NaN without a face.
        numbers: the values that the model's head gave in its windows, by name.
        fps: samples a second.
        start: second of the first sample.
        seconds: how long the face was in view.
        views: (2 regions, T) what the colours alone say, `zoo.signals.confidence.views_of`, NaN without a face.
        calibrator: how far the heart rate may be trusted; that of any waveform where it is not given.
    """
    if "ppg" not in waveforms:
        return _by_head(numbers.get("heart_rate", np.zeros(0)), seconds)
    judge = _Judge(suited(calibrator, views), fps, views)
    wave = waveforms["ppg"]
    # no face adds no power
    filled = np.nan_to_num(wave)
    trust = judge.clip(wave)
    method: Any = {} if seconds <= STEADY else {"method": "welch", "seconds": WINDOW}
    whole = measure(filled, fps, confidence=trust, **method)
    over = _over_time(wave, fps, start, judge)
    if not np.isfinite(whole.value):
        return Rates(over_time=over, notes=(f"no heart rate could be decided: {whole.reason}",))
    heart = Estimate(whole.value, whole.low, whole.high, whole.method, whole.band, seconds)
    ratio = snr(filled, fps, whole.value, low=SLOWEST, high=FASTEST)
    quality = Quality(float(ratio), trust, judge.calibrator.threshold)
    # breath shows in the height of single beats, which a wave that is not trusted does not have
    breath = _breath(waveforms, None if quality.refused else wave, fps)
    return Rates(heart, over, breath, quality, tuple(_doubts(heart, quality)))


def _doubts(heart: Estimate, quality: Quality) -> list[str]:
    """What must be said of a heart rate, in words."""
    if quality.refused:
        return [
            f"refused: a confidence of {100 * quality.confidence:.0f} % is below the threshold of "
            f"{100 * quality.threshold:.0f} %, so {heart.value:.1f} is a guess: record it again with more light, less "
            "movement and less compression"
        ]
    if heart.high - heart.low > UNSURE:
        return [f"the pulse is weak: any heart rate from {heart.low:.0f} to {heart.high:.0f} fits this video"]
    return []


@dataclass(frozen=True)
class _Judge:
    """Says the confidence of windows.

    Args:
        calibrator: that is asked.
        fps: samples a second.
        views: as `read` takes them.
    """

    calibrator: Calibrator
    fps: float
    views: np.ndarray | None

    def windows(self, wave: np.ndarray, length: int, hop: int, rates: np.ndarray | None = None) -> np.ndarray:
        """(n,) of each window of the wave (T,), or of each rate (n,) in it; NaN where a quarter has no face."""
        seen = windows(np.isfinite(wave), length, hop).mean(axis=-1) >= 1 - MOST_LOST
        parts = windows(np.nan_to_num(wave), length, hop)
        views = None
        if self.calibrator.needs_views and self.views is not None:
            views = windows(np.nan_to_num(self.views), length, hop).swapaxes(0, 1)
        return np.where(seen, confidence(self.calibrator, parts, self.fps, views, rate=rates), np.nan)

    def clip(self, wave: np.ndarray) -> float:
        """The median over windows of up to 20 s, so that a clip is refused where most of its windows are."""
        length = min(round(WINDOW * self.fps), len(wave))
        each = self.windows(wave, length, round(TRUST_HOP * self.fps))
        return float(np.nanmedian(each)) if np.isfinite(each).any() else 0.0


def _breath(waveforms: Mapping[str, np.ndarray], pulse: np.ndarray | None, fps: float) -> Estimate | None:
    """Respiration from the model's own waveform of it, else from a pulse that shows its beats."""
    if "respiration" in waveforms:
        wave, method = _longest(waveforms["respiration"]), "spectrum"
        value = float(heart_rate(wave, fps, low=LOW_HZ, high=HIGH_HZ, whiten=False))
    elif pulse is not None:
        wave, method = _longest(pulse), "pulse amplitude, baseline and frequency"
        value = float(respiration_rate(wave, fps))
    else:
        return None
    if not np.isfinite(value) or len(wave) / fps < BREATH:
        return None
    return Estimate(value, np.nan, np.nan, method, (LOW_HZ, HIGH_HZ), len(wave) / fps)


def _longest(wave: np.ndarray) -> np.ndarray:
    """The longest run without a gap."""
    runs = np.split(wave, np.flatnonzero(np.diff(np.isfinite(wave))) + 1)
    return max((run for run in runs if np.isfinite(run[0])), key=len)


def _by_head(said: np.ndarray, seconds: float) -> Rates:
    """A model without a pulse waveform says the rate itself, once a window; the interval is what its windows span."""
    target = TARGETS["heart_rate"]
    said = said[(said >= target.low) & (said <= target.high)]
    if not len(said):
        return Rates(notes=("the model gives no pulse waveform and no plausible heart rate",))
    ends = (float(said.min()), float(said.max())) if len(said) > 1 else (np.nan, np.nan)
    band = (target.low / 60, target.high / 60)
    return Rates(Estimate(float(np.median(said)), *ends, "median of windows", band, seconds, source="head"))


def _over_time(wave: np.ndarray, fps: float, start: float, judge: _Judge) -> OverTime:
    window = WINDOW if len(wave) / fps >= LONG else SHORT_WINDOW
    hop = round(max(HOP, np.ceil(len(wave) / fps / MOST_POINTS)) * fps)
    length = min(round(window * fps), len(wave))
    seen = np.isfinite(wave)
    filled = np.where(seen, wave, 0.0)
    times, values = heart_rate_over_time(filled, fps, window=length / fps, hop=hop / fps, track=True)
    values = np.where(windows(seen, length, hop).mean(axis=-1) >= 1 - MOST_LOST, values, np.nan)
    trust = judge.windows(wave, length, hop, values)
    parts = zip(windows(filled, length, hop), values, trust, strict=True)
    ends = [
        rate_interval(part, fps, rate, confidence=sure) if np.isfinite(rate) else (np.nan, np.nan)
        for part, rate, sure in parts
    ]
    low, high = np.array(ends).T
    return OverTime(start + times, values, low, high, length / fps, hop / fps, trust)
