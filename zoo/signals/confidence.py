"""How far the heart rate of a window may be trusted: the probability that it is right, learned on good and bad video.

A handful of measures, each larger where a rate is surer, are weighed by a logistic regression whose weights are not
negative, so that more evidence never lowers the confidence. Three of them look at the waveform alone. The agreements
look at what else can be read: from the halves of the window, by another reading of the spectrum, and from the
colours that the model was given, without the model. A codec that destroyed the pulse leaves waves that look like one
(a network draws them even of noise), but not the same one everywhere.

`zoo calibrate` fits the weights; they are plain numbers in a checkpoint's card and in an exported file.
"""

from __future__ import annotations

import itertools
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import cache
from importlib import resources
from typing import Any

import numpy as np

from zoo.errors import InputShapeError, UsageError
from zoo.signals.arrays import Array, check_band, check_wave, namespace, numpy_float64
from zoo.signals.classical import WINDOW_SECONDS
from zoo.signals.filters import bandpass
from zoo.signals.fusion import fused_rate, fused_wave, pulses
from zoo.signals.rate import HIGH_HZ, LOW_HZ, heart_rate
from zoo.signals.spectrum import peak_frequency, power_spectrum
from zoo.spec import Clip, Input

# what is right: within 3 bpm of the truth
TOLERANCE = 3.0
WAVE_FEATURES = ("snr", "second_peak", "halves", "readings", "duration")
VIEW_FEATURES = ("spectra", "regions")
FEATURES = (*WAVE_FEATURES, *VIEW_FEATURES)
# bpm around the rate that belong to it, and that no second peak is looked for in
HILL, APART = 8.0, 10.0
# dB beyond which a ratio says no more
MOST_DB = 30.0
# cells a side of a face crop whose mean colours stand for skin regions
CELLS = 3
CALIBRATORS = "calibrators"


def features(
    wave: Array,
    fps: float,
    views: Array | None = None,
    *,
    rate: Array | None = None,
    low: float = LOW_HZ,
    high: float = HIGH_HZ,
) -> np.ndarray:
    """What speaks for the heart rate of each window, larger = surer; independent of the scale of all that it is given.

    Args:
        wave: (n, T) pulse waveforms, value form.
        fps: frames a second.
        views: (n, 2 regions, T) the pulses that the model's colours give without it, `views_of`, if known.
        rate: (n,) 1/min that is judged; where it is not given, the highest peak of the whitened spectrum.
        low, high: band of the rate in Hz.

    Returns:
        (n, 5) by `WAVE_FEATURES`, or (n, 7) by `FEATURES` with views; a row is NaN where no rate can be decided,
        and all are in windows below 1.6 s.
        snr: dB, the whitened power within 8 bpm of the rate over the rest of the band.
        second_peak: dB, the highest within 8 bpm of the rate over the highest further than 10 bpm from it.
        halves, readings, spectra, regions: -log2(1 + d / 3 bpm) of the distance d between the rate and that of the
        further half, that of another reading (peak, centroid), the views' summed spectra, their sum in phase.
        duration: log2 of the seconds.
    """
    x = numpy_float64(check_wave(wave, fps))
    check_band(low, high, fps)
    if x.ndim != 2:
        raise InputShapeError("Confidence is of windows (n, T): give a single one as wave[None].")
    known = np.isfinite(x).all(-1)
    if x.shape[-1] < WINDOW_SECONDS * fps:
        return np.full((len(x), len(WAVE_FEATURES if views is None else FEATURES)), np.nan)
    x = bandpass(np.where(known[:, None], x, 0.0), fps, low, high)
    frequencies, power = power_spectrum(x, fps)
    peak = 60 * peak_frequency(frequencies, power, x.shape[-1] / fps, (low, high))
    judged = peak if rate is None else numpy_float64(rate)
    known &= np.isfinite(judged)
    judged = np.where(known, judged, 60 * low)
    inside = (frequencies >= low) & (frequencies <= high)
    height = power[:, inside] * frequencies[inside]
    distance = np.abs(60 * frequencies[inside] - judged[:, None])
    hill = height * (distance <= HILL)
    half = x.shape[-1] // 2
    band: Any = {"low": low, "high": high}
    parts = np.stack([heart_rate(part, fps, **band) for part in (x[:, :half], x[:, half:])])
    others = np.stack([peak, heart_rate(x, fps, method="centroid", **band)])
    columns = [
        _decibels(hill.sum(-1), height.sum(-1) - hill.sum(-1)),
        _decibels(hill.max(-1, initial=0.0), (height * (distance > APART)).max(-1, initial=0.0)),
        _agreement(np.abs(parts - judged).max(0)),
        _agreement(np.abs(others - judged).max(0)),
        np.full(len(x), math.log2(x.shape[-1] / fps)),
    ]
    if views is not None:
        seen = numpy_float64(views)
        seen = bandpass(np.where(np.isfinite(seen).all(-1, keepdims=True), seen, 0.0), fps, low, high)
        columns += [
            _agreement(fused_rate(seen, fps, **band) - judged),
            _agreement(heart_rate(fused_wave(seen), fps, **band) - judged),
        ]
    return np.where(known[:, None], np.stack(columns, axis=-1), np.nan)


