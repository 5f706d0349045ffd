"""The one LightningModule of the house: input check, preparation, heads, loss, metrics and optimiser, once."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any, ClassVar, Literal, NamedTuple

import lightning as L
import torch
from torch import Tensor, nn

from zoo import settings
from zoo.checkpoints import read_calibrator, registered_name
from zoo.errors import InputShapeError, UnknownName, UsageError
from zoo.head import MultitaskHead
from zoo.losses import BREATH, PULSE, WAVEFORM_LOSSES, class_loss, number_loss
from zoo.metrics import VitalsMetrics
from zoo.metrics.protocol import load_protocol
from zoo.signals.calibrator import Calibrator, default
from zoo.signals.confidence import colours_of, views_of
from zoo.signals.forms import to_form, to_value
from zoo.spec import TARGETS, Clip, Input, Output, Signal

Batch = dict[str, Any]
"""What `VitalsDataModule` collates: `input` (B, ...), `waveforms` {name: (B, T)} and `targets` {name: (B,)} with NaN
where unknown, `mask` (B, T) bool, `person` and `recording` lists of B names, `start` (B,) seconds."""


class Prediction(NamedTuple):
    """What a model gives for a batch: `waveforms` {name: (B, T)}, `targets` {name: (B,)} in physical units."""

    waveforms: dict[str, Tensor]
    targets: dict[str, Tensor]


class VitalsModule(L.LightningModule):
    """Base of every model: a subclass sets `self.network` and says how raw colours are prepared for it.

    Hyper-parameters are plain values only (str, int, float, bool, list, dict), so that a checkpoint loads with
    `weights_only=True`. A subclass takes `**training` and passes it on, so that all models train by the same ones.

    Args:
        input: what the model eats; built by the subclass from its hyper-parameters.
        signals: its waveforms by name (`zoo.spec.WAVEFORMS`) and the form in which the network gives each.
        width: channels of `features`, on which the biomarker head hangs.
        targets: biomarkers to regress (names of `zoo.spec.TARGETS`); none leaves exactly the published network.
        lr: learning rate (the peak, where the schedule has one).
        weight_decay: decoupled weight decay.
        optimizer: `adamw`, `adam` or `sgd` (momentum 0.9).
        schedule: `constant`, `cosine`, or `one_cycle` (warm-up, then cosine) over the run's steps.
        losses: weight by name of each waveform loss (names of `zoo.losses.WAVEFORM_LOSSES`).
        loss_weights: weight by output name; 1 for a waveform and 0.1 for a target where none is given.
        learn_loss_weights: weigh the outputs by learned uncertainty (Kendall 2018, arXiv:1705.07115, eq. 7) on top.
        protocol: name of the protocol by which rates are read and scored.

    Raises:
        UsageError: a hyper-parameter of another kind than it is annotated with, or out of range.
    """

    paper: ClassVar[str] = ""
    licence: ClassVar[str] = "Apache-2.0"
    trainable: ClassVar[bool] = True
    # axes of the maps that `features` names; networks of 3-D convolutions have "b c t h w"
    map_axes: ClassVar[str] = "b t c h w"

    network: nn.Module

    def __init__(
        self,
        *,
        input: Input,
        signals: Mapping[str, Signal],
        width: int = 0,
        targets: Sequence[str] = (),
        lr: float = 1e-3,
        weight_decay: float = 0.01,
        optimizer: Literal["adamw", "adam", "sgd"] = "adamw",
        schedule: Literal["constant", "cosine", "one_cycle"] = "one_cycle",
        losses: dict[str, float] = {"negative_pearson": 1.0},
        loss_weights: dict[str, float] = {},
        learn_loss_weights: bool = False,
        protocol: str = "zoo",
    ) -> None:
        super().__init__()
        self.save_hyperparameters(ignore=["input", "signals", "width", *_not_taken(type(self))])
        settings.check(type(self), self.hparams)
        settings.positive(lr=lr)
        if not weight_decay >= 0:
            raise UsageError(f"weight_decay must be 0 or more, not {weight_decay!r}.")
        load_protocol(protocol)
        for name in targets:
            if name not in TARGETS:
                raise UnknownName("biomarker", name, TARGETS)
        if len(set(targets)) < len(targets):
            raise UsageError(f"targets names a biomarker twice: {', '.join(targets)}.")
        if not losses:
            raise UsageError(f"losses must name at least one of {', '.join(WAVEFORM_LOSSES)}.")
        for name in losses:
            if name not in WAVEFORM_LOSSES:
                raise UnknownName("waveform loss", name, WAVEFORM_LOSSES)
        self.input = input
        self.signals = dict(signals)
        self.outputs: dict[str, Output] = {**self.signals, **{name: TARGETS[name] for name in targets}}
        self.head = MultitaskHead(width, targets) if targets else None
        weights = {name: loss_weights.get(name, 1.0 if name in self.signals else 0.1) for name in self.outputs}
        if unknown := set(loss_weights) - set(weights):
            raise UsageError(f"loss_weights names no output of this model: {', '.join(sorted(unknown))}.")
        self.loss_weights = weights
        self.log_variance = nn.ParameterDict(
            {name: nn.Parameter(torch.zeros(())) for name in self.outputs} if learn_loss_weights else {}
        )
        self.statistics: dict[str, tuple[float, float, float]] = {}
        self.trained_on: list[str] = []
        # by data set, how its people were divided
        self.divisions: dict[str, dict[str, Any]] = {}
        self.calibrator: Calibrator | None = None
        self.metrics: VitalsMetrics | None = None
        # losses beyond those of the labels, {name: loss} of (batch, waveforms, maps); its parameters learn too, and are
        # no part of a published checkpoint
        self.lesson: nn.Module | None = None

    # What a subclass says

    def prepare(self, raw: Tensor) -> Tensor:
        """The published network's own tensor from RGB 0..1 (`self.input.shape()`); part of the graph, always fp32."""
        return raw

    def features(self, x: Tensor, stages: bool = False) -> Any:
        """Features (B, width, T) of the prepared tensor; with `stages` also {name: map} for distillation.

        Maps of clips lie as `map_axes` says, attention (B, T, h, w) and those of traces (B, C, T) apart.
        """
        return self.network.features(x, stages) if stages else self.network.features(x)  # type: ignore[operator]

    def waveforms(self, features: Tensor) -> dict[str, Tensor]:
        """Waveforms {name: (B, T)} in the form that `signals` declares, from the features."""
        return {"ppg": self.network.readout(features)}  # type: ignore[operator]

    def biomarker_features(self, features: Tensor) -> Tensor:
        """Features (B, width, T') that the biomarker head reads: the network's own, unless a subclass adds a neck."""
        return features

    # The forward pass

    def forward(self, raw: Tensor) -> Prediction:
        """Waveforms in their network's form and targets in physical units, from RGB 0..1.

        Args:
            raw: `self.input.shape(batch)`; any number of frames that `self.input` allows.

        Raises:
            InputShapeError: another shape or type.
        """
        waveforms, raw_targets, _ = self._outputs(raw)
        targets = self.head.physical(raw_targets) if self.head is not None and raw_targets is not None else {}
        return Prediction(waveforms, targets)

    def staged(self, raw: Tensor) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
        """Waveforms in their network's form, and the maps of the named stages, from RGB 0..1."""
        waveforms, _, maps = self._outputs(raw, stages=True)
        return waveforms, maps

    def _outputs(self, raw: Tensor, stages: bool = False) -> tuple[dict[str, Tensor], Tensor | None, dict[str, Tensor]]:
        if not (torch.compiler.is_compiling() or torch.jit.is_tracing()):
            check_input(raw, self.input)
        with full_precision(raw.device):
            x = self.prepare(raw.float())
        features, maps = self.features(x, stages=True) if stages else (self.features(x), {})
        targets = self.head(self.biomarker_features(features)) if self.head is not None else None
        return self.waveforms(features), targets, maps

    def values(self, waveforms: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Z-scored waveforms {name: (B, T)} from waveforms in their network's form."""
        fps = self.input.fps
        return {name: to_value(wave.float(), self.signals[name].form, fps) for name, wave in waveforms.items()}

    def example_input(self, batch: int = 1, frames: int | None = None) -> Tensor:
        """A batch that looks real to this model: skin that pulses at 72 beats a minute, seeded noise."""
        shape = self.input.shape(batch, frames)
        generator = torch.Generator().manual_seed(0)
        is_clip = isinstance(self.input, Clip)
        length = shape[2] if is_clip else shape[3]
        pulse = torch.sin(2 * torch.pi * 1.2 * torch.arange(length) / self.input.fps)
        skin = torch.tensor([0.62, 0.45, 0.36])
        strength = torch.tensor([0.0015, 0.003, 0.002])
        colour = skin[:, None] + strength[:, None] * pulse
        colour = colour[None, :, :, None, None] if is_clip else colour[None, None]
        noise = 0.02 if is_clip else 0.0004
        return (colour + noise * torch.randn(shape, generator=generator)).clamp(0.0, 1.0)

    @property
    def confidence(self) -> Calibrator:
        """What says how far a heart rate may be trusted: its own, or the one that ships for its method."""
        package, _, name = type(self).__module__.rpartition(".")
        return self.calibrator or default(name if package == "zoo.models" else "")

    # Training and scoring

    def setup(self, stage: str) -> None:
        data = getattr(self.trainer, "datamodule", None)
        if data is not None and stage == "fit":
            self.statistics = dict(data.statistics)
            # what the weights that it starts from have seen, stays seen
            self.saw(data.trained_on, dict.fromkeys(data.trained_on, data.division))
            lesson: Any = self.lesson
            if lesson is not None:
                self.saw(lesson.trained_on, lesson.divisions)
            if self.head is not None:
                self.head.set_statistics(self.statistics)
        statistics = self.statistics or (dict(data.statistics) if data is not None else {})
        self.metrics = VitalsMetrics(
            self.outputs,
            fps=self.input.fps,
            protocol=self.hparams["protocol"],
            statistics=statistics,
            calibrator=self.confidence,
        )

    def saw(self, names: Sequence[str], divisions: Mapping[str, Mapping[str, Any]]) -> None:
        """Remember data sets that training took people from, and how these were divided, where that is known."""
        self.trained_on = sorted({*self.trained_on, *names})
        for name, division in divisions.items():
            if self.divisions.setdefault(name, dict(division)) != division:
                # those who are held out by one division trained by the other
                self.divisions[name] = {"split": "several"}

    def loss(self, batch: Batch) -> dict[str, Tensor]:
        """Loss by output name, and `loss`, their weighted sum."""
        waveforms, raw_targets, maps = self._outputs(batch["input"], stages=self.lesson is not None)
        parts = {name: self._waveform_loss(name, wave, batch) for name, wave in waveforms.items()}
        if self.head is not None and raw_targets is not None:
            for i, name in enumerate(self.head.targets):
                parts[name] = self._target_loss(name, raw_targets[:, i], batch)
        if self.lesson is not None:
            parts |= self.lesson(batch, waveforms, maps)
        total = torch.stack([self._weighted(name, part) for name, part in parts.items()]).sum()
        return {**parts, "loss": total}

    def _waveform_loss(self, name: str, wave: Tensor, batch: Batch) -> Tensor:
        label = batch["waveforms"].get(name)
        if label is None:
            return wave.sum() * 0.0
        known = batch["mask"] & label.isfinite()
        # one infinite sample would make all others look like rounding
        label = to_form(label.masked_fill(~known, 0.0), self.signals[name].form, known)
        weights: dict[str, float] = self.hparams["losses"]
        band = BREATH if name == "respiration" else PULSE
        terms = [
            weight * WAVEFORM_LOSSES[loss](wave.float(), label, known, self.input.fps, band)
            for loss, weight in weights.items()
        ]
        return torch.stack(terms).sum()

    def _target_loss(self, name: str, raw: Tensor, batch: Batch) -> Tensor:
        label = batch["targets"].get(name)
        if label is None or self.head is None:
            return raw.sum() * 0.0
        loss = class_loss if TARGETS[name].kind == "class" else number_loss
        return loss(raw.float(), self.head.standardise(name, label.float()))

    def _weighted(self, name: str, loss: Tensor) -> Tensor:
        weighted = self.loss_weights.get(name, 1.0) * loss
        if name in self.log_variance:
            log_variance = self.log_variance[name]
            return torch.exp(-log_variance) * weighted + 0.5 * log_variance
        return weighted

    def training_step(self, batch: Batch, batch_index: int) -> Tensor:
        losses = self.loss(batch)
        self.log("train/loss", losses["loss"], prog_bar=True, batch_size=len(batch["input"]))
        parts = {f"train/{name}": value for name, value in losses.items() if name != "loss"}
        self.log_dict(parts, batch_size=len(batch["input"]))
        return losses["loss"]

    def validation_step(self, batch: Batch, batch_index: int) -> dict[str, Tensor]:
        return self._score(batch)

    def test_step(self, batch: Batch, batch_index: int) -> dict[str, Tensor]:
        return self._score(batch)

    def predict_step(self, batch: Batch, batch_index: int) -> Prediction:
        prediction = self(batch["input"])
        return Prediction(self.values(prediction.waveforms), prediction.targets)

    def _score(self, batch: Batch) -> dict[str, Tensor]:
        """Score a batch; its waveforms as values, which callbacks are given."""
        assert self.metrics is not None
        prediction = self.predict_step(batch, 0)
        if "ppg" in prediction.waveforms and self.confidence.needs_views:
            batch = {**batch, "views": views_of(colours_of(batch["input"], self.input), self.input.fps)}
        self.metrics.to(self.device).update(prediction.waveforms, prediction.targets, batch)
        return prediction.waveforms

    def on_validation_epoch_end(self) -> None:
        self._report("val")

    def on_test_epoch_end(self) -> None:
        self._report("test")

    def _report(self, stage: str) -> None:
        assert self.metrics is not None
        results = self.metrics.compute()
        shown = {"heart_rate_mae", "ppg_r"}
        for name, value in results.items():
            self.log(f"{stage}/{name}", value, prog_bar=name in shown and stage == "val")
        self.metrics.reset()

    def configure_optimizers(self) -> Any:
        options = self.hparams
        if not self.trainable:
            raise UsageError("this model is a classical method with nothing to train; measure it with 'zoo test'.")
        decay, lr = options["weight_decay"], options["lr"]
        optimizer: torch.optim.Optimizer
        if options["optimizer"] == "sgd":
            optimizer = torch.optim.SGD(self.parameters(), lr=lr, momentum=0.9, weight_decay=decay)
        else:
            kind = torch.optim.AdamW if options["optimizer"] == "adamw" else torch.optim.Adam
            optimizer = kind(self.parameters(), lr=lr, weight_decay=decay)
        if options["schedule"] == "constant":
            return optimizer
        # a cycle of five steps has a warm-up of length 0, by which torch divides
        steps = max(int(self.trainer.estimated_stepping_batches), 10)
        schedule: torch.optim.lr_scheduler.LRScheduler
        if options["schedule"] == "one_cycle":
            schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=lr, total_steps=steps, pct_start=0.2)
        else:
            schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}

    # What travels with a checkpoint beside the weights

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        checkpoint["zoo"] = {
            "model": registered_name(self),
            "statistics": {name: [float(v) for v in values] for name, values in self.statistics.items()},
            "trained_on": list(self.trained_on),
            "divisions": dict(self.divisions),
            "confidence": None if self.calibrator is None else self.calibrator.to_dict(),
        }

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        known = checkpoint.get("zoo", {})
        self.statistics = {name: (v[0], v[1], v[2]) for name, v in known.get("statistics", {}).items()}
        self.saw(known.get("trained_on", []), known.get("divisions", {}))
        self.calibrator = read_calibrator(known.get("confidence"), "the checkpoint")
        # a run that goes on, perhaps for longer, has the length of its own schedule
        for state in checkpoint.get("lr_schedulers", []):
            for length in ("total_steps", "_schedule_phases", "T_max"):
                state.pop(length, None)


