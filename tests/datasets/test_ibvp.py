from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.datasets import trees
from zoo.datasets import ibvp
from zoo.errors import DataError

WAVE = trees.pulse(120, 60)


def table(quality: np.ndarray) -> str:
    rows = "".join(f"{value},{i / 60:.4f},0.9,{q}\n" for i, (value, q) in enumerate(zip(WAVE, quality, strict=True)))
    return "BVP,Time,SQ1,SQ2\n" + rows


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for name in ("p01_a", "p01_d", "p02_a"):
        trees.pictures(tmp_path / name / f"{name}_rgb", [f"{name}_{index:05d}.bmp" for index in range(60)])
        trees.write(tmp_path / name / f"{name}_bvp.csv", table(np.ones(120)))
        trees.write(tmp_path / name / f"{name}_t" / "0.raw", "thermal")
    (tmp_path / "p02_a" / "p02_a_bvp.csv").unlink()
    return tmp_path


def test_lists_recordings(root: Path) -> None:
    listing = ibvp.read(root)
    assert [(r.person, r.session, r.groups["motion"]) for r in listing.recordings] == [
        ("p01", "a", "still"),
        ("p01", "d", "head movement"),
    ]
    assert [item.reason for item in listing.skipped] == ["the BVP is missing (p02_a_bvp.csv)"]


def test_the_wave_spans_the_video(root: Path) -> None:
    signal = ibvp.read(root).recordings[0].load().signals["ppg"]
    np.testing.assert_allclose(signal.times, np.arange(120) / 60)
    np.testing.assert_array_equal(signal.values, WAVE)


def test_samples_of_low_quality_are_left_out(root: Path) -> None:
    quality = np.where(np.arange(120) < 30, 0.2, 0.8)
    trees.write(root / "p01_a" / "p01_a_bvp.csv", table(quality))
    assert ibvp.read(root).recordings[0].load().signals["ppg"].times[0] == pytest.approx(0.5)
    with pytest.raises(DataError, match=r"no sample of a quality above 0\.9"):
        ibvp.read(root, min_quality=0.9).recordings[0].load()
