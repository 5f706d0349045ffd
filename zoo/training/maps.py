"""Feature maps of a teacher and a student, brought together and compared."""

from __future__ import annotations

from typing import Literal

import torch
from einops import rearrange
from torch import Tensor
from torch.nn import functional as F

Orientation = Literal["target", "printed"]


def target_aware(teacher: Tensor, student: Tensor, orientation: Orientation = "target") -> Tensor:
    """Target-aware Transformer loss: || f_t - W f_s ||_2 of each map, averaged over maps (arXiv:2205.10793).

    Every position of the teacher asks all of the student: W_ij = softmax over j of f_t[i] . f_s[j].

    Args:
        teacher: (..., N, C) rows are the positions of a flattened map.
        student: (..., M, C); M = N where the product is as `printed`.
        orientation: `target`, as above; `printed` transposes the product, W_ij = softmax over j of f_s[i] . f_t[j].

    Returns:
        Scalar >= 0.
    """
    asks, answers = (teacher, student) if orientation == "target" else (student, teacher)
    weights = torch.softmax(asks @ answers.transpose(-1, -2), dim=-1)
    squares = (teacher - weights @ student).square().sum((-2, -1))
    # the root has no gradient at 0
    return squares.clamp_min(1e-12).sqrt().mean()


def positions(x: Tensor, axes: str, grid: int) -> Tensor:
    """A map as (B, frames, positions, C): of clips frame by frame; traces (B, C, T) are one map over time.

    Args:
        x: (B, C, T), or five axes as `VitalsModule.map_axes` says.
        grid: neighbours are averaged until at most so many positions a side (its square over time) are left.
    """
    frames = rearrange(x, f"{axes} -> (b t) c h w") if x.ndim == 5 else x[:, :, None]
    limits = (grid, grid) if x.ndim == 5 else (1, grid * grid)
    pool = [-(-side // limit) for side, limit in zip(frames.shape[2:], limits, strict=True)]
    if max(pool) > 1:
        frames = F.avg_pool2d(frames, pool, ceil_mode=True, count_include_pad=False)
    return rearrange(frames, "(b t) c h w -> b t (h w) c", b=len(x))


def at_frames(x: Tensor, frames: int) -> Tensor:
    """(B, T, ...) at `frames` instants, evenly spread: strided networks have fewer maps than others."""
    if x.shape[1] == frames:
        return x
    index = (torch.arange(frames, device=x.device) + 0.5) * (x.shape[1] / frames)
    return x.index_select(1, index.long())
