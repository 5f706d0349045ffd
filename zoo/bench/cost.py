"""Cost that needs no clock: parameters, operations, size."""

from __future__ import annotations

import warnings
from collections import Counter
from dataclasses import dataclass, field
from math import prod
from typing import Any

import torch
from torch import Tensor, nn


@dataclass(frozen=True)
class Operations:
    """Operations of one forward pass, by two counters that see different things.

    Args:
        macs: multiply-accumulates, by fvcore.
        flops: floating-point operations, by torch's counter (2 a multiply-accumulate).
        uncounted: operators that fvcore does not know, with how often they ran.
    """

    macs: int
    flops: int
    uncounted: dict[str, int] = field(default_factory=dict)


def parameters(module: nn.Module) -> int:
    """Number of parameters."""
    return sum(parameter.numel() for parameter in module.parameters())


def size_bytes(module: nn.Module) -> int:
    """Bytes of the weights and buffers, as a safetensors file holds them (its header apart)."""
    return sum(value.numel() * value.element_size() for value in module.state_dict().values())


def operations(module: nn.Module, example: Tensor) -> Operations:
    """Count one forward pass in evaluation mode."""
    from fvcore.nn import FlopCountAnalysis
    from torch.utils.flop_counter import FlopCounterMode

    fast_path = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)  # a fused transformer layer is invisible to both counters
    try:
        with torch.no_grad(), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            analysis = FlopCountAnalysis(_Tensors(module), example)
            analysis.unsupported_ops_warnings(False).uncalled_modules_warnings(False)
            for name, count in _EXTRA.items():
                analysis.set_op_handle(name, count)
            macs = int(analysis.total())
            uncounted = {name: n for name, n in analysis.unsupported_ops().items() if name not in _FREE}
            with FlopCounterMode(display=False) as counter:
                module(example)
        return Operations(macs, int(counter.get_total_flops()), uncounted)
    finally:
        torch.backends.mha.set_fastpath_enabled(fast_path)


class _Tensors(nn.Module):
    """Tracing takes tensors only; a prediction is two dictionaries of them."""

    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self.module = module

    def forward(self, raw: Tensor) -> tuple[Tensor, ...]:
        prediction = self.module(raw)
        return (*prediction.waveforms.values(), *prediction.targets.values())


def _shape(value: Any) -> list[int]:
    return list(value.type().sizes())


def _attention(inputs: list[Any], outputs: list[Any]) -> Counter[str]:
    query, key, value = (_shape(item) for item in inputs[:3])
    rows = prod(query[:-1])
    return Counter({"attention": rows * key[-2] * (query[-1] + value[-1])})


def _recurrent(gates: int) -> Any:
    def count(inputs: list[Any], outputs: list[Any]) -> Counter[str]:
        sequence, result = _shape(inputs[0]), _shape(outputs[0])
        hidden = _shape(outputs[1])[-1]
        directions = max(result[-1] // hidden, 1)
        steps = prod(result[:-1])
        return Counter({"recurrent": steps * directions * gates * hidden * (sequence[-1] + hidden)})

    return count


_EXTRA = {
    "aten::scaled_dot_product_attention": _attention,
    "aten::gru": _recurrent(3),
    "aten::lstm": _recurrent(4),
}

# cheap beside a convolution: element-wise work, copies and reductions
_FREE_NAMES = """
abs add add_ amax arange avg_pool1d avg_pool2d avg_pool3d clamp clamp_min cos cumsum div div_ dropout elu elu_ exp
expand expand_as fft_irfft fft_rfft fill_ flip ge gelu gt hann_window hardsigmoid hardsigmoid_ hardswish hardswish_
index le log lt max max_pool1d max_pool2d max_pool3d mean min mul mul_ ne neg ones_like pad pow reciprocal relu relu_
repeat repeat_interleave roll rsqrt rsub scalar_tensor sigmoid sigmoid_ sign silu sin softmax sqrt square stack std
sub sub_ sum tanh tanh_ upsample_nearest1d var where zeros zeros_like
"""
_FREE = frozenset(f"aten::{name}" for name in _FREE_NAMES.split())
