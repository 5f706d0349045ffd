"""Networks of the zoo in their plain form: the same layers in the published code's order of work.

Contiguous maps, a whole window at a time, batch norm as a pass of its own, nothing done in place. Each function takes
the zoo's network and its prepared tensor, and gives what the network gives.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from einops import rearrange
from torch import Tensor, nn
from torch.nn import functional as F

from zoo.models.layers import ConvNorm
from zoo.models.physformer import TemporalDifference

Plain = Callable[[Any, Tensor], Tensor]


def mask(attention: Tensor) -> Tensor:
    height, width = attention.shape[2:]
    return attention / attention.sum((2, 3), keepdim=True) * height * width * 0.5


def layer(block: nn.Module, x: Tensor) -> Tensor:
    """Convolution, then batch norm where there is one; clips (5-D) are convolved in 3-D."""
    if isinstance(block, TemporalDifference):
        return block.norm(difference(block, x))
    if not isinstance(block, ConvNorm):
        return block(x)
    if x.ndim == 5 and isinstance(block.conv, nn.Conv2d):
        kernel, pad = block.conv.weight.unsqueeze(2), block.conv.padding
        y = F.conv3d(x, kernel, block.conv.bias, padding=(0, *pad))  # type: ignore[arg-type]
        norm = block.norm
        return F.batch_norm(y, norm.running_mean, norm.running_var, norm.weight, norm.bias, False, 0.0, norm.eps)
    return block.norm(block.conv(x))


def difference(block: TemporalDifference, x: Tensor) -> Tensor:
    weight = block.conv.weight
    tap = weight[:, :, 0].sum(2).sum(2) + weight[:, :, 2].sum(2).sum(2)
    return block.conv(x) - block.theta * F.conv3d(x, tap[:, :, None, None, None])


def shift(x: Tensor, depth: int) -> Tensor:
    groups = x.reshape(-1, depth, *x.shape[1:])
    fold = x.shape[1] // 3
    shifted = torch.zeros_like(groups)
    shifted[:, :-1, :fold] = groups[:, 1:, :fold]
    shifted[:, 1:, fold : 2 * fold] = groups[:, :-1, fold : 2 * fold]
    shifted[:, :, 2 * fold :] = groups[:, :, 2 * fold :]
    return shifted.reshape(x.shape)


def in_clips(network: Any, dense: Tensor, x: Tensor) -> Tensor:
    """The readout of features (B * T, C) of single frames."""
    return network.readout(rearrange(dense, "(b t) c -> b c t", b=x.shape[0]))


def two_stream(network: Any, x: Tensor) -> Tensor:
    """DeepPhys, TS-CAN, MTTS-CAN and the CAN teacher: frames folded into the batch."""
    frames = x.flatten(0, 1)
    motion, appearance = frames[:, :3].contiguous(), frames[:, 3:].contiguous()
    depth = getattr(network, "depth", 0)
    for i, stage in enumerate(network.stages):
        for one, two in zip(stage.motion, stage.appearance, strict=True):
            motion = shift(motion, depth) if depth else motion
            motion, appearance = torch.tanh(layer(one, motion)), torch.tanh(layer(two, appearance))
        motion = F.avg_pool2d(motion * mask(torch.sigmoid(stage.attention(appearance))), 2)
        appearance = F.avg_pool2d(appearance, 2) if i == 0 else appearance
    return in_clips(network, torch.tanh(network.dense(motion.flatten(1))), x)


def higher_order(network: Any, x: Tensor) -> Tensor:
    frames = x.flatten(0, 1)
    first, second, appearance = (part.contiguous() for part in frames.split(3, dim=1))
    for i, stage in enumerate(network.stages):
        for one, two, three in zip(stage.motion, network.second[i], stage.appearance, strict=True):
            first, second, appearance = torch.tanh(one(first)), torch.tanh(two(second)), torch.tanh(three(appearance))
        gate = mask(torch.sigmoid(stage.attention(appearance)))
        first, second = F.avg_pool2d(first * gate, 2), F.avg_pool2d(second * gate, 2)
        appearance = F.avg_pool2d(appearance, 2) if i == 0 else appearance
    dense = [network.dense(first.flatten(1)), network.second_dense(second.flatten(1))]
    return in_clips(network, torch.tanh(torch.cat(dense, dim=1)), x)


def efficientphys(network: Any, x: Tensor) -> Tensor:
    y = network.norm(x.flatten(0, 1).contiguous())
    for i in range(2):
        for convolution in network.convolutions[2 * i : 2 * i + 2]:
            y = torch.tanh(convolution(shift(y, network.depth)))
        y = F.avg_pool2d(y * mask(torch.sigmoid(network.attentions[i](y))), 2)
    return in_clips(network, torch.tanh(network.dense(y.flatten(1))), x)


def student(network: Any, x: Tensor) -> Tensor:
    y = x.flatten(0, 1).contiguous()
    for block in network.convolutions:
        y = F.avg_pool2d(torch.tanh(layer(block, y)), 2)
    return network.out(y.flatten(1)).reshape(x.shape[:2])


def mobilenet_attention(network: Any, x: Tensor) -> Tensor:
    frames = x.flatten(0, 1)
    motion, attention = frames[:, :3].contiguous(), frames[:, 3:].contiguous()
    squash = (torch.tanh, torch.sigmoid, torch.tanh, torch.tanh, torch.sigmoid)
    for convolution, function in zip(network.appearance, squash, strict=True):
        attention = function(convolution(attention))
    motion = network.motion[0](motion)
    for convolution in network.motion[1:]:
        motion = torch.tanh(convolution(motion))
    last = network.regressor(motion * attention)
    return in_clips(network, F.hardswish(network.dense(last.mean((2, 3)))), x)


def resnet18(network: Any, x: Tensor) -> Tensor:
    return in_clips(network, network.trunk(x.flatten(0, 1).contiguous()), x)


def rhythmnet(network: Any, x: Tensor) -> Tensor:
    vectors = network.trunk(x.flatten(0, 1).contiguous()).unflatten(0, x.shape[:2])
    return network.gru(vectors)[0].transpose(1, 2)


def physnet(network: Any, x: Tensor) -> Tensor:
    y = F.max_pool3d(torch.relu(layer(network.stem, x)), (1, 2, 2))
    for i, block in enumerate(network.encoder):
        if i in (2, 4, 6):
            y = F.max_pool3d(y, (1, 2, 2) if i == 6 else 2)
        y = torch.relu(layer(block, y))
    y = F.adaptive_avg_pool3d(network.decoder(y), (x.shape[2], 1, 1))
    return network.out(y)[:, 0, :, 0, 0]


def encoder_decoder(network: Any, x: Tensor) -> Tensor:
    y = F.avg_pool3d(F.elu(layer(network.stem, x)), (1, 2, 2))
    for i, block in enumerate(network.encoder):
        if i in (2, 4, 6):
            y = F.avg_pool3d(y, (1, 2, 2) if i == 6 else 2)
        y = F.elu(layer(block, y))
    for block in network.decoder:
        y = F.elu(layer(block, F.interpolate(y, scale_factor=(2, 1, 1))))
    return network.readout(F.adaptive_avg_pool3d(y, (x.shape[2], 1, 1))[..., 0, 0])


def trunk_2d(network: Any, x: Tensor) -> Tensor:
    """PhysNet's 2-D trunk and what follows it in time."""
    y = F.elu(layer(network.stem, x.transpose(1, 2).flatten(0, 1).contiguous()))
    for i, block in enumerate(network.convolutions):
        y = F.elu(layer(block, F.avg_pool2d(y, 2) if i % 2 == 0 else y))
    return network.readout(network.over_time(y.unflatten(0, (x.shape[0], -1)).transpose(1, 2).contiguous()))


