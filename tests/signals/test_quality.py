from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.signals.waves import contact, pink, sinusoid
from zoo.errors import InputShapeError
from zoo.signals.filters import bandpass, detrend
from zoo.signals.quality import macc, perfusion, snr, template_correlation
from zoo.signals.rate import heart_rate


def test_snr_of_known_powers():
    # whole periods of a power-of-two length, so that nothing leaks: 60 and 120 bpm against 105
    t = np.arange(1024) / 32
    wave = np.sin(2 * np.pi * t) + 0.5 * np.sin(4 * np.pi * t) + 0.25 * np.sin(2 * np.pi * 1.75 * t)
    assert snr(wave, 32.0, 60.0) == pytest.approx(10 * np.log10(1.25 / 0.0625))
    assert np.isnan(snr(wave, 32.0, np.nan))
    assert np.isnan(snr(np.zeros(300), 30.0, 60.0))


def test_macc_finds_a_delay():
    wave = sinusoid(72, seconds=20) + 0.3 * pink(600, 0)
    assert macc(np.roll(wave, 17), wave) == pytest.approx(1)
    assert macc(-wave, wave) == pytest.approx(1)
    assert macc(pink(600, 1), pink(600, 2)) < 0.6
    rolled = max(abs(np.corrcoef(pink(64, 1), np.roll(pink(64, 2), k))[0, 1]) for k in range(63))
    assert macc(pink(64, 1), pink(64, 2)) == pytest.approx(rolled)
    assert np.isnan(macc(np.ones(64), wave[:64]))
    with pytest.raises(InputShapeError):
        macc(wave, wave[:-1])


def test_template_correlation():
    clean, noise = contact(0.8, 30.0), np.random.default_rng(0).normal(size=900)
    clean_like, noise_like = template_correlation(np.stack([clean, noise]), 30.0)
    assert clean_like > 0.98
    assert noise_like < 0.7
    assert np.isnan(template_correlation(np.ones(300), 30.0))


@pytest.mark.parametrize("percent", [0.2, 1.0, 5.0])
def test_perfusion_is_peak_to_peak_over_mean(percent):
    trace = 120 * (1 + percent / 200 * sinusoid(72, seconds=60))
    assert perfusion(trace, 30.0) == pytest.approx(percent, rel=0.05)
    assert np.isnan(perfusion(-trace, 30.0))
    assert np.isnan(perfusion(trace[:20], 30.0))


@pytest.mark.shared
def test_published_numbers(shared: Path):
    golden = np.load(shared / "golden" / "signals.npz")
    wave, contact_wave = golden["pos_filtered"], golden["bvp_filtered"]
    assert snr(wave, 30.0, golden["bvp_hr_fft_pow2"]) == pytest.approx(float(golden["snr_db"]), abs=1e-6)
    assert macc(wave, contact_wave) == pytest.approx(float(golden["macc"]), abs=1e-9)

    outputs = np.load(shared / "data" / "outputs" / "ubfc_rppg_deepphys_pure.npz")
    decibels, likeness = [], []
    for name in outputs:
        if not name.startswith("predictions/"):
            continue
        pair = (outputs[name], outputs[name.replace("predictions", "labels")])
        estimate, truth = (bandpass(detrend(np.cumsum(wave.astype(float))), 30.0) for wave in pair)
        rate = heart_rate(truth, 30.0, low=0.75, high=2.5, method="toolbox")
        decibels.append(snr(estimate, 30.0, rate))
        likeness.append(macc(estimate, truth))
    assert np.mean(decibels) == pytest.approx(0.64, abs=0.005)
    assert np.mean(likeness) == pytest.approx(0.839, abs=0.0005)
