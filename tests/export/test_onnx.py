"""Exported files: equal to torch, free axes, metadata, and what is refused."""

import itertools
import json
import re
import subprocess
import sys

import numpy as np
import onnx
import pytest
import torch

from zoo.errors import CheckpointError, InputShapeError
from zoo.export.metadata import KEY
from zoo.export.onnx import export_onnx
from zoo.export.runtime import OnnxRunner
from zoo.models.fpn1d_multitask import FPN1DMultitask
from zoo.models.ica import ICA
from zoo.models.pos import POS
from zoo.signals.calibrator import default
from zoo.spec import Signal, Target


@pytest.fixture(scope="module")
def module():
    torch.manual_seed(0)
    module = FPN1DMultitask(frames=128, regions=["face", "nose"], targets=["age", "sex"])
    module.head.set_statistics({"age": (40.0, 10.0, 39.0)})
    torch.nn.init.normal_(module.head.out.weight, std=0.1)
    module.trained_on = ["synthetic"]
    module.calibrator = default("classical_fusion")
    return module.eval()


@pytest.fixture(scope="module")
def exported(module, tmp_path_factory):
    path = tmp_path_factory.mktemp("onnx") / "small.onnx"
    return path, export_onnx(module, path, "small")


def test_it_runs_any_batch_and_length_as_torch_does(module, exported):
    path, report = exported
    assert report.free == ("batch", "frames") and report.parity < 1e-4 and report.opset == 20
    runner = OnnxRunner(path)
    for batch, frames in ((1, 128), (4, 128), (2, 173), (1, 64)):
        raw = module.example_input(batch, frames)
        with torch.no_grad():
            expected = module(raw)
        waveforms, targets = runner(raw.numpy())
        np.testing.assert_allclose(waveforms["ppg"], expected.waveforms["ppg"].numpy(), atol=2e-4)
        np.testing.assert_allclose(targets["age"], expected.targets["age"].numpy(), rtol=1e-4)


def test_the_file_says_what_it_is(exported):
    runner = OnnxRunner(exported[0])
    assert runner.name == "small" and runner.trained_on == ("synthetic",)
    assert runner.input.frames == 128 and runner.input.regions == ("face", "nose")
    assert runner.calibrator == default("classical_fusion")
    assert isinstance(runner.outputs["ppg"], Signal) and isinstance(runner.outputs["age"], Target)


def test_it_tells_nothing_of_the_machine_that_made_it(exported):
    content = exported[0].read_bytes()
    assert b"fpn1d_multitask.py" not in content and b"stack_trace" not in content


def test_nothing_else_is_left_beside_it(exported):
    assert [path.name for path in exported[0].parent.iterdir()] == ["small.onnx"]


def test_nano_is_true_opset_13_with_a_fixed_shape(module, tmp_path):
    report = export_onnx(module, tmp_path / "nano.onnx", "small", "nano")
    model = onnx.load(str(report.path))
    assert [(item.domain, item.version) for item in model.opset_import] == [("", 13)]
    assert report.parity < 1e-4 and report.free == ()
    runner = OnnxRunner(report.path)
    raw = module.example_input(2).numpy()
    with torch.no_grad():
        expected = module(torch.from_numpy(raw)).waveforms["ppg"].numpy()
    np.testing.assert_allclose(runner(raw)[0]["ppg"], expected, atol=2e-4)
    with pytest.raises(InputShapeError, match="exactly 128 frames"):
        runner(module.example_input(1, 160).numpy())


def test_running_needs_neither_torch_nor_lightning(exported):
    code = (
        "import sys; from pathlib import Path; import numpy as np\n"
        "from zoo.export.runtime import OnnxRunner\n"
        f"runner = OnnxRunner(Path({str(exported[0])!r}))\n"
        "runner(np.full((1, 2, 3, 128), 0.5, np.float32))\n"
        "assert 'torch' not in sys.modules and 'lightning' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_graph_that_computes_something_else_is_not_written(tmp_path, monkeypatch):
    module = POS(frames=128).eval()
    # the graph is traced once with the first factor, torch is then asked again
    factors = itertools.chain([1.0], itertools.repeat(1.5))
    readout = module.network.readout
    monkeypatch.setattr(module, "waveforms", lambda features: {"ppg": readout(features) * next(factors)})
    with pytest.raises(CheckpointError, match="differs from torch"):
        export_onnx(module, tmp_path / "wrong.onnx", "pos", "nano")
    assert list(tmp_path.iterdir()) == []


def test_a_model_without_onnx_says_why_in_one_sentence(tmp_path):
    with pytest.raises(CheckpointError) as error:
        export_onnx(ICA(frames=128).eval(), tmp_path / "ica.onnx", "ica")
    assert re.fullmatch(
        r"ICA cannot be exported to ONNX \(RuntimeError: [^\n:()]+\(\)[^\n:()]+\): run it by its name\.",
        str(error.value),
    )
    assert list(tmp_path.iterdir()) == []


def test_a_strangers_file(tmp_path, exported, monkeypatch):
    (tmp_path / "text.onnx").write_text("hello")
    with pytest.raises(CheckpointError, match="not an ONNX file"):
        OnnxRunner(tmp_path / "text.onnx")
    with pytest.raises(CheckpointError, match="check the path"):
        OnnxRunner(tmp_path / "none.onnx")
    model = onnx.load(str(exported[0]))
    described = model.metadata_props[0].value
    weights = next(item for item in model.graph.initializer if len(item.raw_data) > 64)
    onnx.external_data_helper.set_external_data(weights, location="../secret.bin")
    weights.ClearField("raw_data")
    (tmp_path / "outside.onnx").write_bytes(model.SerializeToString())
    with pytest.raises(CheckpointError, match="in other files, which are not read"):
        OnnxRunner(tmp_path / "outside.onnx")
    monkeypatch.setattr("zoo.export.runtime.LARGEST", 1 << 10)
    with pytest.raises(CheckpointError, match="no model of this zoo"):
        OnnxRunner(exported[0])
    monkeypatch.undo()
    model = onnx.load(str(exported[0]))
    del model.metadata_props[:]
    onnx.save(model, str(tmp_path / "bare.onnx"))
    with pytest.raises(CheckpointError, match="no metadata of this zoo"):
        OnnxRunner(tmp_path / "bare.onnx")
    for change in ({"schema": 9}, {"outputs": {"ppg": {"form": "evil"}}}, {"input": {"kind": "clip", "evil": 1}}):
        changed = onnx.load(str(exported[0]))
        changed.metadata_props[0].value = json.dumps({**json.loads(described), **change})
        assert changed.metadata_props[0].key == KEY
        onnx.save(changed, str(tmp_path / "changed.onnx"))
        with pytest.raises(CheckpointError, match="export it again"):
            OnnxRunner(tmp_path / "changed.onnx")
