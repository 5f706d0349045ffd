"""GREEN: the pulse in the green channel alone."""

from __future__ import annotations

from typing import ClassVar

from zoo.models._classical import ClassicalMethod


class Green(ClassicalMethod):
    """The green channel about its mean (Verkruysse 2008), turned over so that it rises with blood volume.

    Input: (B, regions, 3, T) mean colours 0..1; the pulses of several regions are averaged. Output: `ppg` (B, T).
    """

    paper: ClassVar[str] = (
        "Verkruysse et al. 2008, Remote plethysmographic imaging using ambient light, Opt. Express 16(26)"
    )
    method: ClassVar[str] = "green"
