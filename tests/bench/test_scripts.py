"""README's table and the script that measures the same code against itself."""

import json

import pytest

from benchmarks import readme_table
from benchmarks.same_code import parts
from tests.bench.test_reading import REPORT, row

MEASURED = {
    **REPORT,
    "suite": "quick", "started": "2026-01-02T03:04:05+00:00",
    "rows": [
        {**row("slow", 40, 3.5, 2.0, 0.9), "processes": 3, "parameters": 1000, "macs": 7e8},
        {**row("fast", 4, 0.1, None, None), "processes": 3, "parameters": 10, "macs": 1e6},
        {"model": "odd", "runtime": "onnx", "state": "failed", "reason": "no ONNX form."},
    ],
}  # fmt: skip


def test_the_table_is_sorted_by_cost_and_marks_the_untrained():
    lines = readme_table.table(MEASURED).splitlines()
    assert [line.split("`")[1] for line in lines[2:4]] == ["fast", "slow"]
    assert "*untrained*" in lines[2] and "| 2.0 | 90% |" in lines[3]
    assert "odd (no ONNX form)" in lines[-1] and lines[-1].startswith("`zoo bench`")
    page = f"a\n{readme_table.BEGIN}\nold\n{readme_table.END}\nb\n"
    changed = readme_table.with_table(page, MEASURED)
    assert "old" not in changed and changed.startswith("a\n") and changed.endswith("\nb\n")
    assert readme_table.with_table(changed, MEASURED) == changed


def test_a_run_that_was_kept_in_parts_is_one_table(tmp_path):
    for number, started in enumerate(("2026-01-02", "2026-01-02", "2025-01-01")):
        part = {**MEASURED, "started": started, "rows": [{**MEASURED["rows"][0], "model": f"m{number}"}]}
        (tmp_path / f"quick_{number}.json").write_text(json.dumps(part))
    found = readme_table.quick(tmp_path)
    assert {row["model"] for row in found["rows"]} == {"m0", "m1"}
    assert readme_table.quick(tmp_path / "none") is None


def test_readme_shows_what_the_committed_results_say():
    report, readme = readme_table.quick(), (readme_table.ROOT / "README.md").read_text("utf-8")
    if report is None:
        pytest.skip("no results are committed")
    assert readme_table.with_table(readme, report) == readme


def test_rounds_are_dealt_out_in_order():
    one = {"model": "pos", "runtime": "onnx", "device": "cpu", "state": "ok",
           "samples_ms": [[float(i)] for i in range(7)], "probes_ms": list(range(7))}  # fmt: skip
    found = parts({"rows": [one]}, 3)
    assert [part["rows"][0]["samples_ms"] for part in found] == [[[0.0], [1.0], [2.0]], [[3.0], [4.0], [5.0]]]
    assert [part["rows"][0]["probe_ms"] for part in found] == [1, 4]
