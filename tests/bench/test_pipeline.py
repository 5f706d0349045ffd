"""The whole way from a file to a rate, and the published tables."""

import pytest

from zoo.bench.pipeline import run_pipeline
from zoo.bench.published import TABLE, _groups, _row
from zoo.bench.results import to_csv
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


def test_every_published_figure_is_measured_once():
    cases = [(runtime, case.model, str(case.options)) for (_, runtime), part in _groups().items() for case in part]
    assert len(cases) == len(set(cases))
    for entry in TABLE:
        assert (entry.runtime, entry.model, str(dict(entry.options))) in cases
    assert {entry.system for entry in TABLE} == {"A", "B", "C", "D"}


def test_published_beside_ours():
    by_name = {entry.what: entry for entry in TABLE}
    teacher = by_name["parameters, teacher"]
    measured = {("can_teacher", "{}", "torch"): {"state": "ok", "network_parameters": 795_811}}
    row = _row(teacher, measured)
    assert (row["published"], row["ours"], row["ratio"]) == ("795,811", "795,811", "1.000")
    ratio = by_name["teacher over student, time"]
    measured = {
        (model, "{}", "onnx"): {"state": "ok", "ms_per_second": ms, "macs": macs}
        for model, ms, macs in (("can_teacher", 36.0, 87.0), ("can_student", 4.0, 10.0))
    }
    row = _row(ratio, measured)
    assert row["ours"] == "9 x" and row["why"].endswith("multiply-accumulates is 8.70")
    measured["can_student", "{}", "onnx"] = {"state": "failed", "reason": "boom"}
    assert _row(ratio, measured)["reason"] == "boom"
    assert _row(ratio, {}) is None
