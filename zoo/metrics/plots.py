"""Pictures of a result, PNG or SVG by the file's ending. Each function draws one and returns its path."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from zoo.metrics import statistics as stats
from zoo.metrics.clinical import bland_altman
from zoo.metrics.protocol import Protocol
from zoo.signals.calibrator import TOLERANCE, default
from zoo.signals.forms import zscore
from zoo.signals.spectrum import power_spectrum

Array = np.ndarray
SHOWN_SECONDS = 12.0
Case = tuple[str, Array, Array, float, float]
MODEL, CONTACT, QUIET = "#1b6ca8", "#c0392b", "#777777"


def _figure(width: float = 6.0, height: float = 4.5, rows: int = 1, columns: int = 1) -> tuple[Any, Any]:
    # a Figure of its own instead of pyplot: no global state, no window system
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    return figure, figure.subplots(rows, columns, squeeze=False)


def _save(figure: Any, path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=130)
    return path


def bland_altman_plot(
    estimate: Array, truth: Array, person: Sequence[str] | None, path: Path, unit: str = "1/min"
) -> Path:
    """Difference over mean, with bias, limits of agreement and their 95 % intervals."""
    known = stats.paired(estimate, truth)
    agreement = bland_altman(estimate, truth, person)
    figure, axes = _figure()
    axis = axes[0, 0]
    axis.scatter((known[0] + known[1]) / 2, known[0] - known[1], s=14, alpha=0.6, color=MODEL, linewidths=0)
    lines = (
        (agreement.bias, agreement.bias_interval, "bias"),
        (agreement.lower, agreement.lower_interval, "lower limit"),
        (agreement.upper, agreement.upper_interval, "upper limit"),
    )
    for value, interval, name in lines:
        if np.isfinite(value):
            axis.axhline(value, color=CONTACT, linestyle="-" if name == "bias" else "--", linewidth=1)
            axis.axhspan(*interval, color=CONTACT, alpha=0.12, linewidth=0)
            axis.annotate(
                f"{name} {value:.2f}", (1, value), xycoords=("axes fraction", "data"), ha="right", va="bottom"
            )
    axis.set(xlabel=f"mean of estimate and truth ({unit})", ylabel=f"estimate - truth ({unit})")
    axis.set_title(f"Bland-Altman, n = {agreement.n}")
    return _save(figure, path)


def scatter_plot(estimate: Array, truth: Array, path: Path, unit: str = "1/min", tolerance: float = 3.0) -> Path:
    """Estimate over truth, with the diagonal and the band of +/- `tolerance`."""
    known = stats.paired(estimate, truth)
    figure, axes = _figure(5.0, 5.0)
    axis = axes[0, 0]
    if known[0].size:
        ends = np.array([min(known[0].min(), known[1].min()) - 3, max(known[0].max(), known[1].max()) + 3])
        axis.fill_between(ends, ends - tolerance, ends + tolerance, color=QUIET, alpha=0.15, linewidth=0)
        axis.plot(ends, ends, color=QUIET, linewidth=1)
    axis.scatter(known[1], known[0], s=14, alpha=0.6, color=MODEL, linewidths=0)
    axis.set(xlabel=f"truth ({unit})", ylabel=f"estimate ({unit})", aspect="equal")
    axis.set_title(f"MAE {stats.mae(*known):.2f}, r {stats.pearson(*known):.3f}, n = {known[0].size}")
    return _save(figure, path)


def person_errors_plot(estimate: Array, truth: Array, person: Sequence[str], path: Path, unit: str = "1/min") -> Path:
    """Absolute errors of each person's windows, people sorted by their mean: who carries the error."""
    error, names = np.abs(estimate - truth), np.asarray([str(one) for one in person])
    known = np.isfinite(error)
    means = {one: error[known & (names == one)].mean() for one in np.unique(names[known])}
    ordered = sorted(means, key=lambda one: means[one])
    figure, axes = _figure(max(6.0, 0.22 * len(ordered)))
    axis = axes[0, 0]
    for i, one in enumerate(ordered):
        values = error[known & (names == one)]
        axis.scatter(np.full(values.size, i), values, s=10, alpha=0.4, color=MODEL, linewidths=0)
    axis.plot(range(len(ordered)), [means[one] for one in ordered], "_", color=CONTACT, markersize=10, label="mean")
    axis.set_xticks(range(len(ordered)), ordered, rotation=90, fontsize=7)
    axis.set(ylabel=f"absolute error ({unit})", title="error by person")
    axis.legend(frameon=False)
    return _save(figure, path)


