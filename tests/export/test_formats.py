"""Every format and precision of small models: judged, readable without torch, and refused in one sentence."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch

from zoo.cli import main
from zoo.errors import CheckpointError, DeviceError, UsageError
from zoo.export import formats, samples
from zoo.export.formats import Settings, export
from zoo.export.judge import Judgement, judge
from zoo.export.onnx import export_lowered, write_source
from zoo.models.can_student import CANStudent
from zoo.models.fpn1d_multitask import FPN1DMultitask
from zoo.models.pos import POS
from zoo.prediction.runner import open_runner

openvino = pytest.importorskip("openvino")


@pytest.fixture(scope="module")
def module():
    torch.manual_seed(0)
    module = CANStudent(frames=64, size=12, targets=["age"])
    module.statistics = {"age": (40.0, 10.0, 39.0)}
    module.head.set_statistics(module.statistics)
    torch.nn.init.normal_(module.head.out.weight, std=0.02)
    return module.eval()


@pytest.fixture(scope="module")
def settings(module, tmp_path_factory):
    """One export that all files of this module are made from."""
    return Settings(source=write_source(module, tmp_path_factory.mktemp("source")))


@pytest.mark.parametrize(
    ("format", "precision"),
    [("onnx", "fp16"), ("onnx", "int8"), *(("openvino", name) for name in ("fp32", "fp16", "bf16", "int8"))],
)
def test_low_precision_keeps_pulse_and_biomarkers(module, settings, tmp_path, format, precision):
    if precision == "bf16" and "BF16" not in openvino.Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES"):
        pytest.skip("this processor has no bf16")
    path = tmp_path / f"small{formats.FORMATS[format][0]}"
    report = export(module, path, "small", format, formats.replace(settings, precision=precision))
    suffixes = {".onnx"} if format == "onnx" else {".xml", ".bin"}
    assert {file.suffix for file in tmp_path.iterdir()} == suffixes
    assert report.bytes == sum(file.stat().st_size for file in tmp_path.iterdir())
    runner = open_runner(str(path))
    assert (runner.input, runner.exported.precision) == (module.input, precision)
    window = samples.simulated(module.input, 2, 0)[1]
    with torch.no_grad():
        expected = module(torch.from_numpy(window))
    waveforms, targets = runner(window)
    assert np.corrcoef(waveforms["ppg"][0], expected.waveforms["ppg"][0])[0, 1] > 0.99
    assert abs(targets["age"][0] - float(expected.targets["age"][0])) < 1.0
    assert runner(np.concatenate([window, window]))[0]["ppg"].shape == (2, 64)
    if precision != "fp32":
        assert report.judgement.waveform_r > 0.98 and report.judgement.target_change < 0.1


def test_preparation_is_not_lowered(module, settings, tmp_path):
    halved, quantised = (
        onnx.load(str(export(module, tmp_path / f"{p}.onnx", "x", "onnx", formats.replace(settings, precision=p)).path))
        for p in ("fp16", "int8")
    )
    # up to the first convolution nothing is cast or quantised but what enters it
    for model, lowering in ((halved, "Cast"), (quantised, "QuantizeLinear")):
        kinds = [node.op_type for node in model.graph.node]
        before = kinds[: kinds.index("Conv")]
        assert before.count(lowering) <= 3 and kinds.count(lowering) > 0
    convolutions = {node.op_type for node in quantised.graph.node if node.op_type == "Conv"}
    types = {item.name: item.data_type for item in halved.graph.initializer}
    weights = [types[node.input[1]] for node in halved.graph.node if node.op_type == "Conv" and node.input[1] in types]
    assert convolutions and weights and set(weights) == {onnx.TensorProto.FLOAT16}


def test_the_judge_sees_what_raw_colours_in_half_precision_lose():
    module = POS(frames=300).eval()
    windows = samples.simulated(module.input, 2, 0)

    def run(window):
        with torch.no_grad():
            return [value.numpy() for value in formats.Flat(module)(torch.from_numpy(window).bfloat16().float())]

    assert "waveform r" in judge(module, run, windows).against()
    exact = judge(module, lambda w: [v.numpy() for v in formats.Flat(module)(torch.from_numpy(w))], windows)
    assert exact.waveform_r == pytest.approx(1.0) and exact.heart_rate_change == 0.0


def test_what_has_lost_the_pulse_is_not_written_unless_forced(module, settings, tmp_path, monkeypatch):
    monkeypatch.setattr("zoo.export.judge.LOWEST_R", 1.1)
    low = formats.replace(settings, precision="fp16")
    with pytest.raises(CheckpointError, match=r"waveform r .* nothing written; --force"):
        export(module, tmp_path / "x.onnx", "x", "onnx", low)
    assert list(tmp_path.iterdir()) == []
    assert export(module, tmp_path / "x.onnx", "x", "onnx", formats.replace(low, force=True)).path.is_file()


def test_judgement_says_what_is_wrong():
    assert Judgement(0.999, 0.1, 0.01).against() == ""
    assert Judgement().against() == Judgement().says() == ""
    said = Judgement(0.9, 2.0, 0.5).against()
    assert "waveform r 0.900" in said and "2.00/min" in said and "0.50 deviations" in said
    assert "waveform r nan" in Judgement(float("nan")).against()


def test_openvino_files_run_without_torch_and_refuse_in_a_sentence(module, settings, tmp_path):
    path = export(module, tmp_path / "small.xml", "small", "openvino", settings).path
    code = (
        "import sys; import numpy as np; from zoo.prediction.runner import open_runner\n"
        f"open_runner({str(path)!r})(np.full((1, 3, 64, 12, 12), 0.5, np.float32))\n"
        "assert not {'torch', 'lightning', 'onnx'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
    bare = openvino.Core().read_model(str(path))
    bare.set_rt_info("{}", ["rppg-zoo"])
    openvino.save_model(bare, str(tmp_path / "bare.xml"))
    with pytest.raises(CheckpointError, match="another version of the zoo"):
        open_runner(str(tmp_path / "bare.xml"))
    path.with_suffix(".bin").unlink()
    with pytest.raises(CheckpointError, match="no weights beside it"):
        open_runner(str(path))
    (tmp_path / "text.xml").write_text("<hello/>")
    (tmp_path / "text.bin").write_bytes(b"")
    with pytest.raises(CheckpointError, match="not a file that OpenVINO can read"):
        open_runner(str(tmp_path / "text.xml"))


def test_torchscript_computes_the_same(module, tmp_path):
    report = export(module, tmp_path / "small.pt", "small", "torchscript", Settings())
    assert report.parity < 1e-4
    extra = {"rppg-zoo": ""}
    loaded = torch.jit.load(str(report.path), _extra_files=extra)
    raw = module.example_input(1)
    with torch.no_grad():
        assert torch.allclose(loaded(raw)[0], module(raw).waveforms["ppg"], atol=1e-5)
    assert json.loads(extra["rppg-zoo"])["model"] == "small"


TRTEXEC = """#!/bin/sh
echo "&&&& RUNNING TensorRT.trtexec [TensorRT v100300] # trtexec"
for word in "$@"; do case $word in
  --help) echo "--onnx --saveEngine --memPoolSize --skipInference --noTF32 --fp16"; exit 0;;
  --saveEngine=*) echo engine > "${word#*=}";;
