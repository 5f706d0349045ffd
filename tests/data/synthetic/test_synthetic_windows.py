"""Windows have the shapes that every part of the zoo expects, and depend on seed and index alone."""

from __future__ import annotations

import pickle
import subprocess
import sys
from typing import Any

import numpy as np
import pytest

from zoo.data.synthetic import SyntheticWindows
from zoo.errors import UnknownName, UsageError
from zoo.signals.classical import pos
from zoo.signals.rate import heart_rate
from zoo.spec import REGIONS, TARGETS, WAVEFORMS, Clip, Grid, Input, Traces

INPUTS: list[Input] = [
    Traces(frames=300, regions=REGIONS),
    Traces(frames=150, regions=("chin", "face"), fps=25.0),
    Traces(frames=64, regions=Grid(4, 6), fps=60.0),
    Clip(frames=40, size=36),
    Clip(frames=31, size=72, fps=20.0),
]


def _same(first: dict[str, Any], second: dict[str, Any]) -> bool:
    arrays = [(first[key], second[key]) for key in ("input", "mask")]
    arrays += [(first["waveforms"][name], second["waveforms"][name]) for name in WAVEFORMS]
    return all(np.array_equal(a, b) for a, b in arrays) and first["targets"] == second["targets"]


@pytest.mark.parametrize("input", INPUTS, ids=str)
def test_shapes(input: Input) -> None:
    windows = SyntheticWindows(input, people=2, windows_per_person=2)
    assert len(windows) == 4
    sample = windows[3]
    assert sample["input"].shape == input.shape()[1:] and sample["input"].dtype == np.float32
    assert sample["input"].min() >= 0.0 and sample["input"].max() <= 1.0
    assert set(sample["waveforms"]) == set(WAVEFORMS) and set(sample["targets"]) == set(TARGETS)
    for wave in sample["waveforms"].values():
        assert wave.shape == (input.frames,) and wave.dtype == np.float32 and np.isfinite(wave).all()
    assert sample["mask"].shape == (input.frames,) and sample["mask"].dtype == bool
    for name, value in sample["targets"].items():
        assert isinstance(value, float) and TARGETS[name].low <= value <= TARGETS[name].high


@pytest.mark.parametrize("input", [INPUTS[0], INPUTS[3]], ids=str)
def test_a_window_depends_on_seed_and_index_alone(input: Input) -> None:
    windows = SyntheticWindows(input, people=3, windows_per_person=2, seed=5)
    forwards = [windows[index] for index in range(6)]
    copy = pickle.loads(pickle.dumps(windows))
    assert all(_same(copy[index], forwards[index]) for index in (5, 0, 3))
    assert not _same(SyntheticWindows(input, people=3, windows_per_person=2, seed=6)[0], forwards[0])
    assert _same(SyntheticWindows(input, people=9, windows_per_person=2, seed=5)[5], forwards[5])


def test_windows_of_a_person_share_the_person() -> None:
    first, second, other = (SyntheticWindows(INPUTS[0], people=2, windows_per_person=2)[i] for i in (0, 1, 2))
    assert first["person"] == second["person"] != other["person"]
    assert first["recording"] != second["recording"]
    assert first["targets"]["age"] == second["targets"]["age"] != other["targets"]["age"]
    assert first["targets"]["heart_rate"] != second["targets"]["heart_rate"]


def test_ppg_is_z_scored_and_respiration_is_bounded() -> None:
    sample = SyntheticWindows(INPUTS[0], people=1)[0]
    assert sample["waveforms"]["ppg"].mean() == pytest.approx(0.0, abs=1e-4)
    assert sample["waveforms"]["ppg"].std() == pytest.approx(1.0, abs=1e-4)
    assert np.abs(sample["waveforms"]["respiration"]).max() <= 1.0


def _within_3(hard: float, people: int) -> float:
    windows = SyntheticWindows(Traces(frames=600, regions=("face",)), people=people, seed=11, hard=hard)
    hits = []
    for sample in (windows[index] for index in range(people)):
        rate = float(heart_rate(pos(sample["input"][0].astype(float), 30.0), 30.0))
        hits.append(abs(rate - sample["targets"]["heart_rate"]) < 3.0)
    return float(np.mean(hits))


def test_pos_is_good_on_easy_windows_and_leaves_room_on_hard_ones() -> None:
    assert _within_3(0.0, 40) > 0.85
    assert 0.4 < _within_3(1.0, 100) < 0.85


def test_refusals() -> None:
    with pytest.raises(UsageError, match="at least one person"):
        SyntheticWindows(INPUTS[0], people=0)
    with pytest.raises(UsageError, match="between 0 and 1"):
        SyntheticWindows(INPUTS[0], people=1, hard=2.0)
    with pytest.raises(UnknownName, match="Did you mean nose"):
        SyntheticWindows(Traces(frames=300, regions=("nos",)), people=1)
    with pytest.raises(IndexError):
        SyntheticWindows(INPUTS[0], people=1)[1]


def test_torch_is_not_imported() -> None:
    code = "import sys, zoo.datasets.synthetic; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
