"""Others' share of the cores, and energy counters, by figures that are known."""

import os
import time

import pytest
import torch

from zoo.bench import noise, timing
from zoo.bench.energy import nvml, of_a_call, rapl
from zoo.bench.rows import noise as noise_of
from zoo.bench.runtimes import Opened


def test_pinning_binds_this_process_alone_to_cores():
    if not hasattr(os, "sched_setaffinity"):
        pytest.skip("this system has no core binding")
    before = os.sched_getaffinity(0)
    try:
        cores = noise.pin(1)
        assert os.sched_getaffinity(0) == set(cores) and len(cores) == 1
    finally:
        os.sched_setaffinity(0, before)


def test_others_share_is_what_the_cores_did_beside_us(tmp_path, monkeypatch):
    stat = tmp_path / "stat"
    tick = os.sysconf("SC_CLK_TCK")
    stat.write_text("cpu 0\ncpu0 100 0 0 0 0 0 0 0\ncpu1 100 0 0 0 0 0 0 0\nintr 5\n")
    monkeypatch.setattr(noise, "STAT", stat)
    watch = noise.Watch([1])
    time.sleep(0.2)
    stat.write_text(f"cpu0 9999 0 0 0 0 0 0 0\ncpu1 100 0 {round(0.1 * tick)} 0 0 0 0 0\n")
    assert watch.others() == pytest.approx(0.5, abs=0.25)
    monkeypatch.setattr(noise, "STAT", tmp_path / "none")
    assert noise.Watch([0]).others() is None


def test_noisy_rows_say_so():
    quiet = noise_of([0.01, None], [[1.0], [1.02]])
    assert quiet["doubts"] == []
    loud = noise_of([0.3, 0.3], [[1.0], [1.5]])
    assert loud["doubts"][:2] == ["others took 30 % of the cores", "processes differ by 50 %"]


def test_a_wide_interval_says_what_narrows_it():
    # two processes: t is 12.7, so that 4.5 % between them are ±28 % around their middle
    (doubt,) = noise_of([0.0, 0.0], [[1.0], [1.045]])["doubts"]
    assert doubt.startswith("p50 is known to ±28 % only from 2 processes: more --processes or a quieter machine")
    assert noise_of([0.0] * 5, [[1.0], [1.045], [1.0], [1.045], [1.02]])["doubts"] == []
    # a single call has no interval at all, which the report says by itself
    assert noise_of([None], [[1.0]])["doubts"] == []


def test_energy_counters_add_up_and_unwrap(tmp_path):
    for number, start in ((0, 900), (1, 50)):
        package = tmp_path / f"intel-rapl:{number}"
        package.mkdir()
        (package / "max_energy_range_uj").write_text("1000\n")
        (package / "energy_uj").write_text(f"{start}\n")
    (tmp_path / "intel-rapl:0:0").mkdir()
    read = rapl(tmp_path)
    (tmp_path / "intel-rapl:0" / "energy_uj").write_text("100\n")
    (tmp_path / "intel-rapl:1" / "energy_uj").write_text("70\n")
    assert read() == pytest.approx(220e-6)
    assert rapl(tmp_path / "none") is None


def test_energy_is_that_of_the_warm_calls_alone():
    counted = {"joules": 1000.0, "calls": 0}

    def call():
        counted["calls"] += 1
        # queued work is paid when the device is waited for
        counted["due"] = 0.5

    def synchronise():
        counted["joules"] += counted.pop("due", 0.0)

    call()
    assert of_a_call(lambda: counted["joules"], call, synchronise, seconds=0, fewest=20) == pytest.approx(0.5)
    assert counted["calls"] == 21
    assert of_a_call(lambda: counted["joules"], lambda: time.sleep(0.01), synchronise, 0.1, 2) is None
    # both the time and the number
    counted["calls"] = 0
    of_a_call(lambda: counted["joules"], lambda: (time.sleep(0.01), call()), synchronise, 0.1, 2)
    assert 2 < counted["calls"] <= 10


def test_energy_loop_is_short_where_the_budget_is(monkeypatch):
    calls = []
    opened = Opened(feed=lambda x: x, call=calls.append, read=lambda x: {})
    job = {"device": "cpu", "seconds": 0, "min_runs": 3, "batch": 2}
    monkeypatch.setattr("zoo.bench.energy.counter", lambda device: lambda: float(len(calls)))
    assert timing._energy(opened, 0, job) == pytest.approx(0.5) and len(calls) == 3
    monkeypatch.setattr("zoo.bench.energy.counter", lambda device: None)
    assert timing._energy(opened, 0, job) is None and len(calls) == 3


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a CUDA device")
def test_there_is_no_energy_counter_without_a_card():
    assert nvml(0) is None
