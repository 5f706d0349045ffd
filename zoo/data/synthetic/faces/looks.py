"""What a simulated person looks like: everything that a picture shows and a pulse does not."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from zoo.data.synthetic.physiology import Person
from zoo.data.synthetic.traces import SKIN

HAIR = ("short", "fringe", "long", "receding", "bald", "cap")
GLASSES = ("none", "thin", "thick")
BEARDS = ("none", "stubble", "full")
Colour = tuple[float, float, float]


@dataclass(frozen=True)
class Looks:
    """Looks of one person; colours are RGB 0..1.

    Args:
        skin: mean colour of the face. redness: of cheeks and nose, 0..1. freckles, wrinkles: strength, 0..1.
        hair: one of `HAIR`; hair_colour: its colour. beard, glasses: one of `BEARDS`, `GLASSES`.
        eyes, shirt: colours of iris and clothes.
        width: of the face relative to the average; eye_gap, mouth_width, brow: the same of these.
        seed: of skin texture and of the person's own map of perfusion.
    """

    skin: Colour
    redness: float
    freckles: float
    wrinkles: float
    hair: str
    hair_colour: Colour
    beard: str
    glasses: str
    eyes: Colour
    shirt: Colour
    width: float
    eye_gap: float
    mouth_width: float
    brow: float
    seed: int


def _colour(values: np.ndarray) -> Colour:
    red, green, blue = np.clip(values, 0.01, 0.98).tolist()
    return red, green, blue


def draw_looks(person: Person, rng: np.random.Generator) -> Looks:
    """Looks that go with a person's age, sex and skin tone."""
    male, old = bool(person.sex), float(np.clip((person.age - 40) / 40, 0.0, 1.0))
    skin = SKIN[person.skin_tone - 1] * np.exp(rng.normal(0.0, 0.05)) * np.exp(rng.normal(0.0, 0.025, 3))
    styles = (0.45, 0.12, 0.05, 0.18, 0.14, 0.06) if male else (0.2, 0.26, 0.44, 0.02, 0.02, 0.06)
    # the darker the skin, the rarer fair hair; grey comes with age
    fairness = rng.beta(1.0, 2.0) if person.skin_tone <= 3 else 0.12 * rng.random()
    hair = np.array([0.10, 0.075, 0.06]) * (1 - fairness) + np.array([0.68, 0.5, 0.3]) * fairness
    grey = old * rng.random()
    hair = hair * (1 - grey) + np.array([0.62, 0.61, 0.6]) * grey
    iris = np.array([0.22, 0.13, 0.08]) if rng.random() < 0.3 + 0.14 * person.skin_tone else np.array([0.3, 0.42, 0.5])
    return Looks(
        skin=_colour(skin),
        redness=float(rng.beta(1.5, 3.0)) / (1.0 + 0.4 * (person.skin_tone - 1)),
        freckles=float(rng.beta(1.0, 3.0)),
        wrinkles=old * float(rng.random()),
        hair=str(rng.choice(HAIR, p=styles)),
        hair_colour=_colour(hair),
        beard=str(rng.choice(BEARDS, p=(0.5, 0.28, 0.22))) if male else "none",
        glasses=str(rng.choice(GLASSES, p=(0.68, 0.18, 0.14))),
        eyes=_colour(iris * np.exp(rng.normal(0.0, 0.15, 3))),
        shirt=_colour(rng.uniform(0.05, 0.85) * np.exp(rng.normal(0.0, 0.25, 3))),
        width=float(rng.normal(1.0, 0.035)),
        eye_gap=float(rng.normal(1.0, 0.03)),
        mouth_width=float(rng.normal(1.0, 0.07)),
        brow=float(rng.uniform(0.7, 1.3)),
        seed=int(rng.integers(2**31)),
    )
