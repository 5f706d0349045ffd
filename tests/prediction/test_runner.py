"""Runners: torch-free classical methods say what their modules say; what a model was trained on is known."""

from __future__ import annotations

import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from zoo import checkpoints, registry
from zoo.errors import CheckpointError, UnknownName
from zoo.export.runtime import OnnxRunner
from zoo.prediction.runner import (
    DEFAULT,
    ClassicalRunner,
    TorchRunner,
    calibrator_of,
    open_runner,
    simulated,
    untrained,
)
from zoo.signals.calibrator import default
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


@pytest.mark.parametrize("name", ["pos", DEFAULT])
def test_prediction_imports_neither_torch_nor_lightning(name: str) -> None:
    code = (
        "import sys; from zoo.prediction import command; from zoo.prediction.runner import open_runner;"
        f"open_runner({name!r}); heavy = {{'torch', 'lightning', 'matplotlib', 'rich', 'onnx'}};"
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_onnx_file_beside_a_card_is_the_card(tmp_path: Path) -> None:
    card = checkpoints.cards()[DEFAULT]
    runner, module = open_runner(DEFAULT), checkpoints.load(DEFAULT)
    assert isinstance(runner, OnnxRunner)
    assert (runner.input, dict(runner.outputs)) == (module.input, dict(module.outputs))
    assert runner.trained_on == tuple(module.trained_on)
    batch = module.example_input(2)
    (mine, numbers), theirs = runner(batch.numpy()), TorchRunner(module, DEFAULT)(batch.numpy())
    np.testing.assert_allclose(mine["ppg"], theirs[0]["ppg"], atol=1e-3 * np.abs(theirs[0]["ppg"]).max())
    np.testing.assert_allclose(numbers["systolic"], theirs[1]["systolic"], rtol=1e-4)
    # without it, or without a word about it in the card, torch does the work; another file is refused
    for suffix in (".json", ".safetensors"):
        shutil.copy(card.with_suffix(suffix), tmp_path)
    copied = tmp_path / card.name
    assert isinstance(open_runner(str(copied)), TorchRunner)
    # what the card was taught since counts
    shutil.copy(card.with_suffix(".onnx"), tmp_path)
    taught = {**default("classical_fusion").to_dict(), "threshold": 0.123}
    checkpoints.write_card(replace(checkpoints.read_card(copied), confidence=taught), copied)
    assert calibrator_of(open_runner(str(copied))).threshold == 0.123
    copied.with_suffix(".onnx").write_bytes(b"another file")
    with pytest.raises(CheckpointError, match="sha256 differs"):
        open_runner(str(copied))
    checkpoints.write_card(replace(checkpoints.read_card(copied), onnx_sha256=""), copied)
    assert isinstance(open_runner(str(copied)), TorchRunner)


def test_a_network_says_waveforms_and_physical_units() -> None:
    runner = open_runner(registry.model_class("fpn1d_multitask")(frames=64).eval())
    waveforms, biomarkers = runner(np.full((1, 8, 3, 64), 0.5, np.float32))
    assert waveforms["ppg"].shape == (1, 64)
    assert biomarkers["systolic"].shape == (1,)
    assert untrained(runner)
    assert not simulated(runner)


def test_trained_on_simulated_people() -> None:
    module = registry.model_class("fpn1d_multitask")(frames=64)
    # SCAMPS is drawn too; and what real people add does not make the rest real
    for names in (["synthetic"], ["scamps"], ["synthetic", "ubfc_rppg"]):
        module.trained_on = names
        assert simulated(TorchRunner(module, "x"))
    for names in (["ubfc_rppg"], ["a data set of somebody else"]):
        module.trained_on = names
        assert not simulated(TorchRunner(module, "x"))
    assert not simulated(open_runner("pos"))
    assert not untrained(open_runner("pos"))


def test_no_such_model_or_checkpoint() -> None:
    with pytest.raises(UnknownName, match="Did you mean chrom"):
        open_runner("chrome")
    with pytest.raises(CheckpointError, match="check the path"):
        open_runner("/nowhere/best.ckpt")
