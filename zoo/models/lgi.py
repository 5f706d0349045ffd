"""LGI: the pulse orthogonal to the main direction of colour change."""

from __future__ import annotations

from typing import ClassVar

from zoo.models._classical import ClassicalMethod


class LGI(ClassicalMethod):
    """Local group invariance (Pilz 2018): colours projected away from their main direction of change.

    Input: (B, regions, 3, T) mean colours 0..1; the pulses of several regions are averaged. Output: `ppg` (B, T).
    """

    paper: ClassVar[str] = "Pilz et al. 2018, Local group invariance for heart rate estimation from face videos, CVPRW"
    method: ClassVar[str] = "lgi"
