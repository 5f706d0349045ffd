"""Networks of the zoo beside the plain form of the same layers: same weights, same input, one run, one thread.

    python benchmarks/networks.py [--repeats 7] [--json FILE] [NAME ...]

The plain form is the published code's order of work: contiguous maps, a whole window at a time, batch norm as a pass of
its own, two convolutions for PhysFormer's temporal difference. A row says milliseconds a second of video in eager fp32
(CPU time, median of interleaved runs, random weights, batch 1) and the relative difference of the two outputs.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from zoo import registry
from zoo.models.layers import ConvNorm, temporal_shift
from zoo.models.physformer import TemporalDifference

Plain = Callable[[Any, Tensor], Tensor]


def plain_mask(attention: Tensor) -> Tensor:
    height, width = attention.shape[2:]
    return attention / attention.sum((2, 3), keepdim=True) * height * width * 0.5


def plain_layer(layer: nn.Module, x: Tensor) -> Tensor:
    """Convolution, then batch norm where there is one."""
    if isinstance(layer, TemporalDifference):
        return layer.norm(plain_difference(layer, x))
    return layer.norm(layer.conv(x)) if isinstance(layer, ConvNorm) else layer(x)


def plain_difference(layer: TemporalDifference, x: Tensor) -> Tensor:
    weight = layer.conv.weight
    tap = weight[:, :, 0].sum(2).sum(2) + weight[:, :, 2].sum(2).sum(2)
    return layer.conv(x) - layer.theta * F.conv3d(x, tap[:, :, None, None, None])


def plain_fpn1d(network: Any, x: Tensor) -> Tensor:
    """The published 1-D network: its decoder's convolutions and batch norms in 1-D."""

    def layer(block: nn.Sequential, y: Tensor) -> Tensor:
        conv, norm = block[0], block[1]
        y = F.conv1d(y, conv.weight, None, padding=2)
        return F.batch_norm(y, norm.running_mean, norm.running_var, norm.weight, norm.bias, False, 0.0, norm.eps)

    encoded = network.encoder(x.transpose(1, 2).unsqueeze(1))
    y = (encoded * network.attention(encoded).softmax(dim=2)).sum(dim=2)
    for first, residual in network.decoder:
        y = F.gelu(layer(first, y))
        y = F.gelu(y + layer(residual.contract, F.gelu(layer(residual.expand, y))))
    return network.out(y)[:, 0]


class PlainNetwork(nn.Module):
    """A network's plain form as a module, to export."""

    def __init__(self, name: str, network: nn.Module) -> None:
        super().__init__()
        self.plain, self.network = ROWS[name][0], network
        self.eval()

    def forward(self, x: Tensor) -> Tensor:
        return self.plain(self.network, x)


def plain_two_stream(network: Any, x: Tensor) -> Tensor:
    """DeepPhys, TS-CAN and the CAN teacher: frames folded into the batch."""
    frames = x.flatten(0, 1)
    motion, appearance = frames[:, :3].contiguous(), frames[:, 3:].contiguous()
    depth = getattr(network, "depth", 0)
    for i, stage in enumerate(network.stages):
        for one, two in zip(stage.motion, stage.appearance, strict=True):
            motion = temporal_shift(motion, depth).contiguous() if depth else motion
            motion, appearance = torch.tanh(plain_layer(one, motion)), torch.tanh(plain_layer(two, appearance))
        motion = F.avg_pool2d(motion * plain_mask(torch.sigmoid(stage.attention(appearance))), 2)
        appearance = F.avg_pool2d(appearance, 2) if i == 0 else appearance
    dense = torch.tanh(network.dense(motion.flatten(1)))
    return network.out(dense).reshape(x.shape[:2])


def plain_efficientphys(network: Any, x: Tensor) -> Tensor:
    y = network.norm(x.flatten(0, 1).contiguous())
    for i in range(2):
        for convolution in network.convolutions[2 * i : 2 * i + 2]:
            y = torch.tanh(convolution(temporal_shift(y, network.depth).contiguous()))
        y = F.avg_pool2d(y * plain_mask(torch.sigmoid(network.attentions[i](y))), 2)
    return network.out(torch.tanh(network.dense(y.flatten(1)))).reshape(x.shape[:2])


def plain_student(network: Any, x: Tensor) -> Tensor:
    y = x.flatten(0, 1).contiguous()
    for layer in network.convolutions:
        y = F.avg_pool2d(torch.tanh(plain_layer(layer, y)), 2)
    return network.out(y.flatten(1)).reshape(x.shape[:2])


