"""ICA: the pulse as an independent component of the colours."""

from __future__ import annotations

from typing import ClassVar

from zoo.models._classical import ClassicalMethod


class ICA(ClassicalMethod):
    """Independent components of the three colours (Poh 2010), the one with the strongest pulse; not exportable.

    Input: (B, regions, 3, T) mean colours 0..1; the pulses of several regions are averaged. Output: `ppg` (B, T).
    """

    paper: ClassVar[str] = "Poh et al. 2010, Non-contact, automated cardiac pulse measurements, Opt. Express 18(10)"
    method: ClassVar[str] = "ica"
