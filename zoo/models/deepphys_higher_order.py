"""DeepPhys with a second motion branch, for the acceleration of the pulse wave."""

from __future__ import annotations

from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from zoo.models import deepphys
from zoo.models.preparation import difference, motion_and_appearance, normalised_difference, standardised
from zoo.module import Batch, VitalsModule
from zoo.spec import Clip, Crop, Signal

ACCELERATION = "ppg_acceleration"


class Network(deepphys.Network):
    """After arXiv:2110.03690: (B, T, 9, H, W), velocity, acceleration and appearance, to two waveforms (B, 2, T).

    Args:
        size: side of the square frames in pixels, at least 10.
    """

    def __init__(self, size: int = 36) -> None:
        super().__init__(size)
        pairs = ((3, 32), (32, 64))
        self.second = nn.ModuleList(
            nn.ModuleList(deepphys.convolutions(cin, cout, (1, 0), False)) for cin, cout in pairs
        )
        self.second_dense = nn.Linear(self.dense.in_features, 128)
        self.second_out = nn.Linear(128, 1)

    def _encode(self, motion: Tensor, appearance: Tensor, maps: dict[str, Tensor] | None = None) -> Tensor:
        first, second = motion[:, :3], motion[:, 3:]
        for i, (stage, name) in enumerate(zip(self.stages, ("mid", "last"), strict=True)):
            appearance, mask = stage.appear(appearance)  # type: ignore[operator]
            for one, two in zip(stage.motion, self.second[i], strict=True):  # type: ignore[call-overload]
                first, second = torch.tanh_(one(first)), torch.tanh_(two(second))
            first = self.dropout(F.avg_pool2d(first * mask, 2))
            second = self.dropout(F.avg_pool2d(second * mask, 2))
            if i == 0:
                appearance = self.dropout(F.avg_pool2d(appearance, 2))
            if maps is not None:
                maps |= {name: torch.cat([first, second], dim=1), f"attention_{name}": mask[:, 0]}
        dense = torch.cat([self.dense(first.flatten(1)), self.second_dense(second.flatten(1))], dim=1)
        return torch.tanh(dense)

    def readout(self, features: Tensor) -> Tensor:
        """First and second derivative (B, 2, T) from features (B, 256, T)."""
        first, second = self.dense_dropout(features.transpose(1, 2)).chunk(2, dim=-1)
        return torch.stack([self.out(first)[..., 0], self.second_out(second)[..., 0]], dim=1)


class DeepPhysHigherOrder(VitalsModule):
    """DeepPhys that also learns the second derivative (Hill et al. 2021), on which the ejection time is read.

    Input: (B, 3, T, size, size) face crops 0..1. Network: (B, T, 9, size, size), normalised differences, their
    differences, and standardised frames. Output: `ppg` (B, T) as derivative and `ppg_acceleration` (B, T) as second
    derivative; both are learned from the same label, and the two peaks of a beat of the acceleration bound the left
    ventricular ejection time.

    Published: second differences as input and second derivatives in the loss improve that time. Chosen, since no code
    is published: a second motion branch of the same layers under the same attention, a dense layer and an output of
    its own.

    Args:
        frames: window length.
        size: side of the square crops in pixels.
        fps: frames a second.
        crop: how the face is cut out.
        targets: biomarkers.
    """

    paper: ClassVar[str] = "Hill, Liu and McDuff 2021, Learning higher-order dynamics, arXiv:2110.03690"

    def __init__(
        self,
        frames: int = 180,
        size: int = 36,
        fps: float = 30.0,
        crop: Crop = "aligned",
        targets: list[str] = [],
        **training: Any,
    ) -> None:
        super().__init__(
            input=Clip(frames, size, min_frames=3, fps=fps, crop=crop),
            signals={"ppg": Signal("derivative"), ACCELERATION: Signal("second_derivative")},
            width=256,
            targets=targets,
            **training,
        )
        self.network = Network(size)

    def prepare(self, raw: Tensor) -> Tensor:
        """(B, 3, T, H, W) -> (B, T, 9, H, W): normalised differences, their differences, standardised frames."""
        velocity = normalised_difference(raw)
        return motion_and_appearance(torch.cat([velocity, difference(velocity)], dim=1), standardised(raw))

    def waveforms(self, features: Tensor) -> dict[str, Tensor]:
        return dict(zip(("ppg", ACCELERATION), self.network.readout(features).unbind(1), strict=True))  # type: ignore[operator]

    def loss(self, batch: Batch) -> dict[str, Tensor]:
        labels = batch["waveforms"]
        return super().loss(
            {**batch, "waveforms": {**labels, ACCELERATION: labels["ppg"]}} if "ppg" in labels else batch
        )
