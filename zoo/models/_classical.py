"""What the classical methods share: all but the function of `zoo.signals.classical` that each is named after."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

from torch import Tensor, nn

from zoo.module import VitalsModule
from zoo.signals.classical import upright
from zoo.spec import Signal, Traces

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


class ClassicalMethod(VitalsModule):
    """A method with nothing to train: it reads each region's pulse for itself, and gives their mean.

    Args:
        frames: window length in samples.
        regions: names of skin regions; the whole face unless told otherwise.
        fps: samples a second.
        protocol: name of the protocol by which rates are read and scored.
    """

    trainable: ClassVar[bool] = False
    method: ClassVar[str]

    def __init__(
        self,
        frames: int = 600,
        regions: list[str] = ["face"],
        fps: float = 30.0,
        protocol: str = "zoo",
    ) -> None:
        super().__init__(
            input=Traces(frames, tuple(regions), min_frames=int(2 * fps), fps=fps),
            signals={"ppg": Signal("value")},
            protocol=protocol,
        )
        self.network = Network(upright(self.method), fps)
