"""The metric of a validation or test run: rates and waveforms scored a window at a time, summed up over all devices."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torchmetrics import Metric

from zoo.metrics import statistics as stats
from zoo.metrics.clinical import pressure_grade
from zoo.metrics.protocol import Protocol, load_protocol
from zoo.spec import TARGETS, Output, Signal

Array = np.ndarray
TEXT = 96
RATES = {"heart_rate": "ppg", "respiration_rate": "respiration"}
PRESSURES = ("systolic", "diastolic")
# a label with more of a window unknown than this gives that window no truth
LABEL_KNOWN = 0.9


class VitalsMetrics(Metric):
    """Scores of everything that a model gives, under one protocol, by stable keys.

    `update` reads the rates of a batch once; `compute` gives {key: scalar}. A key is there where its truth is:
    `heart_rate_mae, _rmse, _mape, _r, _within_3, _within_5, _coverage, _naive_mae, _naive_within_3, _skill, _floor_mae,
    _floor_within_3` (`respiration_rate_*` alike, `heart_rate_head_*` where a head gives it besides the waveform),
    `ppg_r, ppg_mae, ppg_rmse, ppg_error_std, ppg_snr, ppg_macc`, `ibi_mae` (ms), `<target>_mae, _rmse, _r, _naive_mae,
    _skill`, `sex_auroc, _accuracy, _naive_accuracy, _skill`, and for pressures `_bias, _error_std, _person_std,
    _within_5, _within_10, _within_15, _iso_criterion_1, _iso_criterion_2`. Shares are 0..1, rates in 1/min.

    Args:
        outputs: what the model gives, by name.
        fps: frames a second of its waveforms.
        protocol: name of a protocol, or one.
        statistics: (mean, standard deviation, median) of the training targets by name; the naive predictor says
            their median. Where a name is missing it says the median of all other people in the run.
    """

    full_state_update = False
    rows: list[Tensor]
    names: list[Tensor]

    def __init__(
        self,
        outputs: Mapping[str, Output],
        fps: float,
        protocol: str | Protocol = "zoo",
        statistics: Mapping[str, tuple[float, float, float]] | None = None,
        **options: Any,
    ) -> None:
        super().__init__(**options)
        self.fps = float(fps)
        self.protocol = load_protocol(protocol) if isinstance(protocol, str) else protocol
        self.statistics = dict(statistics or {})
        self.waveform_names = tuple(name for name, output in outputs.items() if isinstance(output, Signal))
        self.target_names = tuple(name for name, output in outputs.items() if not isinstance(output, Signal))
        self.sources = _sources(self.waveform_names, self.target_names)
        self.columns = _columns(self.waveform_names, self.target_names)
        self.naive: dict[str, str] = {}
        self.add_state("rows", default=[], dist_reduce_fx="cat")
        self.add_state("names", default=[], dist_reduce_fx="cat")

    def update(self, waveforms: Mapping[str, Tensor], targets: Mapping[str, Tensor], batch: Mapping[str, Any]) -> None:
        """Score one batch of windows.

        Args:
            waveforms: {name: (B, T)} predicted, as z-scored values.
            targets: {name: (B,)} predicted, physical units (a class: the probability of its second).
            batch: `waveforms` {name: (B, T)} and `targets` {name: (B,)} with NaN where unknown, `person` B names;
                optional `mask` (B, T) bool, `recording` B names and `start` (B,) s, by which a window that a
                distributed sampler hands out twice is counted once.
        """
        people = [str(one) for one in batch["person"]]
        table = {name: np.full(len(people), np.nan) for name in self.columns}
        mask = _numpy(batch["mask"]).astype(bool) if "mask" in batch else None
        labels = {name: _numpy(wave) for name, wave in batch.get("waveforms", {}).items()}
        known = {name: _numpy(value) for name, value in batch.get("targets", {}).items()}
        predicted = {name: _numpy(wave) for name, wave in waveforms.items()}
        for rate, wave in RATES.items():
            if rate in self.sources:
                self._rate(rate, predicted.get(wave), labels.get(wave), known.get(rate), mask, table)
        for name in self.waveform_names:
            if name in predicted and name in labels:
                self._waveform(name, predicted[name], labels[name], mask, table)
        for name in self.target_names:
            column = self._head_column(name)
            if name in targets:
                table[column] = _numpy(targets[name])
            if name not in RATES and name in known:
                table[f"{name}_truth"] = known[name]
        rows = np.stack([table[name] for name in self.columns], axis=1).astype(np.float32)
        self.rows.append(torch.from_numpy(rows).to(self.device))
        self.names.append(_encode(people, _window_names(batch, len(people))).to(self.device))

    def _head_column(self, name: str) -> str:
        return f"{name}_head" if name in RATES and self.sources[name] == "waveform" else name

    def _rate(
        self,
        rate: str,
        predicted: Array | None,
        label: Array | None,
        known: Array | None,
        mask: Array | None,
        table: dict[str, Array],
    ) -> None:
        """Estimate, truth and floor of one rate; a known contact signal goes before a label that is one number."""
        read, true = (self._read, self._true) if rate == "heart_rate" else (self._breathing, self._breathing)
        if predicted is not None:
            table[rate] = _by_run(read, predicted, mask)
        if label is not None:
            table[f"{rate}_truth"] = _by_run(true, label, mask, LABEL_KNOWN)
            table[f"{rate}_floor"] = _by_run(read, label, mask, LABEL_KNOWN)
        if known is not None:
            unknown = np.isnan(table[f"{rate}_truth"])
            table[f"{rate}_truth"] = np.where(unknown, known, table[f"{rate}_truth"])

    def _read(self, wave: Array) -> Array:
        return self.protocol.rate(wave, self.fps)

    def _true(self, wave: Array) -> Array:
        return self.protocol.truth(wave, self.fps)

    def _breathing(self, wave: Array) -> Array:
        from zoo.signals.rate import heart_rate

        return heart_rate(wave, self.fps, low=0.1, high=0.6, method="spectrum", whiten=False)

    def _waveform(self, name: str, predicted: Array, label: Array, mask: Array | None, table: dict[str, Array]) -> None:
        both = np.isfinite(predicted) & np.isfinite(label) & (True if mask is None else mask)
        errors = stats.waveform_errors(_zscored(predicted, both), _zscored(label, both))
        for column, key in (("r", "r"), ("mae", "mae"), ("rmse", "rmse"), ("error_std", "std")):
            table[f"{name}_{column}"] = errors[key]

    def sync(self, *args: Any, **options: Any) -> None:
        # a process that was given no window must still bring tensors of the right shape to the exchange
        if not self._is_synced and not len(self.rows):
            self.rows.append(torch.zeros(0, len(self.columns), device=self.device))
            self.names.append(torch.zeros(0, 2, TEXT, dtype=torch.uint8, device=self.device))
        super().sync(*args, **options)

    def compute(self) -> dict[str, Tensor]:
        """All scores that can be computed, as scalars on the metric's device."""
        table, people = self.windows()
        results: dict[str, float] = {}
        for rate in RATES:
            if rate in self.sources:
                results |= self._rate_scores(rate, rate, table, people)
                if f"{rate}_head" in table:
                    results |= self._rate_scores(f"{rate}_head", rate, table, people)
        for name in self.waveform_names:
            columns = [column for column in self.columns if column.startswith(f"{name}_")]
            results |= {column: float(np.nanmean(table[column])) for column in columns if _any(table[column])}
        if "ibi" in table and _any(table["ibi_truth"]):
            results["ibi_mae"] = stats.mae(table["ibi"], table["ibi_truth"])
        for name in self.target_names:
            if name not in RATES:
                results |= self._target_scores(name, table, people)
        return {key: torch.tensor(value, dtype=torch.float32, device=self.device) for key, value in results.items()}

    def windows(self) -> tuple[dict[str, Array], list[str]]:
        """Every window that was scored: its columns {name: (n,)}, NaN = unknown, and the n people they belong to."""
        if not len(self.rows):
            return {name: np.zeros(0) for name in self.columns}, []
        rows = _numpy(_stacked(self.rows))
        people, windows = _decode(_stacked(self.names))
        first: dict[str, int] = {}
        for i, window in enumerate(windows):
            first.setdefault(window or f"\0{i}", i)
        kept = sorted(first.values())
        table = {name: rows[kept, i] for i, name in enumerate(self.columns)}
        return table, [people[i] for i in kept]

    def _naive(self, name: str, truth: Array, people: Sequence[str]) -> Array:
        if name in self.statistics:
            self.naive[name] = "training median"
            return np.full(truth.shape, float(self.statistics[name][2]))
        self.naive[name] = "other people's median"
        return stats.others_median(truth, people)

    def _rate_scores(self, column: str, rate: str, table: dict[str, Array], people: Sequence[str]) -> dict[str, float]:
        estimate, truth, floor = table[column], table[f"{rate}_truth"], table[f"{rate}_floor"]
        if not _any(truth):
            return {}
        described = stats.describe(estimate, truth)
        keys = ("mae", "mae_se", "rmse", "mape", "r", "within_3", "within_5", "coverage")
        scores = {key: described[key] for key in keys}
        # skill compares on the windows that the model answers, or refusing hard ones would count as skill
        naive = np.where(np.isfinite(estimate), self._naive(rate, truth, people), np.nan)
        scores["naive_mae"] = stats.mae(naive, truth)
        scores["naive_within_3"] = stats.within(naive, truth, 3.0)
        scores["skill"] = stats.skill(scores["mae"], scores["naive_mae"])
        if _any(floor):
            scores["floor_mae"] = stats.mae(floor, truth)
            scores["floor_within_3"] = stats.within(floor, truth, 3.0)
        return {f"{column}_{key}": value for key, value in scores.items()}

    def _target_scores(self, name: str, table: dict[str, Array], people: Sequence[str]) -> dict[str, float]:
        estimate, truth = table[name], table[f"{name}_truth"]
        if not _any(truth):
            return {}
        if TARGETS[name].kind == "class":
            scores = self._class_scores(name, estimate, truth, people)
        else:
            naive = self._naive(name, truth, people)
            scores = {
                "mae": stats.mae(estimate, truth),
                "rmse": stats.rmse(estimate, truth),
                "r": stats.pearson(estimate, truth),
                "naive_mae": stats.mae(naive, truth),
            }
            scores["skill"] = stats.skill(scores["mae"], scores["naive_mae"])
        if name in PRESSURES:
            grade = pressure_grade(estimate, truth, people)
            scores |= {"bias": grade.mean, "error_std": grade.sd, "person_std": grade.person_sd}
            scores |= {f"within_{k}": getattr(grade, f"within_{k}") for k in (5, 10, 15)}
            scores |= {f"iso_criterion_{k}": float(getattr(grade, f"criterion_{k}")) for k in (1, 2)}
        return {f"{name}_{key}": value for key, value in scores.items()}

    def _class_scores(self, name: str, estimate: Array, truth: Array, people: Sequence[str]) -> dict[str, float]:
        naive = np.round(self._naive(name, truth, people))
        accuracy = stats.within(np.where(np.isfinite(estimate), estimate > 0.5, np.nan), truth, 0.0)
        naive_accuracy = stats.within(naive, truth, 0.0)
        return {
            "auroc": stats.auroc(estimate, truth),
            "accuracy": accuracy,
            "naive_accuracy": naive_accuracy,
            "skill": stats.skill(1 - accuracy, 1 - naive_accuracy),
        }


