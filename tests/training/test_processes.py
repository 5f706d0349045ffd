"""Several processes on one machine: they share the windows, and every person is scored once."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from tests.training.runs import TRACES, only
from zoo.cli import main

# an odd number of people, so that one process is handed a window twice
TWO = [
    *TRACES,
    *("--data.options", '{"people": 7}', "--trainer.max_steps", "3", "--trainer.val_check_interval", "1"),
    *("--trainer.devices", "2", "--trainer.strategy", "ddp"),
]
TORCHRUN = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2", "-m", "zoo"]


def environment() -> dict[str, str]:
    # what a test before has left must not be taken for a launcher's
    kept = {name: value for name, value in os.environ.items() if name not in ("LOCAL_RANK", "RANK", "WORLD_SIZE")}
    return {**kept, "OMP_NUM_THREADS": "1"}


def run(command: list[str], folder: Path) -> str:
    done = subprocess.run(
        command, cwd=folder, env=environment(), capture_output=True, text=True, timeout=400, check=False
    )
    assert done.returncode == 0, done.stderr[:3000]
    return done.stdout


def check(folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """One folder of one run, whose scores are those of one process on everybody."""
    path = only(folder, "runs/fpn1d_multitask/*/test.json")
    found = json.loads(path.read_text())
    assert found["people"] == found["windows"] == 7
    last = torch.load(path.parent / "checkpoints" / "last.ckpt", weights_only=True)
    # 7 windows make one batch of 3 for each of the two: an epoch is one step
    assert last["global_step"] == 3 and last["epoch"] == 2
    monkeypatch.chdir(folder)
    best = str(path.parent / "checkpoints" / "best.ckpt")
    data = ["--data.options", '{"people": 7}', "--data.batch_size", "3", "--data.workers", "0"]
    assert main(["test", "--model", best, *data, "--trainer.accelerator", "cpu", "--json"]) == 0
    alone = json.loads(capsys.readouterr().out)["scores"]
    assert found["scores"].keys() == alone.keys()
    for name, value in alone.items():
        mine = found["scores"][name]
        assert mine == value or mine == pytest.approx(value, rel=1e-4, abs=1e-5), name


@pytest.mark.full
def test_two_processes_of_lightning(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    out = run([sys.executable, "-m", "zoo", *TWO], tmp_path)
    assert out.count("7 windows of 7 people") == 1
    check(tmp_path, monkeypatch, capsys)


@pytest.mark.full
def test_torchrun_and_going_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["--ckpt_path", "auto"]
    run([*TORCHRUN, *TWO, *words, "--trainer.max_steps", "2"], tmp_path)
    path = only(tmp_path, "runs/fpn1d_multitask/*/test.json")
    path.unlink()
    run([*TORCHRUN, *TWO, *words], tmp_path)
    check(tmp_path, monkeypatch, capsys)


@pytest.mark.full
def test_tasks_of_slurm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """No SLURM here: what srun tells its tasks is told to two processes."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    told = {
        **{"SLURM_JOB_ID": "71", "SLURM_JOB_NAME": "fit", "SLURM_NTASKS": "2", "SLURM_NTASKS_PER_NODE": "2"},
        **{"SLURM_NODEID": "0", "SLURM_JOB_NODELIST": "127.0.0.1", "SLURM_NODELIST": "127.0.0.1"},
        **{"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port},
    }
    tasks = [
        subprocess.Popen(
            [sys.executable, "-m", "zoo", *TWO],
            cwd=tmp_path,
            env={**environment(), **told, "SLURM_PROCID": str(rank), "SLURM_LOCALID": str(rank)},
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank in (0, 1)
    ]
    for task in tasks:
        _, err = task.communicate(timeout=400)
        assert task.returncode == 0, err[-3000:]
    check(tmp_path, monkeypatch, capsys)
