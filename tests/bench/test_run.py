"""A suite from end to end: rows, files, failures that are rows, and devices that are not there."""

import csv
import json

import onnx
import pytest
import torch
from onnx import TensorProto, helper

from tests.plugins import write_plugin
from zoo.bench import command, run, workers
from zoo.bench.results import cells, naive_row, read, write
from zoo.bench.runtimes import RUNTIMES, _uncaptured, check_runtimes, why_not
from zoo.bench.suite import Suite, load_suite, suites
from zoo.bench.worker import out_of_memory
from zoo.errors import DataError, DeviceError, UnknownName, UsageError

TINY = Suite(
    models=["pos"],
    runtimes=["torch", "onnx"],
    warmup=1,
    min_runs=3,
    max_runs=5,
    seconds=0.1,
    batches=[2],
    data={"name": "synthetic", "people": 6},
)


@pytest.fixture(scope="module")
def report():
    return run.run_suite(TINY, "tiny")


def test_every_shipped_suite_parses():
    assert {"quick", "published", "peers", "pipeline"} <= set(suites())
    for name in suites():
        assert load_suite(name).models


def test_a_classical_method_is_measured_and_scored_in_every_runtime(report):
    rows = {row["runtime"]: row for row in report["rows"]}
    assert set(rows) == {"torch", "onnx"}
    for row in rows.values():
        assert row["state"] == "ok", row
        assert row["parameters"] == 0 and row["trained"]
        assert 0 < row["p50_ms"] <= row["p99_ms"] and row["p90_ms"] <= row["p99_ms"]
        assert row["ms_per_second"] == pytest.approx(row["p50_ms"] / 20)
        assert row["first_reading_s"] > row["window_s"] == 20
        assert 0 <= row["lookahead_s"] <= 10
        assert row["overhead_ms"] < 0.05 * row["p50_ms"]
        assert row["throughput"]["2"] > 0
        assert len(row["pinned"][0]) == 1
    # the same file of figures, by the runtime's own outputs
    assert rows["onnx"]["worth"]["heart_rate_mae"] == pytest.approx(rows["torch"]["worth"]["heart_rate_mae"], abs=0.05)
    assert rows["onnx"]["parity"]["waveform_r"] > 0.9999 and rows["onnx"]["parity"]["heart_rate_change"] < 0.1
    # no torch in the process of an exported file
    assert rows["onnx"]["peak_memory_bytes"] < rows["torch"]["peak_memory_bytes"]
    assert rows["onnx"]["start_s"] < rows["torch"]["start_s"]
    worth = rows["onnx"]["worth"]
    assert worth["heart_rate_mae_low"] <= worth["heart_rate_mae"] <= worth["heart_rate_mae_high"]
    assert rows["onnx"]["weights_sha256"] is None and not rows["onnx"]["simulated"]
    assert naive_row(report["rows"])[0] == "naive (median)"
    assert "One process a row" in " ".join(report["doubts"])


def test_its_files(report, tmp_path):
    json_path, csv_path, html_path = write(tmp_path, report)
    assert read(tmp_path)["rows"] == json.loads(json.dumps(report["rows"]))
    assert json_path.is_file() and "pos" in html_path.read_text()
    with csv_path.open() as file:
        lines = list(csv.DictReader(file))
    assert [float(line["p50_ms"]) for line in lines] == [row["p50_ms"] for row in report["rows"]]
    assert float(lines[0]["heart_rate_mae"]) == report["rows"][0]["worth"]["heart_rate_mae"]


def test_an_untrained_model_is_marked_and_gets_no_figure():
    row = {"model": "x", "runtime": "torch", "state": "ok", "trained": False, "parameters": 1, "p50_ms": 1.0}
    assert cells(row)[-3:] == ["untrained", "", ""]


