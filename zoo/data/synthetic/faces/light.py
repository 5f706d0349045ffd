"""Light and camera during a simulated recording, as series over its frames.

Mains light flickers at twice the mains frequency (100 or 120 Hz); a rolling shutter sees it as bands that wander at the
alias frequency (Poplin et al. 2006). Automatic exposure follows the picture's brightness with a delay, in small steps.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from zoo.data.synthetic.faces.behaviour import ramps, wander
from zoo.data.synthetic.noise import coloured

LIGHTS = ("steady", "drifting", "flickering", "moving", "screen")


@dataclass(frozen=True)
class Light:
    """Light as the camera renders it.

    Args:
        gain: (T, 3) relative brightness of R, G, B: lamps, exposure and white balance.
        bands: (T,) phase (radians), amplitude and cycles a picture of flicker bands: `flicker`, `cycles`.
        flicker: amplitude of the bands, relative.
        cycles: bands a picture height.
        direction: (T, 3) unit vector from the face to the main lamp (x right, y down, z to the camera).
        ambient: share of light that comes from everywhere.
    """

    gain: np.ndarray
    bands: np.ndarray
    flicker: float
    cycles: float
    direction: np.ndarray
    ambient: float


def illuminate(times: np.ndarray, kind: str, strength: float, rng: np.random.Generator) -> Light:
    """Draw the light of a recording.

    Args:
        times: (T,) seconds.
        kind: one of `LIGHTS`.
        strength: of its changes, 0..1.
    """
    frames = times.size
    rate = (frames - 1) / float(times[-1])
    drifting = 1.0 if kind == "drifting" else 0.2
    # scaled by what falls into the pulse band, where it competes with the pulse
    drift, *tint = coloured(rng, (4, frames), rate, 2.0)
    level = 1.0 + 0.0008 * drifting * strength * rng.exponential() * drift
    colour = 1.0 + 0.0002 * drifting * strength * rng.exponential() * np.stack(tint, -1)
    if kind == "screen":
        starts = np.sort(rng.uniform(-5.0, times[-1], rng.poisson(times[-1] / 4.0) + 1))
        scenes = ramps(times, starts, rng.uniform(1.0, 6.0, starts.size), float(rng.uniform(0.1, 0.5)))
        glow = 0.06 * strength * rng.uniform(0.2, 1.0)
        colour = colour + glow * np.einsum("et,ec->tc", scenes, rng.uniform(-0.6, 1.0, (starts.size, 3)))
    azimuth, height = rng.normal(0.0, 0.7), rng.normal(-0.5, 0.35)
    swing = wander(rng, 2, times, 0.05) * (0.25 * strength if kind == "moving" else 0.004)
    side, up = azimuth + swing[0], height + 0.6 * swing[1]
    direction = np.stack([np.sin(side) * np.cos(up), np.sin(up), np.cos(side) * np.cos(up)], -1)
    mains = 2.0 * rng.choice((50.0, 60.0)) + rng.normal(0.0, 0.05)
    flicker = (0.01 if kind == "flickering" else 0.0006) * strength * rng.random()
    return Light(
        gain=_exposed(level[:, None] * colour, rate, rng),
        bands=2.0 * np.pi * (mains * times + rng.random()),
        flicker=float(flicker),
        cycles=float(rng.uniform(0.0, 3.5)),
        direction=direction,
        ambient=float(rng.uniform(0.45, 0.85)),
    )


def _exposed(gain: np.ndarray, rate: float, rng: np.random.Generator) -> np.ndarray:
    """The same light through automatic exposure: it follows slowly and in steps, where it is on."""
    if rng.random() < 0.4:
        return gain
    seen, exposure = np.log(gain.mean(-1)), 0.0
    step, dead = rng.uniform(0.001, 0.004), rng.uniform(0.004, 0.02)
    speed = step * rng.uniform(0.3, 1.0) * 30.0 / rate
    steps = np.empty(len(seen))
    for index, value in enumerate(seen):
        error = value + exposure
        if abs(error) > dead:
            exposure -= np.sign(error) * min(speed * 8.0, abs(error))
        steps[index] = exposure
    return gain * np.exp(steps)[:, None]
