"""Speed of the signal routines beside the plain published forms: same input, same run, same answer.

    OMP_NUM_THREADS=1 python benchmarks/signals.py

The plain forms are written out here as their papers and the rPPG toolbox state them: one trace, one window, one wave
at a time. Each row is the best of several runs, and the program fails where two answers differ or a promise is broken.
"""

from __future__ import annotations

import math
import os
import sys
import time
from collections.abc import Callable

import numpy as np
from rich.console import Console
from rich.table import Table
from scipy import signal

from zoo.signals.classical import pos
from zoo.signals.filters import _factor, detrend
from zoo.signals.quality import macc
from zoo.signals.rate import heart_rate

FPS = 30.0
FRAMES = 600
# how much faster each must be
PROMISED = {"detrend": 300, "detrend, new length": 300, "POS": 100, "heart rate": 5}


def plain_detrend(wave: np.ndarray, smoothness: float = 100.0) -> np.ndarray:
    """Equation 20 of Tarvainen 2002 with the dense inverse."""
    difference = np.diff(np.eye(len(wave)), 2, axis=0)
    identity = np.eye(len(wave))
    return (identity - np.linalg.inv(identity + smoothness**2 * difference.T @ difference)) @ wave


def detrend_anew(wave: np.ndarray) -> np.ndarray:
    """Ours without what it keeps from call to call, the factor of a length's matrix."""
    _factor.cache_clear()
    return detrend(wave)


def plain_pos(traces: np.ndarray, fps: float) -> np.ndarray:
    """Algorithm 1 of Wang 2017, a region and a window at a time."""
    length, frames = math.ceil(1.6 * fps), traces.shape[-1]
    pulses = np.zeros((len(traces), frames))
    projection = np.array([[0, 1, -1], [-2, 1, 1]])
    for region, rgb in enumerate(traces):
        for start in range(frames - length + 1):
            window = rgb[:, start : start + length]
            s = projection @ (window / np.mean(window, axis=1, keepdims=True))
            h = s[0] + np.std(s[0]) / np.std(s[1]) * s[1]
            pulses[region, start : start + length] += h - np.mean(h)
    return pulses


def plain_heart_rate(waves: np.ndarray, fps: float, low: float, high: float) -> np.ndarray:
    """The toolbox's periodogram, a wave at a time."""
    rates = []
    for wave in waves:
        size = 2 ** math.ceil(math.log2(len(wave)))
        frequencies, power = signal.periodogram(wave, fs=fps, nfft=size, detrend=False)
        inside = np.argwhere((frequencies >= low) & (frequencies <= high))
        rates.append(60 * float(np.take(frequencies, inside)[np.argmax(np.take(power, inside))].item()))
    return np.array(rates)


def plain_macc(wave: np.ndarray, reference: np.ndarray) -> float:
    """The toolbox's correlation at every delay."""
    delays = range(len(wave) - 1)
    return max(abs(np.corrcoef(wave, np.roll(reference, delay))[0, 1]) for delay in delays)


def best_ms(function: Callable[[], object], least_seconds: float = 0.5) -> float:
    """Fastest of as many calls as fit into the time (at least three), after one to warm up."""
    function()
    times: list[float] = []
    while len(times) < 3 or sum(times) < least_seconds:
        start = time.perf_counter()
        function()
        times.append(time.perf_counter() - start)
    return 1000 * min(times)


def main() -> int:
    rng = np.random.default_rng(0)
    t = np.arange(FRAMES) / FPS
    pulse = np.sin(2 * np.pi * 1.3 * t)
    skin = 1 - 2e-3 * np.array([0.33, 0.77, 0.53])[:, None] * pulse + 0.02 * np.sin(0.3 * t)
    traces = np.array([0.7, 0.5, 0.4])[:, None] * skin + 1e-3 * rng.normal(size=(8, 3, FRAMES))
    wave = pulse + np.cumsum(rng.normal(size=FRAMES))
    waves = np.sin(2 * np.pi * rng.uniform(0.9, 2.3, (64, 1)) * t) + 0.5 * rng.normal(size=(64, FRAMES))

    rows: list[tuple[str, str, Callable[[], object], Callable[[], object]]] = [
        ("detrend", "1 x 600", lambda: plain_detrend(wave), lambda: detrend(wave)),
        ("detrend, new length", "1 x 600", lambda: plain_detrend(wave), lambda: detrend_anew(wave)),
        ("POS", "8 regions x 600", lambda: plain_pos(traces, FPS), lambda: pos(traces, FPS)),
        (
            "heart rate",
            "64 x 600",
            lambda: plain_heart_rate(waves, FPS, 0.75, 2.5),
            lambda: heart_rate(waves, FPS, low=0.75, high=2.5, method="toolbox"),
        ),
        ("MACC", "1 x 600", lambda: plain_macc(wave, pulse), lambda: macc(wave, pulse)),
    ]
    table = Table(title=f"plain published form / zoo.signals ({os.environ.get('OMP_NUM_THREADS', 'all')} threads)")
    for column in ("routine", "input", "plain, ms", "zoo, ms", "times faster", "promised"):
        table.add_column(column, justify="left" if column in ("routine", "input") else "right")
    kept = True
    for name, shape, plain, ours in rows:
        np.testing.assert_allclose(np.asarray(ours()), np.asarray(plain()), rtol=1e-6, atol=1e-7)
        slow, fast = best_ms(plain), best_ms(ours)
        promised = PROMISED.get(name)
        kept &= promised is None or slow / fast >= promised
        table.add_row(
            name, shape, f"{slow:.3f}", f"{fast:.4f}", f"{slow / fast:.0f}", "" if promised is None else f"{promised}"
        )
    finer = best_ms(lambda: heart_rate(waves, FPS))
    table.add_row("heart rate, zoo's own", "64 x 600", "", f"{finer:.4f}", "", "")
    Console().print(table)
    return 0 if kept else 1


if __name__ == "__main__":
    sys.exit(main())
