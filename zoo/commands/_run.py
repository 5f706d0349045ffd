"""A training run: its folder `runs/<model>/<time>/`, its loggers, its checkpoints and its progress."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import lightning as L
import torch
from lightning.pytorch.callbacks import Callback, Checkpoint, ModelCheckpoint, ProgressBar, RichProgressBar
from lightning.pytorch.loggers import CSVLogger, TensorBoardLogger

from zoo import registry
from zoo.errors import CheckpointError
from zoo.module import VitalsModule
from zoo.spec import Signal

BEST, LAST = "best.ckpt", "last.ckpt"


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


def new_folder(root: Path, model: registry.Entry) -> Folder:
    """A folder of its own for a run that starts now; it is made when something is written."""
    stamp = datetime.now().strftime("%Y-%m-%d_%H-%M-%S")
    path = _runs(root, model) / stamp
    number = 2
    while path.exists():
        path, number = path.with_name(f"{stamp}_{number}"), number + 1
    return Folder(path)


def newest(root: Path, model: registry.Entry, name: str) -> Path:
    """The `best` or `last` checkpoint of a model's newest run that has one.

    Raises:
        CheckpointError: there is none.
    """
    found = sorted(_runs(root, model).glob(f"*/checkpoints/{name}.ckpt"), key=lambda path: path.stat().st_mtime)
    if not found:
        raise CheckpointError(
            f"There is no {name} checkpoint of {model.name} below '{root}': train one with 'zoo fit --model "
            f"{model.name}', or give --ckpt_path FILE."
        )
    return found[-1]


def _runs(root: Path, model: registry.Entry) -> Path:
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


def training_options(folder: Folder, model: VitalsModule, configured: Mapping[str, Any]) -> dict[str, Any]:
    """Trainer options of a `fit`: loggers, checkpoints and progress, where the configuration has none of its own."""
    callbacks = as_list(configured.get("callbacks"))
    keeps = configured.get("enable_checkpointing") is not False and not configured.get("fast_dev_run")
    if keeps and not any(isinstance(one, Checkpoint) for one in callbacks):
        monitor, mode = goal(model)
        best = ModelCheckpoint(folder.checkpoints, "best", monitor=monitor, mode=mode, enable_version_counter=False)
        callbacks += [best, KeepLast(folder.last)]
    options: dict[str, Any] = {"default_root_dir": str(folder.path)}
    if configured.get("logger") in (None, True):
        options["logger"] = [
            CSVLogger(folder.path, name="", version=""),
            TensorBoardLogger(folder.path, name="", version="tensorboard"),
        ]
    return {**options, **progress_options([*callbacks], configured)}


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


class KeepLast(Checkpoint):
    """Keeps the last state, whatever its score: after each validation, at the end, and when interrupted.

    `ModelCheckpoint(save_last=True)` renews it only when the best is renewed.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def on_validation_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        if _is_training(trainer):
            trainer.save_checkpoint(self.path)

    def on_train_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        trainer.save_checkpoint(self.path)

    def on_exception(self, trainer: L.Trainer, pl_module: L.LightningModule, exception: BaseException) -> None:
        # one process of several that fails must not wait for the others here
        if isinstance(exception, KeyboardInterrupt) and _is_training(trainer) and trainer.world_size == 1:
            trainer.save_checkpoint(self.path)


class Lines(Callback):
    """Progress on stderr for logs: a line a validation."""

    def __init__(self) -> None:
        self.started = time.monotonic()

    def on_validation_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        if not _is_training(trainer) or not trainer.is_global_zero:
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


def _is_training(trainer: L.Trainer) -> bool:
    return trainer.state.fn == "fit" and not trainer.sanity_checking and trainer.global_step > 0


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