esac; done
[ -e "$(dirname "$0")/broken" ] && { echo "[E] no kernel for this layer"; echo "&&&& FAILED TensorRT"; exit 1; }
echo "&&&& PASSED TensorRT.trtexec [TensorRT v100300]"
"""


def test_tensorrt_by_its_own_tool(tmp_path, monkeypatch):
    module = POS(frames=128).eval()
    monkeypatch.setattr(formats, "find_trtexec", lambda: None)
    with pytest.raises(DeviceError, match="no trtexec here"):
        export(module, tmp_path / "pos.engine", "pos", "tensorrt", Settings(profile="nano"))
    tool = tmp_path / "bin" / "trtexec"
    tool.parent.mkdir()
    tool.write_text(TRTEXEC)
    tool.chmod(0o755)
    monkeypatch.setattr(formats, "find_trtexec", lambda: tool)
    report = export(module, tmp_path / "pos.engine", "pos", "tensorrt", Settings(profile="nano"))
    assert report.path.read_text() == "engine\n" and "TensorRT 10.3.0 alone" in report.notes[0]
    (tool.parent / "broken").touch()
    with pytest.raises(DeviceError, match="no kernel for this layer"):
        export(module, tmp_path / "other.engine", "pos", "tensorrt", Settings(profile="nano"))
    assert not (tmp_path / "other.engine").exists()


def test_a_format_that_cannot_do_a_model_is_a_row(tmp_path, capsys, monkeypatch):
    def never(*_):
        raise CheckpointError("POS has no ONNX form.")

    monkeypatch.setattr(formats, "write_source", never)
    monkeypatch.setattr(formats, "find_trtexec", lambda: None)
    monkeypatch.setattr(formats, "ALL", [row for row in formats.ALL if row not in formats.ALL[:1]])
    assert main(["export", "--model", "pos", "--format", "all", "--out", str(tmp_path / "all"), "--json"]) == 0
    rows = {(row["format"], row["profile"], row["precision"]): row for row in json.loads(capsys.readouterr().out)}
    assert set(rows) == set(formats.ALL)
    assert rows["onnx", "nano", "fp32"]["report"]["opset"] == 13
    assert rows["torchscript", "modern", "fp32"]["report"]["parity"] < 1e-3
    assert "no weights to lower" in rows["onnx", "modern", "int8"]["reason"]
    assert "no ONNX form" in rows["openvino", "modern", "fp32"]["reason"]
    assert "no trtexec" in rows["tensorrt", "nano", "fp32"]["reason"]
    written = {Path(row["report"]["path"]).name for row in rows.values() if "report" in row}
    assert written == {path.name for path in (tmp_path / "all").iterdir()} == {"pos_nano.onnx", "pos.pt"}


@pytest.mark.full
def test_the_shipped_network_in_every_format(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(formats, "find_trtexec", lambda: None)
    assert main(["export", "--model", "fpn1d_multitask", "--format", "all", "--out", str(tmp_path)]) == 0
    out = capsys.readouterr().out
    assert out.count("not written") == 1 + ("no bf16" in out) and "no trtexec" in out
    window = samples.simulated(open_runner(str(tmp_path / "fpn1d_multitask.onnx")).input, 1, 0)[0]
    right = open_runner(str(tmp_path / "fpn1d_multitask.onnx"))(window)[0]["ppg"][0]
    for path in [*tmp_path.glob("*.onnx"), *tmp_path.glob("*.xml")]:
        assert np.corrcoef(open_runner(str(path))(window)[0]["ppg"][0], right)[0, 1] > 0.99, path
    small = (tmp_path / "fpn1d_multitask_int8.onnx").stat().st_size
    assert small < 0.35 * (tmp_path / "fpn1d_multitask.onnx").stat().st_size


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--format", "tflite"], "no format 'tflite'"),
        (["--format", "torchscript", "--precision", "int8"], "not in int8"),
        (["--format", "onnx", "--precision", "bf16"], "not in bf16"),
        (["--profile", "nano", "--precision", "int8"], "leave out --precision"),
        (["--root", "."], "name it with --calibrate-on"),
        (["--calibrate-on", "folder"], "add --precision int8"),
        (["--format", "openvino", "--out", "a.onnx"], "does not end with .xml"),
        (["--out", "nowhere/a.onnx"], "no folder 'nowhere'"),
    ],
)
def test_wrong_commands(words, says, capsys):
    assert main(["export", "--model", "pos", *words]) == 2
    assert says in capsys.readouterr().err


def test_int8_without_windows_to_calibrate_on(tmp_path):
    module = FPN1DMultitask(frames=64, targets=[]).eval()
    with pytest.raises(UsageError, match="name a data set with --calibrate-on"):
        export_lowered(module, tmp_path / "x.onnx", "x", "int8")
