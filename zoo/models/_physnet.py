"""What PhysNet and its variants share: all but the network and what is published of it."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

from torch import Tensor, nn

from zoo.errors import InputShapeError
from zoo.models.preparation import Normalise, prepared
from zoo.module import VitalsModule
from zoo.spec import Clip, Crop, Signal


class PhysNetVariant(VitalsModule):
    """A network on clips (B, 3, T, H, W) that halves space four times; a variant names it.

    Args:
        frames: window length.
        size: side of the square crops in pixels, at least 16.
        normalise: `difference`, `standard`, `pulse` or `none`, over the window.
        form: what the waveform is trained as.
        fps: frames a second.
        crop: how the face is cut out.
        targets: biomarkers; none leaves exactly the network.

    Raises:
        InputShapeError: crops that the network would shrink to nothing.
    """

    paper: ClassVar[str] = "Yu et al. 2019, PhysNet, arXiv:1905.02419"
    map_axes: ClassVar[str] = "b c t h w"
    network_class: ClassVar[type[nn.Module]]
    min_frames: ClassVar[int] = 2

    def __init__(
        self,
        frames: int = 128,
        size: int = 72,
        normalise: Normalise = "difference",
        form: Literal["value", "derivative"] = "derivative",
        fps: float = 30.0,
        crop: Crop = "aligned",
        targets: list[str] = [],
        **training: Any,
    ) -> None:
        if size < 16:
            raise InputShapeError(f"This network eats clips of at least 16x16 pixels, not {size}x{size}.")
        network: Any = self.network_class()
        super().__init__(
            input=Clip(frames, size, min_frames=self.min_frames, fps=fps, crop=crop),
            signals={"ppg": Signal(form)},
            width=network.width,
            targets=targets,
            **training,
        )
        self.network = network

    def prepare(self, raw: Tensor) -> Tensor:
        """(B, 3, T, H, W) to the same, normalised over the window."""
        return prepared(raw, self.hparams["normalise"], self.input.fps)
