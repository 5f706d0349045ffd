"""`zoo fit`, `zoo validate` and `zoo test`, run for real on a few simulated people."""

from __future__ import annotations

import contextlib
import csv
import io
import json
import shutil
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml

from zoo.cli import main

MODEL = "fpn1d_multitask"
TINY = [
    *("--data", "synthetic", "--data.options", '{"people": 6}', "--data.batch_size", "3"),
    *("--data.workers", "0", "--model.frames", "128", "--model.targets", "[age]", "--trainer.accelerator", "cpu"),
    *("--trainer.val_check_interval", "1", "--trainer.log_every_n_steps", "1", "--trainer.num_sanity_val_steps", "0"),
]


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@dataclass(frozen=True)
class Run:
    """A run of four steps, which several tests look at, and what it printed."""

    folder: Path
    out: str

    @property
    def root(self) -> Path:
        return self.folder.parents[1]

    @property
    def best(self) -> Path:
        return self.folder / "checkpoints" / "best.ckpt"


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        folder = fit(steps=4, root=str(tmp_path_factory.mktemp("runs")))
    return Run(folder, out.getvalue())


def fit(*arguments: str, steps: int = 2, root: str = "runs") -> Path:
    """Train a few steps; the run's folder."""
    code = main(
        [
            *("fit", "--model", MODEL, *TINY, "--trainer.max_steps", str(steps), "--trainer.default_root_dir", root),
            *arguments,
        ]
    )
    assert code == 0
    return sorted((Path(root) / MODEL).iterdir(), key=lambda path: path.stat().st_mtime)[-1]


def weights(path: Path) -> dict[str, Any]:
    return torch.load(path, weights_only=True)["state_dict"]


