"""Averaged weights: validated and saved in place of the last step's, whose noise they do not have."""

from __future__ import annotations

from typing import Any

import torch
from lightning.pytorch.callbacks import WeightAveraging
from torch import Tensor


class AverageWeights(WeightAveraging):
    """Exponential moving average of weights and buffers, as Lightning's, with a warm-up.

    After n steps the decay is (1 + n) / (10 + n) where that is less, so that a short run does not keep its random first
    weights (as TensorFlow's ExponentialMovingAverage does where it is told the number of updates).

    Args:
        decay: share of the average that a step leaves, 0..1; the average reaches back about 1 / (1 - decay) steps.
    """

    def __init__(self, decay: float) -> None:
        self.decay = decay
        super().__init__(multi_avg_fn=self.average)

    def average(self, averaged: list[Tensor], current: list[Tensor], count: Tensor) -> None:
        """Bring tensors of one type up to date; whole numbers (batches counted) are taken as they are."""
        steps = float(count)
        decay = min(self.decay, (1 + steps) / (10 + steps))
        if averaged[0].is_floating_point():
            torch._foreach_lerp_(averaged, current, 1 - decay)
        else:
            torch._foreach_copy_(averaged, current)

    def on_train_end(self, trainer: Any, pl_module: Any) -> None:
        """Nothing yet: the last state is saved after this, and must hold the weights that training goes on from."""

    def on_fit_end(self, trainer: Any, pl_module: Any) -> None:
        self._copy_average_to_current(pl_module)
