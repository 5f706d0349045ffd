"""What the classical methods share: a parameter-free network around a function of `zoo.signals.classical`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import Tensor, nn

Method = Callable[[Tensor, float], Tensor]


class Network(nn.Module):
    """Mean over the given regions of the pulse that `method` reads from each: (B, regions, 3, T) -> (B, T)."""

    def __init__(self, method: Method, fps: float) -> None:
        super().__init__()
        self.method = method
        self.fps = fps

    def features(self, x: Tensor, stages: bool = False) -> Any:
        """The pulse as one feature channel (B, 1, T); with `stages` also each region's `pulses` (B, regions, T)."""
        pulses = self.method(x, self.fps)
        features = pulses.mean(dim=1, keepdim=True)
        return (features, {"pulses": pulses}) if stages else features

    def readout(self, features: Tensor) -> Tensor:
        """Waveform (B, T) from features (B, 1, T)."""
        return features[:, 0]

    def forward(self, x: Tensor) -> Tensor:
        return self.readout(self.features(x))
