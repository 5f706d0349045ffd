"""Two-stream attention with a MobileNetV3 regressor, frame by frame."""

from __future__ import annotations

from typing import Any, ClassVar

import torch
from einops import rearrange
from torch import Tensor, nn
from torch.nn import functional as F

from zoo.models.layers import frames_last, in_pieces
from zoo.models.preparation import difference, motion_and_appearance, standardised
from zoo.module import VitalsModule
from zoo.settings import positive
from zoo.spec import Clip, Crop, Signal


class Network(nn.Module):
    """Two encoders (113,761 parameters, as published) and a cut MobileNetV3: (B, T, 6, H, W) to a waveform (B, T).

    Args:
        drop: dropout after the first motion convolution.
    """

    def __init__(self, drop: float = 0.25) -> None:
        super().__init__()
        self.motion = nn.ModuleList(nn.Conv2d(cin, cout, 3, padding=1) for cin, cout in ((3, 32), (32, 64), (64, 64)))
        self.dropout = nn.Dropout(drop)
        self.appearance = nn.ModuleList(
            [
                nn.Conv2d(3, 32, 3, padding=1),
                nn.Conv2d(32, 32, 1),
                nn.Conv2d(32, 64, 3, padding=1),
                nn.Conv2d(64, 64, 3, padding=1),
                nn.Conv2d(64, 1, 1),
            ]
        )
        self.regressor = mobilenet_trunk(64)
        self.dense = nn.Linear(48, 256)
        self.out = nn.Linear(256, 1)

    def features(self, x: Tensor, stages: bool = False) -> Any:
        """Features (B, 256, T); with `stages` also `mid`, the gated motion (B, T, 64, H, W), `last` (B, T, 48, h, w)
        and `attention_mid` (B, T, H, W)."""
        motion, appearance = frames_last(x[:, :, :3]), frames_last(x[:, :, 3:])
        maps: dict[str, Tensor] = {}
        dense = self._encode(motion, appearance, maps) if stages else in_pieces(self._encode, 16, motion, appearance)
        features = rearrange(dense, "(b t) c -> b c t", b=x.shape[0])
        if not stages:
            return features
        return features, {name: rearrange(m, "(b t) ... -> b t ...", b=x.shape[0]) for name, m in maps.items()}

    def _encode(self, motion: Tensor, appearance: Tensor, maps: dict[str, Tensor] | None = None) -> Tensor:
        attention = self._attend(appearance)
        motion = self.dropout(self.motion[0](motion))
        gated = torch.tanh_(self.motion[2](torch.tanh_(self.motion[1](motion)))) * attention
        last = self.regressor(gated)
        if maps is not None:
            maps |= {"mid": gated, "last": last, "attention_mid": attention[:, 0]}
        return F.hardswish(self.dense(last.mean((2, 3))))

    def _attend(self, appearance: Tensor) -> Tensor:
        squash = (torch.tanh_, torch.sigmoid_, torch.tanh_, torch.tanh_, torch.sigmoid_)
        for convolution, function in zip(self.appearance, squash, strict=True):
            appearance = function(convolution(appearance))
        return appearance

    def readout(self, features: Tensor) -> Tensor:
        """Waveform (B, T) from features (B, 256, T)."""
        return self.out(features.transpose(1, 2))[..., 0]

    def forward(self, x: Tensor) -> Tensor:
        return self.readout(self.features(x))


def mobilenet_trunk(channels: int) -> nn.Sequential:
    """The first nine blocks of timm's mobilenetv3_small_050, its stem with stride 1: (N, channels, H, W) to 48."""
    import timm

    network: Any = timm.create_model("mobilenetv3_small_050", pretrained=False, in_chans=channels, num_classes=0)
    network.conv_stem.stride = (1, 1)
    blocks = [block for stage in network.blocks for block in stage]
    return nn.Sequential(network.conv_stem, network.bn1, *blocks[:9])


class MobileNetAttention(VitalsModule):
    """Two-stream attention with MobileNetV3 (UBFC2, COHFACE, PURE): motion over three frames, gated by appearance.

    Input: (B, 3, T, size, size) face crops 0..1. Network: (B, T, 6, size, size), frame t + 3 minus frame t and
    standardised frames; frames are folded into the batch. Output: the derivative of `ppg` (B, T).

    Published: the two encoders layer by layer, the step of three frames, 'MobileNetV3', 0.24 M parameters and 28.77
    GFLOPs. Chosen: 36x36 pixels, at which alone the encoders leave room under that cost; mobilenetv3_small_050 cut
    after nine blocks with a stem of stride 1 and a dense layer of 256, the nearest found: 237,378 parameters, 28.9 GMAC
    for 180 frames. Also chosen: differences over their deviation in the window, dropout 0.25, and the derivative as
    label, since a frame's difference carries no level.

    Args:
        frames: window length.
        size: side of the square crops in pixels.
        step: frames between the two that are subtracted.
        fps: frames a second.
        crop: how the face is cut out.
        targets: biomarkers; none leaves exactly the network.
    """

    paper: ClassVar[str] = "Two-stream attention with MobileNetV3 for remote heart rate (UBFC2, COHFACE, PURE)"

    def __init__(
        self,
        frames: int = 180,
        size: int = 36,
        step: int = 3,
        fps: float = 30.0,
        crop: Crop = "aligned",
        targets: list[str] = [],
        **training: Any,
    ) -> None:
        positive(step=step)
        super().__init__(
            input=Clip(frames, size, min_frames=step + 1, fps=fps, crop=crop),
            signals={"ppg": Signal("derivative")},
            width=256,
            targets=targets,
            **training,
        )
        self.network = Network()

    def prepare(self, raw: Tensor) -> Tensor:
        """(B, 3, T, H, W) -> (B, T, 6, H, W): differences over `step` frames, standardised, and standardised frames.

        The last `step` differences are 0.
        """
        return motion_and_appearance(standardised(difference(raw, self.hparams["step"])), standardised(raw))
