"""PBV: the pulse along the signature of blood volume."""

from __future__ import annotations

from typing import ClassVar

from zoo.models._classical import ClassicalMethod


class PBV(ClassicalMethod):
    """Blood-volume-pulse signature (de Haan 2014): the combination of colours that varies along the known signature.

    Input: (B, regions, 3, T) mean colours 0..1; the pulses of several regions are averaged. Output: `ppg` (B, T).
    """

    paper: ClassVar[str] = (
        "de Haan and van Leest 2014, Improved motion robustness by blood volume pulse signature, Physiol. Meas. 35(9)"
    )
    method: ClassVar[str] = "pbv"
