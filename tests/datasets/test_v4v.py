from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.datasets import trees
from zoo.datasets import v4v
from zoo.errors import DataError

PHASE = "Phase 1_ Training_Validation sets"
PRESSURE = np.round(80 + 40 * trees.pulse(6000, 1000), 3)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    base = tmp_path / PHASE
    places = {"train-001_of_002": "F001_T1", "train-002_of_002": "M002_T2", "valid": "F010_T1"}
    for folder, name in places.items():
        trees.video(base / "Videos" / folder / f"{name}.mkv", count=150, fps=25)
        values = "".join(f"{value}\n" for value in PRESSURE)
        if folder == "valid":
            trees.write(tmp_path / "Phase 2_ Testing set" / "blood_pressure" / "val_set_bp" / f"{name}.txt", values)
            continue
        trees.write(base / "Ground truth" / "BP_raw_1KHz" / f"{name.replace('_', '-')}-BP.txt", values)
        rates = [f"{name}.mkv, {what}, " + ", ".join([str(rate)] * 150) for what, rate in (("HR", 72.5), ("RR", 14.0))]
        trees.write(base / "Ground truth" / "Physiology" / f"{name}.txt", "\n".join(rates) + "\n")
    trees.video(base / "Videos" / "valid" / "M011_T1.mkv")
    return tmp_path


def test_lists_both_sets(root: Path) -> None:
    listing = v4v.read(root)
    assert [(r.person, r.session, r.groups["sex"]) for r in listing.recordings] == [
        ("F001", "T1", "female"),
        ("F010", "T1", "female"),
        ("M002", "T2", "male"),
    ]
    folds = {r.person: r.fold for r in listing.recordings}
    assert folds["F010"] == 0 and {folds["F001"], folds["M002"]} == {1, 2}
    assert [item.reason for item in listing.skipped] == ["the blood pressure is missing (M011-T1-BP.txt)"]
    assert [r.name for r in v4v.read(root / PHASE).recordings] == ["v4v/F001/T1", "v4v/M002/T2"]


def test_pressure_and_rates(root: Path) -> None:
    found = v4v.read(root).recordings[0].load()
    np.testing.assert_array_equal(found.signals["ppg"].values, PRESSURE)
    assert found.signals["ppg"].times[-1] == pytest.approx(5.999)
    np.testing.assert_allclose(found.signals["systolic"].values, 120.0)
    np.testing.assert_allclose(found.signals["diastolic"].values, 80.0)
    assert len(found.signals["systolic"].values) == 7, "72 beats a minute in 6 s"
    np.testing.assert_allclose(found.signals["heart_rate"].times, np.arange(150) / 25)
    assert set(found.signals["respiration_rate"].values) == {14.0}


def test_pressure_in_another_unit_is_refused(root: Path) -> None:
    path = root / PHASE / "Ground truth" / "BP_raw_1KHz" / "F001-T1-BP.txt"
    trees.write(path, "".join(f"{value}\n" for value in PRESSURE * 10))
    with pytest.raises(DataError, match=r"systolic around 1200, outside 60 to 260 mmHg: wrong unit"):
        v4v.read(root).recordings[0].load()
