"""A training run: its folder `runs/<model>/<time>/`, its loggers, its checkpoints and its progress."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import lightning as L
import torch
from lightning.pytorch.callbacks import (
    Callback,
    Checkpoint,
    EarlyStopping,
    ModelCheckpoint,
    ProgressBar,
    RichProgressBar,
)

from zoo import registry
from zoo.errors import CheckpointError, UsageError
from zoo.module import VitalsModule
from zoo.spec import Signal
from zoo.training import loggers
from zoo.training.averaging import AverageWeights
from zoo.training.divergence import StopDiverging
from zoo.training.keeping import KeepLast, WholeFiles, is_training
from zoo.training.seeding import SeedEachStep

BEST, LAST = "best.ckpt", "last.ckpt"
RESULTS = "test"
NAME = "ZOO_RUN"


@dataclass(frozen=True)
class Folder:
    """Where a run writes.

    Args:
        path: the folder itself.
    """

    path: Path

    @property
    def checkpoints(self) -> Path:
        return self.path / "checkpoints"

    @property
    def best(self) -> Path:
        return self.checkpoints / BEST

    @property
    def last(self) -> Path:
        return self.checkpoints / LAST

    @property
    def config(self) -> Path:
        return self.path / "config.yaml"

    @property
    def finished(self) -> bool:
        """The run has come to its end, and was tested."""
        return (self.path / f"{RESULTS}.json").is_file()


def new_folder(root: Path, model: registry.Entry, ending: str = "") -> Folder:
    """A folder of its own for a run that starts now; it is made when something is written."""
    # processes that Lightning starts beside this one take its folder
    if "LOCAL_RANK" in os.environ and (name := os.environ.get(NAME)):
        return Folder(runs(root, model) / name)
    stamp = datetime.now().strftime("%Y-%m-%d_%H-%M-%S") + ending
    path = runs(root, model) / stamp
    number = 2
    while path.exists():
        path, number = path.with_name(f"{stamp}_{number}"), number + 1
    os.environ[NAME] = path.name
    return Folder(path)


def newest(root: Path, model: registry.Entry, name: str) -> Path:
    """The `best` or `last` checkpoint of a model's newest run that has one.

    Raises:
        CheckpointError: there is none.
    """
    found = sorted(runs(root, model).glob(f"*/checkpoints/{name}.ckpt"), key=lambda path: path.stat().st_mtime)
    if not found:
        raise CheckpointError(
            f"There is no {name} checkpoint of {model.name} below '{root}': train one with 'zoo fit --model "
            f"{model.name}', or give --ckpt_path FILE."
        )
    return found[-1]


def unfinished(root: Path, model: registry.Entry) -> Path | None:
    """The `last` checkpoint of a model's newest run, if that run has not come to its end."""
    found = max(runs(root, model).glob(f"*/checkpoints/{LAST}"), key=lambda path: path.stat().st_mtime, default=None)
    return None if found is None or Folder(found.parents[1]).finished else found


def folder_of(checkpoint: Path) -> Folder | None:
    """The run that a checkpoint lies in; None where it lies elsewhere."""
    folder = Folder(checkpoint.parents[1]) if checkpoint.parent.name == "checkpoints" else None
    return folder if folder is not None and folder.config.is_file() else None


def agreed(folder: Folder, trainer: L.Trainer) -> Folder:
    """The folder that all processes of a run write to, of those that each of them named."""
    keeps = [one.path for one in trainer.callbacks if isinstance(one, KeepLast)]  # type: ignore[attr-defined]
    return Folder(keeps[0].parents[1]) if keeps else folder


def steps_of(checkpoint: Path) -> int:
    """Optimiser steps done when a checkpoint was written."""
    return int(torch.load(checkpoint, map_location="cpu", weights_only=True)["global_step"])


def runs(root: Path, model: registry.Entry) -> Path:
    """Where a model's runs lie."""
    return root / model.name.replace(":", "_")


def goal(model: VitalsModule) -> tuple[str, str]:
    """The validation score that decides which checkpoint is best, and its direction (`min`, `max`)."""
    if {"ppg", "heart_rate"} & set(model.outputs):
        return "val/heart_rate_mae", "min"
    if "respiration" in model.outputs or "respiration_rate" in model.outputs:
        return "val/respiration_rate_mae", "min"
    name, output = next(iter(model.outputs.items()))
    if isinstance(output, Signal):
        return f"val/{name}_r", "max"
    return (f"val/{name}_auroc", "max") if output.kind == "class" else (f"val/{name}_mae", "min")


