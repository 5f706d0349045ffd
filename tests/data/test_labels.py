from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from zoo.data.labels import even, frame_clock, labels, number, numbers, series, text
from zoo.errors import DataError

FILE = Path("labels.txt")


def test_numbers_are_read_with_any_separator(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(b"\xef\xbb\xbfa;b\r\n1, 2\r\n3\t4\r\n\r\n5;6\r\n")
    np.testing.assert_array_equal(numbers(path, skip=1), [[1, 2], [3, 4], [5, 6]])


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "is empty"),
        (b"a\n", "no values below its header"),
        (b"a\n1 2\n3\n", "1 columns in row 2, not 2"),
        (b"a\n1\nx\n", "not a number"),
        (b"\xff\xfe\x00", "cannot be read"),
    ],
)
def test_defects_of_a_file_are_named(tmp_path: Path, content: bytes, reason: str) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(content)
    with pytest.raises(DataError, match=reason):
        numbers(path, skip=1)
    with pytest.raises(DataError, match="is missing"):
        text(tmp_path / "b.csv")


@pytest.mark.parametrize(
    ("name", "times", "values", "reason"),
    [
        ("ppg", [0, 1], [1, 2, 3], "3 values of ppg for 2 times"),
        ("ppg", [0], [1], "at least 2"),
        ("ppg", [0, 1], [1, np.inf], "NaN or infinite"),
        ("ppg", [0, np.nan], [1, 2], "NaN or infinite"),
        ("ppg", [0, 1, 2], [2, 2, 2], "constant ppg"),
        ("ppg", [0, 0, 0], [1, 2, 3], "do not increase"),
        ("systolic", [0, 1], [16.0, 15.5], "outside 60 to 260 mmHg: wrong unit"),
    ],
)
def test_defects_of_a_signal_are_named(name: str, times: list[float], values: list[float], reason: str) -> None:
    with pytest.raises(DataError, match=reason):
        series(FILE, name, np.array(times), np.array(values))


def test_single_implausible_values_and_stamps_are_left_out() -> None:
    found = series(FILE, "spo2", np.arange(4), np.array([97, 0, 98, np.nan]))
    assert found.times.tolist() == [0, 2] and found.values.tolist() == [97, 98]
    times = np.arange(100.0)
    times[50] = 10.0
    assert len(series(FILE, "ppg", times, np.sin(times)).times) == 99


def test_a_constant_target_is_not_a_defect() -> None:
    assert set(even(FILE, "heart_rate", np.full(5, 70.0), 1.0).values) == {70.0}


@given(st.lists(st.floats(0, 1e6), min_size=2, max_size=50))
def test_frame_times_increase_whatever_the_clock(stamps: list[float]) -> None:
    try:
        times = frame_clock(FILE, np.array(stamps))
    except DataError:
        return
    assert times[0] == 0 and np.all(np.diff(times) > 0)


def test_frames_of_one_stamp_are_a_microsecond_apart() -> None:
    times = frame_clock(FILE, np.array([5.0, 5.1, 5.1, 5.2]))
    np.testing.assert_allclose(times, [0, 0.1, 0.100001, 0.2], atol=1e-12)


@pytest.mark.parametrize("stamps", [[], [1.0], [1.0, 1.0, 1.0], [3.0, 2.0, 1.0], [0.0, np.nan]])
def test_a_clock_that_does_not_run_is_refused(stamps: list[float]) -> None:
    with pytest.raises(DataError):
        frame_clock(FILE, np.array(stamps))


def test_labels_may_end_a_little_early() -> None:
    signal = even(FILE, "ppg", np.sin(np.arange(280)), 10.0)
    assert labels(FILE, {"ppg": signal}, seconds=29.8).signals["ppg"] is signal
    with pytest.raises(DataError, match=r"ends 2\.2 s before 30\.1 s"):
        labels(FILE, {"ppg": signal}, seconds=30.1)


def test_cells_become_numbers() -> None:
    assert number(" 3,5 ") == 3.5 and np.isnan(number("")) and np.isnan(number("high"))
