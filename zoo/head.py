"""The multitask head: biomarkers in physical units from any network's features."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from zoo.spec import TARGETS

Statistics = Mapping[str, tuple[float, float, float]]
"""By target: mean, standard deviation and median of the training people's labels, in the target's unit."""


class MultitaskHead(nn.Module):
    """Biomarkers from features (B, width, T), whatever T: mean and spread over time, then a small perceptron.

    A fresh head says the training mean of every target, because its last layer starts at zero and its outputs are
    scaled by the training labels' statistics (buffers, so that they travel with the weights).

    Args:
        width: channels of the features.
        targets: names out of `zoo.spec.TARGETS`.
        hidden: width of the hidden layer.
    """

    mean: Tensor
    deviation: Tensor

    def __init__(self, width: int, targets: Sequence[str], hidden: int = 64) -> None:
        super().__init__()
        self.targets = tuple(targets)
        self.perceptron = nn.Sequential(nn.LayerNorm(2 * width), nn.Linear(2 * width, hidden), nn.GELU())
        self.out = nn.Linear(hidden, len(self.targets))
        nn.init.zeros_(self.out.weight)
        nn.init.zeros_(self.out.bias)
        self.register_buffer("mean", torch.zeros(len(self.targets)))
        self.register_buffer("deviation", torch.ones(len(self.targets)))

    def forward(self, features: Tensor) -> Tensor:
        """Standardised numbers and logits (B, targets) from features (B, width, T)."""
        mean = features.mean(-1)
        spread = ((features - mean.unsqueeze(-1)).square().mean(-1) + 1e-6).sqrt()
        return self.out(self.perceptron(torch.cat([mean, spread], dim=1)))

    def physical(self, raw: Tensor) -> dict[str, Tensor]:
        """By target: (B,) in its unit, or a probability 0..1 for a class."""
        values = raw.float() * self.deviation + self.mean
        return {
            name: torch.sigmoid(raw[:, i].float()) if TARGETS[name].kind == "class" else values[:, i]
            for i, name in enumerate(self.targets)
        }

    def standardise(self, name: str, label: Tensor) -> Tensor:
        """A label in the unit that `forward` gives: standardised, or 0 / 1 for a class; NaN stays NaN."""
        i = self.targets.index(name)
        return label if TARGETS[name].kind == "class" else (label - self.mean[i]) / self.deviation[i]

    def set_statistics(self, statistics: Statistics) -> None:
        """Take the mean and deviation of the training labels; a target without any keeps its own."""
        for i, name in enumerate(self.targets):
            if name in statistics and TARGETS[name].kind == "number":
                mean, deviation, _ = statistics[name]
                self.mean[i], self.deviation[i] = mean, max(deviation, 1e-6)
