"""A suite from end to end: rows, files, failures that are rows, and devices that are not there."""

import csv
import json

import pytest
import torch

from zoo.bench import command, run
from zoo.bench.results import cells, naive_row, read, write
from zoo.bench.runtimes import RUNTIMES, check_runtimes, why_not
from zoo.bench.suite import Suite, load_suite, suites
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
    assert {"quick", "published", "pipeline"} <= set(suites())
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
    assert naive_row(report["rows"]) is not None
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
    assert cells(row)[-2:] == ["untrained", ""]


def test_a_model_that_cannot_run_is_a_row_and_not_the_end(tmp_path):
    broken = tmp_path / "broken.ckpt"
    broken.write_bytes(b"nothing")
    found = run.run_suite(Suite(models=[str(broken)], processes=3), "broken")
    (row,) = found["rows"]
    assert row["state"] == "failed" and "cannot be read safely" in row["reason"]
    assert not found["interrupted"]


def test_a_process_that_dies_or_hangs_is_a_row():
    row = run.run_job({"task": "facts", "threads": 1}, 0.01)
    assert row == {"state": "failed", "reason": "took longer than 0 s"}
    dead = run.subprocess.CompletedProcess([], -9, "", "Killed\n")
    assert run._death(dead) == "its process was killed by signal 9 (out of memory?): Killed"


def test_strange_onnx_files_are_rows(tmp_path):
    strange = tmp_path / "strange.onnx"
    strange.write_bytes(b"nothing")
    (row,) = run.run_suite(Suite(models=[str(strange)], runtimes=["onnx"]), "strange")["rows"]
    assert row["state"] == "failed" and "not an ONNX file" in row["reason"]


def test_ctrl_c_keeps_the_finished_rows(tmp_path):
    strange = tmp_path / "strange.onnx"
    strange.write_bytes(b"nothing")
    done = []

    def interrupt(row):
        done.append(row)
        if len(done) == 2:
            raise KeyboardInterrupt

    found = run.run_suite(
        Suite(models=[str(strange), str(tmp_path / "other.onnx")], runtimes=["onnx", "torch"]), "cut", each=interrupt
    )
    assert found["interrupted"] and [row["runtime"] for row in found["rows"]] == ["onnx", "torch"]
    assert {row["model"] for row in found["rows"]} == {str(strange)}


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
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert "pip install 'rppg-zoo[openvino]'" in why_not("openvino", "cpu")
    assert all(why_not(name, "cpu") for name in RUNTIMES)


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a CUDA device")
def test_a_device_that_is_not_there():
    with pytest.raises(DeviceError, match="use --device cpu"):
        run.check_device("cuda")
    for name in ("tpu", "cuda:x"):
        with pytest.raises(UsageError, match=f"no device '{name}'"):
            run.check_device(name)


def test_a_suite_with_an_unknown_key_or_value_names_it(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text("models: pos\nbtach: 4\n")
    with pytest.raises(UsageError, match="unknown keys: btach"):
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
    ],
)
def test_the_command_refuses(words, says):
    with pytest.raises(UsageError, match=says):
        command.main("bench", words)
