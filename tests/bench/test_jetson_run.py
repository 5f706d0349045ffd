"""`zoo bench --device jetson` from end to end: exported here, run there by stand-in programs, rows and files."""

import json

import onnx
import pytest

from tests.bench import jetson_stand_in as texts
from tests.bench.jetson_stand_in import stand_in
from zoo import checkpoints
from zoo.bench.jetson import worker
from zoo.bench.jetson.measure import Settings
from zoo.bench.jetson.remote import Shell
from zoo.bench.jetson.run import from_suite, run_jetson
from zoo.bench.report import html
from zoo.bench.results import cells
from zoo.bench.screen import title
from zoo.bench.suite import Suite
from zoo.cli import main
from zoo.errors import DeviceError
from zoo.export.onnx import export_onnx


@pytest.fixture
def programs(tmp_path, monkeypatch):
    made = stand_in(tmp_path)
    made.install("8.2.1", "nano")
    monkeypatch.setenv("PATH", made.path)
    monkeypatch.setenv("TMPDIR", str(made.temporary))
    return made


def test_a_real_model_on_the_board_itself_after_a_broken_one(programs, tmp_path, monkeypatch):
    # of a Jetson: the package that its release is read from
    programs.program("dpkg-query", "echo 32.7.1-20220219090344\n")
    monkeypatch.setattr("sys.argv", ["zoo", "bench", "--model", str(tmp_path / "a b.ckpt")])
    broken = tmp_path / "broken.ckpt"
    broken.write_bytes(b"nothing")
    seen = []
    settings = Settings(runs=60, seconds=1, idle_s=0.3, interval_ms=20)
    report = run_jetson(Suite(models=[str(broken), "green"]), "x", Shell(), settings, seen.append)
    assert report["kind"] == "models" and "'" in report["command"] and report["settings"]["jetson"]["runs"] == 60
    assert len(report["doubts"]) == 1 and "One process a row" in report["doubts"][0]
    assert report["device"] == "jetson" and report["environment"]["versions"] == {"tensorrt": "8.2.1"}
    assert report["environment"]["board"]["trtexec"] == str(programs.folder / "trtexec")
    failed, row = json.loads(json.dumps(report))["rows"]
    assert report["rows"] == seen
    assert failed["state"] == "failed" and "cannot be read safely" in failed["reason"] and "failed" in cells(failed)
    assert row["state"] == "ok" and row["runtime"] == "tensorrt" and row["trained"] and row["device"] == "jetson"
    assert row["p50_ms"] == pytest.approx(texts.LATENCY)
    assert row["ms_per_second"] == pytest.approx(texts.LATENCY / row["window_s"])
    assert row["parity"] < 1e-3 and row["file_bytes"] > 0 and row["power"]["run_w"] == pytest.approx(5, rel=0.1)
    assert cells(row)[0] == "green" and "10" in "".join(cells(row))
    assert programs.left() == []


def test_a_machine_with_a_card_and_trtexec_is_no_jetson(programs):
    programs.program("nvidia-smi", "echo Some Card\n")
    settings = Settings(runs=60, seconds=1, idle_s=0.3, interval_ms=20, profile=False, processes=2)
    report = run_jetson(Suite(models=["green"]), "x", Shell(), settings)
    (row,) = report["rows"]
    assert row["state"] == "ok" and row["device"] == report["device"] == "cuda"
    assert report["environment"]["gpu"] == "Some Card" and title(report).startswith("cuda (Some Card)")
    assert report["environment"]["cpu"] == report["environment"]["host"]["cpu"]
    assert report["doubts"] == row["doubts"] == []
    assert "<svg" in html(report)


def test_an_exported_file_goes_as_it_is_where_its_shape_is_fixed(tmp_path):
    module = checkpoints.load("green")
    source, target = tmp_path / "nano.onnx", tmp_path / "model.onnx"
    export_onnx(module, source, "green", "nano")
    row = worker.run({"model": str(source), "path": str(target)})
    assert row["state"] == "ok" and row["window_s"] == module.input.frames / module.input.fps and row["trained"]
    assert target.read_bytes() == source.read_bytes()
    model = onnx.load(source)
    (entry,) = model.metadata_props
    entry.value = json.dumps({**json.loads(entry.value), "free": ["batch"]})
    onnx.save(model, source)
    row = worker.run({"model": str(source), "path": str(target)})
    assert row["state"] == "failed" and "no fixed shape" in row["reason"]


def test_ctrl_c_keeps_the_report(programs, tmp_path, monkeypatch):
    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("zoo.bench.jetson.run._export", interrupt)
    report = run_jetson(Suite(models=["green"]), "x", Shell())
    assert report["interrupted"] and report["rows"] == []


def test_settings_want_enough_runs_for_p99_and_power():
    settings = from_suite(Suite(min_runs=20, seconds=2, processes=3), half=True)
    assert settings.runs == 200 and settings.seconds == 5 and settings.processes == 3 and settings.half


def test_this_machine_is_no_jetson(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", stand_in(tmp_path).path)
    with pytest.raises(DeviceError, match="not a Jetson: name one with --host"):
        run_jetson(Suite(models=["green"]), "x", Shell())


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--host", "nano"], "add --device jetson"),
        (["--device", "jetson", "--data", "synthetic"], "A board measures cost alone"),
        (["--device", "jetson", "--host", "x y"], "is not a host"),
        (["--device", "jetson", "--host", "nano", "--port", "99999"], "is not a port"),
    ],
)
def test_wrong_settings(arguments, says, tmp_path, capsys):
    assert main(["bench", "--model", "green", "--out", str(tmp_path), *arguments]) == 2
    assert says in capsys.readouterr().err