def test_a_model_that_cannot_run_is_a_row_and_not_the_end(tmp_path):
    broken = tmp_path / "broken.ckpt"
    broken.write_bytes(b"nothing")
    found = run.run_suite(Suite(models=[str(broken)], processes=3), "broken")
    (row,) = found["rows"]
    assert row["state"] == "failed" and "cannot be read safely" in row["reason"]
    assert not found["interrupted"]


CRASH = """
import os
import signal

from zoo.models.pos import POS

PLUGIN_API = 1


class Mine(POS):
    def __init__(self, **options):
        os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_job_that_is_killed_fails_hangs_or_does_not_fit_is_a_result(tmp_path, monkeypatch):
    folder = write_plugin(tmp_path / "plugin", "crashing", {"crashing.py": CRASH}, {"crash": "crashing:Mine"})
    monkeypatch.setenv("PYTHONPATH", str(folder))
    facts = {"task": "facts", "options": {}, "folder": str(tmp_path), "threads": 1, "batch": 1, "lookahead": False,
             "runtimes": []}  # fmt: skip
    with workers.Warm(1) as warm:
        killed = warm.run({**facts, "model": "crash"}, 60)
        large = warm.run({**facts, "model": "green", "options": {"frames": 10**12}}, 60)
        nothing = warm.run({"task": "nothing", "threads": 1}, 60)
        fine = warm.run({**facts, "model": "green"}, 60)
    assert killed["reason"].startswith("its process was killed by signal 9 (out of memory?)")
    assert large["reason"] == "does not fit in memory: use a machine with more, or a smaller batch"
    assert nothing == {"state": "failed", "reason": "ValueError: there is no task 'nothing'"}
    assert fine["state"] == "ok" and fine["weights_sha256"] is None
    assert workers.run_job({"task": "facts", "threads": 1}, 0.01)["reason"] == "took longer than 0 s"


def test_strange_onnx_files_are_rows_that_say_why(tmp_path):
    (tmp_path / "strange.onnx").write_bytes(b"nothing")
    shape = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 3]) for name in "xy"]
    graph = helper.make_graph([helper.make_node("Identity", ["x"], ["y"])], "g", shape[:1], shape[1:])
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.save(made, tmp_path / "theirs.onnx")
    names = [str(tmp_path / name) for name in ("strange.onnx", "theirs.onnx")]
    strange, theirs = run.run_suite(Suite(models=names, runtimes=["onnx"]), "strange")["rows"]
    assert strange["state"] == "failed" and "not an ONNX file" in strange["reason"]
    assert theirs["state"] == "failed" and "has no metadata of this zoo" in theirs["reason"]


def test_ctrl_c_keeps_the_finished_rows(tmp_path):
    strange = tmp_path / "strange.onnx"
    strange.write_bytes(b"nothing")
    done = []

    def interrupt(row):
        # facts are said too, by an empty row
        done.extend([row] if row else [])
        if len(done) == 2:
            raise KeyboardInterrupt

    found = run.run_suite(
        Suite(models=[str(strange), str(tmp_path / "other.onnx")], runtimes=["onnx", "torch"]), "cut", each=interrupt
    )
    assert found["interrupted"] and [row["runtime"] for row in found["rows"]] == ["onnx", "torch"]
    assert {row["model"] for row in found["rows"]} == {str(strange)}


def test_a_model_without_a_file_runs_in_the_fallback():
    lacking = {"not_exported": {"whole": "no ONNX form"}}
    assert run._possible(["onnx", "torch"], "torch", lacking) == ["torch"]
    assert run._possible(["onnx", "openvino-int8"], "", lacking) == ["onnx", "openvino-int8"]
    assert run._possible(["onnx", "openvino-int8"], "torch", lacking) == ["torch", "openvino-int8"]
    with pytest.raises(UnknownName, match="no runtime called 'troch'"):
        run.run_suite(Suite(models=["pos"], fallback="troch"), "mine")


def test_names_patterns_and_runtimes():
    assert run.choose("fpn*") == ["fpn1d_multitask"]
    with pytest.raises(UnknownName, match="Did you mean chrom"):
        run.choose(["crom"])
    with pytest.raises(UsageError, match="No model fits"):
        run.choose("zzz*")
    assert check_runtimes(["onnx", "onnx"]) == ["onnx"]
    with pytest.raises(UnknownName, match="Did you mean openvino"):
        check_runtimes(["openvin"])


def test_what_a_runtime_lacks_is_said(monkeypatch):
    assert why_not("torch", "cpu") is None
    assert why_not("onnx", "cuda:0") == "onnx does not run on cuda, but on cpu"
    assert "on this machine's own card where trtexec is installed" in why_not("tensorrt", "cuda")
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert "pip install 'rppg-zoo[openvino]'" in why_not("openvino", "cpu")
    assert all(why_not(name, "cpu") for name in RUNTIMES)


def test_what_cannot_be_a_cuda_graph_says_why():
    broken = RuntimeError("CUDA error: operation failed due to a previous error during capture\nmore")
    assert "(CUDA error: operation failed due" in str(_uncaptured(broken))
    broken.__context__ = RuntimeError("Cannot copy between CPU and CUDA tensors during CUDA graph capture\nmore")
    found = _uncaptured(broken)
    assert isinstance(found, DeviceError) and str(found).endswith("torch-compile.")
    assert "cannot be captured as a CUDA graph (Cannot copy between CPU and CUDA tensors" in str(found)
    broken.__context__ = torch.OutOfMemoryError("CUDA out of memory")
    assert out_of_memory(_uncaptured(broken))


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a CUDA device")
def test_a_device_that_is_not_there():
    # torch itself says that there is no driver, or no card
    with pytest.raises(DeviceError, match=r"(?s)(CUDA does not start here \(.+\)|without CUDA).*use --device cpu"):
        run.check_device("cuda")
    for name in ("tpu", "cuda:x"):
        with pytest.raises(UsageError, match=f"no device '{name}'"):
            run.check_device(name)


def test_a_torch_without_cuda_says_so(monkeypatch):
    monkeypatch.setattr(torch.version, "cuda", None)
    monkeypatch.setattr(torch.version, "hip", None)
    with pytest.raises(DeviceError, match="This torch is built without CUDA: install"):
        run.check_device("cuda:0")


def test_a_suite_with_an_unknown_key_or_value_names_it(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text("models: pos\nbtach: 4\n")
    with pytest.raises(UsageError, match="unknown keys: btach"):
        load_suite(str(path))
    path.write_text("kind: published\ntable: others\n")
    with pytest.raises(UsageError, match="no published table 'others'"):
        load_suite(str(path))
    path.write_text("models: pos\nprocesses: many\n")
    with pytest.raises(UsageError, match="processes is a whole number"):
        load_suite(str(path))
    with pytest.raises(UnknownName, match="Did you mean quick"):
        load_suite("quikc")


def test_results_of_another_schema(tmp_path):
    path = tmp_path / "bench.json"
    path.write_text('{"schema": 1, "rows": []}')
    with pytest.raises(DataError, match="has result schema 1, this zoo reads 2"):
        read(tmp_path)
    path.write_text("[]")
    with pytest.raises(DataError, match="schema None"):
        read(path)
    path.write_text('{"schema": 2, "rows": [3]}')
    with pytest.raises(DataError, match="damaged"):
        read(path)
    with pytest.raises(DataError, match="cannot be read"):
        read(tmp_path / "none.json")


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--root", "."], "name it with --data"),
        (["--runtime", "tensorflow"], "no runtime called"),
        (["--batches", "1,x"], "numbers with commas"),
        (["--clip", "a.mp4"], "add --suite pipeline"),
        (["--threads", "0"], "at least 1"),
        (["--suite", "published", "--device", "cuda"], "leave out --device cuda"),
    ],
)
def test_the_command_refuses(words, says):
    with pytest.raises(UsageError, match=says):
        command.main("bench", words)
