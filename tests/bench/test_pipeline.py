"""The whole way from a file to a rate, and the published tables."""

import pytest

from zoo.bench.pipeline import run_pipeline
from zoo.bench.published import _counted, _row, _timed, entries
from zoo.bench.results import to_csv
from zoo.bench.runtimes import RUNTIMES
from zoo.bench.suite import Suite
from zoo.data.synthetic.videos import write_face_clip
from zoo.errors import UsageError


@pytest.mark.full
def test_stages_add_up_and_the_pulse_is_found(tmp_path):
    clip = write_face_clip(tmp_path / "clip.mp4", seconds=12, heart_rate=80.0)
    suite = Suite(kind="pipeline", models=["pos"], runtimes=["torch", "onnx"], processes=2, clip=str(clip))
    report = run_pipeline(suite, "mine")
    assert [row["state"] for row in report["rows"]] == ["ok", "ok"], report["rows"]
    for row in report["rows"]:
        assert sum(row["stages_s"].values()) == pytest.approx(row["wall_s"], rel=0.3)
        assert {"decode", "face", "regions", "model", "rates"} <= set(row["stages_s"])
        assert row["heart_rate"] == pytest.approx(80, abs=2)
        assert row["times_real_time"] == pytest.approx(12 / row["wall_s"], rel=0.05)
        assert row["peak_memory_bytes"] < 450e6
    assert "pos,onnx,cpu,ok" in to_csv(report)


def test_what_the_pipeline_does_not_have(tmp_path):
    with pytest.raises(UsageError, match="runs in torch and onnx, not in openvino"):
        run_pipeline(Suite(kind="pipeline", runtimes=["openvino"]), "mine")
    with pytest.raises(UsageError, match="no clip"):
        run_pipeline(Suite(kind="pipeline", clip=str(tmp_path / "none.mp4")), "mine")


def test_a_clip_without_a_face_is_a_row(tmp_path):
    clip = tmp_path / "nothing.mp4"
    clip.write_bytes(b"nothing")
    (row,) = run_pipeline(Suite(kind="pipeline", models=["pos"], clip=str(clip)), "mine")["rows"]
    assert row["state"] == "failed" and "nothing.mp4" in row["reason"]


@pytest.mark.parametrize("table", ["systems", "peers"])
def test_every_published_figure_is_measured_once(table):
    figures = entries(table)
    timed = [(runtime, case.model, str(case.options)) for runtimes, part in _timed(figures) for case in part
             for runtime in runtimes]  # fmt: skip
    counted = [(case.model, str(case.options)) for case in _counted(figures, {})]
    assert len(timed) == len(set(timed)) and len(counted) == len(set(counted))
    for entry in figures:
        key = entry.model, str(dict(entry.options))
        assert entry.runtime == "pipeline" or key in counted or (entry.runtime, *key) in timed
        assert entry.runtime in (*RUNTIMES, "pipeline")
    systems = {"A", "B", "C", "D"} if table == "systems" else {"peers"}
    assert {entry.system for entry in figures} == systems


def test_published_beside_ours():
    by_name = {entry.what: entry for entry in entries("systems")}
    teacher = by_name["parameters, teacher"]
    options = str({"frames": 180})
    measured = {("can_teacher", options, "onnx"): {"state": "ok", "network_parameters": 795_811}}
    row = _row(teacher, measured)
    assert (row["published"], row["ours"], row["ratio"]) == ("795,811", "795,811", "1.000")
    ratio = by_name["teacher over student, time"]
    measured = {
        (model, options, "onnx"): {"state": "ok", "ms_per_second": ms, "macs": macs}
        for model, ms, macs in (("can_teacher", 36.0, 87.0), ("can_student", 4.0, 10.0))
    }
    row = _row(ratio, measured)
    assert row["ours"] == "9 x" and row["why"].endswith("multiply-accumulates is 8.70")
    measured["can_student", options, "onnx"] = {"state": "failed", "reason": "boom"}
    assert _row(ratio, measured)["reason"] == "boom"
    assert _row(ratio, {}) is None
    whole = by_name["CPU time of a 20 s clip, POS"]
    stages = {"decode": 9.0, "regions": 0.02, "model": 0.001}
    row = _row(whole, {("pos", "{}", "pipeline"): {"state": "ok", "stages_s": stages}})
    assert row["ours"] == "0.021 s" and row["ratio"] == "0.081"


def test_a_peers_speed_says_its_ratio_to_eager_torch():
    entry = next(one for one in entries("peers") if one.what == "PhysNet, 128x72x72: ONNX Runtime")
    measured = {
        ("physnet", str(dict(entry.options)), runtime): {"state": "ok", "ms_per_second": ms}
        for runtime, ms in (("torch", 90.0), ("onnx", 45.0))
    }
    row = _row(entry, measured)
    assert row["why"] == "eager torch takes 1.2 times as long there, 2.0 here" and row["ours"] == "45 ms/s"
