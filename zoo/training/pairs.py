"""Which teacher fits which student: what they see, which waveforms and which maps can be compared."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

import torch

from zoo.errors import UsageError
from zoo.module import VitalsModule
from zoo.spec import Clip, Input


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
