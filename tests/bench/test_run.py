"""A suite from end to end: rows, files, failures that are rows, and devices that are not there."""

import csv
import json

import pytest
import torch

from zoo.bench import command, run
from zoo.bench.results import cells, naive_row, write
from zoo.bench.suite import Suite, load_suite, suites
from zoo.errors import DeviceError, UnknownName, UsageError

TINY = Suite(models=["pos"], warmup=1, min_runs=3, max_runs=5, seconds=0.1, data={"name": "synthetic", "people": 6})


def test_every_shipped_suite_parses():
    assert "quick" in suites()
    for name in suites():
        assert load_suite(name).models


def test_a_classical_method_is_measured_and_scored(tmp_path):
    report = run.run_suite(TINY, "tiny")
    (row,) = report["rows"]
    assert row["state"] == "ok", row
    assert row["parameters"] == 0 and row["trained"]
    assert 0 < row["p50_ms"] <= row["p90_ms"] <= row["p99_ms"]
    assert row["ms_per_second"] == pytest.approx(row["p50_ms"] / 20)
    assert 0 <= row["worth"]["heart_rate_within_3"] <= 1
    assert naive_row(report["rows"]) is not None
    assert report["environment"]["versions"]["torch"] == torch.__version__.partition("+")[0]
    json_path, csv_path = write(tmp_path, report)
    assert json.loads(json_path.read_text())["rows"][0]["p50_ms"] == row["p50_ms"]
    with csv_path.open() as file:
        (line,) = csv.DictReader(file)
    assert float(line["p50_ms"]) == row["p50_ms"]
    assert float(line["heart_rate_mae"]) == row["worth"]["heart_rate_mae"]


def test_an_untrained_model_is_marked_and_gets_no_figure():
    row = {
        **{"model": "x", "state": "ok", "trained": False, "parameters": 1, "macs": 1, "uncounted": {}, "size_bytes": 4},
        **{"p50_ms": 1.0, "p90_ms": 1.0, "p99_ms": 1.0, "ms_per_second": 0.1, "peak_memory_bytes": 1e6},
    }
    assert cells(row)[-2:] == ["untrained", ""]


def test_a_model_that_cannot_run_is_a_row(tmp_path):
    broken = tmp_path / "broken.ckpt"
    broken.write_bytes(b"nothing")
    report = run.run_suite(Suite(models=[str(broken)]), "broken")
    assert report["rows"][0]["state"] == "failed"
    assert "cannot be read safely" in report["rows"][0]["reason"]


def test_names_and_patterns():
    assert run.choose("fpn*") == ["fpn1d_multitask"]
    with pytest.raises(UnknownName, match="Did you mean chrom"):
        run.choose(["crom"])
    with pytest.raises(UsageError, match="No model fits"):
        run.choose("zzz*")


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a CUDA device")
def test_a_device_that_is_not_there():
    with pytest.raises(DeviceError, match="use --device cpu"):
        run.check_device("cuda")
    with pytest.raises(UsageError, match="no device 'tpu'"):
        run.check_device("tpu")


def test_a_suite_with_an_unknown_key_names_it(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text("models: pos\nbtach: 4\n")
    with pytest.raises(UsageError, match="unknown keys: btach"):
        load_suite(str(path))
    with pytest.raises(UnknownName, match="Did you mean quick"):
        load_suite("quikc")


def test_the_command_refuses_a_root_without_data():
    import argparse

    parser = argparse.ArgumentParser()
    command.add_arguments(parser)
    with pytest.raises(UsageError, match="name it with --data"):
        command.run(parser.parse_args(["--root", "."]))
