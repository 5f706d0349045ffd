"""The MCD-rPPG multitask baseline: eight region traces and their POS in, PPG waveform and biomarkers out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, Literal

import torch
from einops import rearrange
from torch import Tensor, nn
from torch.nn import functional as F

from zoo.models.preparation import moving_mean
from zoo.module import VitalsModule
from zoo.signals.classical import pos
from zoo.spec import REGIONS, Signal, Traces

# the thirteen of MCD-rPPG
BIOMARKERS = [
    *("systolic", "diastolic", "spo2", "temperature", "respiration_rate", "glucose", "hba1c"),
    *("cholesterol", "stiffness", "stress", "age", "sex", "bmi"),
]

WIDTH = 64  # channels of the features

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
        stride, padding, dilation = (1, self.stride[0]), (0, int(self.padding[0])), (1, self.dilation[0])
        return F.conv2d(x, self.weight.unsqueeze(2), self.bias, stride, padding, dilation)


class RowNorm(nn.BatchNorm1d):
    """Batch norm of one row (B, C, 1, T)."""

    def _check_input_dim(self, input: Tensor) -> None:
        """The base class refuses rows; the numbers are the same."""


def _convolution(channels: int, width: int, stride: int = 1, dilation: int = 1) -> nn.Sequential:
    conv = RowConv(channels, width, 5, stride, 2 * dilation, dilation, bias=False)
    return nn.Sequential(conv, RowNorm(width), nn.GELU())


class Residual(nn.Module):
    """Expand x4, contract, add: (B, width, 1, T) to the same."""

    def __init__(self, width: int, dilation: int) -> None:
        super().__init__()
        self.expand = _convolution(width, 4 * width, dilation=dilation)
        self.contract = _convolution(4 * width, width, dilation=dilation)[:2]

    def forward(self, x: Tensor) -> Tensor:
        return F.gelu(x + self.contract(self.expand(x)))


class Network(nn.Module):
    """The published network (arXiv:2508.17924 and its code): (B, T, regions * 4) -> waveform (B, T).

    One row of the input image is a region's R, G, B or POS. No stride in time, so any T >= 1 is taken.
    """

    def __init__(self, regions: int = 8, dilations: Sequence[int] = (1, 1, 1, 1)) -> None:
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
        self.decoder = nn.Sequential(
            *(
                nn.Sequential(_convolution(WIDTH, WIDTH, dilation=dilation), Residual(WIDTH, dilation))
                for dilation in dilations
            )
        )
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
    """Three coarser levels of the features and a top-down path, (B, channels, T) -> (B, width, T / 4)."""

    def __init__(self, channels: int, width: int = 64, levels: int = 3) -> None:
        super().__init__()
        widths = [channels, *[width] * (levels - 1)]
        self.down = nn.ModuleList(_convolution(channels, width, stride=4) for channels in widths)
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
    """System A of the zoo: the published 1-D network, with a feature pyramid, breathing and biomarkers hung on it.

    Published (Egorov et al. 2025, arXiv:2508.17924): eight regions' mean colours and POS, the network above,
    792,769 parameters, the PPG waveform. Ours: the published code holds neither the pyramid nor the biomarkers
    that the paper names, so both hang on the features here and leave the waveform path untouched. The published
    network sees 1.1 s on either side of a sample; `dilations` widen that at the same parameters and operations.

    Input: (B, 8, 3, T) mean colours 0..1 at 30 fps, 20 s windows. Output: `ppg` (B, T); with biomarkers also
    `respiration` (B, T) and the biomarkers (B,).

    Preparation, over the whole window: `standard` standardises every colour and POS on its own, as published.
    `pulse` divides colours by their mean, takes a 2 s moving mean away and scales a region's three colours by one
    common deviation, so that a slow drift of light does not drown the pulse and the ratio of the colours'
    pulsations, which carries the oxygen saturation, is kept. The moving mean, which breathing modulates, goes to the
    pyramid alone.

    Args:
        frames: window length in samples.
        regions: names of the skin regions, in the order of the network's rows.
        fps: samples a second.
        normalise: preparation, see above.
        dilations: of the four blocks of the decoder; all 1 as published.
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
        dilations: list[int] = [1, 1, 1, 1],
        targets: list[str] = BIOMARKERS,
        **training: Any,
    ) -> None:
        super().__init__(
            input=Traces(frames, tuple(regions), min_frames=64, fps=fps),
            signals={"ppg": Signal("value"), **({"respiration": Signal("value")} if targets else {})},
            width=WIDTH,
            targets=targets,
            **training,
        )
        self.network = Network(len(regions), dilations)
        self.pyramid = Pyramid(WIDTH + 3 * len(regions)) if targets else None
        self.respiration = nn.Conv1d(WIDTH, 1, 9, padding=4) if targets else None

    def prepare(self, raw: Tensor) -> Tensor:
        """(B, regions, 3, T) -> (B, T, regions * 4): each region's R, G, B and POS, scaled.

        With biomarkers (B, T, regions * 7): the pyramid's slow R, G, B of each region behind them.
        """
        projected = pos(raw, self.input.fps).unsqueeze(2)
        relative = raw / raw.mean(-1, keepdim=True).clamp_min(1e-6) - 1.0
        slow = moving_mean(relative, int(2 * self.input.fps) | 1)
        if self.hparams["normalise"] == "standard":
            channels = torch.cat([_centred(raw), projected], dim=2)
            scaled = channels / _deviation(channels, (3,))
        else:
            fast = relative - slow
            scaled = torch.cat([fast / _deviation(fast, (2, 3)), projected / _deviation(projected, (3,))], dim=2)
        rows = rearrange(scaled, "b regions channels t -> b t (regions channels)")
        if self.pyramid is None:
            return rows
        drift = rearrange(_centred(slow) / _deviation(slow, (2, 3)), "b regions colours t -> b t (regions colours)")
        return torch.cat([rows, drift], dim=2)

    def features(self, x: Tensor, stages: bool = False) -> Any:
        """Features (B, 64, T), or (B, 128, T) with those of the pyramid behind them where there are biomarkers."""
        published = 4 * len(self.hparams["regions"])
        found = self.network.features(x[..., :published], stages)  # type: ignore[operator]
        if self.pyramid is None:
            return found
        fine, maps = found if stages else (found, {})
        slow = x[..., published:].transpose(1, 2).to(fine.dtype)
        coarse = F.interpolate(self.pyramid(torch.cat([fine, slow], dim=1)), size=fine.shape[-1], mode="nearest")
        both = torch.cat([fine, coarse], dim=1)
        return (both, maps) if stages else both

    def waveforms(self, features: Tensor) -> dict[str, Tensor]:
        waves = {"ppg": self.network.readout(features[:, :WIDTH])}  # type: ignore[operator]
        if self.respiration is not None:
            waves["respiration"] = self.respiration(features[:, WIDTH:])[:, 0]
        return waves

    def biomarker_features(self, features: Tensor) -> Tensor:
        return features[:, WIDTH:]


def _centred(x: Tensor) -> Tensor:
    return x - x.mean(-1, keepdim=True)


def _deviation(x: Tensor, dims: tuple[int, ...]) -> Tensor:
    return _centred(x).square().mean(dims, keepdim=True).sqrt().clamp_min(1e-6)
