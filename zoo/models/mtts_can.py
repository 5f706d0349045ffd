"""MTTS-CAN: TS-CAN that reads the pulse and the breath from one trunk."""

from __future__ import annotations

from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from zoo.models import tscan
from zoo.models.preparation import motion_and_appearance, normalised_difference, standardised
from zoo.module import VitalsModule
from zoo.settings import positive
from zoo.spec import Clip, Crop, Signal


class Network(tscan.Network):
    """The published multi-task network (arXiv:2006.03790): (B, T, 6, H, W) to pulse and breath (B, 2, T).

    Each task has a dense layer of 128 and one output of its own; the two dense layers are computed as one of 256.

    Args:
        size: side of the square frames in pixels, at least 10.
        depth: frames among which channels are shifted; T is a multiple of it.
    """

    def __init__(self, size: int = 36, depth: int = 10) -> None:
        super().__init__(size, depth)
        self.dense = nn.Linear(self.dense.in_features, 256)
        self.out_respiration = nn.Linear(128, 1)

    def readout(self, features: Tensor) -> Tensor:
        """Pulse and breath (B, 2, T) from features (B, 256, T)."""
        pulse, breath = self.dense_dropout(features.transpose(1, 2)).chunk(2, dim=-1)
        return torch.stack([self.out(pulse)[..., 0], self.out_respiration(breath)[..., 0]], dim=1)


class MTTSCAN(VitalsModule):
    """MTTS-CAN (Liu et al. 2020): temporal shift, attention, and two waveforms.

    Input: (B, 3, T, size, size) face crops 0..1, T a multiple of `depth`. Network: (B, T, 6, size, size), normalised
    differences and standardised frames. Output: the derivatives of `ppg` and `respiration` (B, T).

    Deviation from the paper: as `tscan`; a recording without a breathing label trains the pulse alone.

    Args:
        frames: window length, a multiple of `depth`.
        size: side of the square crops in pixels.
        depth: frames among which channels are shifted.
        fps: frames a second.
        crop: how the face is cut out.
        targets: biomarkers; none leaves exactly the published network.
    """

    paper: ClassVar[str] = "Liu et al. 2020, Multi-task temporal shift attention networks, arXiv:2006.03790"

    def __init__(
        self,
        frames: int = 180,
        size: int = 36,
        depth: int = 10,
        fps: float = 30.0,
        crop: Crop = "aligned",
        targets: list[str] = [],
        **training: Any,
    ) -> None:
        positive(depth=depth)
        super().__init__(
            input=Clip(frames, size, multiple_of=depth, min_frames=depth, fps=fps, crop=crop),
            signals={"ppg": Signal("derivative"), "respiration": Signal("derivative")},
            width=256,
            targets=targets,
            **training,
        )
        self.network = Network(size, depth)

    def prepare(self, raw: Tensor) -> Tensor:
        """(B, 3, T, H, W) -> (B, T, 6, H, W): normalised differences and standardised frames of the window."""
        return motion_and_appearance(normalised_difference(raw), standardised(raw))

    def waveforms(self, features: Tensor) -> dict[str, Tensor]:
        return dict(zip(("ppg", "respiration"), self.network.readout(features).unbind(1), strict=True))  # type: ignore[operator]
