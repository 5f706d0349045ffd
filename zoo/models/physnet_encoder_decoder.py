"""PhysNet as its paper draws it: mean pooling, ELU, and time grown back by repetition and convolution."""

from __future__ import annotations

from typing import Any, ClassVar

from einops import rearrange
from torch import Tensor, nn
from torch.nn import functional as F

from zoo.models._physnet import PhysNetVariant
from zoo.models.layers import ConvNorm, clip_frames_last, in_pieces, stretch

POOLS = ((2, 2, 2), (2, 2, 2), (1, 2, 2))


class Network(nn.Module):
    """The 3-D encoder-decoder of the paper (arXiv:1905.02419): (B, 3, T, H, W) to a waveform (B, T).

    A 1x5x5 convolution of 32, then eight 3x3x3 of 64 in pairs behind mean pooling, two 3x1x1 behind doublings of time;
    batch norm and ELU after each. T >= 4 and H, W >= 16.
    """

    width = 64

    def __init__(self) -> None:
        super().__init__()
        self.stem = ConvNorm(nn.Conv2d(3, 32, 5, padding=2))
        self.encoder = nn.ModuleList(ConvNorm(nn.Conv3d(32 if i == 0 else 64, 64, 3, padding=1)) for i in range(8))
        self.decoder = nn.ModuleList(ConvNorm(nn.Conv3d(64, 64, (3, 1, 1), padding=(1, 0, 0))) for _ in range(2))
        self.out = nn.Conv1d(64, 1, 1)

    def features(self, x: Tensor, stages: bool = False) -> Any:
        """Features (B, 64, T); with `stages` also `mid` (B, 64, T / 2, H / 4, W / 4) and `last` (B, 64, T / 4, ...)."""
        frames, mid = x.shape[2], None
        pooled = rearrange(in_pieces(self._start, 16, clip_frames_last(x)), "n c h w -> n h w c")
        x = rearrange(pooled, "(b t) h w c -> b c t h w", b=x.shape[0])
        for i, convolution in enumerate(self.encoder):
            if i in (2, 4, 6):
                mid = x if i == 4 else mid
                x = F.avg_pool3d(x, POOLS[i // 2 - 1])
            x = F.elu(convolution(x), inplace=True)
        grown = x
        for convolution in self.decoder:
            grown = F.elu(convolution(grown.repeat_interleave(2, dim=2)), inplace=True)
        features = stretch(grown.mean((3, 4)), frames)
        return (features, {"mid": mid, "last": x}) if stages else features

    def _start(self, frames: Tensor) -> Tensor:
        return F.avg_pool2d(F.elu(self.stem(frames), inplace=True), 2)

    def readout(self, features: Tensor) -> Tensor:
        """Waveform (B, T) from features (B, 64, T)."""
        return self.out(features)[:, 0]

    def forward(self, x: Tensor) -> Tensor:
        return self.readout(self.features(x))


class PhysNetEncoderDecoder(PhysNetVariant):
    """PhysNet's best variant by its own comparison (Yu et al. 2019), the 3-D encoder-decoder of the paper.

    Input: (B, 3, T, size, size) face crops 0..1, T >= 4. Network: the same shape. Output: `ppg` (B, T), as `form`
    says. `physnet` is the published code, which pools by the maximum; this is the paper's text, which takes the mean.

    Published: stages and pooling in time, HR RMSE 2.048. Chosen: 32 and 64 channels, ELU, nearest repetition, as later
    rebuildings of the paper have them; T that 4 does not divide is stretched by a fixed linear map.
    """

    network_class: ClassVar[type[nn.Module]] = Network
    min_frames: ClassVar[int] = 4
