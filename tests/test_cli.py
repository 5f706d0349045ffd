"""The command line: fast where it must be, one sentence where something is wrong."""

from __future__ import annotations

import json
import resource
import subprocess
import sys
from pathlib import Path

import pytest

from zoo.cli import COMMANDS, main
from zoo.errors import UnknownName


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    code = main(list(arguments))
    out, err = capsys.readouterr()
    return code, out, err


def zoo(*arguments: str) -> tuple[subprocess.CompletedProcess[str], float]:
    """The command in a process of its own, and the seconds of processor time that it took."""
    before = _processor_time()
    done = subprocess.run([sys.executable, "-m", "zoo", *arguments], capture_output=True, text=True, check=False)
    return done, _processor_time() - before


def _processor_time() -> float:
    # the wall clock says how busy the machine is with other things
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


@pytest.mark.parametrize("arguments", [["--help"], ["list"], ["plugins"]])
def test_answers_at_once(arguments):
    seconds = []
    for _ in range(3):
        done, took = zoo(*arguments)
        assert done.returncode == 0 and done.stdout.strip() and not done.stderr
        seconds.append(took)
    assert min(seconds) < 0.3


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["tset"], "Did you mean test?"),
        (["list", "--jsn"], "Did you mean --json?"),
        (["list", "modles"], "Did you mean models?"),
        (["list", "modles", "pos"], "Did you mean models?"),
        (["info", "fpn1d_multitsk"], "Did you mean fpn1d_multitask?"),
        (["fit", "--model", "fpn1d_multitsk"], "Did you mean fpn1d_multitask?"),
        (["test", "--model", "poss"], "Did you mean pos?"),
        (["fit", "fpn1d_multitask"], "Did you mean --model fpn1d_multitask?"),
        (["fit", "--modle", "pos"], "Did you mean model?"),
        (["fit", "--model", "fpn1d_multitask", "--model.lrr", "1"], "Did you mean model.lr?"),
        (["fit", "--model", "fpn1d_multitask", "--trainer.max_epoch", "1"], "Did you mean trainer.max_epochs?"),
        (["fit", "--model", "fpn1d_multitask", "--data.bach_size", "1"], "Did you mean data.batch_size?"),
        (["fit", "--model", "fpn1d_multitask", "--data", "syntetic"], "Did you mean synthetic?"),
        (["test", "--model", "pos", "--data=ubfc_rpg"], "Did you mean ubfc_rppg?"),
        (["fit"], "Say which model"),
        (["fit", "--model", "fpn1d_multitask", "--config", "nowhere.yaml"], "cannot be read"),
        (["fit", "--config"], "--config needs a value"),
        (["--jsn"], "'zoo --help' shows all"),
    ],
)
def test_a_wrong_word_says_what_was_meant(capsys, arguments, says):
    code, out, err = run(capsys, *arguments)
    assert code == 2 and not out
    assert err.startswith("zoo: ") and says in err and err.count("\n") == 1


def test_a_wrong_name_takes_less_than_a_second():
    for arguments in (
        ["fit", "--model", "fpn1d_multitsk"],
        ["tset"],
        ["fit", "--model", "physnet", "--model.lrr", "1"],
    ):
        results = [zoo(*arguments) for _ in range(3)]
        assert all(done.returncode == 2 and "Traceback" not in done.stderr for done, _ in results)
        assert min(took for _, took in results) < 1.0


def test_debug_shows_the_traceback(monkeypatch):
    with pytest.raises(UnknownName):
        main(["--debug", "info", "nothing_of_that_name"])
    monkeypatch.setenv("ZOO_DEBUG", "1")
    with pytest.raises(UnknownName):
        main(["info", "nothing_of_that_name"])


@pytest.mark.parametrize("command", [name for name in COMMANDS if name not in ("fit", "validate", "test")])
def test_every_command_explains_itself(capsys, command):
    with pytest.raises(SystemExit) as ended:
        main([command, "--help"])
    assert ended.value.code == 0
    assert f"usage: zoo {command}" in capsys.readouterr().out


def test_help_names_every_command(capsys):
    code, out, _ = run(capsys)
    assert code == 0 and all(f"  {name}" in out for name in COMMANDS)
    assert run(capsys, "--version")[1].startswith("zoo 0.")


def test_ctrl_c_is_no_traceback(capsys, monkeypatch):
    from zoo.commands import list as listing

    def interrupted(args: object) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr(listing, "run", interrupted)
    code, _, err = run(capsys, "list")
    assert code == 130 and err == "zoo: interrupted.\n"


def test_a_reader_that_leaves_early_is_no_error():
    command = f"{sys.executable} -m zoo list --json | head -n 1; exit ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=False)
    assert done.returncode == 0 and not done.stderr


def test_list_takes_a_kind_and_a_pattern(capsys):
    everything = json.loads(run(capsys, "list", "--json")[1])
    assert list(everything) == ["models", "datasets", "checkpoints"]
    found = json.loads(run(capsys, "list", "models", "*1d*", "--json")[1])
    assert [row["name"] for row in found["models"]] == ["fpn1d_multitask"]
    assert found["models"][0]["distribution"] == "rppg-zoo"
    code, out, _ = run(capsys, "list", "fpn1d")
    assert code == 0 and "fpn1d_multitask" in out and "ubfc_rppg" not in out


def test_info_on_a_model(capsys):
    found = json.loads(run(capsys, "info", "fpn1d_multitask", "--json")[1])
    assert found["paper"].endswith("arXiv:2508.17924") and found["licence"] == "Apache-2.0"
    assert found["parameters"]["network"] == 792_769
    assert found["outputs"]["systolic"] == {"kind": "number", "unit": "mmHg", "range": [60.0, 260.0]}
    assert found["input"]["kind"] == "traces" and found["input"]["frames"] == 600
    assert Path(found["recipe"]).name == "fpn1d_multitask.yaml"
    text = run(capsys, "info", "fpn1d_multitask")[1]
    assert "792,769" in text and "mmHg" in text


def test_info_on_a_data_set(capsys):
    found = json.loads(run(capsys, "info", "ubfc_rppg", "--json")[1])
    assert found["kind"] == "dataset" and found["people"] == 50 and "Bobbia" in found["citation"]
    assert "part" in run(capsys, "info", "ubfc_rppg")[1]


def test_info_on_a_card(capsys, tmp_path):
    from zoo import checkpoints
    from zoo.models.pos import POS

    card = checkpoints.save(POS(), "mine", tmp_path, results=[])
    found = json.loads(run(capsys, "info", str(card), "--json")[1])
    assert (found["kind"], found["name"], found["model"]) == ("checkpoint", "mine", "pos")
    assert run(capsys, "info", str(tmp_path / "none.json"))[0] == 1


def test_doctor_finds_what_is_installed(capsys):
    code, out, _ = run(capsys, "doctor", "--json")
    found = json.loads(out)
    assert code == int(bool(found["problems"]))
    assert found["versions"]["lightning"] and found["devices"]["threads"] >= 1
    assert found["optional"]["openvino"] == "not installed" or "works" in found["optional"]["openvino"]


def test_python_offers_the_same():
    code = "import zoo, zoo.models.pos; assert 'pos' in zoo.models(); print(type(zoo.load('pos')).__name__)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "POS"