@dataclass(frozen=True)
class Training:
    """Settings of a `fit` beside the Trainer's; what they are is said where the command line declares them."""

    early_stopping: int = 0
    average_weights: float = 0.0
    logger: tuple[str, ...] = loggers.DEFAULT
    seed: int = 0

    def __post_init__(self) -> None:
        if self.early_stopping < 0:
            raise UsageError(f"early_stopping is a number of validations, 0 for none, not {self.early_stopping}.")
        if not 0 <= self.average_weights < 1:
            raise UsageError(f"average_weights is a decay from 0 to below 1 (0.999, say), not {self.average_weights}.")


def training_options(
    folder: Folder, done: int, model: VitalsModule, configured: Mapping[str, Any], training: Training
) -> dict[str, Any]:
    """Trainer options of a `fit`: loggers, checkpoints and progress, where the configuration has none of its own.

    Args:
        folder: of the run.
        done: steps that it goes on from.
    """
    callbacks = as_list(configured.get("callbacks"))
    monitor, mode = goal(model)
    keep = KeepLast(folder.last)
    own: list[Callback] = [SeedEachStep(training.seed), StopDiverging(keep.path)]
    if training.average_weights:
        own.append(AverageWeights(training.average_weights))
    if training.early_stopping:
        own.append(
            EarlyStopping(monitor, mode=mode, patience=training.early_stopping, check_finite=False, min_delta=0.0)
        )
    keeps = configured.get("enable_checkpointing") is not False and not configured.get("fast_dev_run")
    if keeps and not any(isinstance(one, Checkpoint) for one in callbacks):
        best = ModelCheckpoint(folder.checkpoints, "best", monitor=monitor, mode=mode, enable_version_counter=False)
        own += [best, keep]
    options: dict[str, Any] = {
        "default_root_dir": str(folder.path),
        "plugins": [*as_list(configured.get("plugins")), WholeFiles()],
    }
    if configured.get("logger") in (None, True):
        options["logger"] = loggers.loggers(training.logger, folder.path, folder.path.parents[1], done)
    return {**options, **progress_options([*callbacks, *own], configured)}


def progress_options(callbacks: list[Callback], configured: Mapping[str, Any]) -> dict[str, Any]:
    """A live bar where somebody is looking; a line a validation where not."""
    wanted = configured.get("enable_progress_bar") is not False
    if wanted and not any(isinstance(one, ProgressBar) for one in callbacks):
        live = sys.stderr.isatty()
        callbacks = [*callbacks, RichProgressBar(console_kwargs={"stderr": True}) if live else Lines()]
        wanted = live
    return {"callbacks": callbacks, "enable_progress_bar": wanted, "enable_model_summary": False}


def as_list(value: Any) -> list[Any]:
    """None as an empty list, one thing as a list of it."""
    return [] if value is None else list(value) if isinstance(value, list) else [value]


class Lines(Callback):
    """Progress on stderr for logs: a line a validation."""

    def __init__(self) -> None:
        self.started = time.monotonic()

    def on_validation_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        if not is_training(trainer) or not trainer.is_global_zero:
            return
        steps = trainer.estimated_stepping_batches
        shown = {name: value for name, value in trainer.callback_metrics.items() if name in SHOWN}
        scores = ", ".join(f"{name} {float(value):.3g}" for name, value in sorted(shown.items()))
        of = f"/{steps:.0f}" if steps != float("inf") else ""
        print(
            f"step {trainer.global_step}{of}, {time.monotonic() - self.started:.0f} s: {scores}",
            file=sys.stderr,
            flush=True,
        )


SHOWN = ("train/loss", "val/heart_rate_mae", "val/ppg_r")


def best_of(folder: Folder, trainer: L.Trainer, resumed: Path | None) -> Path | None:
    """The checkpoint with the best validation score of a run and of the one that it went on from.

    Returns:
        the last one where nothing was validated, None where nothing was kept.
    """
    found = [one for one in trainer.checkpoint_callbacks if isinstance(one, ModelCheckpoint) and one.monitor]
    candidates = [(one.best_model_score, Path(one.best_model_path), one) for one in found if one.best_model_path]
    scores = [(float(score), path) for score, path, _ in candidates if score is not None and path.is_file()]
    if found and resumed is not None:
        scores += _earlier(resumed, found[0])
    if not scores:
        return folder.last if folder.last.is_file() else None
    return (max if found[0].mode == "max" else min)(scores, key=lambda one: one[0])[1]


def _earlier(resumed: Path, callback: ModelCheckpoint) -> list[tuple[float, Path]]:
    states = torch.load(resumed, map_location="cpu", weights_only=True).get("callbacks", {})
    state = states.get(callback.state_key, {})
    score, path = state.get("best_model_score"), Path(state.get("best_model_path") or "")
    return [(float(score), path)] if score is not None and path.is_file() else []
