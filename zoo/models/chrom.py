"""CHROM: the pulse from chrominance."""

from __future__ import annotations

from typing import ClassVar

from zoo.models._classical import Network
from zoo.module import VitalsModule
from zoo.signals.classical import upright
from zoo.spec import Signal, Traces


class CHROM(VitalsModule):
    """Chrominance method (de Haan 2013): two chrominance signals, tuned so that specular motion cancels.

    Input: (B, regions, 3, T) mean colours 0..1; the pulses of several regions are averaged. Output: `ppg` (B, T).

    Args:
        frames: window length in samples.
        regions: names of skin regions; the whole face unless told otherwise.
        fps: samples a second.
        protocol: name of the protocol by which rates are read and scored.
    """

    paper: ClassVar[str] = "de Haan and Jeanne 2013, Robust pulse rate from chrominance-based rPPG, IEEE TBME 60(10)"
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
        self.network = Network(upright("chrom"), fps)