def _not_taken(cls: type) -> list[str]:
    """Hyper-parameters of the base that a subclass does not take: it must be rebuilt from what it saved."""
    taken = inspect.signature(cls).parameters
    if any(one.kind is one.VAR_KEYWORD for one in taken.values()):
        return []
    return [name for name in inspect.signature(VitalsModule).parameters if name not in taken]


def check_input(raw: Tensor, input: Input) -> None:
    """Refuse a tensor that a model cannot eat.

    Raises:
        InputShapeError: one sentence that names the expected shape.
    """
    expected = input.shape()
    time = 2 if isinstance(input, Clip) else 3
    words = "(batch, 3, frames, height, width)" if isinstance(input, Clip) else "(batch, regions, 3, frames)"
    wanted = f"float RGB 0..1 of shape {words} = (n, {', '.join(map(str, expected[1:]))})"
    if not raw.is_floating_point():
        raise InputShapeError(f"This model eats {wanted}, not {raw.dtype}: divide 8-bit colours by 255.")
    if raw.ndim != len(expected) or any(size != raw.shape[i] for i, size in enumerate(expected) if i not in (0, time)):
        raise InputShapeError(f"This model eats {wanted}, not {tuple(raw.shape)}.")
    if not len(raw):
        raise InputShapeError(f"This model eats {wanted}, not an empty batch: give at least one window.")
    frames = raw.shape[time]
    if frames < input.min_frames or frames % input.multiple_of:
        multiple = f" in multiples of {input.multiple_of}" if input.multiple_of > 1 else ""
        raise InputShapeError(f"This model eats {wanted}: at least {input.min_frames} frames{multiple}, not {frames}.")


def full_precision(device: torch.device) -> AbstractContextManager[Any]:
    """Autocast off, where it is on: the pulse lives in the last bits of the colours."""
    if torch.is_autocast_enabled(device.type):
        return torch.autocast(device.type, enabled=False)
    return nullcontext()
