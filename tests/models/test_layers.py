"""Shared layers against the operations that they stand for."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from zoo.models.layers import (
    ConvNorm,
    attention_mask,
    clip_frames_last,
    frames_last,
    in_pieces,
    stretch,
    temporal_shift,
)
from zoo.models.physformer import TemporalDifference


@pytest.mark.parametrize(("length", "frames"), [(88, 90), (64, 64), (4, 7), (128, 131), (9, 4)])
def test_stretch_is_adaptive_average_pooling(length, frames):
    x = torch.randn(2, 3, length)
    assert torch.allclose(stretch(x, frames), F.adaptive_avg_pool1d(x, frames), atol=1e-6)


def test_temporal_shift_moves_thirds_inside_each_group():
    x = torch.arange(6.0)[:, None, None, None].expand(6, 3, 2, 2) + 1.0
    shifted = temporal_shift(x, depth=3)[:, :, 0, 0]
    assert shifted[:, 0].tolist() == [2, 3, 0, 5, 6, 0]
    assert shifted[:, 1].tolist() == [0, 1, 2, 0, 4, 5]
    assert shifted[:, 2].tolist() == [1, 2, 3, 4, 5, 6]


def test_attention_mask_has_a_mean_of_one_half():
    mask = attention_mask(torch.rand(4, 1, 5, 7))
    assert torch.allclose(mask.mean((2, 3)), torch.full((4, 1), 0.5))


@pytest.mark.parametrize(
    ("conv", "shape"),
    [
        (nn.Conv2d(3, 5, 3, padding=1), (2, 3, 8, 8)),
        (nn.Conv3d(3, 5, 3, padding=1, bias=False), (2, 3, 6, 8, 8)),
        (nn.Conv3d(4, 4, 3, padding=1, groups=4), (2, 4, 6, 8, 8)),
    ],
)
def test_folded_norm_equals_convolution_then_norm(conv, shape):
    layer = ConvNorm(conv)
    layer.train()(torch.randn(shape))
    layer.eval()
    x = torch.randn(shape)
    assert torch.allclose(layer(x), layer.norm(layer.conv(x)), atol=1e-5)


@pytest.mark.parametrize("training", [True, False])
def test_convolution_without_time_takes_frames_and_clips_alike(training):
    layer = ConvNorm(nn.Conv3d(3, 5, (1, 5, 5), padding=(0, 2, 2))).train(training)
    clip = torch.randn(2, 3, 4, 8, 8)
    frames = layer(clip_frames_last(clip)).unflatten(0, (2, 4)).transpose(1, 2)
    assert torch.allclose(frames, layer(clip), atol=1e-5)


def test_temporal_difference_is_the_difference_of_two_convolutions():
    layer = TemporalDifference(4, theta=0.7).eval()
    x = torch.randn(1, 4, 6, 5, 5)
    weight = layer.conv.weight
    tap = (weight[:, :, 0] + weight[:, :, 2]).sum((2, 3))[:, :, None, None, None]
    expected = layer.norm(layer.conv(x) - 0.7 * F.conv3d(x, tap))
    assert torch.allclose(layer(x), expected, atol=1e-5)


@pytest.mark.parametrize("batch", [1, 3])
def test_frames_come_in_channels_last_memory(batch):
    x = torch.randn(batch, 4, 3, 5, 6)
    frames = frames_last(x)
    assert torch.equal(frames, x.flatten(0, 1)) and frames.is_contiguous(memory_format=torch.channels_last)
    clip = clip_frames_last(x.transpose(1, 2))
    assert torch.equal(clip, frames) and clip.is_contiguous(memory_format=torch.channels_last)


def test_pieces_are_cut_only_without_gradients():
    sizes = []

    def double(x):
        sizes.append(len(x))
        return 2 * x

    x = torch.randn(10, 3)
    with torch.no_grad():
        assert torch.equal(in_pieces(double, 4, x), 2 * x)
    in_pieces(double, 4, x)
    assert sizes == [4, 4, 2, 10]
