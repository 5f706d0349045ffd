"""PhysNet: 3-D convolutions that halve time and space, then grow time back."""

from __future__ import annotations

from itertools import pairwise
from typing import Any, ClassVar

import torch
from einops import rearrange
from torch import Tensor, nn
from torch.nn import functional as F

from zoo.models._physnet import PhysNetVariant
from zoo.models.layers import ConvNorm, clip_frames_last, in_pieces, stretch

# module of the published code: module here
PUBLISHED_NAMES = {
    **{f"ConvBlock1.{i}": f"stem.{part}" for i, part in enumerate(("conv", "norm"))},
    **{f"ConvBlock{n + 2}.{i}": f"encoder.{n}.{part}" for n in range(8) for i, part in enumerate(("conv", "norm"))},
    **{f"upsample.{i}": f"decoder.0.{i}" for i in range(2)},
    **{f"upsample2.{i}": f"decoder.1.{i}" for i in range(2)},
    "ConvBlock10": "out",
}
POOLS = ((2, 2, 2), (2, 2, 2), (1, 2, 2))


def clip_stem(stem: nn.Module, x: Tensor, piece: int = 16) -> Tensor:
    """A 1xkxk convolution with batch norm and ReLU, and 1x2x2 maximum pooling, of a clip (B, 3, T, H, W).

    Time is folded into the batch: no frame sees another here, and the largest map of the network stays in the cache.
    """

    def run(frames: Tensor) -> Tensor:
        return F.max_pool2d(torch.relu_(stem(frames)), 2)

    pooled = rearrange(in_pieces(run, piece, clip_frames_last(x)), "n c h w -> n h w c")
    return rearrange(rearrange(pooled, "(b t) h w c -> b t h w c", b=x.shape[0]), "b t h w c -> b c t h w")


def time_decoder(width: int) -> nn.Sequential:
    """Two transposed convolutions that each double the time of a map (B, width, T, h, w)."""
    return nn.Sequential(
        *(
            nn.Sequential(
                nn.ConvTranspose3d(width, width, (4, 1, 1), stride=(2, 1, 1), padding=(1, 0, 0)),
                nn.BatchNorm3d(width),
                nn.ELU(inplace=True),
            )
            for _ in range(2)
        )
    )


class Network(nn.Module):
    """The published encoder-decoder with maximum pooling (arXiv:1905.02419): (B, 3, T, H, W) to a waveform (B, T).

    T >= 4 and H, W >= 16. Time is halved twice, doubled twice, and stretched to T where 4 does not divide it.
    """

    width = 64

    def __init__(self) -> None:
        super().__init__()
        self.stem = ConvNorm(nn.Conv3d(3, 16, (1, 5, 5), padding=(0, 2, 2)))
        widths = [16, 32, *[64] * 7]
        self.encoder = nn.ModuleList(ConvNorm(nn.Conv3d(cin, cout, 3, padding=1)) for cin, cout in pairwise(widths))
        self.decoder = time_decoder(64)
        self.out = nn.Conv3d(64, 1, 1)

    def features(self, x: Tensor, stages: bool = False) -> Any:
        """Features (B, 64, T); with `stages` also `mid` (B, 64, T / 2, H / 4, W / 4) and `last` (B, 64, T / 4, ...)."""
        frames, mid = x.shape[2], None
        x = clip_stem(self.stem, x)
        for i, convolution in enumerate(self.encoder):
            if i in (2, 4, 6):
                mid = x if i == 4 else mid
                x = F.max_pool3d(x, POOLS[i // 2 - 1])
            x = torch.relu_(convolution(x))
        features = stretch(self.decoder(x).mean((3, 4)), frames)
        return (features, {"mid": mid, "last": x}) if stages else features

    def readout(self, features: Tensor) -> Tensor:
        """Waveform (B, T) from features (B, 64, T)."""
        return self.out(features[..., None, None])[:, 0, :, 0, 0]

    def forward(self, x: Tensor) -> Tensor:
        return self.readout(self.features(x))


class PhysNet(PhysNetVariant):
    """PhysNet (Yu et al. 2019): a spatio-temporal encoder, a temporal decoder, one value a frame.

    Input: (B, 3, T, size, size) face crops 0..1, T >= 4. Network: the same shape. Output: `ppg` (B, T), as `form`
    says. 768,577 parameters at any size; 90 frames of 80x80 are the phone's.

    `normalise` and `form`: the paper gives raw frames and trains on values (`none`, `value`); the toolbox that most
    published weights come from gives normalised differences and trains on derivatives (`difference`, `derivative`).
    `pulse` is ours: each pixel's relative change, which low precision and hard compression leave more of.

    Deviation from the published code: adaptive average pooling is a mean over space and a fixed linear map over time,
    which equals it and exports; the intermediate maps are not returned with the waveform.
    """

    published_names: ClassVar[dict[str, str]] = PUBLISHED_NAMES
    network_class: ClassVar[type[nn.Module]] = Network
    min_frames: ClassVar[int] = 4