def rtrppg(network: Any, x: Tensor) -> Tensor:
    y = x
    for i, block in enumerate(network.encoder):
        y = torch.relu(layer(block, y))
        y = F.max_pool3d(y, (2, 1, 1)) if i < 2 else y
    y = F.adaptive_avg_pool3d(network.decoder(y), (x.shape[2], 1, 1))
    return network.out(y)[:, 0, :, 0, 0]


def physformer(network: Any, x: Tensor) -> Tensor:
    for stem in network.stems:
        x = F.max_pool3d(torch.relu(layer(stem, x)), (1, 2, 2))
    x = network.patches(x)
    shape = x.shape
    x = x.flatten(2).transpose(1, 2)
    for block in network.blocks:
        clip = block.norm_attention(x).transpose(1, 2).reshape(shape)
        q, k, v = (layer(part, clip).flatten(2).transpose(1, 2) for part in (block.q, block.k, block.v))
        q, k, v = (part.unflatten(2, (block.heads, -1)).transpose(1, 2) for part in (q, k, v))
        scores = torch.softmax(q @ k.transpose(-2, -1) / block.sharpness, dim=-1)
        x = x + block.mix((scores @ v).transpose(1, 2).contiguous().flatten(2))
        inner = block.norm_forward(x).transpose(1, 2).reshape(shape)
        inner = F.elu(layer(block.depthwise, F.elu(layer(block.expand, inner))))
        x = x + layer(block.contract, inner).flatten(2).transpose(1, 2)
    x = x.transpose(1, 2).reshape(shape)
    for part in network.decoder:
        x = F.elu(layer(part, F.interpolate(x, scale_factor=(2, 1, 1))))
    return network.out(x.mean(3).mean(3))[:, 0]


