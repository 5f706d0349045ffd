"""The MCD-rPPG multitask baseline: eight region traces and their POS in, PPG waveform and biomarkers out."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

import torch
from einops import rearrange
from torch import Tensor, nn
from torch.nn import functional as F

from zoo.module import VitalsModule
from zoo.signals.arrays import moving_sum
from zoo.signals.classical import pos
from zoo.spec import REGIONS, Signal, Traces

# the thirteen of MCD-rPPG
BIOMARKERS = [
    *("systolic", "diastolic", "spo2", "temperature", "respiration_rate", "glucose", "hba1c"),
    *("cholesterol", "stiffness", "stress", "age", "sex", "bmi"),
]

# module of the published code: module here
PUBLISHED_NAMES = {
    **{f"in_conv_{n + 1}.{part}": f"encoder.{n}.{i}" for n in range(4) for i, part in enumerate(("conv", "bn"))},
    "attention": "attention",
    **{f"out_conv_{n + 1}.{part}": f"decoder.{n}.0.{i}" for n in range(4) for i, part in enumerate(("conv", "bn"))},
    **{
        f"out_conv_{n + 1}.res_block.block.{part}{k + 1}": f"decoder.{n}.1.{half}.{i}"
        for n in range(4)
        for k, half in enumerate(("expand", "contract"))
        for i, part in enumerate(("conv", "norm"))
    },
    "out_conv_5": "out",
}


class RowConv(nn.Conv1d):
    """A convolution in time of one row (B, C, 1, T): the same numbers as in 1-D, with 1-D weights.

    ONNX Runtime lays 2-D maps out for its vector units, and 1-D ones not: that takes a fifth off the whole network.
    """

    def forward(self, x: Tensor) -> Tensor:
        stride, padding = (1, self.stride[0]), (0, int(self.padding[0]))
        return F.conv2d(x, self.weight.unsqueeze(2), self.bias, stride, padding)


class RowNorm(nn.BatchNorm1d):
    """Batch norm of one row (B, C, 1, T)."""

    def _check_input_dim(self, input: Tensor) -> None:
        """The base class refuses rows; the numbers are the same."""


def _convolution(channels: int, width: int, stride: int = 1) -> nn.Sequential:
    conv = RowConv(channels, width, 5, stride=stride, padding=2, bias=False)
    return nn.Sequential(conv, RowNorm(width), nn.GELU())


class Residual(nn.Module):
    """Expand x4, contract, add: (B, width, 1, T) to the same."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.expand = _convolution(width, 4 * width)
        self.contract = nn.Sequential(RowConv(4 * width, width, 5, padding=2, bias=False), RowNorm(width))

    def forward(self, x: Tensor) -> Tensor:
        return F.gelu(x + self.contract(self.expand(x)))


class Network(nn.Module):
    """The published network (arXiv:2508.17924 and its code): (B, T, regions * 4) -> waveform (B, T).

    One row of the input image is a region's R, G, B or POS. No stride in time, so any T >= 1 is taken.
    """

    def __init__(self, regions: int = 8) -> None:
        super().__init__()
        self.regions = regions
        kernels: list[tuple[int, int, tuple[int, int], tuple[int, int]]]
        kernels = [(1, 32, (4, 5), (4, 1)), *((width, 64, (1, 5), (1, 1)) for width in (32, 64, 64))]
        self.encoder = nn.Sequential(
            *(
                nn.Sequential(
                    nn.Conv2d(cin, cout, kernel, stride, padding=(0, 2), bias=False), nn.BatchNorm2d(cout), nn.GELU()
                )
                for cin, cout, kernel, stride in kernels
            )
        )
        self.attention = nn.Conv2d(64, 1, 1, bias=False)
        self.decoder = nn.Sequential(*(nn.Sequential(_convolution(64, 64), Residual(64)) for _ in range(4)))
        self.out = nn.Conv1d(64, 1, 1)

    def features(self, x: Tensor, stages: bool = False) -> Any:
        """Features (B, 64, T); with `stages` also the `fused` map (B, 64, T) and `attention` (B, regions, T)."""
        encoded = self.encoder(rearrange(x, "b t channels -> b 1 channels t"))
        attention = self.attention(encoded).softmax(dim=2)
        fused = (encoded * attention).sum(dim=2, keepdim=True)
        features = self.decoder(fused)[:, :, 0]
        return (features, {"fused": fused[:, :, 0], "attention": attention[:, 0]}) if stages else features

    def readout(self, features: Tensor) -> Tensor:
        """Waveform (B, T) from features (B, 64, T)."""
        return self.out(features)[:, 0]

    def forward(self, x: Tensor) -> Tensor:
        return self.readout(self.features(x))


