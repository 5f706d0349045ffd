"""The windows that are kept to be drawn are the best and the worst of all batches, and only a few."""

from __future__ import annotations

import numpy as np
import torch

from zoo.metrics.cases import Case, Cases, drawn
from zoo.metrics.protocol import load_protocol


def batch_of(first: int, waves: np.ndarray) -> dict[str, object]:
    return {
        "waveforms": {"ppg": torch.from_numpy(waves)},
        "mask": torch.ones(waves.shape, dtype=torch.bool),
        "recording": [f"r{first + i}" for i in range(len(waves))],
        "start": torch.zeros(len(waves)),
    }


def test_best_and_worst_of_all_batches() -> None:
    rng = np.random.default_rng(1)
    errors = rng.permutation(40).astype(float)
    errors[7] = np.nan
    kept = Cases(2)
    for first in range(0, 40, 8):
        waves = rng.normal(size=(8, 300)).astype(np.float32)
        estimate = 70 + errors[first : first + 8]
        kept.update(waves, estimate, np.full(8, 70.0), batch_of(first, waves))
    known = np.argsort(errors)[:39]
    assert [one.recording for one in kept.all()] == [f"r{i}" for i in (*known[:2], *known[-2:])]


def test_each_window_once_and_the_unknown_part_is_cut_away() -> None:
    waves = np.sin(np.arange(300) / 4, dtype=np.float32)[None].repeat(2, 0)
    contact = waves.copy()
    contact[0, :10] = np.nan
    contact[1, :200] = np.nan
    kept = Cases(3)
    kept.update(waves, np.array([71.0, 72.0]), np.array([70.0, 70.0]), batch_of(0, contact))
    (only,) = kept.all()
    assert (only.recording, only.contact.size, only.error) == ("r0", 290, 1.0)
    np.testing.assert_array_equal(only.predicted, only.contact)


def test_drawn_as_they_are_scored() -> None:
    wave = np.sin(2 * np.pi * 1.2 * np.arange(300) / 30) + np.linspace(0, 50, 300)
    protocol = load_protocol("toolbox")
    ((title, predicted, contact, estimate, truth),) = drawn([Case("r", 5.0, wave, wave, 72.0, 73.0)], protocol, 30.0)
    assert (title, estimate, truth) == ("r at 5 s", 72.0, 73.0)
    np.testing.assert_array_equal(predicted, contact)
    np.testing.assert_allclose(predicted, protocol.filtered(wave, 30.0))