def _sources(waveforms: Sequence[str], targets: Sequence[str]) -> dict[str, str]:
    """Where each rate comes from: the waveform where there is one, else the head."""
    sources = {rate: "head" for rate in RATES if rate in targets}
    return sources | {rate: "waveform" for rate, wave in RATES.items() if wave in waveforms}


def _columns(waveforms: Sequence[str], targets: Sequence[str]) -> tuple[str, ...]:
    sources = _sources(waveforms, targets)
    columns: list[str] = []
    for rate, source in sources.items():
        columns += [rate, f"{rate}_truth", f"{rate}_floor"]
        columns += [f"{rate}_head"] if source == "waveform" and rate in targets else []
    for name in waveforms:
        columns += [f"{name}_{key}" for key in ("r", "mae", "rmse", "error_std")]
    for name in targets:
        columns += [name, f"{name}_truth"] if name not in RATES else []
    return tuple(columns)


def _numpy(x: Any) -> Array:
    return np.asarray(x.detach().cpu()) if isinstance(x, Tensor) else np.asarray(x)


def _stacked(state: Any) -> Tensor:
    """A list state before it is gathered, or the one tensor that it becomes."""
    return torch.cat(list(state)) if isinstance(state, list) else state


def _any(values: Array) -> bool:
    return bool(np.isfinite(values).any())


