"""Waveforms of anybody's model scored under a protocol, and models compared over people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from zoo.metrics import statistics as stats
from zoo.metrics.clinical import bland_altman
from zoo.metrics.files import Waveforms
from zoo.metrics.protocol import Protocol, load_protocol
from zoo.metrics.scores import rate_scores
from zoo.metrics.significance import nemenyi, person_means, wilcoxon
from zoo.metrics.tables import Report
from zoo.signals.calibrator import default
from zoo.signals.confidence import confidence
from zoo.signals.forms import to_value
from zoo.spec import Form

Array = np.ndarray
ORDER = {"value": 0, "derivative": 1, "second_derivative": 2}


@dataclass(frozen=True)
class Evaluation:
    """Waveforms scored under one protocol.

    Args:
        report: the result table.
        protocol: under which it was made.
        columns: by name (`estimate`, `truth`, `floor`, `snr`, `macc`, `confidence`, `r`, `start`) one value a scored
            window, or recording where the protocol averages.
        person: whose it is.
    """

    report: Report
    protocol: Protocol
    columns: Mapping[str, Array]
    person: tuple[str, ...]

    def rows(self) -> list[dict[str, Any]]:
        """One row a scored window, as written to CSV."""
        error = self.columns["estimate"] - self.columns["truth"]
        columns = {**self.columns, "error": error}
        return [
            {"person": one, **{name: float(values[i]) for name, values in columns.items()}}
            for i, one in enumerate(self.person)
        ]


def evaluate(waveforms: Waveforms, protocol: str | Protocol = "zoo", title: str = "predictions") -> Evaluation:
    """Score predicted waveforms against contact waveforms.

    Args:
        waveforms: as `zoo.metrics.files.read_waveforms` gives.
        protocol: a name or a protocol.
        title: of the table.

    Returns:
        the table and what it was made of; the heart rate of a window is NaN where it cannot be read, and is counted
        in the coverage.
    """
    protocol = load_protocol(protocol) if isinstance(protocol, str) else protocol
    form = waveforms.form or protocol.form
    parts: dict[str, list[Array]] = {}
    person: list[str] = []
    for name, predicted in waveforms.predictions.items():
        columns = _recording(predicted, waveforms.labels[name], waveforms.fps, form, protocol)
        for key, values in columns.items():
            parts.setdefault(key, []).append(values)
        person += [name] * len(columns["estimate"])
    table = {key: np.concatenate(values) for key, values in parts.items()}
    scores = _scores(table, person)
    notes = [f"waveforms read as {form}", *_doubt(waveforms, form)]
    report = Report(
        title=title,
        scores=scores,
        protocol=protocol.describe(),
        naive={"heart_rate": "other people's median"},
        sources={"heart_rate": "waveform"},
        people=len(set(person)),
        windows=len(person),
        notes=tuple(notes),
    )
    return Evaluation(report, protocol, table, tuple(person))


def as_value(wave: Array, form: Form, protocol: Protocol, fps: float) -> Array:
    """A waveform (T,) as values: plainly summed where the protocol detrends itself, else freed of drift as well."""
    if protocol.detrend is None or not ORDER[form]:
        return to_value(wave, form, fps)
    for _ in range(ORDER[form]):
        wave = np.cumsum(wave)
    return wave


def _recording(predicted: Array, label: Array, fps: float, form: Form, protocol: Protocol) -> dict[str, Array]:
    """Columns of one recording: rates by `protocol.average`, the rest a value a window (its mean where averaged)."""
    predicted, label = (as_value(wave, form, protocol, fps) for wave in (predicted, label))
    cuts = protocol.starts(len(predicted), fps)
    found = [_window(predicted[first:last], label[first:last], fps, protocol) for first, last in cuts]
    columns = {key: np.asarray([one[key] for one in found]) for key in found[0]}
    columns["start"] = np.asarray([first / fps for first, _ in cuts])
    return {key: protocol.averaged(values) for key, values in columns.items()}


def _window(predicted: Array, label: Array, fps: float, protocol: Protocol) -> dict[str, float]:
    truth = protocol.truth(label, fps)
    snr, macc, r = protocol.quality(predicted, label, truth, fps)
    estimate = protocol.rate(predicted, fps)
    band = {"low": protocol.low, "high": protocol.high}
    return {
        "estimate": float(estimate),
        "truth": float(truth),
        "floor": float(protocol.floor(label, fps)),
        "snr": float(snr),
        "macc": float(macc),
        "confidence": float(confidence(default(), predicted[None], fps, rate=estimate[None], **band)[0]),
        "r": float(r),
    }


def _scores(table: Mapping[str, Array], person: Sequence[str]) -> dict[str, float]:
    estimate, truth = table["estimate"], table["truth"]
    naive = stats.others_median(truth, person)
    scores = rate_scores(estimate, truth, naive, table["floor"], table["confidence"], default().threshold)
    if scores:
        scores["mae_low"], scores["mae_high"] = stats.bootstrap(stats.mae, estimate, truth, person)
        agreement = bland_altman(estimate, truth, person)
        scores |= {"bias": agreement.bias, "limit_low": agreement.lower, "limit_high": agreement.upper}
        scores |= {"rmse_se": stats.rmse_se(estimate, truth), "r_se": stats.pearson_se(estimate, truth)}
        scores["dropped"] = float(stats.dropped(estimate, truth))
    found = {f"heart_rate_{key}": value for key, value in scores.items()}
    for key in ("snr", "macc", "r"):
        if np.isfinite(table[key]).any():
            found[f"ppg_{key}"] = float(np.nanmean(table[key]))
    return found


def _doubt(waveforms: Waveforms, form: Form) -> list[str]:
    """A warning where nobody said the form and the labels look like another one.

    The upstroke of a contact PPG is steep: its derivative is skewed (about 1.3 on UBFC-rPPG), its value hardly is.
    """
    if waveforms.form is not None:
        return []
    from scipy.stats import skew

    skewness = float(np.median([skew(label[np.isfinite(label)]) for label in waveforms.labels.values()]))
    likely = "derivative" if skewness > 0.9 else "value"
    if likely == form:
        return []
    return [f"the labels look like {likely} (skewness {skewness:.2f}): if they are, say --form {likely}"]


def compare(evaluations: Mapping[str, Evaluation]) -> str:
    """Are the models different? One sentence a pair (Wilcoxon over people) or a ranking (Friedman and Nemenyi)."""
    errors = {
        name: person_means(one.columns["estimate"] - one.columns["truth"], one.person)
        for name, one in evaluations.items()
    }
    if len(errors) < 2:
        return ""
    if len(errors) == 2:
        (first, second), (a, b) = errors, errors.values()
        difference, p, people = wilcoxon(a, b)
        return (
            f"{first} - {second}: median difference of a person's MAE {difference:.3f} bpm, "
            f"Wilcoxon p = {p:.3g} over {people} people"
        )
    ranking = nemenyi(errors)
    ranks = ", ".join(f"{name} {rank:.2f}" for name, rank in sorted(zip(ranking.models, ranking.ranks, strict=True)))
    return (
        f"mean ranks over {ranking.people} people: {ranks}; Friedman p = {ranking.friedman_p:.3g}, "
        f"Nemenyi critical difference {ranking.critical_difference:.2f} (p < 0.05)"
    )


def by_groups(one: Evaluation, groups: Mapping[str, Mapping[str, str]]) -> dict[str, dict[str, dict[str, float]]]:
    """Scores by each label of people, `groups` as `zoo.metrics.files.read_groups` gives: {label: {value: scores}}."""
    return {
        label: stats.by_group(
            one.columns["estimate"], one.columns["truth"], [of_person.get(name, "") for name in one.person]
        )
        for label, of_person in groups.items()
    }
