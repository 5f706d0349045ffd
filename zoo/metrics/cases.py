"""The best and the worst windows of a run, kept while it goes: a few waveforms, however many windows there are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from zoo.metrics.protocol import Protocol
from zoo.metrics.stretches import stretches

Array = np.ndarray
KNOWN = 0.9
KEPT = 3


@dataclass(frozen=True)
class Case:
    """One window.

    Args:
        recording, start: which; the start in seconds.
        predicted, contact: (T,) waveforms as values, where both are known.
        estimate, truth: 1/min.
    """

    recording: str
    start: float
    predicted: Array
    contact: Array
    estimate: float
    truth: float

    @property
    def error(self) -> float:
        return abs(self.estimate - self.truth)


class Cases:
    """Keeps the windows with the smallest and with the largest errors.

    Args:
        kept: how many of each.
    """

    def __init__(self, kept: int = KEPT) -> None:
        self.kept = kept
        self._best: list[Case] = []
        self._worst: list[Case] = []

    def update(self, predicted: Array, estimate: Array, truth: Array, batch: Mapping[str, Any]) -> None:
        """Look at a batch.

        Args:
            predicted: (B, T) waveforms as values.
            estimate, truth: (B,) 1/min; windows without either are passed over.
            batch: with `waveforms` {ppg: (B, T)}, `mask` (B, T), `recording` and `start`.
        """
        error = np.abs(estimate - truth)
        contact, asked = np.asarray(batch["waveforms"]["ppg"].cpu()), np.asarray(batch["mask"].cpu())
        both = np.isfinite(predicted) & np.isfinite(contact)
        cuts = {int(row): cut for rows, cut in stretches(both, asked, KNOWN) for row in rows}
        order = [int(i) for i in np.argsort(error) if np.isfinite(error[i]) and int(i) in cuts]
        for i in dict.fromkeys([*order[: self.kept], *order[-self.kept :]]):
            seen, true = (np.array(wave[i, cuts[i]], np.float64) for wave in (predicted, contact))
            start = float(batch["start"][i])
            self.add(Case(batch["recording"][i], start, seen, true, float(estimate[i]), float(truth[i])))

    def add(self, case: Case) -> None:
        """Keep a window if it belongs to the best or worst so far."""
        self._best = sorted([*self._best, case], key=lambda one: one.error)[: self.kept]
        self._worst = sorted([*self._worst, case], key=lambda one: one.error)[-self.kept :]

    def all(self) -> list[Case]:
        """The best, then the worst, each window once."""
        return list({(one.recording, one.start): one for one in (*self._best, *self._worst)}.values())


def drawn(cases: list[Case], protocol: Protocol, fps: float) -> list[tuple[str, Array, Array, float, float]]:
    """Cases as `zoo.metrics.plots.overlay_plot` takes them, filtered as the protocol filters."""
    return [
        (
            f"{one.recording} at {one.start:.0f} s",
            np.asarray(protocol.filtered(one.predicted, fps)),
            np.asarray(protocol.filtered(one.contact, fps)),
            one.estimate,
            one.truth,
        )
        for one in cases
    ]
