from __future__ import annotations

import numpy as np
import pytest
import torch

from tests.signals.test_classical import face
from tests.signals.waves import pink
from zoo.errors import InputShapeError
from zoo.signals.classical import pos
from zoo.signals.fusion import classical_fusion, fused_wave, pulses
from zoo.signals.rate import heart_rate


def noisy(rate: float, seed: int) -> np.ndarray:
    """Three regions (3, 3, 600) whose colours carry 1/f noise of their own."""
    regions = []
    for region in range(3):
        trace = face(600, rate=rate, seed=seed)
        noise = np.stack([pink(600, 100 * seed + 10 * region + c) for c in range(3)])
        regions.append(trace * (1 + 3e-3 * noise))
    return np.stack(regions)


def test_reads_clean_regions():
    traces = np.stack([np.stack([face(900, rate=rate, seed=s) for s in range(3)]) for rate in (60, 100)])
    for track in (False, True):
        times, rates = classical_fusion(traces, 30.0, track=track)
        assert rates.shape == (2, len(times)) == (2, 3)
        np.testing.assert_allclose(rates, [[60] * 3, [100] * 3], atol=0.5)


def test_is_better_than_one_region():
    rates = np.arange(55, 150, 5)
    traces = np.stack([noisy(rate, seed) for seed, rate in enumerate(rates)])
    fused = np.abs(classical_fusion(traces, 30.0)[1][:, 0] - rates) < 3
    single = np.abs(heart_rate(pos(traces[:, 0], 30.0), 30.0) - rates) < 3
    assert fused.sum() > single.sum()


def test_a_lost_region_does_not_matter_and_a_still_face_is_nan():
    traces = np.stack([face(600, rate=80, seed=s) for s in range(3)])
    traces[1, :, 100] = np.nan
    assert classical_fusion(traces, 30.0)[1][0] == pytest.approx(80, abs=0.5)
    assert np.isnan(classical_fusion(np.full((3, 3, 600), 0.4), 30.0)[1]).all()


def test_one_wave_in_torch():
    traces = np.stack([face(600, rate=80, seed=s) for s in range(3)])
    wave = fused_wave(pulses(torch.tensor(traces, dtype=torch.float32), 30.0))
    assert wave.shape == (600,)
    np.testing.assert_allclose(wave.numpy(), fused_wave(pulses(traces, 30.0)), atol=0.05)
    assert float(heart_rate(wave, 30.0)) == pytest.approx(80, abs=0.5)
    t = np.arange(600) / 30
    contact = np.sin(2 * np.pi * 8 / 6 * t) + 0.3 * np.sin(4 * np.pi * 8 / 6 * t + 1)
    assert np.corrcoef(wave[60:-60], contact[60:-60])[0, 1] > 0.9


def test_wrong_shape():
    with pytest.raises(InputShapeError):
        classical_fusion(np.ones((3, 600)), 30.0)
