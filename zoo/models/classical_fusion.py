"""The baseline that every network must beat: POS and CHROM over several regions, their whitened spectra summed."""

from __future__ import annotations

from typing import Any, ClassVar

from torch import Tensor, nn

from zoo.module import VitalsModule
from zoo.signals.fusion import FUSION_REGIONS, fused_rate, fused_wave, pulses
from zoo.spec import Signal, Traces


class Network(nn.Module):
    """POS and CHROM of every region: (B, regions, 3, T) -> one fused waveform (B, T)."""

    def __init__(self, fps: float) -> None:
        super().__init__()
        self.fps = fps

    def features(self, x: Tensor, stages: bool = False) -> Any:
        """Pulses (B, 2 * regions, T), POS first; with `stages` also under the name `pulses`."""
        found = pulses(x, self.fps)
        return (found, {"pulses": found}) if stages else found

    def readout(self, features: Tensor) -> Tensor:
        """Waveform (B, T) from the pulses."""
        return fused_wave(features)

    def forward(self, x: Tensor) -> Tensor:
        return self.readout(self.features(x))


class SpectralHead(nn.Module):
    """The heart rate at the peak of the pulses' summed spectra; nothing to train."""

    targets = ("heart_rate",)

    def __init__(self, fps: float) -> None:
        super().__init__()
        self.fps = fps

    def forward(self, features: Tensor) -> Tensor:
        """(B, 1) in 1/min from pulses (B, 2 * regions, T)."""
        return fused_rate(features, self.fps)[:, None]

    def physical(self, raw: Tensor) -> dict[str, Tensor]:
        return {"heart_rate": raw[:, 0]}


class ClassicalFusion(VitalsModule):
    """POS and CHROM of every region: heart rate from the sum of their whitened spectra, and one fused waveform.

    A region's noise is its own, the pulse is everybody's: summed spectra keep the pulse. The rate of the table's
    `head` rows is the method's; the waveform is for looking at. Not exportable (the spectra are read by numpy).

    Input: (B, regions, 3, T) mean colours 0..1. Output: `heart_rate` (B,) in 1/min and `ppg` (B, T).

    Args:
        frames: window length in samples.
        regions: names of skin regions.
        fps: samples a second.
        protocol: name of the protocol by which rates are read and scored.
    """

    paper: ClassVar[str] = "POS (Wang et al. 2017) and CHROM (de Haan and Jeanne 2013), fused by this project"
    trainable: ClassVar[bool] = False

    def __init__(
        self,
        frames: int = 600,
        regions: list[str] = list(FUSION_REGIONS),
        fps: float = 30.0,
        protocol: str = "zoo",
    ) -> None:
        super().__init__(
            input=Traces(frames, tuple(regions), min_frames=int(4 * fps), fps=fps),
            signals={"ppg": Signal("value")},
            targets=["heart_rate"],
            width=2 * len(regions),
            protocol=protocol,
        )
        self.network = Network(fps)
        # in the place of the regressing head, which it stands in for
        self.head = SpectralHead(fps)  # type: ignore[assignment]
