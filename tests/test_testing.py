"""The conformance kit finds each broken promise, and every registered model keeps them all."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import torch

from tests.models.small_models import SMALL
from tests.plugins import installed, write_plugin
from zoo import registry
from zoo.testing import CHECKS, check_model

SIZES: dict[str, dict[str, Any]] = {**SMALL, "fpn1d_multitask": {"frames": 96}}
HEAD = """
import torch
from torch import nn
from zoo.module import Prediction, VitalsModule, check_input
from zoo.spec import Signal, Traces


class Network(nn.Module):
    def __init__(self):
        super().__init__()
        self.mix = nn.Conv1d(3, 4, 3, padding=1)
        self.out = nn.Conv1d(4, 1, 1)

    def features(self, x, stages=False):
        features = self.mix(x)
        return (features, {"mixed": features}) if stages else features

    def readout(self, features):
        return self.out(features)[:, 0]


class Mine(VitalsModule):
    paper = "None et al. 2026"

    def __init__(self, frames: int = 64, **training):
        super().__init__(input=Traces(frames), signals={"ppg": Signal()}, width=4, **training)
        self.network = Network()

    def prepare(self, raw):
        return raw.mean(1) - raw.mean((1, 3))[..., None]
"""
BROKEN = {
    "declares": '    paper = ""',
    "gives what it declares": "    def waveforms(self, x):\n        return {'ppg': x[:, 0, 1:]}",
    "gives what it declares - waveforms ['bvp']": "    def waveforms(self, x):\n        return {'bvp': x[:, 0]}",
    "the same again": "    def prepare(self, raw):\n        return raw.mean(1) + torch.rand(1)",
    "alone as in a batch": "    def prepare(self, raw):\n        return raw.mean(1) - raw.mean(1).flip(0)",
    "shorter and longer windows": "    def prepare(self, raw):\n        return raw.mean(1).reshape(-1, 3, 64)",
    "refuses what it cannot eat": """
    def forward(self, raw):
        x = raw.float().mean(1) if raw.ndim == 4 and raw.shape[2] == 3 else torch.zeros(2, 3, 64)
        return Prediction(self.waveforms(self.features(x)), {})
""",
    "prepares in full precision - autocast is on": """
    def forward(self, raw):
        check_input(raw, self.input)
        waveforms = self.waveforms(self.features(self.prepare(raw)))
        return Prediction({name: wave.float() for name, wave in waveforms.items()}, {})
""",
    "features and named stages": "    def features(self, x, stages=False):\n        return self.network.features(x)",
    "gradients reach every parameter - no gradient reaches network.mix": """
    def features(self, x, stages=False):
        features = self.network.features(x).detach()
        return (features, {}) if stages else features
""",
}


@pytest.fixture
def plugin(tmp_path: Any, request: pytest.FixtureRequest) -> Iterator[None]:
    body = HEAD + "\n" + request.param
    modules = {"mine_plugin/__init__.py": "PLUGIN_API = 1\n", "mine_plugin/mine.py": body}
    modules["mine_plugin/mine.yaml"] = "model: mine\ntrainer: {max_steps: 3}\n"
    write_plugin(tmp_path, "zoo-mine", modules, {"mine": "mine_plugin.mine:Mine"})
    with installed(tmp_path):
        yield


@pytest.mark.parametrize("plugin", [""], indirect=True)
def test_a_model_that_keeps_all_promises(plugin):
    found = check_model("mine")
    assert found.distribution == "zoo-mine 1.2" and found.checks == tuple(CHECKS)
    assert found.parameters == 3 * 4 * 3 + 4 + 4 + 1


@pytest.mark.parametrize(("says", "plugin"), BROKEN.items(), ids=list(BROKEN), indirect=["plugin"])
def test_a_broken_promise_is_named(plugin, says):
    with pytest.raises(AssertionError) as caught:
        check_model("mine")
    assert str(caught.value).startswith(f"mine: {says}")


@pytest.mark.parametrize("plugin", [""], indirect=True)
def test_a_recipe_with_a_wrong_setting_is_told(plugin, tmp_path):
    recipe = registry.recipe("mine")
    assert recipe is not None
    recipe.write_text("model: {class_path: mine, init_args: {frame: 3}}\n")
    with pytest.raises(AssertionError, match=r"Did you mean model\.frames"):
        check_model("mine")
    recipe.unlink()
    with pytest.raises(AssertionError, match=r"has a recipe 'mine\.yaml'"):
        check_model("mine")


@pytest.mark.parametrize("name", sorted(name for name, entry in registry.entries("model").items() if entry.built_in))
def test_every_model_keeps_all_promises(name):
    before = torch.random.get_rng_state()
    assert check_model(name, **SIZES.get(name, {})).checks == tuple(CHECKS)
    assert torch.equal(torch.random.get_rng_state(), before), "a check leaves the random state as it was"


def test_the_command_checks_by_name(capsys):
    from zoo.testing import main

    assert main(["pos"]) == 0
    assert "pos: keeps" in capsys.readouterr().out
    assert main(["poss"]) == 1
    assert "Did you mean pos" in capsys.readouterr().err
