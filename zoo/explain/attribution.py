"""How much each place of a window gave to what a network said: gradients in torch, one window at a time."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from zoo.errors import UsageError
from zoo.module import VitalsModule, full_precision
from zoo.spec import Clip

# 1/min to either side of the rate that count as the pulse
DEVIATION = 6.0


def contribution(module: VitalsModule, window: Tensor, rate: float) -> Tensor:
    """How much the pulsation of each place raised the power of the waveform at the heart rate.

    The gradient of that power, times the input in the same band, summed over colours and time: what a place would take
    away if its pulsation vanished, to first order. Clips are asked behind their preparation, whose division by dark
    colours and by the deviation of the whole window says nothing about skin. A model without a waveform is asked for
    the gradient of its heart rate (or its first target), times the colours about their mean, in absolute value.

    Args:
        module: in eval mode.
        window: `module.input.shape(1)`, RGB 0..1.
        rate: 1/min.

    Returns:
        (H, W) of a clip, (regions,) of traces; any scale.

    Source: gradient x input (arXiv:1605.01713), restricted to the pulse's band.
    """
    fps = module.input.fps
    if isinstance(module.input, Clip) and "ppg" in module.signals:
        with full_precision(window.device):
            x = module.prepare(window).detach().requires_grad_()
        # published networks take (B, C, T, H, W) or (B, T, C, H, W)
        if x.ndim == 5 and window.shape[2] in x.shape[1:3]:
            score = power_at(module.waveforms(module.features(x))["ppg"][0], fps, rate)
            gradient = torch.autograd.grad(score, x)[0]
            return (gradient * band(x.detach(), fps, rate, 1 + x.shape[1:3].index(window.shape[2])))[0].sum((0, 1))
    raw = window.detach().clone().requires_grad_()
    prediction = module(raw)
    time = 2 if isinstance(module.input, Clip) else 3
    if "ppg" in prediction.waveforms:
        score = power_at(prediction.waveforms["ppg"][0], fps, rate)
        return _summed(torch.autograd.grad(score, raw)[0] * band(window, fps, rate, time), module)
    name = "heart_rate" if "heart_rate" in prediction.targets else next(iter(prediction.targets))
    gradient = torch.autograd.grad(prediction.targets[name].sum(), raw)[0]
    return _summed(gradient * (window - window.mean(time, keepdim=True)), module).abs()


def activation(module: VitalsModule, window: Tensor, rate: float, stage: str) -> Tensor:
    """Regression activation map of a named stage: its activations weighted by the gradient of the power at the rate.

    An attention stage is its own explanation: its mean over time.

    Args:
        stage: a name of `module.features(x, stages=True)`.
        window, rate: as in `contribution`.

    Returns:
        (h, w) of a clip's stage, (regions,) of an attention over traces.

    Raises:
        UsageError: no such stage, or none that can be drawn.
    """
    with full_precision(window.device):
        x = module.prepare(window)
    features, maps = module.features(x, stages=True)
    if stage not in maps:
        raise UsageError(f"This model has no stage '{stage}': use one of {', '.join(maps) or 'none'}.")
    chosen: Tensor = maps[stage]
    if stage.startswith("attention"):
        return chosen[0].detach().mean(-1 if chosen.ndim == 3 else 0)
    waveforms = module.waveforms(features)
    gradient = None
    if chosen.ndim == 5 and "ppg" in waveforms:
        score = power_at(waveforms["ppg"][0], module.input.fps, rate)
        gradient = torch.autograd.grad(score, chosen, allow_unused=True)[0]
    if gradient is None:
        drawn = [name for name in maps if name.startswith("attention")]
        raise UsageError(
            f"The stage '{stage}' has no gradient to weigh it by: use {' or '.join(drawn) or 'no --stage'}."
        )
    return (gradient * chosen).detach()[0].sum((0, 1))


def stages(module: VitalsModule, window: Tensor) -> dict[str, Tensor]:
    """The named maps of a window; none where the model has none."""
    with torch.no_grad(), full_precision(window.device):
        found: Any = module.features(module.prepare(window), stages=True)
    return dict(found[1]) if isinstance(found, tuple) else {}


def power_at(wave: Tensor, fps: float, rate: float) -> Tensor:
    """Power of a waveform (T,) within `DEVIATION` of a rate (1/min), by the Fourier integral under a Hann window."""
    length = wave.shape[-1]
    frequencies = (rate + torch.linspace(-DEVIATION, DEVIATION, 9)) / 60
    phase = 2 * torch.pi * frequencies[:, None] * torch.arange(length) / fps
    weighted = (wave - wave.mean()) * torch.hann_window(length, periodic=False)
    return ((phase.cos() @ weighted).square() + (phase.sin() @ weighted).square()).sum() / length


def band(colours: Tensor, fps: float, rate: float, time: int) -> Tensor:
    """Colours with all but the band around a rate taken away.

    The band is `DEVIATION` wide to either side, or one bin of the spectrum where the window is too short for that. A
    line through each trace is taken away before, since a drift would leak into the band.

    Args:
        time: which axis is time.
    """
    x = colours.movedim(time, -1)
    length = x.shape[-1]
    ramp = torch.linspace(-1, 1, length)
    x = x - x.mean(-1, keepdim=True)
    x = x - ramp * (x @ ramp / ramp.square().sum())[..., None]
    frequencies = torch.fft.rfftfreq(length, 1 / fps)
    half = max(DEVIATION / 60, fps / length)
    inside = (frequencies - rate / 60).abs() <= half * (1 + 1e-6)
    return torch.fft.irfft(torch.fft.rfft(x) * inside, n=length).movedim(-1, time)


def share(values: Tensor) -> Tensor:
    """Values scaled so that their amounts add up to 1, for windows to be averaged; zeros where nothing moved."""
    total = float(values.abs().sum())
    return values / total if math.isfinite(total) and total > 0 else torch.zeros_like(values)


def _summed(product: Tensor, module: VitalsModule) -> Tensor:
    dims = (0, 1) if isinstance(module.input, Clip) else (1, 2)
    return product.detach()[0].sum(dims)
