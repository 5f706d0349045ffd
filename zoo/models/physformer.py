"""PhysFormer: a video transformer whose queries and keys are temporal-difference convolutions."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

import torch
from einops import rearrange
from torch import Tensor, nn
from torch.nn import functional as F

from zoo.errors import InputShapeError, UsageError
from zoo.models.layers import ConvNorm
from zoo.models.physnet import clip_stem
from zoo.models.preparation import Normalise, prepared
from zoo.module import VitalsModule
from zoo.spec import Clip, Crop, Signal

PARTS = ("conv", "norm")
# module of the published code: module here, inside a block
BLOCK_NAMES = {
    **{f"attn.proj_{name}.0.conv": f"{name}.conv" for name in ("q", "k")},
    **{f"attn.proj_{name}.1": f"{name}.norm" for name in ("q", "k")},
    "attn.proj_v.0": "v",
    "proj": "mix",
    **{f"pwff.fc1.{i}": f"expand.{part}" for i, part in enumerate(PARTS)},
    **{f"pwff.STConv.{i}": f"depthwise.{part}" for i, part in enumerate(PARTS)},
    **{f"pwff.fc2.{i}": f"contract.{part}" for i, part in enumerate(PARTS)},
    "norm1": "norm_attention",
    "norm2": "norm_forward",
}


def names_of_published(layers: int = 12) -> dict[str, str]:
    """Module of the published code: module here, for a network of `layers` blocks in its three groups."""
    group = layers // 3
    blocks = {
        f"transformer{g + 1}.blocks.{i}.{theirs}": f"blocks.{g * group + i}.{ours}"
        for g in range(3)
        for i in range(group)
        for theirs, ours in BLOCK_NAMES.items()
    }
    stems = {f"Stem{n}.{i}": f"stems.{n}.{part}" for n in range(3) for i, part in enumerate(PARTS)}
    decoder = {
        f"upsample{'' if n == 0 else 2}.{i + 1}": f"decoder.{n}.{part}" for n in (0, 1) for i, part in enumerate(PARTS)
    }
    return {"patch_embedding": "patches", "ConvBlockLast": "out", **stems, **decoder, **blocks}


class TemporalDifference(ConvNorm):
    """Central-difference convolution in time, (B, C, T, H, W) to the same (arXiv:2111.12082), and batch norm.

    The published code convolves twice and subtracts; the second kernel has one tap, so it is taken from the first.
    """

    def __init__(self, width: int, theta: float) -> None:
        super().__init__(nn.Conv3d(width, width, 3, padding=1, bias=False))
        self.theta = theta

    def kernel(self) -> Tensor:
        weight = self.conv.weight
        beside = weight[:, :, 0].sum((2, 3)) + weight[:, :, 2].sum((2, 3))
        return weight - self.theta * F.pad(beside[:, :, None, None, None], (1, 1, 1, 1, 1, 1))


class Block(nn.Module):
    """Attention among all patches of the window, then a convolutional feed-forward: (B, C, T, h, w) to the same."""

    def __init__(self, width: int, hidden: int, heads: int, theta: float, drop: float, sharpness: float) -> None:
        super().__init__()
        self.heads, self.sharpness = heads, sharpness
        self.norm_attention = nn.LayerNorm(width, eps=1e-6)
        self.q, self.k = TemporalDifference(width, theta), TemporalDifference(width, theta)
        self.v = nn.Conv3d(width, width, 1, bias=False)
        self.mix = nn.Linear(width, width)
        self.norm_forward = nn.LayerNorm(width, eps=1e-6)
        self.expand = ConvNorm(nn.Conv3d(width, hidden, 1, bias=False))
        self.depthwise = ConvNorm(nn.Conv3d(hidden, hidden, 3, padding=1, groups=hidden, bias=False))
        self.contract = ConvNorm(nn.Conv3d(hidden, width, 1, bias=False))
        self.dropout = nn.Dropout(drop)

    def forward(self, x: Tensor) -> Tensor:
        """(B, T, h, w, C) to the same: channels last, as layer norm and the CPU's convolutions both want them."""
        x = x + self.dropout(self._attend(self.norm_attention(x)))
        inner = rearrange(self.norm_forward(x), "b t h w c -> b c t h w")
        inner = F.elu(self.depthwise(F.elu(self.expand(inner), inplace=True)), inplace=True)
        return x + self.dropout(rearrange(self.contract(inner), "b c t h w -> b t h w c"))

    def _attend(self, x: Tensor) -> Tensor:
        clip = rearrange(x, "b t h w c -> b c t h w")
        to_heads = "b (heads c) t h w -> b heads (t h w) c"
        q, k, v = (rearrange(layer(clip), to_heads, heads=self.heads) for layer in (self.q, self.k, self.v))
        attention = self.dropout(torch.softmax(q @ k.transpose(2, 3) / self.sharpness, dim=-1))
        mixed = rearrange(attention @ v, "b heads n c -> b n (heads c)")
        return self.mix(mixed).reshape(x.shape)


