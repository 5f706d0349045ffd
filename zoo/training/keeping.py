"""Checkpoints of a run: the last state of all, from which it goes on as if it had not been cut."""

from __future__ import annotations

import io
import time
from pathlib import Path
from typing import Any

import lightning as L
import torch
from lightning.fabric.plugins import TorchCheckpointIO
from lightning.pytorch.callbacks import Checkpoint
from lightning.pytorch.utilities.exceptions import SIGTERMException

from zoo.checkpoints import write_whole
from zoo.errors import TrainingError

MINUTES = 10.0


class WholeFiles(TorchCheckpointIO):
    """Writes checkpoints under a temporary name in their own folder and renames them.

    Lightning's own way takes the system's folder for temporary files, often on another disk, from where a file is
    copied piece by piece.
    """

    def save_checkpoint(self, checkpoint: dict[str, Any], path: Any, storage_options: Any = None) -> None:
        buffer = io.BytesIO()
        torch.save(checkpoint, buffer)
        path = Path(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, buffer.getvalue())


class KeepLast(Checkpoint):
    """Keeps the last state, whatever its score: after each validation, every few minutes, at the end, and when told
    to stop (Ctrl-C, SIGTERM).

    `ModelCheckpoint(save_last=True)` renews it only when the best is renewed.

    Args:
        path: of the file; that of the first process counts.
        minutes: between savings where no validation comes before.
    """

    def __init__(self, path: Path, minutes: float = MINUTES) -> None:
        self.path, self.minutes = path, minutes
        self._saved, self._step = time.monotonic(), -1

    def setup(self, trainer: L.Trainer, pl_module: L.LightningModule, stage: str) -> None:
        # processes that were started apart have each named a folder by their own clock
        self.path = trainer.strategy.broadcast(self.path)

    def on_train_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        self._saved = time.monotonic()

    def on_train_batch_end(self, trainer: L.Trainer, *_: Any) -> None:
        loop, fetcher = trainer.fit_loop.epoch_loop, trainer.fit_loop._data_fetcher
        assert fetcher is not None
        # a state between a step and its validation would skip it, one between two halves of a step would lose the first
        if loop._should_accumulate() or loop._should_check_val_fx(fetcher):
            return
        if trainer.strategy.broadcast(time.monotonic() - self._saved > 60 * self.minutes):
            self.save(trainer)

    def on_validation_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        if is_training(trainer):
            self.save(trainer)

    def on_train_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        # a state that was kept after the last step's validation is the better one: Lightning counts on from this one
        # as if that step were still to be logged
        if trainer.global_step != self._step:
            self.save(trainer)

    def on_exception(self, trainer: L.Trainer, pl_module: L.LightningModule, exception: BaseException) -> None:
        # one process of several that fails must not wait for the others here; SIGTERM stops all at the same step
        alone = isinstance(exception, KeyboardInterrupt) and trainer.world_size == 1
        if (alone or isinstance(exception, SIGTERMException)) and is_training(trainer):
            self.save(trainer)

    def save(self, trainer: L.Trainer) -> None:
        """Write the state, and what was logged up to it.

        Raises:
            TrainingError: the weights are not finite: the state before is kept.
        """
        refuse_broken(trainer.lightning_module)
        for logger in trainer.loggers:
            logger.save()
        trainer.save_checkpoint(self.path)
        self._saved, self._step = time.monotonic(), trainer.global_step


def refuse_broken(module: torch.nn.Module) -> None:
    """Raise TrainingError where a weight is infinite or no number."""
    for name, value in module.state_dict().items():
        if value.is_floating_point() and not bool(value.isfinite().all()):
            raise TrainingError(f"training diverged: {name} is no longer finite; lower --model.lr.")


def is_training(trainer: L.Trainer) -> bool:
    """Inside a `fit`, after its first step."""
    return trainer.state.fn == "fit" and not trainer.sanity_checking and trainer.global_step > 0
