"""Clips hold the pulse where there is skin, and nowhere else."""

from __future__ import annotations

import numpy as np

from zoo.data.synthetic import Capture, circulate, draw_person
from zoo.data.synthetic.clips import render_clip


def _correlation(capture: Capture, place: tuple[slice, slice], size: int = 36) -> float:
    rng = np.random.default_rng([31, 1])
    body = circulate(draw_person(rng), 10.0, rng, exertion=0.0)
    clip, _ = render_clip(body, capture, size, 300, 30.0, rng)
    mean = clip[1][:, place[0], place[1]].mean((1, 2))
    return float(np.corrcoef(mean, body.blood_volume(np.arange(300) / 30.0))[0, 1])


def test_cheeks_pulse_and_the_background_does_not() -> None:
    capture = Capture(pulse=0.02, sensor=1.0)
    assert _correlation(capture, (slice(18, 24), slice(8, 28))) < -0.9
    assert abs(_correlation(capture, (slice(30, 36), slice(0, 5)))) < 0.4


def test_a_clip_is_a_picture_of_8_bits() -> None:
    rng = np.random.default_rng([31, 2])
    body = circulate(draw_person(rng), 2.0, rng)
    clip, mask = render_clip(body, Capture(sensor=2.0, lost=1.0), 50, 60, 30.0, rng)
    assert clip.shape == (3, 60, 50, 50) and clip.dtype == np.float32
    assert clip.min() >= 0.0 and clip.max() <= 1.0
    assert np.allclose(clip * 255.0, np.rint(clip * 255.0), atol=1e-3)
    assert mask.shape == (60,) and not mask.all()
    assert clip[:, 0].std() > 0.05


def test_motion_moves_the_picture() -> None:
    def change(motion: float) -> float:
        rng = np.random.default_rng([31, 3])
        body = circulate(draw_person(rng), 4.0, rng)
        clip, _ = render_clip(body, Capture(pulse=0.0, motion=motion), 36, 120, 30.0, rng)
        return float(clip.std(1).mean())

    assert change(0.005) > 3.0 * change(0.0)
