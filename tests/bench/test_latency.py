"""The stopwatch: order, counts and percentiles, by calls whose length is known."""

import time

import pytest

from zoo.bench.latency import measure, peak_memory


def test_first_call_and_warm_up_do_not_count():
    waits = iter([0.05, 0.03, *[0.002] * 100])
    timing, samples = measure(lambda: time.sleep(next(waits)), warmup=1, min_runs=10, max_runs=10, seconds=0)
    assert timing.first >= 50 and timing.runs == len(samples) == 10
    assert timing.p50 < 25 and min(samples) >= 2


def test_it_synchronises_inside_the_timed_span():
    _, samples = measure(lambda: None, lambda: time.sleep(0.003), warmup=0, min_runs=3, max_runs=3, seconds=0)
    assert min(samples) >= 3


def test_it_stops_by_time_within_the_counts():
    timing, _ = measure(lambda: time.sleep(0.01), warmup=0, min_runs=2, max_runs=1000, seconds=0.05)
    assert 2 <= timing.runs <= 6


def test_percentiles_are_ordered():
    timing, samples = measure(lambda: sum(range(1000)), min_runs=50, max_runs=50, seconds=0)
    assert min(samples) <= timing.p50 <= timing.p90 <= timing.p99 <= max(samples)


def test_peak_memory_grows_with_an_allocation():
    before = peak_memory()
    block = bytearray(300_000_000)
    block[::4096] = b"x" * len(block[::4096])
    assert peak_memory() - before == pytest.approx(300e6, rel=0.5) or peak_memory() >= 300e6
