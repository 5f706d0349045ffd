"""What keeps training honest: the best state is the best, averaged weights are what was validated, and NaN stops it."""

from __future__ import annotations

import csv
import importlib.util
import json
import re
from pathlib import Path
from typing import Any

import lightning as L
import pytest
import torch

from tests.training.runs import TRACES, only
from zoo.cli import main
from zoo.data.order import Order, batches_an_epoch
from zoo.errors import TrainingError
from zoo.training.averaging import AverageWeights
from zoo.training.divergence import StopDiverging
from zoo.training.keeping import refuse_broken

FAST = [*TRACES, "--data.options", '{"people": 6}', "--trainer.val_check_interval", "1", "--model.schedule", "constant"]


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_a_run_stops_early_and_its_best_state_is_what_was_validated(capsys: pytest.CaptureFixture[str]) -> None:
    words = ["--early-stopping", "2", "--average-weights", "0.9", "--model.lr", "0.02", "--trainer.max_steps", "40"]
    words += ["--model.learn_loss_weights", "true"]
    assert main([*FAST, *words]) == 0
    folder = only(Path(), "runs/fpn1d_multitask/*")
    best, last = (torch.load(folder / "checkpoints" / f"{name}.ckpt", weights_only=True) for name in ("best", "last"))
    with (folder / "metrics.csv").open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["val/ppg_r"]]
    scores = {int(row["step"]) + 1: float(row["val/heart_rate_mae"]) for row in rows}
    # a run that stops early has not been better at its end
    assert len(scores) == last["global_step"] == best["global_step"] + 2 < 40
    assert scores[best["global_step"]] == min(scores.values()) < scores[last["global_step"]]
    # the file holds the averaged weights, and scores with them what was logged when it was chosen
    averaged, current = last["state_dict"], last["current_model_state"]
    assert any(not torch.equal(averaged[name], current[name]) for name in averaged if name.startswith("network."))
    assert set(best["state_dict"]) == set(best["current_model_state"])
    capsys.readouterr()
    data = ["--data.options", '{"people": 6}', "--data.batch_size", "3", "--data.workers", "0"]
    path = str(folder / "checkpoints" / "best.ckpt")
    assert main(["validate", "--model", path, *data, "--json", "--trainer.accelerator", "cpu"]) == 0
    found = json.loads(capsys.readouterr().out)["scores"]
    assert found["heart_rate_mae"] == pytest.approx(min(scores.values()), rel=1e-6)
    # learned weights of the losses were learned, each in its own way, and are no part of what is published
    learned = {key: float(value) for key, value in last["current_model_state"].items() if "log_variance" in key}
    assert len(learned) == 3 and all(abs(value) > 1e-4 for value in learned.values())
    assert len(set(learned.values())) == 3


def test_a_run_that_diverges_stops_and_says_where(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*FAST, "--model.lr", "1e30", "--trainer.max_steps", "9", "--trainer.gradient_clip_val", "1"]) == 1
    err = capsys.readouterr().err
    said = err.splitlines()[-1]
    last = only(Path(), "runs/fpn1d_multitask/*/checkpoints/last.ckpt")
    match = re.fullmatch(
        r"zoo: training diverged at step (\d+): the (?:loss|gradients).* on batch (\d+) of epoch (\d+) "
        r"\(recordings (.+)\); the last good state is in (.+)\. Lower --model\.lr, or look at .*",
        said,
    )
    assert match, said
    step, batch, epoch = (int(match[i]) for i in (1, 2, 3))
    kept = torch.load(last, weights_only=True)
    assert kept["global_step"] == step and all(value.isfinite().all() for value in kept["state_dict"].values())
    assert Path(match[5]).resolve() == last.resolve()
    # the windows of that very batch, by the order that the run has
    order = Order([6], [1.0], 7, lambda: (0, 0)).epoch_order(epoch)[3 * batch : 3 * batch + 3]
    assert match[4].split(", ") == sorted(f"7-{number}-0" for number in order)


class Steps(L.LightningModule):
    """A weight that is trained on losses given beforehand."""

    def __init__(self, losses: list[float]) -> None:
        super().__init__()
        self.losses = losses
        self.weight = torch.nn.Parameter(torch.ones(1))

    def training_step(self, batch: Any, batch_index: int) -> torch.Tensor:
        return self.weight.sum() * self.losses[batch_index] / self.weight.detach().sum()

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.SGD(self.parameters(), lr=1e-9)


def trained(module: Steps, *callbacks: L.Callback, **options: Any) -> L.Trainer:
    trainer = L.Trainer(
        accelerator="cpu",
        max_epochs=1,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        callbacks=list(callbacks),
        **options,
    )
    batches = [{"recording": [f"r{i}"]} for i in range(len(module.losses))]
    trainer.fit(module, torch.utils.data.DataLoader(batches, batch_size=None))  # type: ignore[arg-type]
    return trainer


@pytest.mark.parametrize(
    ("losses", "says"),
    [
        ([0.5, 2.0, 900.0, 1001.0], r"at step 3: the loss is 1e\+03, over 1e\+03 on batch 3 .*\(recordings r3\)"),
        ([20.0, 900.0, 19000.0, 21000.0], r"at step 3: the loss is 2\.1e\+04, over 2e\+04"),
        ([1.0, float("nan")], r"at step 1: the loss is nan on batch 1 .*\(recordings r1\); no state was kept yet"),
        ([1.0, float("inf")], r"at step 1: the loss is inf"),
    ],
)
def test_losses_that_explode_or_are_no_number(losses: list[float], says: str) -> None:
    module = Steps(losses)
    with pytest.raises(TrainingError, match=says):
        trained(module, StopDiverging())
    assert module.weight.isfinite().all()


