"""PhysNet without time: 2-D convolutions, frame by frame."""

from __future__ import annotations

from typing import Any, ClassVar

from einops import rearrange
from torch import Tensor, nn
from torch.nn import functional as F

from zoo.models._physnet import PhysNetVariant
from zoo.models.layers import ConvNorm, clip_frames_last, in_pieces


class Network(nn.Module):
    """PhysNet's 2-D trunk (arXiv:1905.02419): (B, 3, T, H, W) to a waveform (B, T), H and W at least 16.

    A 5x5 convolution of 32, then four times mean pooling and two 3x3 convolutions of 64, each with batch norm and ELU.
    """

    width = 64

    def __init__(self) -> None:
        super().__init__()
        self.stem = ConvNorm(nn.Conv2d(3, 32, 5, padding=2))
        self.convolutions = nn.ModuleList(ConvNorm(nn.Conv2d(32 if i == 0 else 64, 64, 3, padding=1)) for i in range(8))
        self.out = nn.Conv1d(self.width, 1, 1)

    def features(self, x: Tensor, stages: bool = False) -> Any:
        """Features (B, width, T); with `stages` also `last` (B, 64, T, H / 16, W / 16)."""
        frames = in_pieces(self._encode, 16, clip_frames_last(x))
        maps = rearrange(frames, "(b t) c h w -> b c t h w", b=x.shape[0])
        features = self.over_time(maps)
        return (features, {"last": maps}) if stages else features

    def _encode(self, x: Tensor) -> Tensor:
        x = F.elu(self.stem(x), inplace=True)
        for i, convolution in enumerate(self.convolutions):
            x = F.elu(convolution(F.avg_pool2d(x, 2) if i % 2 == 0 else x), inplace=True)
        return x

    def over_time(self, maps: Tensor) -> Tensor:
        """Features (B, width, T) of maps (B, 64, T, h, w): their mean over space, each frame for itself."""
        return maps.mean((3, 4))

    def readout(self, features: Tensor) -> Tensor:
        """Waveform (B, T) from features (B, width, T)."""
        return self.out(features)[:, 0]

    def forward(self, x: Tensor) -> Tensor:
        return self.readout(self.features(x))


class PhysNet2DCNN(PhysNetVariant):
    """PhysNet's variant that sees one frame at a time (Yu et al. 2019), the lower bound of its comparison.

    Input: (B, 3, T, size, size) face crops 0..1. Network: the same shape. Output: `ppg` (B, T), as `form` says.

    Published: that the 3-D convolutions are replaced by 2-D ones; HR RMSE 10.237. Chosen: widths, pooling and ELU as in
    the paper's 3-D network, no pooling in time.
    """

    network_class: ClassVar[type[nn.Module]] = Network
