"""The metric of a validation or test run: rates and waveforms scored a window at a time, summed up over all devices."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor
from torchmetrics import Metric

from zoo.metrics import statistics as stats
from zoo.metrics.names import BYTES, decode_names, encode_names
from zoo.metrics.protocol import Protocol, load_protocol
from zoo.metrics.scores import rate_scores, target_scores
from zoo.metrics.stretches import read_rows, stretches, zscored
from zoo.signals.beats import mean_ibi_rate
from zoo.signals.calibrator import Calibrator, default, suited
from zoo.signals.confidence import confidence
from zoo.signals.rate import heart_rate
from zoo.signals.respiration import HIGH_HZ as FASTEST_BREATH
from zoo.signals.respiration import LOW_HZ as SLOWEST_BREATH
from zoo.signals.respiration import respiration_rate
from zoo.spec import TARGETS, Output, Signal

Array = np.ndarray
RATES = {"heart_rate": "ppg", "respiration_rate": "respiration"}
# a label with more of a window unknown than this gives that window no truth
LABEL_KNOWN = 0.9


class Scored(NamedTuple):
    """What rates are scored on: windows, or recordings where the protocol averages.

    Columns {name: (n,)}, NaN = unknown: `heart_rate`, `heart_rate_truth`, `confidence` and the like; the n people and
    recordings ("" = not said) that they belong to.
    """

    columns: dict[str, Array]
    people: list[str]
    recordings: list[str]


class VitalsMetrics(Metric):
    """Scores of everything that a model gives, under one protocol, by stable keys.

    `update` reads the rates of a batch once; `compute` gives {key: scalar}. A key is there where its truth is:
    `heart_rate_mae, _mae_se, _rmse, _mape, _r, _within_3, _within_5, _coverage, _naive_mae, _naive_within_3, _skill,
    _floor_mae, _floor_within_3, _confident_mae` and `trust_scores` (`respiration_rate_*` alike, read from the pulse's
    modulations where the model gives no respiration; `heart_rate_head_*` where a head gives the
    rate besides the waveform), `ppg_r, ppg_mae, ppg_rmse, ppg_error_std, ppg_snr` (dB), `ppg_macc`, `ppg_band_r`
    (after the protocol's filters, as `zoo evaluate` correlates), `ibi_mae` (ms), and
    `<target>_<key>` with the keys of `zoo.metrics.scores.target_scores`. Shares are 0..1, rates in 1/min.

    Args:
        outputs: what the model gives, by name.
        fps: frames a second of its waveforms.
        protocol: name of a protocol, or one.
        statistics: (mean, standard deviation, median) of the training targets by name; the naive predictor says
            their median. Where a name is missing it says the median of all other people in the run.
        calibrator: says the confidence of a window; that of any waveform unless given.
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
        calibrator: Calibrator | None = None,
        **options: Any,
    ) -> None:
        super().__init__(**options)
        self.fps = float(fps)
        self.protocol = load_protocol(protocol) if isinstance(protocol, str) else protocol
        self.statistics = dict(statistics or {})
        self.calibrator = calibrator or default()
        self.waveform_names = tuple(name for name, output in outputs.items() if isinstance(output, Signal))
        self.target_names = tuple(name for name, output in outputs.items() if not isinstance(output, Signal))
        self.sources = _sources(self.waveform_names, self.target_names)
        self.columns = _columns(self.waveform_names, self.target_names)
        self.add_state("rows", default=[], dist_reduce_fx="cat")
        self.add_state("names", default=[], dist_reduce_fx="cat")

    @property
    def naive(self) -> dict[str, str]:
        """What the naive predictor says of each quantity: `training median` or `other people's median`."""
        names = [*self.sources, *(name for name in self.target_names if name not in RATES)]
        return {name: "training median" if name in self.statistics else "other people's median" for name in names}

    def update(self, waveforms: Mapping[str, Tensor], targets: Mapping[str, Tensor], batch: Mapping[str, Any]) -> None:
        """Score one batch of windows.

        Args:
            waveforms: {name: (B, T)} predicted, as z-scored values.
            targets: {name: (B,)} predicted, physical units (a class: the probability of its second).
            batch: `waveforms` {name: (B, T)} and `targets` {name: (B,)} with NaN where unknown, `person` B names;
                optional `mask` (B, T) bool; optional `recording` B names and `start` (B,) s, by which protocols
                average, and a window that a distributed sampler hands out twice is counted once; optional `views`
                (B, 2 regions, T), which some calibrators weigh (`zoo.signals.confidence.views_of`).
        """
        people = [str(one) for one in batch["person"]]
        table = {name: np.full(len(people), np.nan) for name in self.columns}
        labels = {name: _numpy(wave) for name, wave in batch.get("waveforms", {}).items()}
        known = {name: _numpy(value) for name, value in batch.get("targets", {}).items()}
        predicted = {name: _numpy(wave) for name, wave in waveforms.items()}
        shape = next((wave.shape for wave in (*predicted.values(), *labels.values())), (len(people), 0))
        asked = _numpy(batch["mask"]).astype(bool) if "mask" in batch else np.ones(shape, bool)
        for rate, name in RATES.items():
            if rate in self.sources:
                self._rate(rate, predicted.get(name), labels.get(name), known.get(rate), asked, table)
        if self.sources.get("respiration_rate") == "pulse" and np.isfinite(table["respiration_rate_truth"]).any():
            for column, waves in (("respiration_rate", predicted), ("respiration_rate_floor", labels)):
                if "ppg" in waves:
                    table[column] = read_rows(lambda x: respiration_rate(x, self.fps), waves["ppg"], asked)
        for name in self.waveform_names:
            if name in predicted and name in labels:
                self._waveform(name, predicted[name], labels[name], asked, table)
        if "ppg" in self.waveform_names and "ppg" in predicted:
            table["confidence"] = self._confidence(predicted["ppg"], table["heart_rate"], batch.get("views"), asked)
            self._pulse(predicted["ppg"], labels.get("ppg"), asked, table)
        for name in self.target_names:
            if name in targets:
                table[f"{name}_head" if self.sources.get(name) == "waveform" else name] = _numpy(targets[name])
            if name not in RATES and name in known:
                table[f"{name}_truth"] = known[name]
        rows = np.stack([table[name] for name in self.columns], axis=1).astype(np.float32)
        self.rows.append(torch.from_numpy(rows).to(self.device))
        self.names.append(encode_names(people, *_window_names(batch, len(people))).to(self.device))

    def _rate(
        self,
        rate: str,
        predicted: Array | None,
        label: Array | None,
        known: Array | None,
        asked: Array,
        table: dict[str, Array],
    ) -> None:
        """Estimate, truth and floor of one rate; a known contact signal goes before a label that is one number."""
        read, true = (self._read, self._true) if rate == "heart_rate" else (self._breathing, self._breathing)
        if predicted is not None:
            table[rate] = read_rows(read, predicted, asked)
        if label is not None:
            table[f"{rate}_truth"] = read_rows(true, label, asked, LABEL_KNOWN)
            table[f"{rate}_floor"] = read_rows(read, label, asked, LABEL_KNOWN)
        if known is not None:
            truth = table[f"{rate}_truth"]
            table[f"{rate}_truth"] = np.where(np.isnan(truth), known, truth)

    def _read(self, wave: Array) -> Array:
        return self.protocol.rate(wave, self.fps)

    def _true(self, wave: Array) -> Array:
        return self.protocol.truth(wave, self.fps)

    def _breathing(self, wave: Array) -> Array:
        return heart_rate(wave, self.fps, low=SLOWEST_BREATH, high=FASTEST_BREATH, method="spectrum", whiten=False)

    def _waveform(self, name: str, predicted: Array, label: Array, asked: Array, table: dict[str, Array]) -> None:
        both = np.isfinite(predicted) & np.isfinite(label) & asked
        errors = stats.waveform_errors(zscored(predicted, both), zscored(label, both))
        for column, key in (("r", "r"), ("mae", "mae"), ("rmse", "rmse"), ("error_std", "std")):
            table[f"{name}_{column}"] = errors[key]

    def _confidence(self, wave: Array, rate: Array, views: Any, asked: Array) -> Array:
        """(B,) of each window's longest known stretch; a calibrator that lacks the views gives way to the default."""
        found = np.full(len(wave), np.nan)
        calibrator = suited(self.calibrator, views)
        for rows, cut in stretches(np.isfinite(wave), asked):
            seen = None if views is None else _numpy(views)[rows][..., cut]
            band = {"low": self.protocol.low, "high": self.protocol.high}
            found[rows] = confidence(calibrator, wave[rows, cut], self.fps, seen, rate=rate[rows], **band)
        return found

    def _pulse(self, predicted: Array, label: Array | None, asked: Array, table: dict[str, Array]) -> None:
        """What is read of pulse waves alone: inter-beat interval, SNR, MACC, and r in the protocol's band."""
        if label is None:
            return
        band = {"low": self.protocol.low, "high": self.protocol.high}
        for column, wave, least in (("ibi", predicted, 0.0), ("ibi_truth", label, LABEL_KNOWN)):
            table[column] = 60_000 / read_rows(lambda x: mean_ibi_rate(x, self.fps, **band), wave, asked, least)
        truth = table["heart_rate_truth"]
        both = np.isfinite(predicted) & np.isfinite(label)
        for rows, cut in stretches(both, asked, LABEL_KNOWN):
            quality = self.protocol.quality(predicted[rows, cut], label[rows, cut], truth[rows], self.fps)
            table["ppg_snr"][rows], table["ppg_macc"][rows], table["ppg_band_r"][rows] = quality

    def sync(self, *args: Any, **options: Any) -> None:
        # a process that was given no window must still bring tensors of the right shape to the exchange
        if not self._is_synced and not len(self.rows):
            self.rows.append(torch.zeros(0, len(self.columns), device=self.device))
            self.names.append(torch.zeros(0, 3, BYTES, dtype=torch.uint8, device=self.device))
        super().sync(*args, **options)

    def compute(self) -> dict[str, Tensor]:
        """All scores that can be computed, as scalars on the metric's device."""
        table, people, _, _ = self._table()
        rates, people_of_rates, _ = self.scored()
        results: dict[str, float] = {}
        for rate in self.sources:
            for column in (rate, f"{rate}_head"):
                if column in rates:
                    scores = self._rate_scores(column, rate, rates, people_of_rates)
                    results |= {f"{column}_{key}": value for key, value in scores.items()}
        for column in _waveform_columns(self.waveform_names):
            if np.isfinite(table[column]).any():
                results[column] = float(np.nanmean(table[column]))
        if "ibi" in table and np.isfinite(table["ibi_truth"]).any():
            results["ibi_mae"] = stats.mae(table["ibi"], table["ibi_truth"])
        for name in self.target_names:
            if name not in RATES:
                truth = table[f"{name}_truth"]
                scores = target_scores(name, table[name], truth, self._naive(name, truth, people), people)
                results |= {f"{name}_{key}": value for key, value in scores.items()}
        return {key: torch.tensor(value, dtype=torch.float32, device=self.device) for key, value in results.items()}

    def windows(self) -> tuple[dict[str, Array], list[str]]:
        """Every window that was scored: its columns {name: (n,)}, NaN = unknown, and the n people they belong to."""
        table, people, _, _ = self._table()
        return table, people

    def by_person(self) -> list[dict[str, Any]]:
        """Errors of each person, a row a quantity: `quantity`, `person`, `windows`, `mae`, `naive_mae`; no classes.

        A rate is scored as `scored` gives it; only what has both an estimate and a truth counts.
        """
        rates, owners, _ = self.scored()
        table, people = self.windows()
        numbers = [name for name in self.target_names if name not in RATES and TARGETS[name].kind == "number"]
        found = []
        for name, columns, whose in (
            *((rate, rates, owners) for rate in self.sources),
            *((name, table, people) for name in numbers),
        ):
            estimate, truth = columns[name], columns[f"{name}_truth"]
            naive, names = self._naive(name, truth, whose), np.asarray(whose)
            known = np.isfinite(estimate) & np.isfinite(truth)
            for one in sorted(set(names[known].tolist())):
                rows = known & (names == one)
                errors = {
                    "windows": int(rows.sum()),
                    "mae": stats.mae(estimate[rows], truth[rows]),
                    "naive_mae": stats.mae(naive[rows], truth[rows]),
                }
                found.append({"quantity": name, "person": str(one), **errors})
        return found

    def _table(self) -> tuple[dict[str, Array], list[str], list[str], Array]:
        """Columns, people, recordings ("" = not said) and starts (s) of the windows, each window once."""
        if not len(self.rows):
            return {name: np.zeros(0) for name in self.columns}, [], [], np.zeros(0)
        rows = _numpy(_stacked(self.rows)).astype(np.float64)
        people, recordings, starts = decode_names(_stacked(self.names))
        first: dict[tuple[str, ...], int] = {}
        for i, recording in enumerate(recordings):
            first.setdefault((people[i], recording, starts[i]) if recording else (str(i),), i)
        kept = sorted(first.values())
        table = {name: rows[kept, i] for i, name in enumerate(self.columns)}
        times = np.asarray([float(starts[i] or "nan") for i in kept])
        return table, [people[i] for i in kept], [recordings[i] for i in kept], times

    def scored(self) -> Scored:
        """The columns of rates, averaged over windows where the protocol says so, and whose they are."""
        table, people, recordings, starts = self._table()
        names = [name for name in self.columns if name.startswith(tuple(RATES)) or name == "confidence"]
        if self.protocol.average == "window" or not all(recordings):
            return Scored({name: table[name] for name in names}, people, recordings)
        parts: dict[str, list[Array]] = {name: [np.zeros(0)] for name in names}
        owners: list[str] = []
        places: list[str] = []
        for recording in dict.fromkeys(recordings):
            rows = np.flatnonzero(np.asarray(recordings) == recording)
            rows = rows[np.argsort(starts[rows])]
            for name in names:
                parts[name].append(self.protocol.averaged(table[name][rows]))
            owners += [people[rows[0]]] * len(parts[names[0]][-1])
            places += [recording] * len(parts[names[0]][-1])
        return Scored({name: np.concatenate(values) for name, values in parts.items()}, owners, places)

    def _naive(self, name: str, truth: Array, people: Sequence[str]) -> Array:
        if name in self.statistics:
            return np.full(truth.shape, float(self.statistics[name][2]))
        return stats.others_median(truth, people)

    def _rate_scores(self, column: str, rate: str, rates: dict[str, Array], people: Sequence[str]) -> dict[str, float]:
        truth = rates[f"{rate}_truth"]
        sure = rates.get("confidence") if column == "heart_rate" else None
        naive, floor = self._naive(rate, truth, people), rates[f"{rate}_floor"]
        return rate_scores(rates[column], truth, naive, floor, sure, self.calibrator.threshold)


