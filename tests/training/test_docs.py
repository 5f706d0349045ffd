"""The commands of docs/training.md: each is understood, and the newcomer's path is walked in small."""

from __future__ import annotations

import importlib
import re
import shlex
from pathlib import Path

import pytest

from tests.conftest import ROOT
from zoo.cli import COMMANDS, main
from zoo.commands._arguments import Parser
from zoo.commands._request import understand

TEXT = (ROOT / "docs" / "training.md").read_text("utf-8")
LINES = [line.strip() for line in TEXT.splitlines() if re.match(r" {4,}(.*-m |srun )?(zoo) ", line)]
FEW = ["--data.workers", "0", "--trainer.accelerator", "cpu", "--trainer.max_steps", "2", "--data.batch_size", "2"]
FEW += ["--trainer.val_check_interval", "1", "--model.frames", "128", "--trainer.num_sanity_val_steps", "0"]


def words(line: str) -> list[str]:
    """A command's words behind `zoo`."""
    found = shlex.split(line)
    return found[found.index("zoo") + 1 :]


def test_all_kinds_of_commands_are_found() -> None:
    assert len(LINES) >= 15
    assert {words(line)[0] for line in LINES} == {"simulate", "prepare", "fit", "test"}
    assert any(line.startswith("torchrun") for line in LINES) and any(line.startswith("srun") for line in LINES)


@pytest.mark.parametrize("line", LINES)
def test_every_command_is_understood(line: str) -> None:
    command, *rest = words(line)
    if command in ("fit", "test"):
        assert understand(command, rest).model is not None
    else:
        parser = Parser()
        importlib.import_module(COMMANDS[command].module).add_arguments(parser)
        parser.parse_args(rest)


@pytest.mark.full
def test_the_path_of_a_newcomer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    path = [words(line) for line in LINES if not re.search(r"MCD|clips|torchrun|srun|logger|auto", line)]
    for line in path:
        if line[0] == "simulate":
            line[line.index("--people") + 1] = "6"
            line += ["--seconds", "10", "--size", "160x120", "--hard", "0.2", "--workers", "1"]
        elif "--cv" in line:
            line[line.index("--cv") + 1] = "3"
        few = FEW if line[0] == "fit" and "--ckpt_path" not in line else []
        few = FEW[:4] + FEW[10:12] if line[:3] == ["test", "--model", "pos"] else few
        assert main([*line, *few]) == 0, line
    assert len(list(Path("runs").glob("*/*_cv_3/fold_*/test.json"))) == 3
