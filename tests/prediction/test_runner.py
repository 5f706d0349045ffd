"""Runners: torch-free classical methods say what their modules say; what a model was trained on is known."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from zoo import registry
from zoo.errors import CheckpointError, UnknownName
from zoo.prediction.runner import ClassicalRunner, TorchRunner, open_runner, simulated, untrained
from zoo.signals.classical import METHODS


@pytest.mark.parametrize("name", METHODS)
def test_the_classical_runner_equals_the_module(name: str) -> None:
    module = registry.model_class(name)()
    plain, torch_runner = open_runner(name), TorchRunner(module, name)
    assert isinstance(plain, ClassicalRunner)
    assert plain.input == torch_runner.input
    assert plain.outputs == torch_runner.outputs
    assert plain.trainable == torch_runner.trainable
    batch = module.example_input(2).numpy()
    (mine, _), (theirs, _) = plain(batch), torch_runner(batch)
    assert mine["ppg"].shape == (2, 600)
    np.testing.assert_allclose(mine["ppg"], theirs["ppg"], atol=1e-5 * np.abs(theirs["ppg"]).max())


def test_classical_prediction_imports_neither_torch_nor_lightning() -> None:
    code = (
        "import sys; from zoo.prediction import command; from zoo.prediction.runner import open_runner;"
        "open_runner('pos'); print(sorted({'torch', 'lightning', 'matplotlib', 'rich'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_network_says_waveforms_and_physical_units() -> None:
    runner = open_runner(registry.model_class("fpn1d_multitask")(frames=64).eval())
    waveforms, biomarkers = runner(np.full((1, 8, 3, 64), 0.5, np.float32))
    assert waveforms["ppg"].shape == (1, 64)
    assert biomarkers["systolic"].shape == (1,)
    assert untrained(runner)
    assert not simulated(runner)


def test_trained_on_simulated_people_only() -> None:
    module = registry.model_class("fpn1d_multitask")(frames=64)
    module.trained_on = ["synthetic"]
    assert simulated(TorchRunner(module, "x"))
    module.trained_on = ["synthetic", "ubfc_rppg"]
    assert not simulated(TorchRunner(module, "x"))
    assert not simulated(open_runner("pos"))
    assert not untrained(open_runner("pos"))


def test_no_such_model_or_checkpoint() -> None:
    with pytest.raises(UnknownName, match="Did you mean chrom"):
        open_runner("chrome")
    with pytest.raises(CheckpointError, match="check the path"):
        open_runner("/nowhere/best.ckpt")
