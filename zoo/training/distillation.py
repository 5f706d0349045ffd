"""Distillation: a frozen teacher's waveforms and maps as further labels of a student, for any pair in the zoo."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from zoo import checkpoints
from zoo.errors import CheckpointError, UnknownName, UsageError
from zoo.losses import BREATH, PULSE, WAVEFORM_LOSSES
from zoo.module import Batch, VitalsModule, full_precision
from zoo.signals.forms import to_form, to_value
from zoo.training.maps import Orientation, at_frames, positions, target_aware
from zoo.training.pairs import check_inputs, fitting_stages, shared_waveforms


@dataclass(frozen=True)
class Distillation:
    """How a student is taught.

    Args:
        teacher: its checkpoint: shipped name, card (.json) or .ckpt.
        output: weight of the loss between the waveforms; 0 leaves it out.
        loss: that loss, of `zoo.losses.WAVEFORM_LOSSES`; the mean squared error is the published one.
        maps: weight of the loss of each pair of maps; 0 leaves them out.
        stages: the teacher's stage by the student's; none for the stages that both have, or else all in their order.
        orientation: which side of the product of maps asks, see `target_aware`.
        grid: larger maps are averaged to at most so many positions a side.
    """

    teacher: str = ""
    output: float = 1.0
    loss: str = "mse"
    maps: float = 0.1
    stages: dict[str, str] = field(default_factory=dict)
    orientation: Orientation = "target"
    grid: int = 9

    def __post_init__(self) -> None:
        if self.loss not in WAVEFORM_LOSSES:
            raise UnknownName("waveform loss", self.loss, WAVEFORM_LOSSES)
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
        self.trained_on, self.divisions = list(teacher.trained_on), dict(teacher.divisions)
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
                compare, band = WAVEFORM_LOSSES[self.settings.loss], BREATH if name == "respiration" else PULSE
                error = compare(waveforms[name].float(), label, batch["mask"], teacher.input.fps, band)
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
