"""Distillation: a frozen teacher's waveforms and maps as further labels of a student, for any pair in the zoo."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor, nn

from zoo import checkpoints
from zoo.errors import CheckpointError, UsageError
from zoo.losses import mean_squared_error
from zoo.module import Batch, VitalsModule, full_precision
from zoo.signals.forms import to_form, to_value
from zoo.spec import Clip, Input
from zoo.training.maps import Orientation, at_frames, positions, target_aware


@dataclass(frozen=True)
class Distillation:
    """How a student is taught.

    Args:
        teacher: its checkpoint: shipped name, card (.json) or .ckpt.
        output: weight of the mean squared error between the waveforms; 0 leaves it out.
        maps: weight of the loss of each pair of maps; 0 leaves them out.
        stages: the teacher's stage by the student's; none for the stages that both have, or else all in their order.
        orientation: which side of the product of maps asks, see `target_aware`.
        grid: larger maps are averaged to at most so many positions a side.
    """

    teacher: str = ""
    output: float = 1.0
    maps: float = 0.1
    stages: dict[str, str] = field(default_factory=dict)
    orientation: Orientation = "target"
    grid: int = 9

    def __post_init__(self) -> None:
        if min(self.output, self.maps) < 0 or self.output + self.maps == 0 or self.grid < 1:
            raise UsageError("distillation.output and .maps are at least 0 and not both 0, .grid is at least 1.")


class Lesson(nn.Module):
    """What a student loses against its teacher: `student.lesson`, which `VitalsModule.loss` adds to the labels' losses.

    The teacher is no submodule: it is frozen, stays in evaluation mode, and is never saved with the student. What is
    learned here is a 1x1 projection for each pair of maps with different channels, which is not published either.

    Args:
        teacher, student: what `fitting_stages` and `shared_waveforms` accept.
        settings: weights and stages.
    """

    def __init__(self, teacher: VitalsModule, student: VitalsModule, settings: Distillation) -> None:
        super().__init__()
        self._teacher = [teacher.requires_grad_(False).eval()]
        self.settings = settings
        self.trained_on = list(teacher.trained_on)
        self.waveforms = shared_waveforms(teacher, student) if settings.output else []
        channels = fitting_stages(teacher, student, settings.stages) if settings.maps else {}
        self.stages = {name: of_teacher for name, (of_teacher, _, _) in channels.items()}
        self.projections = nn.ModuleDict(
            {name: nn.Linear(mine, its) for name, (_, mine, its) in channels.items() if mine != its}
        )
        self.axes = (student.map_axes, teacher.map_axes)
        self.forms = {name: (teacher.signals[name].form, student.signals[name].form) for name in self.waveforms}

    def forward(self, batch: Batch, waveforms: Mapping[str, Tensor], maps: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Weighted losses by name, from a batch and what the student made of it."""
        raw: Tensor = batch["input"]
        (teacher,) = self._teacher
        with torch.no_grad():
            shown, its_maps = teacher.to(raw.device).staged(raw)
        losses = {}
        with full_precision(raw.device):
            for name in self.waveforms:
                label = self._label(name, shown[name].float(), batch["mask"], teacher.input.fps)
                error = mean_squared_error(waveforms[name].float(), label, batch["mask"])
                losses[f"{name}_teacher"] = self.settings.output * error
            for mine, its in self.stages.items():
                losses[f"{mine}_teacher"] = self.settings.maps * self._map_loss(mine, maps[mine], its_maps[its])
        return losses

    def _label(self, name: str, wave: Tensor, mask: Tensor, fps: float) -> Tensor:
        """The teacher's waveform as a label: standardised, in the student's form."""
        of_teacher, of_student = self.forms[name]
        if of_teacher == of_student:
            return to_form(wave, "value", mask)
        return to_form(to_value(wave, of_teacher, fps), of_student, mask)

    def _map_loss(self, name: str, mine: Tensor, its: Tensor) -> Tensor:
        student, teacher = (
            positions(x.float(), axes, self.settings.grid) for x, axes in zip((mine, its), self.axes, strict=True)
        )
        frames = min(student.shape[1], teacher.shape[1])
        student, teacher = at_frames(student, frames), at_frames(teacher, frames)
        if name in self.projections:
            student = self.projections[name](student)
        # a weight then means the same for maps of any size
        return target_aware(teacher, student, self.settings.orientation) / teacher[0, 0].numel() ** 0.5