def plain_physnet(network: Any, x: Tensor) -> Tensor:
    y = F.max_pool3d(torch.relu(plain_layer(network.stem, x)), (1, 2, 2))
    for i, layer in enumerate(network.encoder):
        if i in (2, 4, 6):
            y = F.max_pool3d(y, (1, 2, 2) if i == 6 else 2)
        y = torch.relu(plain_layer(layer, y))
    y = F.adaptive_avg_pool3d(network.decoder(y), (x.shape[2], 1, 1))
    return network.out(y)[:, 0, :, 0, 0]


def plain_physformer(network: Any, x: Tensor) -> Tensor:
    for stem in network.stems:
        x = F.max_pool3d(torch.relu(plain_layer(stem, x)), (1, 2, 2))
    x = network.patches(x)
    shape = x.shape
    x = x.flatten(2).transpose(1, 2)
    for block in network.blocks:
        clip = block.norm_attention(x).transpose(1, 2).reshape(shape)
        q, k, v = (plain_layer(layer, clip).flatten(2).transpose(1, 2) for layer in (block.q, block.k, block.v))
        q, k, v = (part.unflatten(2, (block.heads, -1)).transpose(1, 2) for part in (q, k, v))
        scores = torch.softmax(q @ k.transpose(-2, -1) / block.sharpness, dim=-1)
        x = x + block.mix((scores @ v).transpose(1, 2).contiguous().flatten(2))
        inner = block.norm_forward(x).transpose(1, 2).reshape(shape)
        inner = F.elu(plain_layer(block.depthwise, F.elu(plain_layer(block.expand, inner))))
        x = x + plain_layer(block.contract, inner).flatten(2).transpose(1, 2)
    x = x.transpose(1, 2).reshape(shape)
    for layer in network.decoder:
        x = F.elu(plain_layer(layer, F.interpolate(x, scale_factor=(2, 1, 1))))
    return network.out(x.mean(3).mean(3))[:, 0]


ROWS: dict[str, tuple[Plain, dict[str, Any]]] = {
    "fpn1d_multitask": (plain_fpn1d, {}),
    "can_student": (plain_student, {}),
    "can_teacher": (plain_two_stream, {}),
    "deepphys": (plain_two_stream, {"size": 72}),
    "tscan": (plain_two_stream, {"size": 72}),
    "efficientphys": (plain_efficientphys, {"size": 72}),
    "physnet": (plain_physnet, {}),
    "physformer": (plain_physformer, {}),
}


def measure(name: str, repeats: int) -> dict[str, Any]:
    """One row: both forms of a network, interleaved."""
    plain, options = ROWS[name]
    torch.manual_seed(0)
    module = registry.model_class(name)(**options).eval()
    network = module.network
    with torch.inference_mode():
        x = module.prepare(module.example_input())
        expected, output = plain(network, x), network(x)
        times: dict[str, list[float]] = {"plain": [], "ours": []}
        for _ in range(repeats):
            for form, run in (("plain", lambda: plain(network, x)), ("ours", lambda: network(x))):
                start = time.process_time()
                run()
                times[form].append(time.process_time() - start)
    seconds = module.input.frames / module.input.fps
    slow, fast = (1e3 * statistics.median(times[form]) / seconds for form in ("plain", "ours"))
    error = ((output - expected).norm() / expected.norm()).item()
    return {"model": name, "plain_ms_s": slow, "ours_ms_s": fast, "ratio": slow / fast, "relative_difference": error}


def main() -> None:
    parser = argparse.ArgumentParser(description="Networks beside their plain form.")
    parser.add_argument("names", nargs="*", help=f"of {', '.join(ROWS)}; all of them by default")
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    torch.set_num_threads(1)
    known = registry.entries("model")
    rows = []
    print(f"{'model':<16}{'plain ms/s':>12}{'ours ms/s':>12}{'ratio':>8}{'difference':>12}")
    for name in args.names or ROWS:
        if name not in ROWS or name not in known:
            print(f"{name}: not installed, or without a plain form here", file=sys.stderr)
            continue
        row = measure(name, args.repeats)
        rows.append(row)
        print(
            f"{name:<16}{row['plain_ms_s']:>12.1f}{row['ours_ms_s']:>12.1f}{row['ratio']:>8.2f}"
            f"{row['relative_difference']:>12.1e}",
            flush=True,
        )
    if args.json:
        report = {"torch": torch.__version__, "threads": 1, "repeats": args.repeats, "rows": rows}
        args.json.write_text(json.dumps(report, indent=1) + "\n")


if __name__ == "__main__":
    main()
