"""Labels on another clock: the lag is recovered, and what cannot be is refused."""

from __future__ import annotations

import numpy as np
import pytest

from zoo.data.recording import Labels, Series
from zoo.data.synchronise import measure_lag, synchronise
from zoo.datasets.synthetic import windows
from zoo.errors import DataError
from zoo.spec import Traces


def person(seconds: float = 60.0) -> tuple[np.ndarray, np.ndarray, np.ndarray, Labels]:
    """A simulated person, easily seen: frame times, colours, found, labels."""
    window = windows(Traces(int(seconds * 30)), "train", people=1, hard=0.0, seed=3)[0]
    times = np.arange(int(seconds * 30)) / 30
    labels = Labels({name: Series(times, wave) for name, wave in window["waveforms"].items()})
    return times, window["input"][0], window["mask"], labels


@pytest.mark.parametrize("lag", [-2.7, -0.4, 0.0, 0.31, 3.9])
def test_the_lag_is_recovered(lag: float) -> None:
    times, colours, found, labels = person()
    at_rest = measure_lag(times, colours, found, labels.signals["ppg"]).seconds
    late = Labels({name: Series(s.times - lag, s.values) for name, s in labels.signals.items()})
    moved, told = synchronise(times, colours, found, late)
    assert abs(at_rest) < 0.05
    assert told.seconds == pytest.approx(lag + at_rest, abs=0.02) and told.correlation > 0.9
    for name, series in moved.signals.items():
        assert series.times == pytest.approx(late.signals[name].times + told.seconds)


def test_a_strangers_pulse_is_refused() -> None:
    times, colours, found, _ = person()
    noise = np.random.default_rng(0).normal(size=len(times))
    with pytest.raises(DataError, match="cannot be synchronised"):
        synchronise(times, colours, found, Labels({"ppg": Series(times, noise)}))


def test_a_lag_out_of_reach_is_refused() -> None:
    times, colours, found, labels = person()
    ppg = labels.signals["ppg"]
    with pytest.raises(DataError, match="cannot be synchronised"):
        synchronise(times, colours, found, Labels({"ppg": Series(ppg.times - 9.3, ppg.values)}))


def test_a_pulse_without_variability_has_no_certain_lag() -> None:
    times = np.arange(1800) / 30
    wave = np.sin(2 * np.pi * 1.25 * times)
    colours = 0.5 + 0.01 * np.array([0.33, 0.77, 0.53])[:, None] * -wave
    with pytest.raises(DataError, match="too many lags fit alike"):
        synchronise(times, colours, np.ones(1800, bool), Labels({"ppg": Series(times, wave)}))


def test_too_little_is_refused() -> None:
    times, colours, found, labels = person()
    ppg = labels.signals["ppg"]
    with pytest.raises(DataError, match="no ppg"):
        synchronise(times, colours, found, Labels())
    with pytest.raises(DataError, match="less than 20 s"):
        synchronise(times, colours, found, Labels({"ppg": Series(ppg.times[:500], ppg.values[:500])}))
    with pytest.raises(DataError, match="lost for more than half"):
        synchronise(times, colours, np.arange(1800) < 700, labels)
