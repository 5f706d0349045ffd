from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from zoo.errors import InputShapeError
from zoo.signals.resample import grid, nearest_index, resample


@settings(max_examples=30, derandomize=True, deadline=None)
@given(st.integers(2, 60), st.integers(0, 1000))
def test_as_numpy_interpolates(n, seed):
    rng = np.random.default_rng(seed)
    times = np.cumsum(rng.uniform(0.01, 1, n))
    values = rng.normal(size=(2, 3, n))
    new = rng.uniform(times[0] - 1, times[-1] + 1, 40)
    result = resample(times, values, new)
    for index in np.ndindex(2, 3):
        np.testing.assert_allclose(result[index], np.interp(new, times, values[index]), atol=1e-12)
    np.testing.assert_allclose(resample(times, torch.tensor(values), new).numpy(), result)


def test_straight_lines_stay_straight_at_jittered_times():
    times = np.arange(100) / 29.97 + np.random.default_rng(0).uniform(0, 0.01, 100)
    new = grid(times, 30.0)
    np.testing.assert_allclose(resample(times, 2 * times + 1, new), 2 * new + 1)


def test_outside_and_gaps():
    np.testing.assert_allclose(resample([0, 1], np.array([5.0, 7.0]), [-1, 2]), [5, 7])
    assert np.isnan(resample([0, 1], np.array([5.0, 7.0]), [-1, 2], outside="nan")).all()
    values = np.array([1.0, np.nan, 3.0, 4.0])
    np.testing.assert_array_equal(resample([0, 1, 2, 3], values, [0, 0.5, 2, 2.5]), [1, np.nan, 3, 3.5])
    np.testing.assert_allclose(resample([4.0], np.array([2.0]), [3, 4, 5]), 2)


@pytest.mark.parametrize(("seconds", "fps", "count"), [(1.0, 30, 31), (0.99, 30, 30), (0.0, 30, 1), (10.0, 29.97, 300)])
def test_grid(seconds, fps, count):
    stamps = grid(np.array([2.0, 2.0 + seconds]) if seconds else np.array([2.0]), fps)
    assert len(stamps) == count
    assert stamps[0] == 2.0
    assert stamps[-1] <= 2.0 + seconds + 1e-3


def test_nearest_index():
    times = np.array([0.0, 1.0, 2.0, 10.0])
    wanted = np.array([-5, 0.4, 0.5, 0.6, 5.9, 6.1, 99])
    expected = [int(np.abs(times - t).argmin()) for t in wanted]
    assert nearest_index(times, wanted).tolist() == expected
    assert nearest_index([3.0], [0, 9]).tolist() == [0, 0]


@pytest.mark.parametrize("times", [[0, 0, 1], [1, 0, 2], [0, np.nan, 1], []])
def test_bad_times(times):
    with pytest.raises(InputShapeError):
        resample(times, np.zeros(len(times)), [0.5])


def test_one_time_a_value():
    with pytest.raises(InputShapeError):
        resample([0, 1], np.zeros(3), [0.5])
