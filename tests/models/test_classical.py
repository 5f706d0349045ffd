"""The classical methods as models: equal to their functions, upright, and without anything to train."""

import numpy as np
import pytest
import torch

from zoo import registry
from zoo.datasets.synthetic import windows
from zoo.signals.classical import METHODS
from zoo.signals.filters import bandpass
from zoo.spec import REGIONS, Traces


@pytest.fixture(scope="module")
def clean():
    made = windows(Traces(600, ("face",)), "val", people=6, seed=1, hard=0.0)
    return [made[i] for i in range(len(made))]


@pytest.mark.parametrize("name", METHODS)
def test_waveform_rises_with_blood_volume(name, clean):
    module = registry.model_class(name)().eval()
    r = []
    for sample in clean:
        wave = module(torch.from_numpy(sample["input"])[None]).waveforms["ppg"][0].double().numpy()
        pulse, truth = (bandpass(x.astype(float), 30.0, 0.7, 3.5) for x in (wave, sample["waveforms"]["ppg"]))
        r.append(np.corrcoef(pulse, truth)[0, 1])
    assert np.mean(r) > 0.6, r


@pytest.mark.parametrize("name", METHODS)
def test_nothing_to_train(name):
    module = registry.model_class(name)()
    assert not module.trainable and sum(p.numel() for p in module.parameters()) == 0
    assert module.paper


def test_several_regions_are_averaged():
    module = registry.model_class("pos")(regions=["nose", "chin"])
    raw = module.example_input(1)
    one = registry.model_class("pos")()
    expected = (one(raw[:, :1]).waveforms["ppg"] + one(raw[:, 1:]).waveforms["ppg"]) / 2
    assert torch.allclose(module(raw).waveforms["ppg"], expected, atol=1e-7)


def test_fusion_reads_the_rate_from_all_regions():
    made = windows(Traces(600, REGIONS), "val", people=6, seed=1, hard=0.3)
    module = registry.model_class("classical_fusion")().eval()
    batch = torch.from_numpy(np.stack([made[i]["input"] for i in range(len(made))]))
    truth = np.array([made[i]["targets"]["heart_rate"] for i in range(len(made))])
    prediction = module(batch)
    assert np.median(np.abs(prediction.targets["heart_rate"].numpy() - truth)) < 1.5
    assert prediction.waveforms["ppg"].shape == (6, 600)
    assert not module.trainable and not list(module.parameters())
