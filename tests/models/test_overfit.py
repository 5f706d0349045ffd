"""Every published architecture can learn: it overfits eight simulated windows."""

from typing import Any

import pytest
import torch

from tests.models.small_models import SMALL
from zoo import registry
from zoo.data.module import VitalsDataModule
from zoo.signals.forms import to_form

FRAMES = {"frames": 60}
LARGER: dict[str, dict[str, Any]] = {
    "can_student": {"size": 16},
    "can_teacher": {"size": 16},
    "deepphys": {"size": 16},
    "deepphys_higher_order": {"size": 16},
    "fpn1d_multitask": {"frames": 64},
    "mobilenet_attention": {"size": 16},
    "mtts_can": {"size": 16},
    "tscan": {"size": 16},
    "rhythmnet": {"frames": 90, "clip": 60, "step": 30},
}


def windows(module):
    data = VitalsDataModule(
        "synthetic", options={"people": 8, "hard": 0.0}, input=module.input, batch_size=8, workers=0
    )
    data.setup("fit")
    return data, next(iter(data.train_dataloader()))


@pytest.mark.full
@pytest.mark.parametrize("name", SMALL)
def test_overfits_eight_windows(name):
    torch.manual_seed(0)
    module = registry.model_class(name)(**{**SMALL[name], **FRAMES, **LARGER.get(name, {})})
    data, batch = windows(module)
    if module.head is not None:
        module.head.set_statistics(data.statistics)
    for layer in module.modules():
        if isinstance(layer, torch.nn.Dropout):
            layer.p = 0.0
    optimiser = torch.optim.Adam(module.parameters(), lr=2e-3)
    score = -1.0
    for step in range(1, 601):
        optimiser.zero_grad()
        module.train().loss(batch)["loss"].backward()
        optimiser.step()
        if step % 20 == 0:
            score = fit(module.eval(), batch)
            if score > 0.9:
                break
    assert score > 0.9


def fit(module, batch) -> float:
    """Mean Pearson's r of the worst waveform with its label; without a waveform, 1 less the error in 10 beats."""
    with torch.no_grad():
        prediction = module(batch["input"])
    if not prediction.waveforms:
        error = (prediction.targets["heart_rate"] - batch["targets"]["heart_rate"]).abs().mean()
        return 1.0 - error.item() / 10.0
    scores = []
    for name, wave in prediction.waveforms.items():
        label = to_form(batch["waveforms"][name.partition("_")[0]], module.signals[name].form)
        pairs = torch.stack([wave, label], dim=1)
        scores.append(torch.stack([torch.corrcoef(pair)[0, 1] for pair in pairs]).mean().item())
    return min(scores)