def _zscored(wave: Array, known: Array) -> Array:
    wave = np.where(known, wave, np.nan).astype(np.float64)
    n = np.maximum(known.sum(-1, keepdims=True), 1)
    centred = wave - np.nansum(wave, -1, keepdims=True) / n
    std = np.sqrt(np.nansum(centred**2, -1, keepdims=True) / n)
    return centred / np.where(std > 1e-12, std, np.nan)


def _by_run(read: Callable[[Array], Array], wave: Array, mask: Array | None, least: float = 0.0) -> Array:
    """`read` of each row's longest stretch of known samples, rows with the same stretch together: (B, T) to (B,).

    Rows in which that stretch is shorter than `least` of the mask stay NaN.
    """
    asked = np.ones(wave.shape, bool) if mask is None else mask
    valid = np.isfinite(wave) & asked
    needed = np.maximum(least * asked.sum(-1), 2)
    result = np.full(len(wave), np.nan)
    groups: dict[tuple[int, int], list[int]] = {}
    for i, row in enumerate(valid):
        first, last = (0, row.size) if row.all() else _longest_run(row)
        if last - first >= needed[i]:
            groups.setdefault((first, last), []).append(i)
    for (first, last), rows in groups.items():
        result[rows] = read(wave[rows, first:last].astype(np.float64))
    return result


