"""OMIT: the pulse orthogonal to the first QR direction."""

from __future__ import annotations

from typing import ClassVar

from zoo.models._classical import ClassicalMethod


class OMIT(ClassicalMethod):
    """Orthogonal matrix image transformation (Face2PPG): colours projected away from the first QR direction.

    Input: (B, regions, 3, T) mean colours 0..1; the pulses of several regions are averaged. Output: `ppg` (B, T).
    """

    paper: ClassVar[str] = "Alvarez Casado and Bordallo Lopez 2023, Face2PPG, IEEE JBHI 27(11)"
    method: ClassVar[str] = "omit"
