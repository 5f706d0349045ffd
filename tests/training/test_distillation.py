"""Distillation: the formula, what learns and what is kept, which pairs fit, and that a student learns by it."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml

from tests.models.small_models import build
from tests.plugins import MODEL, installed, write_plugin
from zoo import checkpoints, registry
from zoo.cli import main
from zoo.errors import CheckpointError, UnknownName, UsageError
from zoo.models.can_student import CANStudent
from zoo.models.can_teacher import CANTeacher
from zoo.models.fpn1d_multitask import FPN1DMultitask
from zoo.training.distillation import Distillation, Lesson, distil
from zoo.training.maps import at_frames, positions, target_aware
from zoo.training.pairs import check_inputs

TINY = {"frames": 64, "size": 8, "crop": "whole"}


def by_hand(teacher: np.ndarray, student: np.ndarray, orientation: str) -> float:
    """|| f_t - W f_s ||_2 in loops."""
    asks, answers = (teacher, student) if orientation == "target" else (student, teacher)
    error = np.zeros_like(teacher)
    for i in range(len(teacher)):
        score = np.array([sum(a * b for a, b in zip(asks[i], row, strict=True)) for row in answers])
        weights = np.exp(score) / np.exp(score).sum()
        error[i] = teacher[i] - sum(weight * row for weight, row in zip(weights, student, strict=True))
    return float(np.sqrt((error**2).sum()))


@pytest.mark.parametrize("orientation", ["target", "printed"])
def test_the_loss_is_the_printed_formula(orientation):
    rng = np.random.default_rng(0)
    teacher, student = rng.standard_normal((2, 3, 4, 5))
    expected = np.mean([by_hand(t, s, orientation) for t, s in zip(teacher, student, strict=True)])
    found = target_aware(torch.from_numpy(teacher), torch.from_numpy(student), orientation)
    assert float(found) == pytest.approx(expected, rel=1e-12)


def test_the_teacher_finds_its_positions_wherever_the_student_has_them():
    teacher = 20.0 * torch.eye(6)[None]
    shuffled = teacher[:, [3, 1, 5, 0, 2, 4]]
    assert float(target_aware(teacher, shuffled)) < 1e-3
    assert float(target_aware(teacher, -teacher)) > 1.0
    # a student's map may have another number of positions
    assert float(target_aware(teacher, torch.cat([shuffled, shuffled], 1))) < 1e-3


def test_positions_of_clips_and_traces():
    clip = torch.arange(2 * 3 * 5 * 4 * 4, dtype=torch.float32).reshape(2, 3, 5, 4, 4)
    rows = positions(clip, "b t c h w", grid=4)
    assert rows.shape == (2, 3, 16, 5) and torch.equal(rows[1, 2, 6], clip[1, 2, :, 1, 2])
    assert torch.equal(positions(clip.transpose(1, 2), "b c t h w", grid=4), rows)
    pooled = positions(clip, "b t c h w", grid=2)
    assert torch.allclose(pooled[0, 0, 1], clip[0, 0, :, :2, 2:].mean((1, 2)))
    # what does not divide is averaged over what there is
    assert torch.allclose(positions(clip, "b t c h w", grid=3)[0, 0, 3], clip[0, 0, :, 2:, 2:].mean((1, 2)))
    traces = torch.randn(2, 5, 30)
    assert positions(traces, "b t c h w", grid=9).shape == (2, 1, 30, 5)
    assert positions(traces, "b t c h w", grid=2).shape == (2, 1, 4, 5)
    assert at_frames(clip, 2)[0, 1, 0, 0, 0] == clip[0, 2, 0, 0, 0] and at_frames(clip, 3) is clip


def taught(maps: float = 0.1, output: float = 1.0, **options) -> tuple[CANTeacher, CANStudent]:
    torch.manual_seed(0)
    teacher, student = CANTeacher(**TINY), CANStudent(**TINY, **options)
    student.lesson = Lesson(teacher, student, Distillation("teacher", output=output, maps=maps))
    return teacher, student


def pulses(batch: int, seed: int) -> dict:
    """Pulses of 50-150 beats a minute in the difference of two colours, under light that flickers more than that."""
    generator = torch.Generator().manual_seed(seed)

    def draw(colours: list[float]) -> tuple[torch.Tensor, torch.Tensor]:
        rate, phase = 0.8 + 1.7 * torch.rand(batch, 1, generator=generator), torch.rand(batch, 1, generator=generator)
        wave = torch.sin(2 * torch.pi * (rate * torch.arange(64) / 30 + phase))
        return wave, wave[:, None, :, None, None] * torch.tensor(colours)[:, None, None, None]

    (wave, pulse), (_, flicker) = draw([-0.01, 0.01, 0.0]), draw([0.02, 0.02, 0.02])
    clip = 0.5 + pulse + flicker + 0.005 * torch.randn(batch, 3, 64, 8, 8, generator=generator)
    return {"input": clip, "waveforms": {"ppg": wave}, "targets": {}, "mask": torch.ones(batch, 64, dtype=torch.bool)}


def test_gradients_reach_the_student_alone_and_the_teacher_stays_as_it_is():
    teacher, student = taught()
    before = {name: value.clone() for name, value in teacher.state_dict().items()}
    student.train()
    losses = student.loss(pulses(2, 0))
    losses["loss"].backward()
    assert {"ppg", "ppg_teacher", "mid_teacher", "last_teacher"} < set(losses)
    total = sum(float(value.detach()) for name, value in losses.items() if name != "loss")
    assert float(losses["loss"].detach()) == pytest.approx(total, rel=1e-6)
    assert all(parameter.grad is not None for parameter in student.parameters())
    assert not teacher.training and all(parameter.grad is None for parameter in teacher.parameters())
    # its batch norm has seen nothing new
    assert all(torch.equal(value, before[name]) for name, value in teacher.state_dict().items())


def test_what_teaches_is_not_saved(tmp_path):
    torch.manual_seed(0)
    plain, student = CANStudent(frames=8), CANStudent(frames=8)
    student.lesson = Lesson(CANTeacher(frames=8), student, Distillation("teacher"))
    assert set(student.state_dict()) == set(plain.state_dict())
    narrow = CANStudent(**TINY)
    narrow.lesson = Lesson(build("mobilenet_attention", **TINY), narrow, Distillation("teacher"))
    assert [name for name in narrow.state_dict() if "lesson" in name]
    for one, parameters in ((student, 24_769), (narrow, sum(p.numel() for p in CANStudent(**TINY).parameters()))):
        found = checkpoints.load(checkpoints.save(one, "student", tmp_path, results=[]))
        assert sum(parameter.numel() for parameter in found.parameters()) == parameters
        assert not any("lesson" in name for name in found.state_dict())


def test_maps_of_other_channels_and_layouts_are_projected():
    student = build("can_student", frames=16, size=16)
    for name in ("physnet_2dcnn", "deepphys_higher_order", "rtrppg"):
        teacher = build(name, frames=16, size=16)
        lesson = Lesson(teacher, student, Distillation("teacher"))
        student.lesson = lesson
        losses = student.loss(
            {"input": student.example_input(1), "waveforms": {}, "targets": {}, "mask": torch.ones(1, 16).bool()}
        )
        assert all(torch.isfinite(value) for value in losses.values())
        assert {f"{stage}_teacher" for stage in lesson.stages} <= set(losses)
    assert set(lesson.stages) == {"mid", "last"}


def test_traces_teach_traces_and_forms_are_brought_together():
    torch.manual_seed(0)
    options = {"frames": 128, "regions": ["face"], "targets": []}
    student = FPN1DMultitask(**options)
    lesson = Lesson(FPN1DMultitask(**options), student, Distillation("teacher"))
    assert lesson.stages == {"fused": "fused"}
    # a teacher that gives the derivative, as a label of a student that gives the value
    wave = torch.sin(2 * torch.pi * 1.5 * torch.arange(300) / 30)[None]
    lesson.forms = {"ppg": ("derivative", "value")}
    slope = torch.cat([wave[:, 1:] - wave[:, :-1], torch.zeros(1, 1)], 1)
    label = lesson._label("ppg", 7 * slope, torch.ones(1, 300, dtype=torch.bool), 30.0)
    assert float(torch.corrcoef(torch.cat([label, wave]))[0, 1]) > 0.99 and float(label.std()) == pytest.approx(1, 0.01)


@pytest.mark.full
def test_a_student_without_labels_learns_the_pulse_from_its_teacher():
    def learn(module, seeds, labels: bool) -> None:
        optimiser = torch.optim.Adam([p for p in module.parameters() if p.requires_grad], 3e-3)
        module.train()
        for seed in seeds:
            batch = pulses(2, seed)
            loss = module.loss(batch if labels else {**batch, "waveforms": {}})["loss"]
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()

    def score(module) -> float:
        batch = pulses(8, 10_000)
        with torch.no_grad():
            waves = module.eval().values(module(batch["input"]).waveforms)["ppg"]
        return float((waves * batch["waveforms"]["ppg"]).mean() / batch["waveforms"]["ppg"].std())

    torch.manual_seed(0)
    teacher = CANTeacher(**TINY)
    learn(teacher, range(30), labels=True)
    student = CANStudent(**TINY)
    # labels that are unknown teach nothing
    learn(student, range(5), labels=False)
    alone = score(student)
    student.lesson = Lesson(teacher, student, Distillation("teacher"))
    learn(student, range(100, 130), labels=False)
    assert score(teacher) > 0.8 and score(student) > 0.8 and alone < 0.5


@pytest.mark.parametrize(
    ("teacher", "student", "says"),
    [
        ({"size": 12}, {}, "trained with size 12 and the student has 8"),
        ({"fps": 25.0}, {}, "trained with fps 25.0 and the student has 30.0"),
        ({"crop": "aligned"}, {}, "trained with crop aligned and the student has whole"),
    ],
)
def test_a_teacher_that_sees_something_else_is_refused(teacher, student, says):
    with pytest.raises(UsageError, match=says):
        check_inputs("can_teacher", CANTeacher(**{**TINY, **teacher}).input, CANStudent(**{**TINY, **student}).input)


def test_pairs_that_do_not_fit_are_refused_in_one_sentence():
    teacher, student = CANTeacher(**TINY), CANStudent(**TINY)
    traces = FPN1DMultitask(frames=128, regions=["face"], targets=[])
    with pytest.raises(UsageError, match="eats traces and the student face clips"):
        check_inputs("fpn1d_multitask", traces.input, student.input)
    with pytest.raises(UsageError, match="at least 10 frames in multiples of 10, and the student has 64"):
        check_inputs("tscan", build("tscan").input, CANStudent(frames=64, size=12, crop="aligned").input)
    with pytest.raises(UsageError, match="The teacher has no stage 'midd' to compare: it has mid, last"):
        Lesson(teacher, student, Distillation("teacher", stages={"mid": "midd"}))
    with pytest.raises(UsageError, match="The student has no stage 'first'"):
        Lesson(teacher, student, Distillation("teacher", stages={"first": "mid"}))
    with pytest.raises(UsageError, match="no waveform in common"):
        Lesson(build("rhythmnet"), traces, Distillation("teacher"))
    with pytest.raises(UnknownName, match="Did you mean band_pearson"):
        Distillation("teacher", loss="band_person")
    with pytest.raises(UsageError, match="not both 0"):
        Distillation("teacher", output=0, maps=0)
    with pytest.raises(UsageError, match="--teacher"):
        distil(student, Distillation())


def test_an_untrained_or_unsafe_teacher_is_refused(tmp_path):
    student = CANStudent(**TINY)
    card = checkpoints.save(CANTeacher(**TINY), "fresh", tmp_path, results=[])
    with pytest.raises(CheckpointError, match="no trained weights to teach with: train it with 'zoo fit --model can_t"):
        distil(student, Distillation(str(card)))
    pickled = tmp_path / "stranger.ckpt"
    torch.save({"zoo": {"model": "can_teacher"}, "evil": Path("x")}, pickled)
    with pytest.raises(CheckpointError, match="holds code, which is refused"):
        distil(student, Distillation(str(pickled)))
    card.with_suffix(".safetensors").write_bytes(b"changed")
    with pytest.raises(CheckpointError, match="sha256 differs"):
        distil(student, Distillation(str(card)))


@pytest.mark.parametrize("name", ["can_student_kd", "can_student_kd.quick"])
def test_the_recipes_name_what_there_is(name):
    settings = yaml.safe_load(registry.config(name).read_text())
    student = registry.model_class("can_student")(**settings["model"]["init_args"])
    teacher = registry.model_class(settings["distillation"]["teacher"])()
    check_inputs("can_teacher", teacher.input, student.input)
    lesson = Lesson(teacher, student, Distillation(**settings["distillation"]))
    assert lesson.stages == {"mid": "mid", "last": "last"} and not lesson.projections


def test_recipes_are_found_by_name_in_plugins_too(tmp_path):
    modules = {"good_plugin/__init__.py": "PLUGIN_API = 1\n", "good_plugin/model.py": MODEL}
    write_plugin(tmp_path, "zoo-good", modules, {"good": "good_plugin.model:Mine"})
    for name in ("good_kd", "physnet"):
        (tmp_path / "good_plugin" / f"{name}.yaml").write_text("model: good\n")
    with installed(tmp_path):
        assert registry.config("good_kd") == tmp_path / "good_plugin" / "good_kd.yaml"
        # the zoo's own keeps its name
        assert registry.config("physnet") == registry.recipe("physnet")
    assert registry.config("mine.yaml") == Path("mine.yaml")
    with pytest.raises(UnknownName, match="Did you mean can_student_kd"):
        registry.config("can_studnt_kd")


def test_mistakes_on_the_command_line_are_one_sentence(capsys):
    for words, says in (
        (["--config", "can_student_kd", "--distillation.outptu", "2"], "Did you mean distillation.output?"),
        (["--config", "can_student_kd", "--distillation.orientation", "up"], "must be one of 'target', 'printed'"),
        (["--config", "can_student_kd", "--teacher"], "--teacher needs a value"),
        (["--config", "can_student_kd", "--teacher", "nobody"], "no model or checkpoint called 'nobody'"),
    ):
        assert main(["fit", *words]) in (1, 2)
        assert says in (err := capsys.readouterr().err) and err.count("\n") == 1


@pytest.mark.full
def test_a_short_run_by_name_teaches_and_keeps_the_student_alone(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    tiny = [
        *("--data", "synthetic", "--data.options", '{"people": 6}', "--data.batch_size", "3", "--data.workers", "0"),
        *("--model.frames", "64", "--trainer.accelerator", "cpu", "--trainer.max_steps", "2"),
        *("--trainer.val_check_interval", "1", "--trainer.log_every_n_steps", "1"),
    ]
    assert main(["fit", "--config", "can_teacher.quick", *tiny]) == 0
    (teacher,) = Path().glob("runs/can_teacher/*/checkpoints/best.ckpt")
    assert main(["fit", "--config", "can_student_kd.quick", "--teacher", str(teacher), *tiny]) == 0
    (run,) = Path("runs/can_student").iterdir()
    assert "train/mid_teacher" in (run / "metrics.csv").read_text().splitlines()[0]
    found = torch.load(run / "checkpoints" / "best.ckpt", weights_only=True)
    assert (
        sum(v.numel() for k, v in found["state_dict"].items() if not k.endswith(("mean", "var", "tracked"))) == 24_769
    )
    assert found["zoo"]["trained_on"] == ["synthetic"]
    # the run goes on with its teacher
    assert main(["fit", "--model", "can_student", "--ckpt_path", "last", "--trainer.max_steps", "4"]) == 0
    last = torch.load(run / "checkpoints" / "last.ckpt", weights_only=True)
    rows = list(csv.DictReader((run / "metrics.csv").open()))
    taught_steps = [row["step"] for row in rows if row["train/mid_teacher"]]
    assert last["global_step"] == 4 and taught_steps == [*"0123"]


@pytest.mark.full
def test_the_table_over_seeds_is_the_same_from_kept_weights(tmp_path):
    script = Path(__file__).parents[2] / "benchmarks" / "distillation.py"
    words = [*("--seeds", "2", "--steps", "1", "--batch", "2", "--people", "4", "--test-people", "4", "--frames", "64")]
    words += ["--workers", "0", "--noises", "0", "--accelerator", "cpu", "--keep", "models"]

    def table(out):
        subprocess.run([sys.executable, script, *words, "--out", out], cwd=tmp_path, check=True)
        return json.loads((tmp_path / f"{out}.json").read_text())

    first, second = table("first"), table("second")
    assert first["taken"] == [] and len(second["taken"]) == 6
    assert len(list((tmp_path / "models").rglob("*.safetensors"))) == 6
    assert first["results"] == second["results"] and set(first["results"]) == {"simulated"}
    rows = first["results"]["simulated"]
    maes = [one["mae"] for one in rows["can_student"]["seeds"]]
    assert len(maes) == 2 and rows["can_student"]["mae"][0] == pytest.approx(sum(maes) / 2)
    gained = [
        a["mae"] - b["mae"] for a, b in zip(*(rows[m]["seeds"] for m in ("can_student", "can_student_kd")), strict=True)
    ]
    assert rows["gap"]["gained"] == pytest.approx(sum(gained) / 2)
    card = json.loads((tmp_path / "models" / "seed1" / "can_student_kd.json").read_text())
    assert card["trained_on"] == ["synthetic"] and "can_student_kd" in (tmp_path / "first.md").read_text()