def colours_of(batch: Array, input: Input) -> Array:
    """Mean colours (n, regions, 3, T) of what a model eats, `input.shape(n, T)`; a crop has 3 x 3 cells for regions."""
    if isinstance(input, Clip):
        xp, side = namespace(batch), batch.shape[-1]
        edges = [round(i * side / CELLS) for i in range(CELLS + 1)]
        spans = [slice(first, last) for first, last in itertools.pairwise(edges)]
        batch = xp.stack([xp.mean(batch[..., rows, across], axis=(-2, -1)) for rows in spans for across in spans], 1)
    return batch


def views_of(traces: Array, fps: float) -> np.ndarray | None:
    """The pulses (n, 2 regions, T) that mean colours (n, regions, 3, T) give without a model; None below 1.6 s."""
    return pulses(numpy_float64(traces), fps) if traces.shape[-1] >= math.ceil(WINDOW_SECONDS * fps) else None


@dataclass(frozen=True)
class Calibrator:
    """Weighs features into the probability that a window's heart rate is within 3 bpm.

    Args:
        features: names out of `FEATURES`.
        mean, scale: of each feature on the windows that it was fitted on.
        weights: of the standardised features, not negative.
        bias: log odds where all features are at their mean.
        threshold: a confidence below this refuses the window.
        fitted_on: in words.
        command: that fitted it.
        measured: what it does on the windows that it was fitted on, each person's left out in turn.
    """

    features: tuple[str, ...]
    mean: tuple[float, ...]
    scale: tuple[float, ...]
    weights: tuple[float, ...]
    bias: float
    threshold: float
    fitted_on: str = ""
    command: str = ""
    measured: Mapping[str, float] = field(default_factory=dict)

    @property
    def needs_views(self) -> bool:
        """Whether it weighs what the colours say without the model."""
        return bool(set(self.features) & set(VIEW_FEATURES))

    def __call__(self, wave: Array, fps: float, views: Array | None = None, **options: Any) -> np.ndarray:
        """Confidence (n,) in 0..1 of windows (n, T); 0 where there is no rate. Arguments are those of `features`.

        Raises:
            InputShapeError: it weighs views, and there are none.
        """
        if self.needs_views and views is None:
            raise InputShapeError(
                "This calibrator weighs the colours too: give views_of(traces, fps), or take default()."
            )
        return self.probability(features(wave, fps, views if self.needs_views else None, **options))

    def probability(self, table: np.ndarray) -> np.ndarray:
        """Confidence (n,) from features (n, F) by `WAVE_FEATURES` or `FEATURES`; NaN features give 0."""
        chosen = table[:, [FEATURES.index(name) for name in self.features]]
        odds = self.bias + ((chosen - np.array(self.mean)) / np.array(self.scale)) @ np.array(self.weights)
        return np.where(np.isfinite(odds), 1 / (1 + np.exp(-np.clip(np.nan_to_num(odds), -50, 50))), 0.0)

    def to_dict(self) -> dict[str, Any]:
        """Plain values for a card."""
        plain = asdict(self)
        return {key: list(value) if isinstance(value, tuple) else value for key, value in plain.items()}


def calibrator_from_dict(data: Mapping[str, Any]) -> Calibrator:
    """The calibrator that a card describes; a stranger's card is trusted in nothing.

    Raises:
        ValueError: unknown features, lists of different lengths, a number that is none.
    """
    names = tuple(str(name) for name in data["features"])
    if unknown := set(names) - set(FEATURES):
        raise ValueError(f"confidence has unknown features: {', '.join(sorted(unknown))}")
    mean, scale, weights = (tuple(float(value) for value in data[key]) for key in ("mean", "scale", "weights"))
    bias, threshold = float(data["bias"]), float(data["threshold"])
    numbers = [*mean, *scale, *weights, bias, threshold]
    if {len(mean), len(scale), len(weights)} != {len(names)} or not all(map(math.isfinite, numbers)):
        raise ValueError("confidence needs a mean, a scale and a weight for each feature, all of them numbers")
    if min(scale, default=1.0) <= 0 or not 0 <= threshold <= 1:
        raise ValueError("confidence has a scale that is not above 0, or a threshold outside 0..1")
    measured = {str(key): float(value) for key, value in dict(data.get("measured", {})).items()}
    fitted_on, command = (str(data.get(key, "")) for key in ("fitted_on", "command"))
    return Calibrator(names, mean, scale, weights, bias, threshold, fitted_on, command, measured)


@cache
def default(model: str = "") -> Calibrator:
    """The calibrator that ships for a classical method; for all else, and for no name, that of any waveform."""
    folder = resources.files("zoo.signals") / CALIBRATORS
    shipped = folder / f"{model}.json"
    # a model's name may be anything; a file's may not
    known = model.isidentifier() and shipped.is_file()
    return calibrator_from_dict(json.loads((shipped if known else folder / "waveform.json").read_text("utf-8")))


