"""Traces follow the reflection model, and each cause of damage does what it says."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from zoo.data.synthetic import Capture, Circulation, circulate, draw_capture, draw_person
from zoo.data.synthetic.compression import GREY, hold_and_jump
from zoo.data.synthetic.layout import layout_of
from zoo.data.synthetic.noise import coloured
from zoo.data.synthetic.traces import RATIO_AT_97, RATIO_SLOPE, render_traces
from zoo.errors import UnknownName
from zoo.spec import REGIONS, Grid


def _body(number: int, **changes: float) -> Circulation:
    rng = np.random.default_rng([21, number])
    return circulate(replace(draw_person(rng), **changes), 20.0, rng)


def _traces(body: Circulation, capture: Capture, regions: tuple[str, ...] | Grid = REGIONS) -> np.ndarray:
    return render_traces(body, capture, layout_of(regions), 600, 30.0, np.random.default_rng(2))[0]


@pytest.mark.parametrize("spo2", [85.0, 92.0, 97.0, 99.5])
def test_ratio_of_ratios_gives_spo2(spo2: float) -> None:
    seen = _traces(_body(0, spo2=spo2), Capture())
    relative = seen.std(-1) / seen.mean(-1)
    ratio = relative[:, 0] / relative[:, 1]
    assert np.allclose(97.0 - (ratio - RATIO_AT_97) / RATIO_SLOPE, spo2, atol=0.3)


def test_clean_traces_are_the_inverted_pulse() -> None:
    body = _body(1)
    seen = _traces(body, Capture())
    wave = body.blood_volume(np.arange(600) / 30.0)
    assert all(np.corrcoef(row, wave)[0, 1] < -0.97 for row in seen[:, 1])


def test_dark_skin_shows_less_pulse() -> None:
    light, dark = (_traces(_body(2, skin_tone=tone), Capture())[:, 1] for tone in (1, 6))
    assert np.all(dark.std(-1) < 0.4 * light.std(-1))
    assert np.all(dark.mean(-1) < light.mean(-1))


def test_pulse_amplitude_spans_clean_to_hard_compressed() -> None:
    grey = []
    for number in range(300):
        rng = np.random.default_rng([5, number])
        pulse, person = draw_capture(rng).pulse, draw_person(rng)
        still = _traces(circulate(person, 20.0, rng), Capture(pulse=pulse), ("left_upper_cheek",))
        grey.append(np.sqrt(2.0) * still[0, 1].std() / GREY)
    low, high = np.quantile(grey, [0.1, 0.9])
    assert 0.03 < low < 0.15
    assert 0.5 < high < 1.6


@pytest.mark.parametrize(
    "cause",
    [
        {"drift": 0.002},
        {"flicker": 0.002},
        {"tint": 0.001},
        {"motion": 0.004},
        {"rhythm": 0.004},
        {"sensor": 5.0},
        {"luma": 0.1},
        {"chroma": 0.1},
        {"coded": True, "hold": 0.5},
        {"coded": True, "step": 1.0},
        {"coded": True, "jump": 0.5},
        {"lost": 1.0},
    ],
)
def test_every_cause_changes_the_traces(cause: dict[str, float]) -> None:
    body, none = _body(3), Capture(coded=bool(cause.get("coded", False)))
    clean, damaged = _traces(body, none), _traces(body, replace(none, **cause))
    assert damaged.shape == clean.shape and np.isfinite(damaged).all()
    assert np.abs(damaged - clean).max() > 0.02 * GREY


def test_skipped_blocks_keep_their_colour() -> None:
    rng = np.random.default_rng(0)
    noise = np.repeat(0.5 + 0.01 * rng.standard_normal((60, 1, 400)).astype(np.float32), 3, 1)
    share = {}
    for hold in (0.0, 0.4):
        coded = hold_and_jump(noise, np.random.default_rng(1), hold=hold, step=0.0, jump=0.0, blocks=1)
        luma = coded.mean(1)
        same = [np.mean(np.abs(luma[:, o + 4 :: 4] - luma[:, o:-4:4]) < 1e-6) for o in range(4)]
        share[hold] = max(same)
    assert share[0.0] < 0.01
    assert share[0.4] == pytest.approx(0.4, abs=0.06)


def test_key_frames_jump_and_lie_250_frames_apart() -> None:
    flat = np.full((8, 3, 900), 0.5, np.float32)
    coded = hold_and_jump(flat, np.random.default_rng(3), hold=0.3, step=0.0, jump=0.1)
    change = np.flatnonzero(np.abs(np.diff(coded[:, 1])).max(0) > 1e-5)
    starts = change[np.r_[True, np.diff(change) > 20]]
    assert starts.size in (3, 4)
    assert np.all(np.abs(np.diff(starts) - 250) <= 4)
    jumps = np.abs(coded[:, 1, starts[0] + 6] - coded[:, 1, starts[0] - 6]) / GREY
    assert 0.02 < jumps.mean() < 0.5


def test_lost_frames_repeat_the_last_good_one() -> None:
    seen, mask = render_traces(_body(4), Capture(lost=1.0), layout_of(REGIONS), 600, 30.0, np.random.default_rng(8))
    gap = np.flatnonzero(~mask)
    assert 6 <= gap.size <= 45
    assert np.all(seen[..., gap] == seen[..., gap[:1] - 1])


@pytest.mark.parametrize("exponent", [0.0, 1.0, 2.0])
def test_coloured_noise_has_its_slope_and_scale(exponent: float) -> None:
    noise = coloured(np.random.default_rng(0), (200, 600), 30.0, exponent)
    power = np.mean(np.abs(np.fft.rfft(noise * np.hanning(600))) ** 2, 0)
    frequency = np.fft.rfftfreq(600, 1 / 30.0)
    fitted = (frequency > 0.5) & (frequency < 10.0)
    slope = np.polyfit(np.log(frequency[fitted]), np.log(power[fitted]), 1)[0]
    assert slope == pytest.approx(-exponent, abs=0.15)
    band = (frequency >= 0.7) & (frequency <= 3.5)
    assert np.sqrt(2 * power[band].sum() / np.sum(np.hanning(600) ** 2) / 600) == pytest.approx(1.0, abs=0.1)


def test_regions_are_chosen_by_name() -> None:
    two = layout_of(("chin", "nose"))
    assert np.array_equal(two.perfusion, layout_of(REGIONS).perfusion[[7, 1]])
    assert len(layout_of(Grid(3, 5))) == 15
    with pytest.raises(UnknownName, match="chin"):
        layout_of(("chim",))


def test_bright_skin_is_not_saturated() -> None:
    capture = Capture(exposure=1.3, specular=0.2)
    seen = _traces(_body(5, skin_tone=1), capture)
    assert seen.max() < 0.97
    assert np.all(seen.std(-1) > 0)
