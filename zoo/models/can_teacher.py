"""CAN, the teacher of the light heart-rate system: DeepPhys with batch norm and no border lost."""

from __future__ import annotations

from typing import ClassVar

from torch import Tensor, nn

from zoo.models import deepphys
from zoo.models._can import CAN
from zoo.models.preparation import difference, motion_and_appearance


class Network(deepphys.Network):
    """The published teacher: (B, T, 6, 36, 36), differences and colours 0..1, to the PPG's change a frame (B, T).

    Every 3x3 convolution is padded by 1 and followed by batch norm; 5184-128-1 dense layers. 795,811 parameters.
    """

    def __init__(self, size: int = 36) -> None:
        super().__init__(size, paddings=(1, 1), norm=True)


class CANTeacher(CAN):
    """The convolutional attention network that teaches `can_student` (system of knowledge distillation on UBFC-rPPG).

    Input: (B, 3, T, 36, 36) face crops 0..1 of the first frame's box, enlarged 1.6 times. Network: (B, T, 6, 36, 36),
    the difference of adjacent frames and the frames themselves. Output: the derivative of `ppg` (B, T); its sum over
    time, passed through 0.7-4.0 Hz, is the PPG. 795,811 parameters.

    Published: convolutions, normalisation, dense layers and their sizes. Chosen, since it is not printed: batch norm
    stands between a convolution and its tanh; dropout as in DeepPhys; differences are multiplied by `gain`, or they
    would be near 0 at the scale of the weights.
    """

    paper: ClassVar[str] = "Light rPPG by knowledge distillation; teacher after Chen and McDuff 2018, arXiv:1805.07888"
    network_class: ClassVar[type[nn.Module]] = Network
    width: ClassVar[int] = 128

    def prepare(self, raw: Tensor) -> Tensor:
        """(B, 3, T, H, W) -> (B, T, 6, H, W): differences times `gain`, and colours 0..1."""
        return motion_and_appearance(difference(raw) * self.hparams["gain"], raw)
