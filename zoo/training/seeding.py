"""Every draw of a training step comes from its own seed, so that a run that goes on draws what it would have drawn."""

from __future__ import annotations

import random
from typing import Any

import lightning as L
import numpy as np
import torch
from lightning.pytorch.callbacks import Callback


class SeedEachStep(Callback):
    """Seeds torch (all devices), numpy and random before each training batch by seed, epoch, batch and process.

    A step depends on nothing that was drawn before it: not on a validation in between, nor on where the run was cut.

    Args:
        seed: of the run.
    """

    def __init__(self, seed: int) -> None:
        self.seed = seed

    def on_train_batch_start(
        self, trainer: L.Trainer, pl_module: L.LightningModule, batch: Any, batch_idx: int
    ) -> None:
        key = (trainer.current_epoch, batch_idx, trainer.global_rank)
        state = np.random.SeedSequence(self.seed, spawn_key=key).generate_state(3, np.uint64)
        torch.manual_seed(int(state[0]))
        np.random.seed(int(state[1] % 2**32))
        random.seed(int(state[2]))