class Network(nn.Module):
    """The published network (arXiv:2111.12082): (B, 3, T, H, W), T in fours, H and W in 32s, to a waveform (B, T).

    Args:
        layers: transformer blocks, 12 as published; a multiple of three.
        width: channels of a patch of 4 frames and 32x32 pixels.
        hidden: channels of the feed-forward.
        heads: attention heads.
        theta: weight of the temporal difference.
        drop: dropout of attention and of every branch.
        sharpness: what attention scores are divided by (`gra_sharp` of the published code).
    """

    def __init__(
        self,
        layers: int = 12,
        width: int = 96,
        hidden: int = 144,
        heads: int = 4,
        theta: float = 0.7,
        drop: float = 0.1,
        sharpness: float = 2.0,
    ) -> None:
        super().__init__()
        self.stems = nn.ModuleList(
            [
                ConvNorm(nn.Conv3d(3, width // 4, (1, 5, 5), padding=(0, 2, 2))),
                ConvNorm(nn.Conv3d(width // 4, width // 2, 3, padding=1)),
                ConvNorm(nn.Conv3d(width // 2, width, 3, padding=1)),
            ]
        )
        self.patches = nn.Conv3d(width, width, 4, stride=4)
        self.blocks = nn.ModuleList(Block(width, hidden, heads, theta, drop, sharpness) for _ in range(layers))
        self.decoder = nn.ModuleList(
            ConvNorm(nn.Conv3d(width, width // n, (3, 1, 1), padding=(1, 0, 0))) for n in (1, 2)
        )
        self.out = nn.Conv1d(width // 2, 1, 1)

    def features(self, x: Tensor, stages: bool = False) -> Any:
        """Features (B, width / 2, T); with `stages` also `mid`, `last` (B, width, T / 4, h, w): the patches half-way
        through the blocks and after them."""
        x = clip_stem(self.stems[0], x, piece=8)
        for stem in self.stems[1:]:
            x = F.max_pool3d(torch.relu_(stem(x)), (1, 2, 2))
        x = self._embed(x)
        half = len(self.blocks) // 2
        for block in self.blocks[:half]:
            x = block(x)
        mid = rearrange(x, "b t h w c -> b c t h w")
        # read back from the stage, so that gradients reach it
        x = rearrange(mid, "b c t h w -> b t h w c")
        for block in self.blocks[half:]:
            x = block(x)
        last = rearrange(x, "b t h w c -> b c t h w")
        grown = last
        for convolution in self.decoder:
            grown = F.elu(convolution(grown.repeat_interleave(2, dim=2)), inplace=True)
        features = grown.mean((3, 4))
        return (features, {"mid": mid, "last": last}) if stages else features

    def _embed(self, x: Tensor) -> Tensor:
        """Patches (B, T / 4, h, w, C) of a map (B, C, T, H, W).

        The convolution as a matrix product, since no patch overlaps another: as a convolution it takes a third of the
        whole network in OpenVINO bf16, and ten times as long in bf16 autocast.
        """
        patches = rearrange(x, "b c (t p) (h q) (w r) -> b t h w (p q r c)", p=4, q=4, r=4)
        weight = rearrange(self.patches.weight, "o c p q r -> o (p q r c)")
        return F.linear(patches, weight, self.patches.bias)

    def readout(self, features: Tensor) -> Tensor:
        """Waveform (B, T) from features (B, width / 2, T)."""
        return self.out(features)[:, 0]

    def forward(self, x: Tensor) -> Tensor:
        return self.readout(self.features(x))


class PhysFormer(VitalsModule):
    """PhysFormer (Yu et al. 2022): patches of 4 frames and 32x32 pixels that attend to all others of the window.

    Input: (B, 3, T, size, size) face crops 0..1. Network: the same shape. Output: `ppg` (B, T), as `form` says.
    7,380,865 parameters with the published 12 layers.

    `normalise` and `form`: as in the toolbox, normalised differences and derivatives; the paper gives raw frames and
    trains on values (`none`, `value`), by label-distribution learning besides, which is not rebuilt.

    Deviation from the published code: a grid of any size, not 4x4 patches only; the two convolutions of a temporal
    difference are one. `sharpness` is fixed at its value of the test code.

    Args:
        frames: window length, a multiple of 4.
        size: side of the square crops in pixels, a multiple of 32.
        layers: transformer blocks, a multiple of three.
        sharpness: what attention scores are divided by.
        normalise: preparation, see above.
        form: what the waveform is trained as.
        fps: frames a second.
        crop: how the face is cut out.
        targets: biomarkers; none leaves exactly the published network.
    """

    paper: ClassVar[str] = "Yu et al. 2022, PhysFormer, arXiv:2111.12082"
    map_axes: ClassVar[str] = "b c t h w"
    published_names: dict[str, str] = names_of_published()

    def __init__(
        self,
        frames: int = 160,
        size: int = 128,
        layers: int = 12,
        sharpness: float = 2.0,
        normalise: Normalise = "difference",
        form: Literal["value", "derivative"] = "derivative",
        fps: float = 30.0,
        crop: Crop = "aligned",
        targets: list[str] = [],
        **training: Any,
    ) -> None:
        if size < 32 or size % 32:
            raise InputShapeError(f"PhysFormer eats squares whose side is a multiple of 32 pixels, not {size}.")
        if layers < 3 or layers % 3:
            raise UsageError(f"PhysFormer has its layers in three groups: a multiple of three, not {layers}.")
        super().__init__(
            input=Clip(frames, size, multiple_of=4, min_frames=4, fps=fps, crop=crop),
            signals={"ppg": Signal(form)},
            width=48,
            targets=targets,
            **training,
        )
        self.network = Network(layers, sharpness=sharpness)
        self.published_names = names_of_published(layers)

    def prepare(self, raw: Tensor) -> Tensor:
        """(B, 3, T, H, W) to the same, normalised over the window."""
        return prepared(raw, self.hparams["normalise"], self.input.fps)
