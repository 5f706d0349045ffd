"""RTrPPG: PhysNet's idea on 8x8 pixels, light enough for any board."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from zoo.models.layers import ConvNorm, stretch
from zoo.models.physnet import time_decoder
from zoo.models.preparation import Normalise, prepared, to_yuv
from zoo.module import VitalsModule
from zoo.spec import Clip, Crop, Signal

PARTS = ("conv", "norm")
# module of the published code: module here
PUBLISHED_NAMES = {
    **{f"Conv{n + 1}.{i}": f"encoder.{n}.{part}" for n in range(4) for i, part in enumerate(PARTS)},
    **{f"TrConv{n + 1}.{i}": f"decoder.{n}.{i}" for n in range(2) for i in range(2)},
    "ConvBlock5": "out",
}


class Network(nn.Module):
    """The published network for 8x8, 4x4 and 2x2 pixels (N3DED8): YUV (B, 3, T, H, W), T >= 4, to a waveform (B, T)."""

    def __init__(self) -> None:
        super().__init__()
        spatial, both = ((1, 5, 5), (0, 2, 2)), ((3, 3, 3), (1, 1, 1))
        layers = [(3, 16, *spatial), (16, 32, *spatial), (32, 64, *both), (64, 64, *both)]
        self.encoder = nn.ModuleList(
            ConvNorm(nn.Conv3d(cin, cout, kernel, padding=padding)) for cin, cout, kernel, padding in layers
        )
        self.decoder = time_decoder(64)
        self.out = nn.Conv3d(64, 1, 1)

    def features(self, x: Tensor, stages: bool = False) -> Any:
        """Features (B, 64, T); with `stages` also `mid` (B, 32, T / 4, H, W) and `last` (B, 64, T / 4, H, W)."""
        frames, mid = x.shape[2], None
        x = x.contiguous(memory_format=torch.channels_last_3d)
        for i, convolution in enumerate(self.encoder):
            x = torch.relu_(convolution(x))
            if i < 2:
                mid = x = F.max_pool3d(x, (2, 1, 1))
        features = stretch(self.decoder(x).mean((3, 4)), frames)
        return (features, {"mid": mid, "last": x}) if stages else features

    def readout(self, features: Tensor) -> Tensor:
        """Waveform (B, T) from features (B, 64, T)."""
        return self.out(features[..., None, None])[:, 0, :, 0, 0]

    def forward(self, x: Tensor) -> Tensor:
        return self.readout(self.features(x))


class RTrPPG(VitalsModule):
    """RTrPPG (Botina-Monsalve et al. 2022): an ultra-light 3-D network on faces of 8x8 pixels in YUV.

    Input: (B, 3, T, 8, 8) face crops 0..1, T >= 4. Network: the same shape in YUV. Output: `ppg` (B, T), as `form`
    says. It is here for what it costs: 0.12 GMAC a second of video, where PhysNet at 72 pixels takes 4.13.

    Published: layers, colour space, size, raw colours and values (`none`, `value`), trained with a time-frequency loss.
    Deviation: normalised differences and derivatives by default, as for `physnet` here.

    Args:
        frames: window length.
        size: side of the square crops in pixels, 8 as published.
        normalise: `difference`, `standard` or `none`, over the window, in YUV for the latter two.
        form: what the waveform is trained as.
        fps: frames a second.
        crop: how the face is cut out.
        targets: biomarkers; none leaves exactly the published network.
    """

    paper: ClassVar[str] = "Botina-Monsalve, Benezeth and Miteran 2022, RTrPPG, CVPR Workshops, 2146-2154"
    map_axes: ClassVar[str] = "b c t h w"
    published_names: ClassVar[dict[str, str]] = PUBLISHED_NAMES

    def __init__(
        self,
        frames: int = 128,
        size: int = 8,
        normalise: Normalise = "difference",
        form: Literal["value", "derivative"] = "derivative",
        fps: float = 30.0,
        crop: Crop = "aligned",
        targets: list[str] = [],
        **training: Any,
    ) -> None:
        super().__init__(
            input=Clip(frames, size, min_frames=4, fps=fps, crop=crop),
            signals={"ppg": Signal(form)},
            width=64,
            targets=targets,
            **training,
        )
        self.network = Network()

    def prepare(self, raw: Tensor) -> Tensor:
        """(B, 3, T, H, W) to the same in YUV, normalised over the window."""
        # a difference is divided by the colour's level, which U and V do not have
        normalise = self.hparams["normalise"]
        if normalise in ("difference", "pulse"):
            return to_yuv(prepared(raw, normalise, self.input.fps))
        return prepared(to_yuv(raw), normalise, self.input.fps)
