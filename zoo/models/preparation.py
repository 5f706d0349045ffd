"""What published pipelines do to face crops before a network sees them: part of the graph, always in fp32.

All but `to_yuv` and `moving_mean` take a window of raw crops (B, 3, T, H, W), RGB 0..1, and work over that window; T
frames give T differences, the last one 0.
"""

from __future__ import annotations

from typing import Literal, get_args

import torch
from einops import rearrange
from torch import Tensor
from torch.nn import functional as F

from zoo.errors import UnknownName
from zoo.signals.arrays import moving_sum

Normalise = Literal["difference", "standard", "pulse", "none"]

# where a window does not move at all, its deviation says nothing
STILL = 1e-6
# a pulse is a hundredth of what a moving edge does to a pixel
MOST = 4.0


def prepared(raw: Tensor, normalise: Normalise, fps: float) -> Tensor:
    """Crops (B, 3, T, H, W) prepared: `difference`, `standard`, `pulse`, or `none` for colours as they are."""
    if normalise == "none":
        return raw
    if normalise == "pulse":
        return pulsation(raw, fps)
    if normalise == "difference":
        return normalised_difference(raw)
    if normalise == "standard":
        return standardised(raw)
    raise UnknownName("way to normalise", normalise, get_args(Normalise))


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


def pulsation(raw: Tensor, fps: float) -> Tensor:
    """Each pixel's relative change in time: over its own mean, without what is slower than 2 s.

    Scaled to a mean size of 1 over the window and cut off at 4, so that edges which move do not take the lead. Kept of
    such numbers, 8 bits of mantissa hold a pulse that they would lose of the colours themselves.
    """
    relative = raw / raw.mean(2, keepdim=True).clamp_min(1.0 / 255.0) - 1.0
    fast = relative - moving_mean(relative.movedim(2, -1), int(2 * fps) | 1).movedim(-1, 2)
    size = fast.abs().mean((1, 2, 3, 4), keepdim=True).clamp_min(STILL)
    return (fast / size).clamp(-MOST, MOST)


def moving_mean(x: Tensor, width: int) -> Tensor:
    """Mean over `width` samples (odd) around each in (..., T); at the ends, over those that there are."""
    half = width // 2
    # runtimes pool windows of this width sample by sample: sums by doubling are ten times faster
    total, count = (moving_sum(F.pad(y, (half, half)), width) for y in (x, torch.ones_like(x[:1, :1, :1])))
    return total / count


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
