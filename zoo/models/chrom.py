"""CHROM: the pulse from chrominance."""

from __future__ import annotations

from typing import ClassVar

from zoo.models._classical import ClassicalMethod


class CHROM(ClassicalMethod):
    """Chrominance method (de Haan 2013): two chrominance signals, tuned so that specular motion cancels.

    Input: (B, regions, 3, T) mean colours 0..1; the pulses of several regions are averaged. Output: `ppg` (B, T).
    """

    paper: ClassVar[str] = "de Haan and Jeanne 2013, Robust pulse rate from chrominance-based rPPG, IEEE TBME 60(10)"
    method: ClassVar[str] = "chrom"
