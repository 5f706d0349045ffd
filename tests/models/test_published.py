"""The architectures are the published ones: reference arrays, and parameters to the last."""

import json

import numpy as np
import pytest
import torch

from benchmarks.plugins import with_plugins
from tests.models.golden import CASES, PLUGIN_CASES, error
from tests.models.small_models import PINNED, pinned
from zoo import registry
from zoo.errors import CheckpointError
from zoo.models import can_student, can_teacher, deepphys, mobilenet_attention, physformer, physnet, resnet18, tscan
from zoo.models.layers import renamed


@pytest.fixture(scope="module", autouse=True)
def plugins():
    with with_plugins():
        yield


@pytest.mark.shared
@pytest.mark.parametrize("model", [*CASES, *PLUGIN_CASES])
def test_equals_the_published_network(shared, model):
    found, ours, published = error(shared / "golden", CASES.get(model) or PLUGIN_CASES[model]())
    assert found < 1e-4 and ours == published


@pytest.mark.shared
@pytest.mark.parametrize("file", ["peer_physnet_pure", "peer_physnet_scamps"])
def test_trained_weights_of_a_peer_fit_physnet(shared, file):
    golden = np.load(shared / "golden" / f"{file}.npz")
    weights = {
        key.removeprefix("weights/").removeprefix("module."): torch.tensor(golden[key])
        for key in golden.files
        if "ConvBlock" in key or "upsample" in key
    }
    physnet.Network().load_state_dict(renamed(weights, physnet.PUBLISHED_NAMES))


def test_unknown_weights_are_refused_by_name():
    with pytest.raises(CheckpointError, match=r"nonsense\.weight"):
        renamed({"nonsense.weight": torch.zeros(1)}, physnet.PUBLISHED_NAMES)


@pytest.mark.parametrize(
    ("network", "parameters"),
    [
        (lambda: can_teacher.Network(36), 795_811),
        (lambda: can_student.Network(36), 24_769),
        (lambda: deepphys.Network(72), 2_228_643),
        (lambda: tscan.Network(72), 2_228_643),
        (physnet.Network, 768_577),
        (physformer.Network, 7_380_865),
        (resnet18.Network, 11_177_025),
        (mobilenet_attention.Network, 237_378),
    ],
)
def test_parameters_are_the_published_ones(network, parameters):
    assert sum(p.numel() for p in network().parameters()) == parameters


def test_efficientphys_is_the_published_one_and_pinned():
    module = registry.model_class("efficientphys")()
    assert sum(p.numel() for p in module.parameters()) == 2_163_081
    expected, found = (
        torch.tensor(one) for one in (json.loads(PINNED.read_text())["efficientphys"], pinned("efficientphys"))
    )
    assert (found - expected).norm() / expected.norm() < 1e-4 and expected.std() > 0


def test_mobilenet_attention_has_the_published_encoders():
    network = mobilenet_attention.Network()
    layers = [*network.motion, *network.appearance]
    counts = [sum(p.numel() for p in layer.parameters()) for layer in layers]
    assert counts == [896, 18_496, 36_928, 896, 1_056, 18_496, 36_928, 65]
    assert sum(counts) == 113_761


def test_physnet_takes_the_phones_ninety_frames():
    module = physnet.PhysNet(frames=90, size=80, normalise="none", form="value").eval()
    with torch.no_grad():
        assert module(module.example_input()).waveforms["ppg"].shape == (1, 90)