def suited(calibrator: Calibrator | None, views: Array | None) -> Calibrator:
    """The calibrator; that of any waveform where there is none, or where it weighs views that are not there."""
    return default() if calibrator is None or (calibrator.needs_views and views is None) else calibrator


def fit(
    table: np.ndarray,
    right: np.ndarray,
    person: Sequence[str],
    *,
    names: Sequence[str] = FEATURES,
    refuse: float = 0.95,
    folds: int = 5,
    penalty: float = 1.0,
) -> Calibrator:
    """Learn a calibrator.

    Args:
        table: (n, F) by `names`; rows with NaN are left out (they are refused whatever is learned).
        right: (n,) whether the window's rate was within 3 bpm.
        person: (n,) whose it is; the threshold is set on people that were left out.
        refuse: share of the wrong windows that the threshold refuses.
        folds: parts into which people are dealt.
        penalty: half the weight of the sum of squared weights against the summed log loss.

    Raises:
        UsageError: fewer than 20 windows are right, or wrong: there is nothing to tell apart.
    """
    known = np.isfinite(table).all(-1)
    x, y = table[known], np.asarray(right, bool)[known]
    if min(y.sum(), (~y).sum()) < 20:
        raise UsageError(
            f"{y.sum():.0f} windows are right and {(~y).sum():.0f} wrong: a confidence is learned from at least 20 of "
            "each, so take more people, or a wider range of quality."
        )
    mean, scale = x.mean(0), np.maximum(x.std(0), 1e-6)
    z = (x - mean) / scale
    who = np.asarray(person)[known]
    people = {name: i % folds for i, name in enumerate(dict.fromkeys(who.tolist()))}
    part = np.array([people[name] for name in who.tolist()])
    left_out = np.zeros(len(y))
    for fold in np.unique(part):
        others = part != fold
        weights, bias = _logistic(z[others], y[others], penalty)
        left_out[part == fold] = 1 / (1 + np.exp(-(z[part == fold] @ weights + bias)))
    threshold = float(np.quantile(left_out[~y], refuse))
    weights, bias = _logistic(z, y, penalty)
    measured = {
        "windows": float(len(right)),
        "right": float(np.mean(right)),
        "refused_of_wrong": float(np.append(left_out[~y] < threshold, np.ones(int((~known).sum()))).mean()),
        "kept_of_right": float((left_out[y] >= threshold).mean()),
        "calibration_error": calibration_error(left_out, y),
    }
    plain = [tuple(float(value) for value in values) for values in (mean, scale, weights)]
    return Calibrator(tuple(names), plain[0], plain[1], plain[2], float(bias), threshold, measured=measured)


def calibration_error(confidence: np.ndarray, right: np.ndarray, bins: int = 10) -> float:
    """Expected calibration error: how far confidence and the share that is right lie apart, over bins of equal counts.

    Args:
        confidence: (n,) 0..1.
        right: (n,) bool.

    Returns:
        0..1; NaN without windows.

    Source: Naeini, Cooper and Hauskrecht 2015, AAAI 29, in bins of equal counts.
    """
    order = np.argsort(confidence, kind="stable")
    parts = [part for part in np.array_split(order, min(bins, max(len(order), 1))) if len(part)]
    gaps = [len(part) * abs(confidence[part].mean() - np.mean(right[part])) for part in parts]
    return float(sum(gaps) / len(order)) if len(order) else math.nan


def _logistic(z: np.ndarray, y: np.ndarray, penalty: float) -> tuple[np.ndarray, float]:
    """Weights, none negative, and bias of the smallest penalised log loss."""
    from scipy.optimize import minimize

    def loss(p: np.ndarray) -> tuple[float, np.ndarray]:
        odds = z @ p[:-1] + p[-1]
        slope = 1 / (1 + np.exp(-odds)) - y
        value = np.logaddexp(0, odds).sum() - odds[y].sum() + penalty * (p[:-1] ** 2).sum() / 2
        return float(value), np.append(z.T @ slope + penalty * p[:-1], slope.sum())

    count = z.shape[1]
    bounds = [(0, None)] * count + [(None, None)]
    found = minimize(loss, np.zeros(count + 1), jac=True, bounds=bounds, method="L-BFGS-B").x
    return found[:-1], float(found[-1])


def _decibels(part: np.ndarray, rest: np.ndarray) -> np.ndarray:
    least = 10 ** (-MOST_DB / 10)
    ratio = np.where(rest > 0, part / np.where(rest > 0, rest, 1), 1 / least)
    return 10 * np.log10(np.clip(ratio, least, 1 / least))


def _agreement(difference: np.ndarray) -> np.ndarray:
    """-log2(1 + d / 3) of a distance in bpm; one that is not known is as bad as a wide one."""
    return -np.log2(1 + np.nan_to_num(np.abs(difference), nan=60.0) / TOLERANCE)