def distil(student: VitalsModule, settings: Distillation) -> None:
    """Give a student its teacher.

    Raises:
        CheckpointError: the teacher cannot be loaded safely, or was never trained.
        UsageError: it does not fit the student; says why.
    """
    if not settings.teacher:
        raise UsageError("Say who teaches: --teacher CARD_OR_CKPT.")
    teacher = checkpoints.load(settings.teacher)
    name = checkpoints.registered_name(teacher)
    if teacher.trainable and not teacher.trained_on:
        raise CheckpointError(
            f"'{settings.teacher}' has no trained weights to teach with: train it with 'zoo fit --model {name}' and "
            "give --teacher the checkpoint that this names."
        )
    check_inputs(name, teacher.input, student.input)
    student.lesson = Lesson(teacher, student, settings)


def check_inputs(name: str, teacher: Input, student: Input) -> None:
    """Refuse a teacher that cannot see what its student sees.

    Raises:
        UsageError: names the difference.
    """
    if type(teacher) is not type(student):
        kinds = ("face clips", "traces") if isinstance(teacher, Clip) else ("traces", "face clips")
        raise UsageError(f"The teacher {name} eats {kinds[0]} and the student {kinds[1]}: choose two of one kind.")
    same = replace(teacher, frames=student.frames, multiple_of=student.multiple_of, min_frames=student.min_frames)
    for one in ("size", "regions", "fps", "crop"):
        its, mine = getattr(same, one, None), getattr(student, one, None)
        if its != mine:
            raise UsageError(
                f"The teacher {name} was trained with {one} {its} and the student has {mine}: give --model.{one} "
                "the teacher's, or another teacher."
            )
    if student.frames < teacher.min_frames or student.frames % teacher.multiple_of:
        raise UsageError(
            f"The teacher {name} eats at least {teacher.min_frames} frames in multiples of {teacher.multiple_of}, and "
            f"the student has {student.frames}: give --model.frames another number."
        )


def shared_waveforms(teacher: VitalsModule, student: VitalsModule) -> list[str]:
    """Waveforms that both give.

    Raises:
        UsageError: there is none.
    """
    both = [name for name in student.signals if name in teacher.signals]
    if not both:
        raise UsageError(
            f"Teacher and student have no waveform in common ({_words(teacher.signals)}; {_words(student.signals)}): "
            "choose another teacher, or distillation.output 0 to learn from its maps alone."
        )
    return both


def fitting_stages(
    teacher: VitalsModule, student: VitalsModule, chosen: Mapping[str, str]
) -> dict[str, tuple[str, int, int]]:
    """Pairs of stages: {the student's: (the teacher's, channels of the student, channels of the teacher)}.

    Raises:
        UsageError: a stage that there is not, or none that can be compared.
    """
    its, mine = stage_channels(teacher), stage_channels(student)
    for who, names, known in (("student", chosen, mine), ("teacher", chosen.values(), its)):
        if unknown := [name for name in names if name not in known]:
            raise UsageError(f"The {who} has no stage '{unknown[0]}' to compare: it has {_words(known)}.")
    pairs = dict(chosen) or {name: name for name in mine if name in its} or dict(zip(mine, its, strict=False))
    if not pairs:
        raise UsageError(
            f"There are no stages to compare (teacher {_words(its)}; student {_words(mine)}): give "
            "distillation.maps 0 to learn from the output alone."
        )
    return {name: (other, mine[name], its[other]) for name, other in pairs.items()}


def stage_channels(module: VitalsModule) -> dict[str, int]:
    """Channels of each named map, in the model's order; attention is no map of features."""
    training = module.training
    with torch.no_grad():
        _, maps = module.eval().staged(module.example_input(1).to(module.device))
    module.train(training)
    axis = module.map_axes.split().index("c")
    return {
        name: int(x.shape[axis if x.ndim == 5 else 1])
        for name, x in maps.items()
        if x.ndim in (3, 5) and not name.startswith("attention")
    }


def _words(names: Iterable[str]) -> str:
    return ", ".join(names) or "none"
