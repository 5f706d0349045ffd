"""What a simulated head does during a recording: it sways, turns, breathes, talks, smiles and blinks.

Head sway at rest is a slow random walk of a degree and some millimetres, with quick small movements of half a
millimetre on it (`benchmarks/noise_statistics.py` holds what they do in the pulse band against real people); each beat
moves the head by a fraction of a millimetre (ballistocardiogram: Balakrishnan et al. 2013). Speech opens the mouth at
syllable rate, 2-7 Hz (Chandrasekaran et al. 2009), in phrases of seconds. People blink 10-20 times a minute, for
0.1-0.4 s (Bentivoglio et al. 1997).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from zoo.data.synthetic.circulation import Circulation
from zoo.data.synthetic.noise import coloured

MOTIONS = ("still", "talking", "turning", "rhythmic", "restless")


@dataclass(frozen=True)
class Behaviour:
    """Pose and mimics on the frames' times, each (T,) float64.

    Args:
        yaw, pitch, roll: radians. x, y: of the head's centre, units of half a face height from where it rests.
        size: relative to rest.
        body: y of the shoulders by breathing, the same units.
        mouth: how far the jaw is dropped, 0..1. smile: 0..1. lids: how far the eyes are closed, 0..1.
    """

    yaw: np.ndarray
    pitch: np.ndarray
    roll: np.ndarray
    x: np.ndarray
    y: np.ndarray
    size: np.ndarray
    body: np.ndarray
    mouth: np.ndarray
    smile: np.ndarray
    lids: np.ndarray


def wander(rng: np.random.Generator, rows: int, times: np.ndarray, slowest: float, exponent: float = 2.0) -> np.ndarray:
    """Random walks (rows, T) that return to zero, unit standard deviation, no slower than `slowest` Hz."""
    rate = (times.size - 1) / max(float(times[-1] - times[0]), 1e-6)
    walk = coloured(rng, (rows, times.size), rate, exponent, slowest)
    return walk / np.maximum(walk.std(-1, keepdims=True), 1e-9)


def ramps(times: np.ndarray, starts: np.ndarray, holds: np.ndarray, rise: float) -> np.ndarray:
    """Smooth steps up at `starts` and down `holds` seconds later, 0..1, (events, T)."""
    up = (times - starts[:, None]) / rise
    down = (starts[:, None] + holds[:, None] + rise - times) / rise
    part = np.clip(np.minimum(up, down), 0.0, 1.0)
    return part * part * (3.0 - 2.0 * part)


def behave(body: Circulation, times: np.ndarray, motion: str, strength: float, rng: np.random.Generator) -> Behaviour:
    """Draw a behaviour.

    Args:
        body: breathes, and its pulse moves the head.
        times: (T,) seconds.
        motion: one of `MOTIONS`.
        strength: 0 (hardly any) to 1.
    """
    calm = {"still": 0.7, "talking": 0.9, "turning": 0.8, "rhythmic": 0.7, "restless": 1.2}[motion]
    level = calm * (0.25 + 0.75 * strength)
    seconds = float(times[-1])
    sway = wander(rng, 6, times, 0.04, rng.uniform(2.3, 3.1)) * level
    yaw, pitch, roll = 0.06 * sway[0], 0.04 * sway[1], 0.03 * sway[2]
    x, y, size = 0.08 * sway[3], 0.05 * sway[4], 1.0 + 0.025 * sway[5]
    # quick small movements up to about 1.5 Hz, where the pulse is
    fidget = wander(rng, 4, times, 1.2, 5.0) * calm**0.5 * rng.uniform(0.1, 1.0) * (0.2 + 0.85 * strength)
    x, y, yaw, pitch = x + 0.008 * fidget[0], y + 0.007 * fidget[1], yaw + 0.008 * fidget[2], pitch + 0.007 * fidget[3]
    if motion in ("turning", "restless"):
        turns = ramps(times, *_events(rng, seconds, 4.0, 0.5, 3.0), rise=float(rng.uniform(0.5, 1.2)))
        yaw = yaw + rng.uniform(0.12, 0.5) * strength * (rng.choice((-1.0, 1.0), len(turns)) @ turns)
        nods = ramps(times, *_events(rng, seconds, 6.0, 0.2, 1.0), rise=0.4)
        pitch = pitch + 0.2 * strength * (rng.uniform(-1.0, 1.0, len(nods)) @ nods)
    if motion == "rhythmic":
        # nodding, cycling, chewing: at the rate of a pulse
        cycles = rng.uniform(0.4, 2.6) * times + 0.3 * wander(rng, 1, times, 0.05)[0] + rng.random()
        swing = strength * rng.uniform(0.2, 1.0) * np.sin(2.0 * np.pi * cycles)
        y, pitch = y + 0.03 * swing, pitch + 0.05 * swing
    breath = rng.uniform(0.002, 0.012) * body.respiration(times)
    beat = rng.uniform(0.0002, 0.0012) * body.pulse(times - 0.08)
    mouth = np.zeros_like(times)
    if motion in ("talking", "restless"):
        mouth = _speech(rng, times) * (0.4 + 0.6 * strength)
        pitch, y = pitch + 0.006 * mouth * rng.uniform(-1, 1), y - 0.004 * mouth
    smiles = ramps(times, *_events(rng, seconds, 12.0 / calm**0.5, 0.5, 4.0), rise=0.5)
    return Behaviour(
        yaw=yaw,
        pitch=pitch,
        roll=roll,
        x=x,
        y=y - 0.5 * breath - beat,
        size=size,
        body=-breath,
        mouth=mouth,
        smile=np.clip(rng.uniform(0.2, 1.0) * smiles.sum(0), 0.0, 1.0),
        lids=_blinks(rng, times),
    )


def _events(
    rng: np.random.Generator, seconds: float, every: float, shortest: float, longest: float
) -> tuple[np.ndarray, np.ndarray]:
    """Starts and durations of events that come about once in `every` seconds."""
    count = rng.poisson(seconds / every)
    return np.sort(rng.uniform(-1.0, seconds, count)), rng.uniform(shortest, longest, count)


def _speech(rng: np.random.Generator, times: np.ndarray) -> np.ndarray:
    phrases = np.clip(ramps(times, *_events(rng, float(times[-1]), 4.0, 1.0, 5.0), rise=0.25).sum(0), 0.0, 1.0)
    syllables = wander(rng, 1, times, 3.0, 3.0)[0]
    return phrases * np.clip(0.35 + 0.4 * syllables, 0.0, 1.0)


def _blinks(rng: np.random.Generator, times: np.ndarray) -> np.ndarray:
    starts, holds = _events(rng, float(times[-1]), float(rng.uniform(2.5, 7.0)), 0.02, 0.15)
    return np.clip(ramps(times, starts, holds, 0.1).sum(0), 0.0, 1.0)
