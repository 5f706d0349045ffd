"""What published pipelines do to face crops before a network sees them: part of the graph, always in fp32.

All but `to_yuv` take a window of raw crops (B, 3, T, H, W), RGB 0..1, and work over that window; T frames give T
differences, the last one 0.
"""

from __future__ import annotations

from typing import Literal

import torch
from einops import rearrange
from torch import Tensor
from torch.nn import functional as F

Normalise = Literal["difference", "standard", "none"]

# where a window does not move at all, its deviation says nothing
STILL = 1e-6


def prepared(raw: Tensor, normalise: Normalise) -> Tensor:
    """Crops (B, 3, T, H, W) prepared: `difference`, `standard`, or `none` for colours as they are."""
    if normalise == "none":
        return raw
    return normalised_difference(raw) if normalise == "difference" else standardised(raw)


def standardised(raw: Tensor) -> Tensor:
    """Zero mean and unit deviation over the window, all colours together."""
    centred = raw - raw.mean((1, 2, 3, 4), keepdim=True)
    return centred / _root_mean_square(centred)


def difference(x: Tensor, step: int = 1) -> Tensor:
    """Frame t + step minus frame t, (B, C, T, H, W) to the same; the last `step` are 0."""
    return F.pad(x[:, :, step:] - x[:, :, :-step], (0, 0, 0, 0, 0, step))


def normalised_difference(raw: Tensor, step: int = 1) -> Tensor:
    """(c(t + step) - c(t)) / (c(t + step) + c(t)) over its deviation in the window (DeepPhys, arXiv:1805.07888)."""
    after, before = raw[:, :, step:], raw[:, :, :-step]
    ratio = (after - before) / (after + before + 1e-7)
    spread = _root_mean_square(ratio - ratio.mean((1, 2, 3, 4), keepdim=True))
    return F.pad(ratio / spread, (0, 0, 0, 0, 0, step))


def to_yuv(rgb: Tensor, dim: int = 1) -> Tensor:
    """RGB along `dim` to YUV of ITU-R BT.601: Y 0..1, U and V around 0."""
    r, g, b = rgb.unbind(dim)
    y = 0.299 * r + 0.587 * g + 0.114 * b
    return torch.stack([y, 0.492 * (b - y), 0.877 * (r - y)], dim=dim)


def motion_and_appearance(motion: Tensor, appearance: Tensor) -> Tensor:
    """Two clips (B, 3, T, H, W) as the two-stream networks eat them: (B, T, 6, H, W), motion first."""
    return rearrange(torch.cat([motion, appearance], dim=1), "b c t h w -> b t c h w")


def _root_mean_square(x: Tensor) -> Tensor:
    return x.square().mean((1, 2, 3, 4), keepdim=True).sqrt().clamp_min(STILL)