def risk_coverage_plot(error: Array, confidence: Array, path: Path, unit: str = "1/min") -> Path:
    """Mean error of what is kept, over the share that is kept, and what refusing by the error itself would give."""
    figure, axes = _figure()
    axis = axes[0, 0]
    for score, name, colour in ((confidence, "by confidence", MODEL), (-error, "by the error itself (oracle)", QUIET)):
        coverage, risk = stats.risk_coverage(error, score)
        axis.plot(100 * coverage, risk, label=name, color=colour)
    axis.set(xlabel="windows kept (%)", ylabel=f"MAE of what is kept ({unit})", title="risk and coverage")
    axis.set_ylim(bottom=0)
    axis.legend(frameon=False)
    return _save(figure, path)


def calibration_plot(right: Array, confidence: Array, path: Path, threshold: float | None = None) -> Path:
    """Share of the windows that are right over the confidence that they were given, in bins of equal counts.

    Args:
        right: (n,) bool.
        confidence: (n,) 0..1.
        threshold: of the confidence, drawn as a line.
    """
    figure, axes = _figure(5.0, 5.0)
    axis = axes[0, 0]
    order = np.argsort(confidence, kind="stable")
    parts = [part for part in np.array_split(order, min(10, max(len(order), 1))) if part.size]
    axis.plot([0, 100], [0, 100], color=QUIET, linewidth=1, label="as it says")
    said, found = ([100 * float(np.mean(values[part])) for part in parts] for values in (confidence, right))
    axis.plot(said, found, "o-", color=MODEL, label="measured")
    if threshold is not None:
        axis.axvline(100 * threshold, color=CONTACT, linestyle="--", linewidth=1, label="refused below")
    axis.set(xlabel="confidence (%)", ylabel="within 3 /min (%)", title="calibration", xlim=(0, 100), ylim=(0, 100))
    axis.legend(frameon=False)
    return _save(figure, path)


def group_errors_plot(
    estimate: Array, truth: Array, group: Sequence[str], path: Path, label: str = "group", unit: str = "1/min"
) -> Path:
    """MAE by the value of a label, with its standard error and the number of windows."""
    table = stats.by_group(estimate, truth, group)
    figure, axes = _figure()
    axis = axes[0, 0]
    names = list(table)
    heights = [table[name]["mae"] for name in names]
    spread = [np.nan_to_num(table[name]["mae_se"]) for name in names]
    axis.bar(range(len(names)), heights, yerr=spread, color=MODEL, alpha=0.8, capsize=3)
    axis.set_xticks(range(len(names)), [f"{name}\nn = {table[name]['n']:.0f}" for name in names])
    axis.set(ylabel=f"MAE ({unit})", title=f"error by {label}")
    return _save(figure, path)


def overlay_plot(cases: Sequence[Case], fps: float, path: Path) -> Path:
    """Waveforms over the contact signal, and both spectra, a row a case.

    Args:
        cases: (title, predicted (T,), contact (T,), estimate in 1/min, truth in 1/min), filtered as they are scored.
        fps: samples a second.
    """
    figure, axes = _figure(11.0, 2.1 * max(len(cases), 1), max(len(cases), 1), 2)
    for (left, right), (title, predicted, contact, estimate, truth) in zip(axes, cases, strict=False):
        for wave, name, colour in ((contact, "contact", CONTACT), (predicted, "predicted", MODEL)):
            shown = zscore(wave)[: round(SHOWN_SECONDS * fps)]
            left.plot(np.arange(shown.size) / fps, shown, color=colour, linewidth=1, label=name)
            frequencies, power = power_spectrum(wave, fps)
            inside = (frequencies >= 0.5) & (frequencies <= 4.0)
            top = max(float(power[inside].max(initial=0.0)), np.finfo(float).tiny)
            right.plot(60 * frequencies[inside], power[inside] / top, color=colour, linewidth=1)
        for value, colour in ((truth, CONTACT), (estimate, MODEL)):
            if np.isfinite(value):
                right.axvline(value, color=colour, linestyle=":", linewidth=1)
        left.set_title(f"{title}: {estimate:.1f} against {truth:.1f} bpm", fontsize=9, loc="left")
        left.set(yticks=[])
        right.set(yticks=[])
    axes[-1, 0].set_xlabel("s")
    axes[-1, 1].set_xlabel("spectrum (1/min)")
    axes[0, 0].legend(frameon=False, fontsize=8, ncols=2, loc="upper right")
    return _save(figure, path)


