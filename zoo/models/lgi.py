"""LGI: the pulse orthogonal to the main direction of colour change."""

from __future__ import annotations

from typing import ClassVar

from zoo.models._classical import Network
from zoo.module import VitalsModule
from zoo.signals.classical import upright
from zoo.spec import Signal, Traces


class LGI(VitalsModule):
    """Local group invariance (Pilz 2018): colours projected away from their main direction of change.

    Input: (B, regions, 3, T) mean colours 0..1; the pulses of several regions are averaged. Output: `ppg` (B, T).

    Args:
        frames: window length in samples.
        regions: names of skin regions; the whole face unless told otherwise.
        fps: samples a second.
        protocol: name of the protocol by which rates are read and scored.
    """

    paper: ClassVar[str] = "Pilz et al. 2018, Local group invariance for heart rate estimation from face videos, CVPRW"
    trainable: ClassVar[bool] = False

    def __init__(
        self,
        frames: int = 600,
        regions: list[str] = ["face"],
        fps: float = 30.0,
        protocol: str = "zoo",
    ) -> None:
        super().__init__(
            input=Traces(frames, tuple(regions), min_frames=int(2 * fps), fps=fps),
            signals={"ppg": Signal("value")},
            protocol=protocol,
        )
        self.network = Network(upright("lgi"), fps)