class Pyramid(nn.Module):
    """Three coarser levels of the features and a top-down path, (B, width, T) -> (B, width, T / 4)."""

    def __init__(self, width: int = 64, levels: int = 3) -> None:
        super().__init__()
        self.down = nn.ModuleList(_convolution(width, width, stride=4) for _ in range(levels))
        self.lateral = nn.ModuleList(nn.Conv1d(width, width, 1) for _ in range(levels))

    def forward(self, features: Tensor) -> Tensor:
        levels, row = [], features.unsqueeze(2)
        for down in self.down:
            row = down(row)
            levels.append(row[:, :, 0])
        merged = self.lateral[-1](levels[-1])
        for level, lateral in zip(levels[-2::-1], list(self.lateral)[-2::-1], strict=True):
            merged = lateral(level) + F.interpolate(merged, size=level.shape[-1], mode="nearest")
        return merged


class FPN1DMultitask(VitalsModule):
    """System A of the zoo: the published 1-D network, with a feature pyramid and biomarkers hung on its features.

    Published (Egorov et al. 2025, arXiv:2508.17924): eight regions' mean colours and POS, the network above,
    792,769 parameters, the PPG waveform. Ours: the published code holds neither the pyramid nor the biomarkers
    that the paper names, so both hang on the features here and leave the waveform path untouched.

    Input: (B, 8, 3, T) mean colours 0..1 at 30 fps, 20 s windows. Output: `ppg` (B, T) and biomarkers (B,).

    Preparation, over the whole window: `standard` standardises every colour and POS on its own, as published.
    `pulse` divides colours by their mean, takes a 2 s moving mean away and scales a region's three colours by one
    common deviation, so that a slow drift of light does not drown the pulse and the ratio of the colours'
    pulsations, which carries the oxygen saturation, is kept.

    Args:
        frames: window length in samples.
        regions: names of the skin regions, in the order of the network's rows.
        fps: samples a second.
        normalise: preparation, see above.
        targets: biomarkers; an empty list leaves exactly the published network.
    """

    paper: ClassVar[str] = "Egorov et al. 2025, arXiv:2508.17924"
    published_names: ClassVar[dict[str, str]] = PUBLISHED_NAMES

    def __init__(
        self,
        frames: int = 600,
        regions: list[str] = list(REGIONS),
        fps: float = 30.0,
        normalise: Literal["pulse", "standard"] = "pulse",
        targets: list[str] = BIOMARKERS,
        **training: Any,
    ) -> None:
        super().__init__(
            input=Traces(frames, tuple(regions), min_frames=64, fps=fps),
            signals={"ppg": Signal("value")},
            width=64,
            targets=targets,
            **training,
        )
        self.network = Network(len(regions))
        self.pyramid = Pyramid() if targets else None

    def prepare(self, raw: Tensor) -> Tensor:
        """(B, regions, 3, T) -> (B, T, regions * 4): each region's R, G, B and POS, scaled."""
        projected = pos(raw, self.input.fps).unsqueeze(2)
        if self.hparams["normalise"] == "standard":
            channels = torch.cat([_centred(raw), projected], dim=2)
            scaled = channels / _deviation(channels, (3,))
        else:
            colours = raw / raw.mean(-1, keepdim=True).clamp_min(1e-6) - 1.0
            colours = colours - _moving_mean(colours, int(2 * self.input.fps) | 1)
            scaled = torch.cat([colours / _deviation(colours, (2, 3)), projected / _deviation(projected, (3,))], dim=2)
        return rearrange(scaled, "b regions channels t -> b t (regions channels)")

    def biomarker_features(self, features: Tensor) -> Tensor:
        assert self.pyramid is not None
        return self.pyramid(features)


def _centred(x: Tensor) -> Tensor:
    return x - x.mean(-1, keepdim=True)


def _deviation(x: Tensor, dims: tuple[int, ...]) -> Tensor:
    return _centred(x).square().mean(dims, keepdim=True).sqrt().clamp_min(1e-6)


def _moving_mean(x: Tensor, width: int) -> Tensor:
    """Mean over `width` samples (odd) around each; at the ends, over those that there are."""
    half = width // 2
    # runtimes pool windows of this width sample by sample: sums by doubling are ten times faster
    total, count = (moving_sum(F.pad(y, (half, half)), width) for y in (x, torch.ones_like(x[:1, :1, :1])))
    return total / count