def _sources(waveforms: Sequence[str], targets: Sequence[str]) -> dict[str, str]:
    """Where each rate comes from: its waveform where there is one, else the head, else (breath) the pulse's own."""
    sources = {"respiration_rate": "pulse"} if "ppg" in waveforms else {}
    sources |= {rate: "head" for rate in RATES if rate in targets}
    return sources | {rate: "waveform" for rate, wave in RATES.items() if wave in waveforms}


def _waveform_columns(waveforms: Sequence[str]) -> list[str]:
    columns = [f"{name}_{key}" for name in waveforms for key in ("r", "mae", "rmse", "error_std")]
    return [*columns, "ppg_snr", "ppg_macc", "ppg_band_r"] if "ppg" in waveforms else columns


def _columns(waveforms: Sequence[str], targets: Sequence[str]) -> tuple[str, ...]:
    columns: list[str] = []
    for rate, source in _sources(waveforms, targets).items():
        columns += [rate, f"{rate}_truth", f"{rate}_floor"]
        columns += [f"{rate}_head"] if source == "waveform" and rate in targets else []
    columns += _waveform_columns(waveforms)
    columns += ["confidence", "ibi", "ibi_truth"] if "ppg" in waveforms else []
    for name in targets:
        columns += [name, f"{name}_truth"] if name not in RATES else []
    return tuple(columns)


def _numpy(x: Any) -> Array:
    return np.asarray(x.detach().cpu()) if isinstance(x, Tensor) else np.asarray(x)


def _stacked(state: Any) -> Tensor:
    """A list state before it is gathered, or the one tensor that it becomes."""
    return torch.cat(list(state)) if isinstance(state, list) else state


def _window_names(batch: Mapping[str, Any], size: int) -> tuple[list[str], list[str]]:
    if "recording" not in batch or "start" not in batch:
        return [""] * size, [""] * size
    return [str(name) for name in batch["recording"]], [f"{start:.3f}" for start in _numpy(batch["start"])]
