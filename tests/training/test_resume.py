"""A run that is killed goes on as if nothing had happened: same order, same draws, same weights, bit for bit."""

from __future__ import annotations

import csv
import random
import time
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.training.runs import kill_when, only, start
from zoo.cli import main

STEPS = 9
# dropout, so that torch's draws matter; augmentation, so that those of an epoch do; four batches an epoch
TINY = [
    *("fit", "--model", "can_teacher", "--model.frames", "30", "--model.size", "16", "--model.targets", "[age]"),
    *("--model.learn_loss_weights", "true", "--average-weights", "0.9", "--early-stopping", "9"),
    *("--data", "synthetic", "--data.options", '{"people": 8}', "--data.batch_size", "2"),
    *("--data.augment", '{"noise": 2.0, "flip": 0.5}', "--trainer.accelerator", "cpu"),
    *("--trainer.max_steps", str(STEPS), "--trainer.val_check_interval", "3", "--trainer.check_val_every_n_epoch"),
    *("null", "--trainer.limit_val_batches", "2", "--trainer.log_every_n_steps", "1", "--trainer.limit_test_batches"),
    *("2", "--trainer.num_sanity_val_steps", "0"),
]


def words(root: Path, *arguments: str) -> list[str]:
    return [*TINY, "--trainer.default_root_dir", str(root), *arguments]


def fit(root: Path, *arguments: str) -> Path:
    assert main(words(root, *arguments)) == 0
    return only(root, "can_teacher/*/test.json").parent


def state(folder: Path) -> dict[str, Any]:
    last = torch.load(folder / "checkpoints" / "last.ckpt", weights_only=True)
    best = torch.load(folder / "checkpoints" / "best.ckpt", weights_only=True)
    return {"last": last, "best": best}


# folders, and what Lightning says of the last save only to those who look while it runs
PASSING = (*("dirpath", "best_model_path", "kth_best_model_path", "best_k_models", "last_model_path", "current_score"),)


def same(one: Any, other: Any, where: str = "") -> None:
    """Compare nested states bit for bit, but for what is `PASSING`."""
    if isinstance(one, dict):
        assert one.keys() == other.keys(), where
        for key in one:
            if key not in PASSING:
                same(one[key], other[key], f"{where}/{key}")
    elif isinstance(one, list | tuple):
        assert len(one) == len(other), where
        for i, (a, b) in enumerate(zip(one, other, strict=True)):
            same(a, b, f"{where}/{i}")
    elif isinstance(one, torch.Tensor):
        assert torch.equal(one, other), where
    else:
        assert repr(one) == repr(other), where


def logged(folder: Path) -> list[dict[str, str]]:
    with (folder / "metrics.csv").open(newline="") as file:
        return [row for row in csv.DictReader(file) if not row.get("test/heart_rate_mae")]


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return fit(tmp_path_factory.mktemp("undisturbed"), "--data.workers", "0")


def compare(folder: Path, undisturbed: Path) -> None:
    mine, wanted = state(folder), state(undisturbed)
    scores = [value["best_model_score"] for name, value in wanted["last"]["callbacks"].items() if "ModelCh" in name]
    assert len(scores) == 1 and scores[0].isfinite()
    for name in wanted:
        for part in ("state_dict", "current_model_state", "optimizer_states", "callbacks", "global_step", "epoch"):
            same(mine[name][part], wanted[name][part], f"{name}/{part}")
    assert logged(folder) == logged(undisturbed)
    assert (folder / "test.csv").read_bytes() == (undisturbed / "test.csv").read_bytes()


def test_killed_and_resumed_is_as_if_undisturbed(undisturbed: Path, tmp_path: Path) -> None:
    log = tmp_path / "log"
    child = start(words(tmp_path, "--data.workers", "0"), log)
    assert kill_when(child, lambda: any(tmp_path.rglob("last.ckpt"))), log.read_text()
    (last,) = tmp_path.rglob("last.ckpt")
    assert torch.load(last, weights_only=True)["global_step"] == 3
    folder = fit(tmp_path, "--ckpt_path", "last")
    compare(folder, undisturbed)
    assert not list(folder.rglob(".*"))


@pytest.mark.full
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_killed_several_times_at_random(undisturbed: Path, tmp_path: Path, seed: int) -> None:
    draw = random.Random(seed)
    arguments = ["--data.workers", "2", "--ckpt_path", "auto"]
    for _ in range(3):
        child = start(words(tmp_path, *arguments), tmp_path / "log")
        end = time.monotonic() + draw.uniform(4.0, 12.0)
        # a run that is through is left to end: the next would begin anew
        if not kill_when(child, lambda end=end: time.monotonic() > end and not any(tmp_path.rglob("test.json"))):
            assert child.returncode == 0, (tmp_path / "log").read_text()
            break
    else:
        fit(tmp_path, *arguments)
    compare(only(tmp_path, "can_teacher/*/test.json").parent, undisturbed)
