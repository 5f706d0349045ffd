"""Layers and tensor moves that several published networks share; plugins may use them too."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from einops import rearrange
from torch import Tensor, nn
from torch.nn import functional as F

from zoo.errors import CheckpointError


def frames_last(x: Tensor) -> Tensor:
    """(B, T, C, H, W) as frames (B * T, C, H, W) in channels-last memory, by one copy."""
    return rearrange(rearrange(x, "b t c h w -> (b t) h w c").contiguous(), "n h w c -> n c h w")


def clip_frames_last(x: Tensor) -> Tensor:
    """(B, C, T, H, W) as frames (B * T, C, H, W) in channels-last memory, by one copy."""
    return rearrange(rearrange(x, "b c t h w -> (b t) h w c").contiguous(), "n h w c -> n c h w")


def eager() -> bool:
    """True where nothing traces, compiles or exports the call."""
    return not (torch.compiler.is_compiling() or torch.jit.is_tracing())


def in_pieces(function: Callable[..., Tensor], size: int, *frames: Tensor) -> Tensor:
    """`function` of `size` frames at a time, where neither gradients nor a graph are wanted.

    Maps of a whole window leave the cache and are fetched page by page; those of a few frames stay in it.

    Args:
        function: of tensors (n, ...) to one tensor (n, ...), each frame (or group of frames) for itself.
        size: frames a piece; a multiple of the group that belongs together.
        frames: tensors (N, ...).
    """
    if torch.is_grad_enabled() or not eager() or len(frames[0]) <= size:
        return function(*frames)
    pieces = zip(*(tensor.split(size) for tensor in frames), strict=True)
    return torch.cat([function(*piece) for piece in pieces])


def attention_mask(attention: Tensor) -> Tensor:
    """Attention (N, 1, H, W) 0..1 scaled to a mean of one half (DeepPhys, arXiv:1805.07888)."""
    return attention / (2.0 * attention.mean((2, 3), keepdim=True))


def temporal_shift(x: Tensor, depth: int, parts: int = 3) -> Tensor:
    """Mix neighbouring frames: one part of the channels comes from the frame after, one from the frame before.

    Args:
        x: (N * depth, C, H, W); frames are shifted inside each group of `depth`, with zeros at its ends.
        depth: frames a group.
        parts: the first C // parts channels look ahead, the next C // parts look back.

    Source: temporal shift module, arXiv:1811.08383; groups as in TS-CAN, arXiv:2006.03790.
    """
    groups = rearrange(x, "(n depth) c h w -> n depth h w c", depth=depth)
    fold = x.shape[1] // parts
    ahead = F.pad(groups[:, 1:, :, :, :fold], (0, 0, 0, 0, 0, 0, 0, 1))
    back = F.pad(groups[:, :-1, :, :, fold : 2 * fold], (0, 0, 0, 0, 0, 0, 1, 0))
    shifted = torch.cat([ahead, back, groups[..., 2 * fold :]], dim=-1)
    return rearrange(rearrange(shifted, "n depth h w c -> (n depth) h w c"), "n h w c -> n c h w")


def stretch(x: Tensor, frames: int) -> Tensor:
    """(..., L) to (..., frames) by the fixed linear map that adaptive average pooling is; it exports for any length."""
    length = x.shape[-1]
    target = torch.arange(frames, device=x.device)
    source = torch.arange(length, device=x.device).unsqueeze(1)
    first = target * length // frames
    last = (target * length + length + frames - 1) // frames
    inside = ((source >= first) & (source < last)).to(x.dtype)
    return x @ (inside / inside.sum(0, keepdim=True))


class ConvNorm(nn.Module):
    """A convolution and its batch norm, which eager evaluation folds into one pass over the map.

    A 3-D convolution that is 1 long in time also takes single frames (N, C, H, W), for which the CPU has the faster
    code; its batch norm sees the same numbers either way.
    """

    def __init__(self, conv: nn.Conv2d | nn.Conv3d) -> None:
        super().__init__()
        self.conv = conv
        self.norm: Any = (nn.BatchNorm3d if isinstance(conv, nn.Conv3d) else nn.BatchNorm2d)(conv.out_channels)

    def kernel(self) -> Tensor:
        """The weight that is convolved with."""
        return self.conv.weight

    def forward(self, x: Tensor) -> Tensor:
        weight, bias = self.kernel(), self.conv.bias
        # exporters and runtimes fold by themselves, and quantise plain weights only
        if self.training or not eager():
            return self._normalise(self._convolve(x, weight, bias))
        scale = self.norm.weight / (self.norm.running_var + self.norm.eps).sqrt()
        shift = self.norm.bias - self.norm.running_mean * scale
        weight = weight * scale.reshape(-1, *[1] * (weight.ndim - 1))
        return self._convolve(x, weight, shift if bias is None else shift + bias * scale)

    def _normalise(self, y: Tensor) -> Tensor:
        norm = self.norm
        if y.ndim == 5 or isinstance(norm, nn.BatchNorm2d):
            return norm(y)
        if self.training:
            return norm(y.unsqueeze(2)).squeeze(2)
        # without the axis, which would keep runtimes from folding it into the convolution
        return F.batch_norm(y, norm.running_mean, norm.running_var, norm.weight, norm.bias, eps=norm.eps)

    def _convolve(self, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        conv = self.conv
        if isinstance(conv, nn.Conv3d) and x.ndim == 5:
            return F.conv3d(x, weight, bias, conv.stride, conv.padding, conv.dilation, conv.groups)
        if weight.ndim == 5:
            weight = weight.squeeze(2)
        stride, padding, dilation = conv.stride[-2:], conv.padding[-2:], conv.dilation[-2:]
        return F.conv2d(x, weight, bias, stride, padding, dilation, conv.groups)  # type: ignore[arg-type]


def renamed(weights: Mapping[str, Tensor], names: Mapping[str, str]) -> dict[str, Tensor]:
    """Published weights under our names.

    Args:
        weights: by published parameter name.
        names: our module by published module, both without the parameter's last word.

    Raises:
        CheckpointError: lists the published names that are not known.
    """
    parts = {name: name.rpartition(".") for name in weights}
    if unknown := [name for name, (module, _, _) in parts.items() if module not in names]:
        raise CheckpointError(f"These weights are not of this network: {', '.join(sorted(unknown))}.")
    return {f"{names[module]}.{leaf}": weights[name] for name, (module, _, leaf) in parts.items()}
