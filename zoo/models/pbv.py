"""PBV: the pulse along the signature of blood volume."""

from __future__ import annotations

from typing import ClassVar

from zoo.models._classical import Network
from zoo.module import VitalsModule
from zoo.signals.classical import upright
from zoo.spec import Signal, Traces


class PBV(VitalsModule):
    """Blood-volume-pulse signature (de Haan 2014): the combination of colours that varies along the known signature.

    Input: (B, regions, 3, T) mean colours 0..1; the pulses of several regions are averaged. Output: `ppg` (B, T).

    Args:
        frames: window length in samples.
        regions: names of skin regions; the whole face unless told otherwise.
        fps: samples a second.
        protocol: name of the protocol by which rates are read and scored.
    """

    paper: ClassVar[str] = (
        "de Haan and van Leest 2014, Improved motion robustness by blood volume pulse signature, Physiol. Meas. 35(9)"
    )
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
        self.network = Network(upright("pbv"), fps)
