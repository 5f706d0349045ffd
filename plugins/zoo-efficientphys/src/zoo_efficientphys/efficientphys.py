"""EfficientPhys: one branch that shifts channels in time and attends to itself."""

from __future__ import annotations

from typing import Any, ClassVar

import torch
from einops import rearrange
from torch import Tensor, nn
from torch.nn import functional as F

from zoo.models.layers import attention_mask, frames_last, in_pieces, temporal_shift
from zoo.models.preparation import difference, standardised
from zoo.module import VitalsModule
from zoo.settings import positive
from zoo.spec import Clip, Crop, Signal

# module of the published code: module here
PUBLISHED_NAMES = {
    "batch_norm": "norm",
    **{f"motion_conv{i + 1}": f"convolutions.{i}" for i in range(4)},
    **{f"apperance_att_conv{i + 1}": f"attentions.{i}" for i in range(2)},
    "final_dense_1": "dense",
    "final_dense_2": "out",
}


class Network(nn.Module):
    """The published network (arXiv:2110.04447, convolutional): differences (B, T, 3, H, W) to a waveform (B, T).

    The published code takes T + 1 standardised frames and subtracts them itself. Here that subtraction belongs to the
    preparation, so that it stays in fp32 wherever the network runs.

    Args:
        size: side of the square frames in pixels, at least 10.
        depth: frames among which channels are shifted; T is a multiple of it.
    """

    def __init__(self, size: int = 72, depth: int = 10) -> None:
        super().__init__()
        self.depth = depth
        self.norm = nn.BatchNorm2d(3)
        channels = [(3, 32, 1), (32, 32, 0), (32, 64, 1), (64, 64, 0)]
        self.convolutions = nn.ModuleList(nn.Conv2d(cin, cout, 3, padding=pad) for cin, cout, pad in channels)
        self.attentions = nn.ModuleList(nn.Conv2d(cin, 1, 1) for cin in (32, 64))
        self.dropout, self.dense_dropout = nn.Dropout(0.25), nn.Dropout(0.5)
        side = ((size - 2) // 2 - 2) // 2
        self.dense = nn.Linear(64 * side * side, 128)
        self.out = nn.Linear(128, 1)

    def features(self, x: Tensor, stages: bool = False) -> Any:
        """Features (B, 128, T); with `stages` also `mid`, `last` (B, T, C, h, w) and `attention_mid`, `attention_last`
        (B, T, h, w)."""
        frames, batch = frames_last(x), x.shape[0]
        maps: dict[str, Tensor] = {}
        dense = self._encode(frames, maps) if stages else in_pieces(self._encode, 2 * self.depth, frames)
        features = rearrange(dense, "(b t) c -> b c t", b=batch)
        if not stages:
            return features
        return features, {name: rearrange(m, "(b t) ... -> b t ...", b=batch) for name, m in maps.items()}

    def _encode(self, frames: Tensor, maps: dict[str, Tensor] | None = None) -> Tensor:
        x = self.norm(frames)
        for i, name in enumerate(("mid", "last")):
            for convolution in self.convolutions[2 * i : 2 * i + 2]:
                x = torch.tanh_(convolution(temporal_shift(x, self.depth)))
            mask = attention_mask(torch.sigmoid(self.attentions[i](x)))
            x = self.dropout(F.avg_pool2d(x * mask, 2))
            if maps is not None:
                maps |= {name: x, f"attention_{name}": mask[:, 0]}
        return torch.tanh(self.dense(x.flatten(1)))

    def readout(self, features: Tensor) -> Tensor:
        """Waveform (B, T) from features (B, 128, T)."""
        return self.out(self.dense_dropout(features.transpose(1, 2)))[..., 0]

    def forward(self, x: Tensor) -> Tensor:
        return self.readout(self.features(x))


class EfficientPhys(VitalsModule):
    """EfficientPhys-C (Liu et al. 2021): raw frames in, one branch, no separate appearance.

    Input: (B, 3, T, size, size) face crops 0..1, T a multiple of `depth`. Network: (B, T, 3, size, size), differences
    of standardised frames. Output: the derivative of `ppg` (B, T). 2,163,081 parameters at 72 pixels.

    Deviation from the published code: frames are standardised over the window, not over the whole video, and the
    subtraction stands before the network (see there). The last frame counts twice, so the last difference is 0.

    Args:
        frames: window length, a multiple of `depth`.
        size: side of the square crops in pixels.
        depth: frames among which channels are shifted.
        fps: frames a second.
        crop: how the face is cut out.
        targets: biomarkers; none leaves exactly the published network.
    """

    paper: ClassVar[str] = "Liu et al. 2021, EfficientPhys, arXiv:2110.04447"
    published_names: ClassVar[dict[str, str]] = PUBLISHED_NAMES

    def __init__(
        self,
        frames: int = 180,
        size: int = 72,
        depth: int = 10,
        fps: float = 30.0,
        crop: Crop = "aligned",
        targets: list[str] = [],
        **training: Any,
    ) -> None:
        positive(depth=depth)
        super().__init__(
            input=Clip(frames, size, multiple_of=depth, min_frames=depth, fps=fps, crop=crop),
            signals={"ppg": Signal("derivative")},
            width=128,
            targets=targets,
            **training,
        )
        self.network = Network(size, depth)

    def prepare(self, raw: Tensor) -> Tensor:
        """(B, 3, T, H, W) -> (B, T, 3, H, W): differences of the standardised window."""
        return rearrange(difference(standardised(raw)), "b c t h w -> b t c h w")
