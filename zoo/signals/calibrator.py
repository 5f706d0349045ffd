"""The probability that a window's heart rate is right, learned on good and bad video.

A logistic regression over the measures of `zoo.signals.confidence`, with weights that are not negative, so that more
evidence never lowers the confidence. `zoo calibrate` fits it; it is plain numbers in a checkpoint's card and in an
exported file, which are read here without scipy.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import cache
from importlib import resources
from typing import Any

import numpy as np

from zoo.errors import UsageError

# what is right: within 3 bpm of the truth
TOLERANCE = 3.0
WAVE_FEATURES = ("snr", "second_peak", "halves", "readings", "duration")
VIEW_FEATURES = ("spectra", "regions")
FEATURES = (*WAVE_FEATURES, *VIEW_FEATURES)
CALIBRATORS = "calibrators"


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


def suited(calibrator: Calibrator | None, views: Any) -> Calibrator:
    """The calibrator; that of any waveform where there is none, or where it weighs views that are not there."""
    return default() if calibrator is None or (calibrator.needs_views and views is None) else calibrator


def fit(
    table: np.ndarray,
    right: np.ndarray,
    person: Sequence[str],
    *,
    names: Sequence[str] = FEATURES,
    refuse: float = 0.9,
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
