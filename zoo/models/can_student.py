"""The student of the light heart-rate system: a motion branch of two convolutions and one dense layer."""

from __future__ import annotations

from typing import Any, ClassVar

import torch
from einops import rearrange
from torch import Tensor, nn
from torch.nn import functional as F

from zoo.errors import InputShapeError
from zoo.models._can import CAN
from zoo.models.layers import ConvNorm, frames_last, in_pieces
from zoo.models.preparation import difference


class Network(nn.Module):
    """The published student: differences (B, T, 3, H, W) to the PPG's change a frame (B, T). 24,769 parameters at 36.

    Args:
        size: side of the square frames in pixels, at least 4.
    """

    def __init__(self, size: int = 36) -> None:
        super().__init__()
        if size < 4:
            raise InputShapeError(f"This network eats frames of at least 4x4 pixels, not {size}x{size}.")
        self.convolutions = nn.ModuleList(
            ConvNorm(nn.Conv2d(cin, cout, 3, padding=1)) for cin, cout in ((3, 32), (32, 64))
        )
        self.out = nn.Linear(64 * (size // 4) ** 2, 1)

    def features(self, x: Tensor, stages: bool = False) -> Any:
        """Features (B, (H / 4) * (W / 4) * 64, T), the flat last map, channels last; with `stages` also the maps `mid`
        and `last` (B, T, C, h, w)."""
        frames, batch = frames_last(x), x.shape[0]
        maps: dict[str, Tensor] = {}
        flat = self._encode(frames, maps) if stages else in_pieces(self._encode, 32, frames)
        features = rearrange(flat, "(b t) c -> b c t", b=batch)
        if not stages:
            return features
        return features, {name: rearrange(m, "(b t) ... -> b t ...", b=batch) for name, m in maps.items()}

    def _encode(self, x: Tensor, maps: dict[str, Tensor] | None = None) -> Tensor:
        for convolution, name in zip(self.convolutions, ("mid", "last"), strict=True):
            x = F.avg_pool2d(torch.tanh_(convolution(x)), 2)
            if maps is not None:
                maps[name] = x
        # as the map lies in memory: no copy
        return rearrange(x, "n c h w -> n (h w c)")

    def readout(self, features: Tensor) -> Tensor:
        """Waveform (B, T) from the flat features."""
        weight = rearrange(self.out.weight, "one (c space) -> one (space c)", c=64)
        return F.linear(features.transpose(1, 2), weight, self.out.bias)[..., 0]

    def forward(self, x: Tensor) -> Tensor:
        return self.readout(self.features(x))


class CANStudent(CAN):
    """The light network that `can_teacher` teaches, for boards under 500 GFLOP/s (distillation on UBFC-rPPG).

    Input: (B, 3, T, 36, 36) face crops 0..1 of the first frame's box, enlarged 1.6 times. Network: (B, T, 3, 36, 36),
    differences of adjacent frames. Output: the derivative of `ppg` (B, T); its sum over time, passed through
    0.7-4.0 Hz, is the PPG. 24,769 parameters.

    Published: two convolutions with batch norm and pooling, one dense layer, their sizes. Chosen, since it is not
    printed: tanh after each batch norm and mean pooling, as the teacher has them; differences are multiplied by `gain`.
    """

    paper: ClassVar[str] = "Light rPPG by knowledge distillation; after Chen and McDuff 2018, arXiv:1805.07888"
    network_class: ClassVar[type[nn.Module]] = Network
    width: ClassVar[int] = 64

    def prepare(self, raw: Tensor) -> Tensor:
        """(B, 3, T, H, W) -> (B, T, 3, H, W): differences times `gain`."""
        return rearrange(difference(raw) * self.hparams["gain"], "b c t h w -> b t c h w")

    def biomarker_features(self, features: Tensor) -> Tensor:
        """(B, 64, T): the last map's mean over the face."""
        return rearrange(features, "b (space c) t -> b c space t", c=64).mean(2)
