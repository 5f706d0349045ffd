"""The published architectures at their smallest sizes, and parameters filled by a formula.

`python -m tests.models.small_models` writes `models/pinned.json` anew: do so only after the golden arrays are met.
"""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from zoo import registry

PINNED = Path(__file__).parent / "pinned.json"

# without biomarkers, as published
SMALL: dict[str, dict[str, Any]] = {
    "can_student": {"frames": 16, "size": 8},
    "can_teacher": {"frames": 16, "size": 8},
    "deepphys": {"frames": 16, "size": 12},
    "deepphys_higher_order": {"frames": 16, "size": 12},
    "fpn1d_multitask": {"frames": 64, "targets": []},
    "mobilenet_attention": {"frames": 16, "size": 12},
    "mtts_can": {"frames": 20, "size": 12},
    "physformer": {"frames": 16, "size": 32, "layers": 3},
    "physnet": {"frames": 18, "size": 16},
    "physnet_2dcnn": {"frames": 16, "size": 16},
    "physnet_bilstm": {"frames": 16, "size": 16},
    "physnet_convlstm": {"frames": 16, "size": 16},
    "physnet_encoder_decoder": {"frames": 18, "size": 16},
    "physnet_lstm": {"frames": 16, "size": 16},
    "resnet18": {"frames": 16, "size": 32},
    "rhythmnet": {"frames": 60, "rows": 2, "columns": 2, "clip": 40, "step": 10},
    "rtrppg": {"frames": 18, "size": 8},
    "tscan": {"frames": 20, "size": 12},
}

PLUGINS: dict[str, dict[str, Any]] = {"efficientphys": {"frames": 20, "size": 12}}


def build(name: str, **options: Any) -> Any:
    """A registered model at its smallest size, in evaluation mode, its parameters by formula."""
    module = registry.model_class(name)(**{**{**SMALL, **PLUGINS}[name], **options})
    fill(module)
    return module.eval()


def hashed(shape: tuple[int, ...], seed: int) -> Tensor:
    """Numbers -1..1 that look random and are the same everywhere: the fraction of a large multiple of a sine."""
    i = torch.arange(math.prod(shape), dtype=torch.float64)
    x = torch.sin(i * 12.9898 + seed * 78.233) * 43758.5453
    return (2.0 * (x - x.floor()) - 1.0).reshape(shape)


def fill(module: nn.Module) -> None:
    """Give every parameter and running statistic a number that depends on its position only."""
    with torch.no_grad():
        for seed, (name, value) in enumerate(module.state_dict().items()):
            if not value.is_floating_point():
                continue
            noise = hashed(tuple(value.shape), seed)
            if value.ndim > 1:
                number = noise * math.sqrt(3.0 / value[0].numel())
            elif name.endswith("running_var") or (name.endswith("weight") and value.ndim == 1):
                number = 1.0 + 0.3 * noise
            else:
                number = 0.1 * noise
            value.copy_(number)


def colours(module: Any, batch: int = 2) -> Tensor:
    """Raw input by formula, 0.3..0.7."""
    return (0.5 + 0.2 * hashed(module.input.shape(batch), 1000)).float()


def outputs(module: Any, raw: Tensor) -> Tensor:
    """Everything that a model gives, end to end, one row an item of the batch."""
    with torch.no_grad():
        prediction = module(raw)
    parts = [*prediction.waveforms.values(), *(value[:, None] for value in prediction.targets.values())]
    return torch.cat(parts, dim=1)


def pinned(name: str) -> list[float]:
    """32 numbers of output, evenly spread; the features where a model gives fewer."""
    module = build(name)
    values = outputs(module, colours(module)).flatten()
    if values.numel() < 32:
        with torch.no_grad():
            values = module.features(module.prepare(colours(module))).flatten()
    places = torch.linspace(0, values.numel() - 1, 32).round().long()
    return [float(value) for value in values[places]]


if __name__ == "__main__":
    torch.set_num_threads(1)
    from benchmarks.plugins import with_plugins

    with with_plugins():
        PINNED.write_text(json.dumps({name: pinned(name) for name in (*SMALL, *PLUGINS)}, indent=1) + "\n")