def printed(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    with pytest.raises(SystemExit) as ended:
        main(list(arguments))
    assert not ended.value.code
    return capsys.readouterr().out


def test_a_run_trains_tests_and_says_where_everything_is(run):
    names = {path.name for path in run.folder.iterdir()}
    assert names >= {"config.yaml", "metrics.csv", "tensorboard", "test.csv", "test.json"}
    assert {path.name for path in (run.folder / "checkpoints").iterdir()} == {"best.ckpt", "last.ckpt"}
    for said in ("naive", "skill", str(run.best), "metrics.csv", "tensorboard --logdir", "zoo predict --model"):
        assert said in run.out
    results = json.loads((run.folder / "test.json").read_text())
    assert results["people"] == 6 and results["scores"]["heart_rate_mae"] >= 0
    assert results["naive"]["heart_rate"] == "training median"
    with (run.folder / "metrics.csv").open() as file:
        steps = [row["step"] for row in csv.DictReader(file) if row["train/loss"]]
    assert steps == ["0", "1", "2", "3"]


def test_the_best_checkpoint_is_the_one_with_the_best_validation_score(run):
    with (run.folder / "metrics.csv").open() as file:
        rows = [row for row in csv.DictReader(file) if row["val/ppg_r"]]
    scores = {int(row["step"]): float(row["val/heart_rate_mae"]) for row in rows}
    best = torch.load(run.best, weights_only=True)
    last = torch.load(run.best.with_name("last.ckpt"), weights_only=True)
    # a checkpoint counts the steps done, a log the step's number
    assert scores[best["global_step"] - 1] == min(scores.values()) and len(scores) == 4
    assert last["global_step"] == 4


def test_the_same_seed_gives_the_same_numbers_bit_for_bit():
    first, second, other = fit(root="a"), fit(root="b"), fit("--seed_everything", "8", steps=1, root="c")
    one, two, three = (weights(run / "checkpoints" / "last.ckpt") for run in (first, second, other))
    assert all(torch.equal(one[name], two[name]) for name in one)
    assert not all(torch.equal(one[name], three[name]) for name in one)
    assert (first / "test.csv").read_bytes() == (second / "test.csv").read_bytes()
    assert (first / "metrics.csv").read_bytes() == (second / "metrics.csv").read_bytes()


def test_a_run_goes_on_from_its_last_checkpoint_and_remembers_the_best(run, tmp_path):
    shutil.copytree(run.root, tmp_path / "runs")
    arguments = ["fit", "--model", MODEL, "--ckpt_path", "last", "--trainer.max_steps", "6"]
    assert main(arguments) == 0
    after = sorted((Path("runs") / MODEL).iterdir(), key=lambda path: path.stat().st_mtime)[-1]
    assert after.name == run.folder.name
    assert torch.load(after / "checkpoints" / "last.ckpt", weights_only=True)["global_step"] == 6
    # the settings of the run that it goes on from, not those of the recipe
    config = yaml.safe_load((after / "config.yaml").read_text())
    assert config["model"]["init_args"]["frames"] == 128 and config["data"]["batch_size"] == 3
    with (after / "metrics.csv").open() as file:
        assert [row["step"] for row in csv.DictReader(file) if row["train/loss"]] == list("012345")


def test_fast_dev_run_leaves_nothing_behind():
    code = main(["fit", "--model", MODEL, *TINY, "--trainer.fast_dev_run", "true"])
    assert code == 0 and not list(Path().rglob("*.ckpt")) and not Path("runs").exists()


def test_a_checkpoint_is_tested_and_validated_by_path_and_by_word(run, capsys):
    data = [*TINY[:8], "--trainer.default_root_dir", str(run.root)]
    wanted = json.loads((run.folder / "test.json").read_text())["scores"]
    for chosen in (["--model", str(run.best)], ["--model", MODEL, "--ckpt_path", "best"]):
        assert main(["test", *chosen, *data, "--json", "--csv", "out/table.csv"]) == 0
        found = json.loads(capsys.readouterr().out)
        assert found["model"] == MODEL and found["checkpoint"] == str(run.best)
        assert found["scores"] == wanted
    assert Path("out/table.csv").read_text() == (run.folder / "test.csv").read_text()
    assert main(["validate", "--ckpt_path", str(run.best), *data]) == 0
    assert "(validate)" in capsys.readouterr().out
    assert main(["test", "--model", "pos", "--ckpt_path", str(run.best), *data]) == 1
    assert f"is a checkpoint of {MODEL}, not of pos" in capsys.readouterr().err


def test_what_the_first_weights_saw_is_remembered_and_what_they_lack_is_told(capsys):
    from zoo import checkpoints
    from zoo.models.fpn1d_multitask import FPN1DMultitask

    module = FPN1DMultitask(frames=128, targets=[])
    module.trained_on, module.divisions = ["pure"], {"pure": {"seed": 3}}
    card = checkpoints.save(module, "start", Path("cards"), results=[])
    assert main(["test", "--model", str(card), *TINY]) == 2
    assert "has no head." in (err := capsys.readouterr().err) and "add to the network" in err
    assert main(["fit", "--model", str(card), *TINY, "--trainer.max_steps", "1"]) == 0
    assert "note: cards/start.json has no head." in capsys.readouterr().out
    found = torch.load(next(Path("runs").rglob("last.ckpt")), weights_only=True)["zoo"]
    assert found["trained_on"] == ["pure", "synthetic"]
    assert found["divisions"]["synthetic"]["seed"] == 7


def test_a_card_is_tested(capsys, tmp_path):
    from zoo import checkpoints
    from zoo.models.fpn1d_multitask import FPN1DMultitask

    card = checkpoints.save(FPN1DMultitask(frames=128, targets=[]), "small", tmp_path / "cards", results=[])
    assert main(["test", "--model", str(card), *TINY[:8], "--json"]) == 0
    captured = capsys.readouterr()
    found = json.loads(captured.out)
    assert found["windows"] == 6 and "systolic_mae" not in found["scores"]
    assert "no trained weights" in captured.err


def test_a_classical_method_is_tested_not_trained(capsys):
    assert main(["fit", "--model", "pos"]) == 2
    assert "nothing to train" in (err := capsys.readouterr().err) and "zoo test --model pos" in err
    assert main(["test", "--model", "pos", *TINY[:8], "--protocol", "spectral"]) == 0
    out = capsys.readouterr().out
    assert "pos on synthetic (test): 6 windows of 6 people" in out and "protocol spectral" in out
    assert not Path("runs").exists()


def test_print_config_round_trips(capsys):
    arguments = ["fit", "--model", MODEL, "--model.lr", "3e-4", "--data", "synthetic", "--trainer.max_epochs", "2"]
    first = printed(capsys, *arguments, "--print_config")
    config = yaml.safe_load(first)
    assert config["model"]["class_path"] == MODEL and config["model"]["init_args"]["lr"] == 3e-4
    assert config["data"]["name"] == "synthetic" and config["trainer"]["max_epochs"] == 2
    # from the model's own recipe
    assert config["model"]["init_args"]["losses"] == {"negative_pearson": 1.0, "spectral": 0.2}
    Path("recipe.yaml").write_text(first)
    assert printed(capsys, "fit", "--config", "recipe.yaml", "--print_config") == first


def test_short_names_in_yaml_and_help_by_name(capsys):
    Path("short.yaml").write_text(f"model: {MODEL}\ndata: synthetic\ntrainer: {{max_steps: 3}}\n")
    config = yaml.safe_load(printed(capsys, "fit", "--config", "short.yaml", "--print_config"))
    assert config["model"]["class_path"] == MODEL and config["trainer"]["max_steps"] == 3
    text = printed(capsys, "fit", f"--model.help={MODEL}")
    assert "--model.lr" in text or "lr" in text
    assert "normalise" in text and "weight_decay" in text


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("model: pos\ntrainre: {max_steps: 3}\n", "has no setting 'trainre'. Did you mean trainer?"),
        (f"model: {MODEL}\ntrainer: {{max_stpes: 3}}\n", "Did you mean trainer.max_steps?"),
        (f"model:\n  class_path: {MODEL}\n  init_args: {{lrr: 1}}\n", "Did you mean model.lr?"),
        (f"model: {MODEL}\nmodel: [\n", "is not YAML"),
        ("- a\n- b\n", "is no configuration"),
        ("model: physnett\n", "Did you mean physnet?"),
        (f"model: {MODEL}\ndata: {{datasets: [{{name: syntetic}}]}}\n", "Did you mean synthetic?"),
        (f"model:\n  class_path: {MODEL}\n  init_args: {{lr: much}}\n", "model.lr must be float, not 'much'"),
        ("model:\n  class_path: os.system\n  init_args: {command: touch hacked}\n", "no model called 'os.system'"),
        (
            f"model: {MODEL}\ntrainer: {{callbacks: [{{class_path: subprocess.Popen, init_args: {{args: [a]}}}}]}}\n",
            "may not import 'subprocess.Popen'",
        ),
        (
            f"model: {MODEL}\ntrainer: {{callbacks: [{{class_path: LambdaCallback, "
            "init_args: {on_fit_start: os.getcwd}}]}\n",
            "may not import 'os.getcwd'",
        ),
    ],
)
def test_a_wrong_or_hostile_configuration_is_one_sentence(capsys, text, says):
    Path("wrong.yaml").write_text(text)
    assert main(["fit", "--config", "wrong.yaml"]) == 2
    out, err = capsys.readouterr()
    assert says in err and err.startswith("zoo: ") and err.count("\n") == 1 and not out


