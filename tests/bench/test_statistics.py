"""Intervals that hold for the next process, by simulated processes whose luck is known."""

import math

import numpy as np
import pytest

from zoo.bench.statistics import centre, medians, ratio


def processes(rng, count, luck, base=10.0, samples=30):
    return [list(base * math.exp(luck * rng.normal()) * np.exp(0.01 * rng.normal(size=samples))) for _ in range(count)]


def test_the_centre_of_two_processes_by_hand():
    found = centre([[1.0, 1.0, 1.0], [4.0, 4.0, 4.0]])
    assert found.value == pytest.approx(2.0) and found.processes == 2
    # Student's t with one degree of freedom, 12.706; deviation of (0, log 4) is log(4) / sqrt(2)
    assert found.high == pytest.approx(2.0 * math.exp(12.7062 * math.log(4) / 2), rel=1e-4)


def test_the_interval_covers_the_truth_as_often_as_it_says():
    rng = np.random.default_rng(0)
    found = [centre(processes(rng, 4, 0.05)) for _ in range(400)]
    covered = np.mean([one.low <= 10.0 <= one.high for one in found])
    assert 0.92 <= covered <= 0.98
    # the samples of one process alone say nothing of the next
    alone = [centre(processes(rng, 1, 0.05)) for _ in range(200)]
    assert np.mean([one.low <= 10.0 <= one.high for one in alone]) < 0.5


def test_a_single_sample_has_no_interval():
    assert math.isinf(centre([[3.0]]).high)


def test_a_ratio_and_its_interval():
    rng = np.random.default_rng(1)
    before, after = (medians(processes(rng, 6, 0.02, base)) for base in (10.0, 13.0))
    found, low, high = ratio(before, after)
    assert low < 1.3 < high and low > 1.1 and found == pytest.approx(1.3, rel=0.05)
    assert ratio(before, before)[0] == 1.0
