"""What hangs on the MCD-rPPG network leaves its waveform alone, and its preparation keeps what matters."""

import pytest
import torch

from zoo.models.fpn1d_multitask import BIOMARKERS, FPN1DMultitask


def test_without_biomarkers_it_has_exactly_the_published_parameters():
    module = FPN1DMultitask(targets=[])
    assert sum(p.numel() for p in module.parameters()) == 792_769


def test_biomarkers_do_not_touch_the_waveform():
    torch.manual_seed(1)
    with_biomarkers = FPN1DMultitask().eval()
    alone = FPN1DMultitask(targets=[]).eval()
    alone.network.load_state_dict(with_biomarkers.network.state_dict())
    raw = with_biomarkers.example_input(2)
    with torch.no_grad():
        both, one = with_biomarkers(raw), alone(raw)
    assert torch.equal(both.waveforms["ppg"], one.waveforms["ppg"])
    assert list(both.targets) == BIOMARKERS and not one.targets


@pytest.mark.parametrize("normalise", ["pulse", "standard"])
def test_preparation_ignores_brightness(normalise):
    module = FPN1DMultitask(normalise=normalise)
    raw = module.example_input(2)
    assert torch.allclose(module.prepare(raw), module.prepare(raw * 0.5), atol=2e-3)


def test_pulse_preparation_keeps_the_ratio_of_the_colours_pulsations():
    module = FPN1DMultitask(regions=["face"])
    t = torch.arange(600) / 30
    colour = torch.tensor([0.6, 0.5, 0.4])[:, None]
    strength = torch.tensor([0.2, 1.0, 0.5])[:, None] * 0.01
    x = module.prepare((colour * (1 + strength * torch.sin(2 * torch.pi * 1.25 * t)))[None, None])
    deviation = x[0, 60:540, :3].std(0)
    assert (deviation[0] / deviation[1]).item() == pytest.approx(0.2, rel=0.02)
    assert (deviation[2] / deviation[1]).item() == pytest.approx(0.5, rel=0.02)
