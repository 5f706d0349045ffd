"""What the teacher and the student of the light heart-rate system share: all but the network and its input."""

from __future__ import annotations

from typing import Any, ClassVar

from torch import nn

from zoo.module import VitalsModule
from zoo.spec import Clip, Crop, Signal


class CAN(VitalsModule):
    """A network on single frames of face crops and their differences; a subclass names it and its feature `width`.

    Args:
        frames: window length.
        size: side of the square crops in pixels.
        gain: what differences of colours 0..1 are multiplied by.
        fps: frames a second.
        crop: how the face is cut out.
        targets: biomarkers; none leaves exactly the published network.
    """

    network_class: ClassVar[type[nn.Module]]
    width: ClassVar[int]

    def __init__(
        self,
        frames: int = 180,
        size: int = 36,
        gain: float = 100.0,
        fps: float = 30.0,
        crop: Crop = "first_box_1.6",
        targets: list[str] = [],
        **training: Any,
    ) -> None:
        super().__init__(
            input=Clip(frames, size, fps=fps, crop=crop),
            signals={"ppg": Signal("derivative")},
            width=self.width,
            targets=targets,
            **training,
        )
        self.network = self.network_class(size)