def test_missing_and_damaged_checkpoints(capsys):
    assert main(["test", "--model", MODEL, "--ckpt_path", "nowhere.ckpt"]) == 1
    assert "There is no checkpoint 'nowhere.ckpt'" in capsys.readouterr().err
    assert main(["fit", "--model", MODEL, "--ckpt_path", "last"]) == 1
    assert f"no last checkpoint of {MODEL}" in capsys.readouterr().err
    Path("bad.ckpt").write_bytes(b"PK nonsense")
    assert main(["test", "--model", "bad.ckpt"]) == 1
    assert "cannot be read safely" in capsys.readouterr().err


def test_ctrl_c_leaves_a_checkpoint_to_go_on_from(tmp_path):
    arguments = [*("fit", "--model", MODEL), *TINY, "--trainer.max_steps", "100000"]
    process = subprocess.Popen([sys.executable, "-m", "zoo", *arguments], stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    for line in process.stderr:
        if line.startswith("step 3/"):
            process.send_signal(signal.SIGINT)
            break
    rest = process.stderr.read()
    assert process.wait(60) == 130
    (last,) = tmp_path.rglob("last.ckpt")
    assert f"zoo fit --model {MODEL} --ckpt_path last" in rest and "Traceback" not in rest
    assert torch.load(last, weights_only=True)["global_step"] >= 3
