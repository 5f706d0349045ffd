"""`zoo bench compare`: it sees a regression, and sees none in runs of the same code."""

import json
from pathlib import Path

import numpy as np
import pytest

from zoo.bench import command
from zoo.bench.compare import compare, regressed
from zoo.errors import DataError, UsageError

RECORDED = Path(__file__).with_name("same_code.json")


def report(medians, probe=10.0, **changes):
    rows = [
        {"model": name, "runtime": "onnx", "device": "cpu", "state": "ok", "probe_ms": probe,
         "samples_ms": [[value] for value in values]}
        for name, values in medians.items()
    ]  # fmt: skip
    return {"schema": 2, "kind": "models", "environment": {"cpu": "x"}, "rows": rows, **changes}


STEADY = {"pos": [1.00, 1.01, 0.99, 1.02], "chrom": [2.0, 2.02, 1.98, 2.01]}


def slower(factor):
    return {name: [factor * value for value in values] for name, values in STEADY.items()}


def test_a_slowdown_is_seen_and_a_speedup_is_none():
    found = compare(report(STEADY), report(slower(1.3)))
    assert [one.verdict for one in found] == ["slower", "slower"] and regressed(found)
    assert found[0].ratio == pytest.approx(1.3)
    found = compare(report(slower(1.3)), report(STEADY))
    assert [one.verdict for one in found] == ["faster", "faster"] and not regressed(found)


def test_a_machine_that_is_slower_as_a_whole_is_no_regression():
    assert not regressed(compare(report(STEADY), report(slower(1.3), probe=13.0)))


def test_less_than_the_tolerance_is_no_matter():
    assert not regressed(compare(report(STEADY), report(slower(1.04))))
    assert regressed(compare(report(STEADY), report(slower(1.08)), tolerance=0.01))


def test_what_noise_may_hide_is_said():
    (wide,) = compare(report({"pos": [1.0, 1.6, 1.2]}), report({"pos": [1.1, 1.7, 1.0]}))
    assert wide.verdict == "same" and wide.says.startswith("too noisy to see less")
    assert not any(one.says for one in compare(report(STEADY), report(STEADY)))


def test_one_process_cannot_be_judged():
    one = compare(report({"pos": [1.0]}), report({"pos": [9.0]}))[0]
    assert one.verdict == "unjudged" and "--processes 5" in one.says


def test_a_model_that_broke_is_a_regression_and_a_new_one_is_not():
    broken = report(STEADY)
    broken["rows"][0] = {**broken["rows"][0], "state": "failed", "reason": "boom"}
    assert regressed(compare(report(STEADY), broken))
    assert not regressed(compare(broken, report(STEADY)))
    assert not regressed(compare(report({"pos": STEADY["pos"]}), report(STEADY)))


def test_the_same_code_measured_again_is_no_regression():
    """Processes of one recorded run of five models, dealt out as 20 pairs of runs."""
    recorded = json.loads(RECORDED.read_text())
    rng = np.random.default_rng(0)
    count = len(next(iter(recorded["medians_ms"].values())))
    false, judged = 0, 0
    for _ in range(20):
        order = rng.permutation(count)
        halves = [
            report({name: [values[i] for i in part] for name, values in recorded["medians_ms"].items()})
            for part in (order[:5], order[5:10])
        ]
        found = compare(*halves)
        judged += sum(one.verdict != "unjudged" for one in found)
        false += sum(one.verdict == "slower" for one in found)
    assert judged == 100 and false <= 2


@pytest.mark.parametrize("size", [4, 6])
def test_one_run_after_the_other_of_the_same_code_is_no_regression(size):
    recorded = json.loads(RECORDED.read_text())["medians_ms"]
    count = len(next(iter(recorded.values())))
    false, judged = 0, 0
    for start in range(count - 2 * size + 1):
        halves = [
            report({name: values[at : at + size] for name, values in recorded.items()}) for at in (start, start + size)
        ]
        found = compare(*halves)
        judged += len(found)
        false += sum(one.verdict == "slower" for one in found)
    assert judged >= 50 and false <= 0.02 * judged


def test_the_command(tmp_path, capsys):
    paths = []
    for name, values in (("a", STEADY), ("b", slower(1.5))):
        paths.append(tmp_path / f"{name}.json")
        paths[-1].write_text(json.dumps(report(values)))
    assert command.main("bench", ["compare", *map(str, paths)]) == 1
    assert "slower" in capsys.readouterr().out
    assert command.main("bench", ["compare", "--json", *map(str, paths[::-1])]) == 0
    assert json.loads(capsys.readouterr().out)[0]["verdict"] == "faster"
    paths[1].write_text(json.dumps({"schema": 7}))
    with pytest.raises(DataError, match="result schema 7"):
        command.main("bench", ["compare", *map(str, paths)])
    paths[1].write_text(json.dumps(report(STEADY, kind="pipeline")))
    with pytest.raises(UsageError, match="same kind"):
        command.main("bench", ["compare", *map(str, paths)])
