"""Everything of a recording that stays the same while it runs: place, camera, make-up, and how hard it is."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from zoo.data.synthetic.faces.behaviour import MOTIONS
from zoo.data.synthetic.faces.light import LIGHTS

# width, height of drawn pictures: what a camera sees of a head and its surroundings
SIZES = ((320, 240), (256, 256), (240, 288), (288, 224), (224, 224), (352, 288))
_OFTEN = (0.4, 0.16, 0.12, 0.12, 0.12, 0.08)


@dataclass(frozen=True)
class Scene:
    """Still parameters of a recording; 0 switches a cause off.

    Args:
        size: width, height in pixels. fps: nominal frames a second. jitter: of frame times, share of their distance.
        unit: pixels of half a face height. place: of the face's centre, shares of the picture.
        motion, movement: kind and strength (0..1). light, unrest: kind and strength (0..1) of its changes.
        pulse: pulse amplitude (standard deviation / mean, on the camera's curve) of green on the cheek of fair skin.
        spo2_error: error of the camera's ratio of ratios, per cent SpO2.
        makeup: share of the skin that a foundation hides.
        exposure: brightness. balance: gains of R, G, B. gamma: exponent of the camera's curve against sRGB.
        specular: share of light that the skin mirrors. slope: change of light along a move of the head.
        noise, colour_noise: of a pixel's brightness and colour, grey levels. blur: of the noise, pixels, which
            weakens it.
        memory: correlation of the noise from frame to frame. mottle: slow noise of patches, grey levels in the pulse
            band.
        background: seed of the room's picture.
    """

    size: tuple[int, int]
    fps: float
    jitter: float
    unit: float
    place: tuple[float, float]
    motion: str
    movement: float
    light: str
    unrest: float
    pulse: float
    spo2_error: float
    makeup: float
    exposure: float
    balance: tuple[float, float, float]
    gamma: float
    specular: float
    slope: float
    noise: float
    colour_noise: float
    blur: float
    memory: float
    mottle: float
    background: int


def draw_scene(rng: np.random.Generator, hard: float = 1.0, size: tuple[int, int] | None = None) -> Scene:
    """Draw a recording's conditions.

    Args:
        hard: 0 (people who sit still in steady light) to 1 (up to turning heads, talk, flicker, heavy make-up).
        size: width, height; drawn out of `SIZES` unless given.
    """
    drawn = SIZES[int(rng.choice(len(SIZES), p=_OFTEN))]
    width, height = size or drawn
    unit = float(rng.uniform(0.27, 0.385)) * min(height, 1.15 * width)
    covered = rng.random() < 0.22 * hard
    calm = np.array([0.5, 0.2, 0.12, 0.1, 0.08]), np.array([0.42, 0.22, 0.16, 0.12, 0.08])
    moving, lit = (np.append(1.0 - hard * p[1:].sum(), hard * p[1:]) for p in calm)
    return Scene(
        size=(width, height),
        fps=float(rng.choice((30.0, 30000 / 1001, 25.0, 24.0, 20.0), p=(0.6, 0.1, 0.16, 0.08, 0.06))),
        jitter=float(rng.uniform(0.02, 0.3)) if rng.random() < 0.12 * hard else 0.0,
        unit=unit,
        place=(float(rng.normal(0.5, 0.03)), float(rng.normal(0.48, 0.02))),
        motion=str(rng.choice(MOTIONS, p=moving)),
        movement=float(hard * rng.random()),
        light=str(rng.choice(LIGHTS, p=lit)),
        unrest=float(hard * rng.random()),
        pulse=float(np.exp(rng.uniform(np.log(0.0014), np.log(0.0055)))),
        spo2_error=float(rng.normal(0.0, 0.7)),
        makeup=float(rng.choice((rng.uniform(0.15, 0.4), rng.uniform(0.4, 0.75)))) if covered else 0.0,
        exposure=float(rng.uniform(0.62, 1.1)),
        balance=_triple(np.exp(rng.normal(0.0, 0.06, 3))),
        gamma=float(rng.uniform(0.85, 1.2)),
        specular=float(rng.uniform(0.02, 0.16)),
        slope=float(rng.normal(0.0, 0.12)),
        noise=float(np.exp(rng.uniform(np.log(0.45), np.log(1.6 + 1.0 * hard)))),
        colour_noise=float(rng.uniform(0.2, 0.9)),
        blur=float(rng.choice((0.0, 0.5, 0.8, 1.2))),
        memory=float(rng.choice((0.0, 0.35, 0.65), p=(0.5, 0.3, 0.2))),
        mottle=float(hard * np.exp(rng.uniform(np.log(0.01), np.log(0.12)))),
        background=int(rng.integers(2**31)),
    )


def _triple(values: np.ndarray) -> tuple[float, float, float]:
    red, green, blue = values.tolist()
    return red, green, blue