class Scaled(L.pytorch.plugins.Precision):
    """Losses come multiplied, as half precision has them."""

    def __init__(self) -> None:
        self.scaler = torch.amp.GradScaler("cpu", init_scale=2.0**20)
        self.scaler.scale(torch.ones(()))

    def pre_backward(self, tensor: torch.Tensor, module: L.LightningModule) -> torch.Tensor:  # type: ignore[override]
        return super().pre_backward(self.scaler.scale(tensor), module)


def test_a_scaled_loss_is_measured_unscaled() -> None:
    trained(Steps([1.0, 0.5, 2.0]), StopDiverging(), plugins=Scaled())
    with pytest.raises(TrainingError, match=r"at step 2: the loss is 2e\+03, over 1e\+03"):
        trained(Steps([1.0, 0.5, 2000.0]), StopDiverging(), plugins=Scaled())


def test_of_batches_that_are_added_up_the_bad_one_is_named() -> None:
    with pytest.raises(TrainingError, match=r"the loss is nan on batch 2 of epoch 0 \(recordings r2\)"):
        trained(Steps([1.0, 0.5, float("nan"), 0.5]), StopDiverging(), accumulate_grad_batches=2)


def test_a_loss_that_falls_below_zero_is_no_divergence() -> None:
    trained(Steps([1.0, -3.0, -900.0, 0.0]), StopDiverging())


def test_broken_weights_are_not_kept() -> None:
    module = torch.nn.Linear(2, 2)
    refuse_broken(module)
    module.weight.data[0, 1] = float("inf")
    with pytest.raises(TrainingError, match="weight is no longer finite"):
        refuse_broken(module)


def test_the_average_is_the_moving_average_in_closed_form() -> None:
    callback = AverageWeights(0.5)
    average, decays = [torch.zeros(1), torch.zeros(1)], []
    for count, value in enumerate([1.0, 2.0, 3.0], 1):
        decays.append(min(0.5, (1 + count) / (10 + count)))
        callback.average(average, [torch.full((1,), value)] * 2, torch.tensor(count))
    expected = 0.0
    for decay, value in zip(decays, [1.0, 2.0, 3.0], strict=True):
        expected = decay * expected + (1 - decay) * value
    assert average[0].item() == pytest.approx(expected) and decays[0] < decays[1] < decays[2]
    counts = [torch.tensor(4)]
    callback.average(counts, [torch.tensor(9)], torch.tensor(3))
    assert counts[0] == 9


def test_the_order_is_shared_by_processes_and_goes_on_inside_an_epoch() -> None:
    alone = list(Order([10, 5], [1.0, 3.0], 3, lambda: (2, 0)))
    parts = [list(Order([10, 5], [1.0, 3.0], 3, lambda: (2, 0), 2, rank)) for rank in (0, 1)]
    assert [one for pair in zip(*parts, strict=True) for one in pair] == alone[:14]
    assert list(Order([10, 5], [1.0, 3.0], 3, lambda: (2, 4), 2, 1)) == parts[1][4:]
    assert alone != list(Order([10, 5], [1.0, 3.0], 3, lambda: (3, 0)))
    assert sorted(Order([9], [1.0], 3, lambda: (0, 0))) == list(range(9))


def test_batches_of_a_limited_epoch() -> None:
    limits = [batches_an_epoch(10, L.Trainer(limit_train_batches=limit, accelerator="cpu")) for limit in (4, 40, 0.5)]
    assert limits == [4, 10, 5]


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--logger", "mlfow"], "no logger called 'mlfow'. Did you mean mlflow?"),
        (["--early-stopping", "-1"], "early_stopping is a number of validations"),
        (["--average-weights", "1"], "average_weights is a decay from 0 to below 1"),
    ],
)
def test_wrong_settings_are_one_sentence(words: list[str], says: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*FAST, *words]) == 2
    err = capsys.readouterr().err
    assert says in err and err.count("\n") == 1 and not Path("runs").exists()


def test_a_logger_whose_package_is_missing(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *a: None if name == "wandb" else find(name, *a))
    assert main([*FAST, "--logger", "wandb"]) == 2
    assert "needs a package that is not installed: pip install wandb" in capsys.readouterr().err


@pytest.mark.full
@pytest.mark.parametrize("name", ["mlflow", "wandb"])
def test_loggers_by_name(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip(name)
    monkeypatch.setenv("WANDB_MODE", "offline")
    assert main([*FAST, "--trainer.max_steps", "2", "--logger", name]) == 0
    assert only(Path(), "runs/fpn1d_multitask/*/metrics.csv").stat().st_size
    if name == "wandb":
        assert list(Path().glob("runs/fpn1d_multitask/*/wandb/offline-run-*/run-*.wandb"))
        return
    import sqlite3

    with sqlite3.connect("runs/mlflow.db") as store:
        logged = {row[0] for row in store.execute("select distinct key from metrics")}
    assert {"train/loss", "val/heart_rate_mae", "test/heart_rate_mae"} <= logged
