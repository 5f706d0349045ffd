"""TS-CAN: DeepPhys whose motion branch shifts channels in time, so that 2-D convolutions see three frames."""

from __future__ import annotations

from typing import Any, ClassVar

from torch import Tensor

from zoo.models import deepphys
from zoo.models.layers import temporal_shift
from zoo.models.preparation import motion_and_appearance, normalised_difference, standardised
from zoo.module import VitalsModule
from zoo.settings import positive
from zoo.spec import Clip, Crop, Signal


class Network(deepphys.Network):
    """The published network (arXiv:2006.03790): (B, T, 6, H, W) to a waveform (B, T), T a multiple of `depth`.

    Args:
        size: side of the square frames in pixels, at least 10.
        depth: frames among which channels are shifted.
    """

    def __init__(self, size: int = 36, depth: int = 10) -> None:
        super().__init__(size)
        self.depth = depth
        self.piece = 2 * depth

    def shift(self, motion: Tensor) -> Tensor:
        """A third of the channels from the next frame, a third from the one before, inside each group of frames."""
        return temporal_shift(motion, self.depth)


class TSCAN(VitalsModule):
    """TS-CAN (Liu et al. 2020): the two branches of DeepPhys with a temporal shift before each motion convolution.

    Input: (B, 3, T, size, size) face crops 0..1, T a multiple of `depth`. Network: (B, T, 6, size, size), normalised
    differences and standardised frames. Output: the derivative of `ppg` (B, T). 2,228,643 parameters at 72 pixels.

    Deviation from the paper: appearance is looked at in every frame, as in the published PyTorch code, and not in the
    mean of a group of frames; the window, not the whole video, is standardised.

    Args:
        frames: window length, a multiple of `depth`.
        size: side of the square crops in pixels.
        depth: frames among which channels are shifted.
        fps: frames a second.
        crop: how the face is cut out.
        targets: biomarkers; none leaves exactly the published network.
    """

    paper: ClassVar[str] = "Liu et al. 2020, Multi-task temporal shift attention networks, arXiv:2006.03790"
    published_names: ClassVar[dict[str, str]] = deepphys.PUBLISHED_NAMES

    def __init__(
        self,
        frames: int = 180,
        size: int = 36,
        depth: int = 10,
        fps: float = 30.0,
        crop: Crop = "aligned",
        targets: list[str] = [],
        **training: Any,
    ) -> None:
        positive(depth=depth)
        super().__init__(
            input=Clip(frames, size, multiple_of=depth, min_frames=depth, fps=fps, crop=crop),
            signals={"ppg": Signal("derivative")},
            width=128,
            targets=targets,
            **training,
        )
        self.network = Network(size, depth)

    def prepare(self, raw: Tensor) -> Tensor:
        """(B, 3, T, H, W) -> (B, T, 6, H, W): normalised differences and standardised frames of the window."""
        return motion_and_appearance(normalised_difference(raw), standardised(raw))