def _longest_run(row: Array) -> tuple[int, int]:
    edges = np.flatnonzero(np.diff(np.concatenate([[0], row.astype(np.int8), [0]])))
    if not edges.size:
        return 0, 0
    lengths = edges[1::2] - edges[::2]
    best = int(lengths.argmax())
    return int(edges[2 * best]), int(edges[2 * best + 1])


def _window_names(batch: Mapping[str, Any], size: int) -> list[str]:
    if "recording" not in batch or "start" not in batch:
        return [""] * size
    starts = _numpy(batch["start"])
    return [f"{name}@{start:.3f}" for name, start in zip(batch["recording"], starts, strict=True)]


def _encode(people: Sequence[str], windows: Sequence[str]) -> Tensor:
    """Names as bytes (B, 2, TEXT), which devices can exchange; a longer name keeps its start and gets a digest."""
    texts = np.zeros((len(people), 2, TEXT), np.uint8)
    for i, pair in enumerate(zip(people, windows, strict=True)):
        for j, text in enumerate(pair):
            data = text.encode()
            if len(data) > TEXT:
                data = data[: TEXT - 17] + b"~" + hashlib.blake2b(data, digest_size=8).hexdigest().encode()
            texts[i, j, : len(data)] = np.frombuffer(data, np.uint8)
    return torch.from_numpy(texts)


def _decode(texts: Tensor) -> tuple[list[str], list[str]]:
    rows = _numpy(texts)
    people, windows = ([bytes(row).rstrip(b"\0").decode(errors="replace") for row in rows[:, j]] for j in (0, 1))
    return people, windows