def fpn1d(network: Any, x: Tensor) -> Tensor:
    """The published 1-D network: its decoder's convolutions and batch norms in 1-D."""

    def convolved(block: nn.Sequential, y: Tensor) -> Tensor:
        conv, norm = block[0], block[1]
        y = F.conv1d(y, conv.weight, None, padding=2)
        return F.batch_norm(y, norm.running_mean, norm.running_var, norm.weight, norm.bias, False, 0.0, norm.eps)

    encoded = network.encoder(x.transpose(1, 2).unsqueeze(1))
    y = (encoded * network.attention(encoded).softmax(dim=2)).sum(dim=2)
    for first, residual in network.decoder:
        y = F.gelu(convolved(first, y))
        y = F.gelu(y + convolved(residual.contract, F.gelu(convolved(residual.expand, y))))
    return network.out(y)[:, 0]


# by registered model: its plain form, and the settings that it is timed at where they are not its own
FORMS: dict[str, tuple[Plain, dict[str, Any]]] = {
    "fpn1d_multitask": (fpn1d, {"targets": []}),
    "can_student": (student, {}),
    "can_teacher": (two_stream, {}),
    "deepphys": (two_stream, {"size": 72}),
    "deepphys_higher_order": (higher_order, {}),
    "tscan": (two_stream, {"size": 72}),
    "mtts_can": (two_stream, {}),
    "efficientphys": (efficientphys, {"size": 72}),
    "physnet": (physnet, {}),
    "physnet_encoder_decoder": (encoder_decoder, {}),
    "physnet_2dcnn": (trunk_2d, {}),
    "physnet_lstm": (trunk_2d, {}),
    "physnet_bilstm": (trunk_2d, {}),
    "physnet_convlstm": (trunk_2d, {}),
    "physformer": (physformer, {}),
    "rtrppg": (rtrppg, {}),
    "mobilenet_attention": (mobilenet_attention, {}),
    "resnet18": (resnet18, {}),
    "rhythmnet": (rhythmnet, {}),
}


class PlainNetwork(nn.Module):
    """A network's plain form as a module, to export."""

    def __init__(self, name: str, network: nn.Module) -> None:
        super().__init__()
        self.plain, self.network = FORMS[name][0], network
        self.eval()

    def forward(self, x: Tensor) -> Tensor:
        return self.plain(self.network, x)