def result_pictures(
    estimate: Array,
    truth: Array,
    person: Sequence[str],
    stem: Path,
    *,
    confidence: Array | None = None,
    threshold: float | None = None,
    groups: Mapping[str, Sequence[str]] = {},
    cases: Sequence[Case] = (),
    fps: float = 30.0,
) -> list[Path]:
    """All pictures of a rate that can be drawn, named after `stem`.

    Args:
        estimate, truth: (n,) 1/min, NaN = unknown.
        person: whose they are.
        stem: folder and beginning of the names.
        confidence: (n,) 0..1; draws risk and coverage, and calibration.
        threshold: of the confidence, below which a window is refused.
        groups: by label the value of each pair; draws the error by each.
        cases: windows to show, as `overlay_plot` takes them.
        fps: samples a second of those.
    """

    def to(name: str) -> Path:
        return stem.with_name(f"{stem.name}-{name}.png")

    pictures = [
        bland_altman_plot(estimate, truth, person, to("bland-altman")),
        scatter_plot(estimate, truth, to("scatter")),
        person_errors_plot(estimate, truth, person, to("people")),
    ]
    if confidence is not None:
        error = np.abs(estimate - truth)
        pictures.append(risk_coverage_plot(error, confidence, to("risk-coverage")))
        known = np.isfinite(truth)
        sure = np.nan_to_num(confidence[known])
        pictures.append(calibration_plot(error[known] <= TOLERANCE, sure, to("calibration"), threshold))
    for label, group in groups.items():
        name = label.replace("_", " ")
        pictures.append(group_errors_plot(estimate, truth, group, to(f"by-{name.replace(' ', '-')}"), name))
    return [*pictures, overlay_plot(cases, fps, to("overlays"))] if cases else pictures


def evaluation_pictures(
    columns: Mapping[str, Array],
    person: Sequence[str],
    values: Mapping[str, tuple[Array, Array]],
    fps: float,
    protocol: Protocol,
    stem: Path,
) -> list[Path]:
    """All pictures of an evaluation, named after `stem`.

    Args:
        columns: `estimate`, `truth`, `confidence`, `start` (s) of the scored windows.
        person: whose they are.
        values: by person the predicted and the contact waveform (T,) as values.
        fps: samples a second.
        protocol: under which they were scored.
        stem: folder and beginning of the names.
    """
    estimate, truth = columns["estimate"], columns["truth"]
    error = np.abs(estimate - truth)
    order = np.argsort(error)[: int(np.isfinite(error).sum())]
    chosen = list(dict.fromkeys([*order[:3], *order[-3:]]))
    cases = []
    for i in chosen:
        first = round(columns["start"][i] * fps)
        length = None if protocol.window is None else round(protocol.window * fps)
        cut = slice(first, None if length is None else first + length)
        waves = [protocol.filtered(wave[cut], fps) for wave in values[person[i]]]
        title = f"{person[i]} at {columns['start'][i]:.0f} s"
        cases.append((title, waves[0], waves[1], float(estimate[i]), float(truth[i])))
    trust: Any = {"confidence": columns["confidence"], "threshold": default().threshold}
    return result_pictures(estimate, truth, person, stem, cases=cases, fps=fps, **trust)
