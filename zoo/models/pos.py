"""POS: the pulse on the plane orthogonal to the skin tone."""

from __future__ import annotations

from typing import ClassVar

from zoo.models._classical import ClassicalMethod


class POS(ClassicalMethod):
    """Plane-orthogonal-to-skin (Wang 2017): windows of 1.6 s, projected, tuned by their deviations, overlap-added.

    Input: (B, regions, 3, T) mean colours 0..1; the pulses of several regions are averaged. Output: `ppg` (B, T).
    """

    paper: ClassVar[str] = "Wang et al. 2017, Algorithmic principles of remote PPG, IEEE TBME 64(7)"
    method: ClassVar[str] = "pos"
