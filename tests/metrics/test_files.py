"""Files of waveforms: read by name, refused with a sentence that says what to do."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from zoo.errors import DataError
from zoo.metrics.files import read_groups, read_waveforms


def test_npz(tmp_path: Path) -> None:
    path = tmp_path / "waves.npz"
    wave = np.arange(10.0)
    np.savez(path, fs=25.0, form="derivative", **{"predictions/a": wave, "labels/a": wave[:, None] + 1})
    found = read_waveforms(path)
    assert (found.fps, found.form) == (25.0, "derivative")
    np.testing.assert_array_equal(found.labels["a"], wave + 1)
    assert read_waveforms(path, fps=30.0, form="value").fps == 30.0
    assert read_waveforms(path, form="value").form == "value"


def test_csv_by_time_stamps(tmp_path: Path) -> None:
    path = tmp_path / "waves.csv"
    time = np.sort(np.concatenate([np.arange(20) / 10, [0.55]]))
    rows = [f"a,{2 * t},{3 * t},{t}" for t in time]
    path.write_text("person,prediction,label,time\n" + "\n".join(rows) + "\n")
    found = read_waveforms(path)
    assert found.fps == 10.0
    np.testing.assert_allclose(found.predictions["a"], 2 * np.arange(20) / 10)
    np.testing.assert_allclose(found.labels["a"], 3 * np.arange(20) / 10)


def test_csv_without_time_needs_a_frame_rate(tmp_path: Path) -> None:
    path = tmp_path / "waves.csv"
    path.write_text("person,prediction,label\na,1,2\na,2,3\na,,4\n")
    with pytest.raises(DataError, match="--fps"):
        read_waveforms(path)
    found = read_waveforms(path, fps=30.0)
    assert np.isnan(found.predictions["a"][2])
    np.testing.assert_array_equal(found.labels["a"], [2, 3, 4])


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"x": np.ones(3)}, "no predictions"),
        ({"predictions/a": np.ones(9)}, "no label of a"),
        ({"predictions/a": np.ones(9), "labels/a": np.ones(8)}, "same length"),
        ({"predictions/a": np.ones(9), "labels/a": np.array(["x"] * 9)}, "not made of numbers"),
        ({"predictions/a": np.ones(9), "labels/a": np.ones(9), "form": np.array("speed")}, "its form 'speed'"),
        ({"predictions/a": np.array([{}], dtype=object)}, "no npz of plain arrays"),
    ],
)
def test_bad_npz(tmp_path: Path, arrays: dict[str, np.ndarray], message: str) -> None:
    path = tmp_path / "waves.npz"
    np.savez(path, fps=30.0, **arrays)
    with pytest.raises(DataError, match=message):
        read_waveforms(path)


def test_not_even_a_file(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no file"):
        read_waveforms(tmp_path / "none.npz")
    (tmp_path / "text.npz").write_text("hello")
    with pytest.raises(DataError, match="no npz"):
        read_waveforms(tmp_path / "text.npz")
    (tmp_path / "other.csv").write_text("a,b\n1,2\n")
    with pytest.raises(DataError, match="no column label, person, prediction"):
        read_waveforms(tmp_path / "other.csv")


def test_groups(tmp_path: Path) -> None:
    path = tmp_path / "groups.csv"
    path.write_text("person,skin_tone,sex\na,3,female\nb,5,\n")
    assert read_groups(path) == {"skin_tone": {"a": "3", "b": "5"}, "sex": {"a": "female", "b": ""}}
    path.write_text("name\na\n")
    with pytest.raises(DataError, match="person"):
        read_groups(path)
