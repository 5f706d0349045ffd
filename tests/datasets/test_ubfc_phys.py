from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.datasets import trees
from zoo.datasets import ubfc_phys
from zoo.errors import DataError


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for person in ("s2", "s10"):
        for task in ("T1", "T2", "T3"):
            trees.video(tmp_path / person / f"vid_{person}_{task}.avi", count=70, fps=35)
            lines = "".join(f"{value}\n" for value in trees.pulse(128, 64))
            trees.write(tmp_path / person / f"bvp_{person}_{task}.csv", lines)
    (tmp_path / "s10" / "bvp_s10_T3.csv").unlink()
    return tmp_path


def test_lists_people_and_tasks(root: Path) -> None:
    listing = ubfc_phys.read(root)
    assert [f"{r.person}/{r.session}" for r in listing.recordings] == ["s2/T1", "s2/T2", "s2/T3", "s10/T1", "s10/T2"]
    assert [(s.path.name, s.reason) for s in listing.skipped] == [
        ("vid_s10_T3.avi", "the BVP is missing (bvp_s10_T3.csv)")
    ]
    assert [r.groups["task"] for r in listing.recordings[:3]] == ["rest", "speech", "arithmetic"]
    assert len(ubfc_phys.read(root, tasks=["T1"]).recordings) == 2


def test_the_bvp_has_64_samples_a_second(root: Path) -> None:
    signal = ubfc_phys.read(root).recordings[0].load().signals["ppg"]
    np.testing.assert_allclose(signal.times, np.arange(128) / 64)
    np.testing.assert_array_equal(signal.values, trees.pulse(128, 64))


def test_a_bvp_shorter_than_the_video_is_refused(root: Path) -> None:
    trees.video(root / "s2" / "vid_s2_T1.avi", count=175, fps=35)
    with pytest.raises(DataError, match=r"ppg ends 3\.0 s before 5\.0 s"):
        ubfc_phys.read(root).recordings[0].load()
