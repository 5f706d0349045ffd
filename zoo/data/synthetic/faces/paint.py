"""Paints a head as still layers in face coordinates: colours, sensitivity to blood, opacity, and closed eyes.

Face coordinates are those of `zoo.data.synthetic.layout`: x and y -1..1 over the face, y down; eyes at (+-0.34, -0.2),
mouth at y = 0.57.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from zoo.data.synthetic.faces.looks import Looks
from zoo.data.synthetic.layout import perfusion_map

LEFT, RIGHT, TOP, BOTTOM = -1.45, 1.45, -1.5, 2.0  # of the painted area, face coordinates
MOUTH = 0.575  # y of the line between the lips
EYES = -0.2
_DARK = np.array([0.09, 0.05, 0.045])


@dataclass(frozen=True)
class Head:
    """Layers of a head, (H, W) float32 texels, `scale` texels a unit from (LEFT, TOP) on.

    Args:
        scale: texels a unit of face coordinates.
        colour: (3, H, W), RGB 0..1, without light.
        blood: how much of the pulse a texel shows (1 = cheek). alpha: opacity 0..1.
        lids: rows and columns (slices) where closed eyes differ; closed: (3, h, w), the colours there.
    """

    scale: float
    colour: np.ndarray
    blood: np.ndarray
    alpha: np.ndarray
    lids: tuple[slice, slice]
    closed: np.ndarray


class _Canvas:
    """Pictures over face coordinates, painted over from back to front."""

    def __init__(self, scale: float) -> None:
        columns, rows = round((RIGHT - LEFT) * scale), round((BOTTOM - TOP) * scale)
        self.x = (LEFT + (np.arange(columns, dtype=np.float32)[None] + 0.5) / scale).astype(np.float32)
        self.y = (TOP + (np.arange(rows, dtype=np.float32)[:, None] + 0.5) / scale).astype(np.float32)
        self.colour = np.zeros((rows, columns, 3), np.float32)
        self.blood = np.zeros((rows, columns), np.float32)
        self.alpha = np.zeros((rows, columns), np.float32)

    def oval(self, x: float, y: float, width: float, height: float, soft: float = 0.06) -> np.ndarray:
        """A mask (H, W) 0..1 with a soft edge, given by its half axes."""
        radius = np.sqrt(((self.x - x) / width) ** 2 + ((self.y - y) / height) ** 2)
        return np.clip((1.0 - radius) / soft + 0.5, 0.0, 1.0)

    def spot(self, x: float, y: float, width: float, height: float) -> np.ndarray:
        """A mask (H, W) 0..1 that fades like a Gaussian."""
        return np.exp(-(((self.x - x) / width) ** 2)) * np.exp(-(((self.y - y) / height) ** 2))

    def pair(self, x: float, y: float, width: float, height: float, soft: float = 0.2) -> np.ndarray:
        """Two ovals, left and right."""
        return np.maximum(self.oval(-x, y, width, height, soft), self.oval(x, y, width, height, soft))

    def paint(self, colour: np.ndarray, mask: np.ndarray, blood: np.ndarray | float, opaque: bool = True) -> None:
        """Lay a colour (3,) or (H, W, 3) over the picture where the mask is; the pulse below is covered as well."""
        self.colour += mask[..., None] * (np.asarray(colour, np.float32) - self.colour)
        self.blood += mask * (blood - self.blood)
        if opaque:
            np.maximum(self.alpha, mask, out=self.alpha)

    def tint(self, factor: np.ndarray | float, mask: np.ndarray) -> None:
        """Multiply the picture's colours by a factor where the mask is; the pulse stays."""
        self.colour *= 1.0 + mask[..., None] * (np.asarray(factor, np.float32) - 1.0)


def _grain(rng: np.random.Generator, shape: tuple[int, int], blur: float) -> np.ndarray:
    """Smooth noise with unit standard deviation."""
    small = max(1, int(blur / 2))
    size = (shape[1] // small + 2, shape[0] // small + 2)
    noise = cv2.GaussianBlur(rng.standard_normal(size[::-1], np.float32), (0, 0), blur / small)
    noise = cv2.resize(noise, shape[::-1], interpolation=cv2.INTER_LINEAR)
    return (noise - noise.mean()) / max(float(noise.std()), 1e-6)


def paint_head(looks: Looks, makeup: float, scale: float) -> Head:
    """A person's head.

    Args:
        looks: of the person.
        makeup: share of the skin's light, and so of the pulse, that a foundation hides, 0..1.
        scale: texels a unit.
    """
    rng = np.random.default_rng(looks.seed)
    page = _Canvas(scale)
    shape = page.blood.shape
    skin, hair = np.array(looks.skin), np.array(looks.hair_colour)
    strands = 1.0 + 0.18 * cv2.GaussianBlur(rng.standard_normal(shape, np.float32), (0, 0), 0.8, sigmaY=scale / 12)
    locks = (hair * strands[..., None]).astype(np.float32)
    perfusion, _, _ = perfusion_map(page.x / looks.width, page.y)
    # every face has a map of vessels of its own (Kamshilin et al. 2011)
    perfusion = perfusion * np.exp(0.2 * _grain(rng, shape, 0.16 * scale) + 0.1 * _grain(rng, shape, 0.05 * scale))

    _back_of_the_head(page, looks, skin, locks)
    face = _skin(page, looks, skin, perfusion, rng)
    if makeup > 0:
        foundation = skin * np.array([1.02, 0.97, 0.94])
        page.paint(page.colour * (1 - 0.7 * makeup) + 0.7 * makeup * foundation, 0.95 * face, page.blood * (1 - makeup))
    _features(page, looks, skin, hair)
    if makeup > 0:
        lips = page.oval(0.0, MOUTH, 0.27 * looks.mouth_width, 0.085, 0.3)
        page.paint(np.array([0.62, 0.16, 0.2]) * (0.4 + 0.7 * skin.mean()), 0.75 * makeup * lips, 0.0)
    _beard(page, looks, skin, locks, rng)
    _top_hair(page, looks, locks, face)
    rows, columns = _around_eyes(page, scale)
    seen = page.colour.copy()
    _close_eyes(page, looks, skin)
    closed = page.colour
    page.colour = seen
    for picture in (seen, closed):
        _line_of_lips(page, looks, picture)
        _glasses(page, looks, picture)
    if looks.glasses != "none":
        page.blood *= 1.0 - 0.9 * _rims(page, looks)
    colours, shut = (
        np.ascontiguousarray(np.clip(part, 0.0, 1.0).transpose(2, 0, 1), np.float32)
        for part in (seen, closed[rows, columns])
    )
    return Head(scale, colours, page.blood.astype(np.float32), page.alpha.astype(np.float32), (rows, columns), shut)


def _back_of_the_head(page: _Canvas, looks: Looks, skin: np.ndarray, locks: np.ndarray) -> None:
    if looks.hair == "long":
        page.paint(locks * 0.8, page.oval(0.0, 0.35, 1.08, 1.45, 0.1), 0.0)
    page.paint(skin * 0.72, page.oval(0.0, 1.25, 0.5, 0.95, 0.1), 0.3)
    page.tint(0.65, page.spot(0.0, 1.0, 0.6, 0.18))
    page.paint(skin * 0.88, page.pair(0.87 * looks.width, 0.0, 0.11, 0.24, 0.3), 0.5)
    if looks.hair not in ("bald", "receding"):
        page.paint(locks, page.oval(0.0, -0.32, 0.97 * looks.width, 1.0, 0.06), 0.0)
    elif looks.hair == "receding":
        page.paint(locks * 0.9, page.oval(0.0, -0.2, 0.93 * looks.width, 0.8, 0.08), 0.0)


def _skin(page: _Canvas, looks: Looks, skin: np.ndarray, perfusion: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The bare face; returns its mask."""
    face = page.oval(0.0, 0.0, 0.85 * looks.width, 0.99, 0.05)
    face = np.maximum(face, page.oval(0.0, -0.35, 0.83 * looks.width, 0.82, 0.05))
    shape, scale = page.blood.shape, page.blood.shape[0] / (BOTTOM - TOP)
    pores = 0.015 * _grain(rng, shape, 0.012 * scale) + 0.02 * _grain(rng, shape, 0.04 * scale)
    relief = 1.0 + pores + 0.03 * _grain(rng, shape, 0.2 * scale)
    # colour of the bare skin is not even: cheeks and nose are redder, the jaw darker
    colour = skin * relief[..., None]
    warm = page.spot(-0.48, 0.25, 0.28, 0.25) + page.spot(0.48, 0.25, 0.28, 0.25) + page.spot(0.0, 0.25, 0.12, 0.12)
    colour = colour * (1.0 - looks.redness * warm[..., None] * np.array([-0.03, 0.2, 0.16]))
    page.paint(colour, face, np.maximum(perfusion, 0.3 * face))
    page.tint(0.8, 0.6 * np.maximum(face - page.oval(0.0, -0.1, 0.8 * looks.width, 0.98, 0.4), 0.0))
    specks = np.clip(_grain(rng, shape, 0.014 * scale) - 1.9, 0.0, 1.0) * face
    page.tint(np.array([0.78, 0.66, 0.6]), looks.freckles * specks)
    for height in (-0.72, -0.62, -0.52):
        line = np.exp(-(((page.y - height - 0.03 * page.x**2) / 0.012) ** 2)) * page.spot(0.0, -0.6, 0.45, 0.3)
        page.tint(0.8, looks.wrinkles * line)
    for side in (-1.0, 1.0):
        fold = np.exp(-(((page.x - side * (0.2 + 0.28 * (page.y - 0.2))) / 0.02) ** 2))
        page.tint(0.78, (0.25 + 0.6 * looks.wrinkles) * fold * page.spot(side * 0.27, 0.4, 0.2, 0.18))
    return face


def _features(page: _Canvas, looks: Looks, skin: np.ndarray, hair: np.ndarray) -> None:
    gap = 0.34 * looks.eye_gap
    page.tint(0.74, 0.7 * page.pair(gap, EYES - 0.02, 0.24, 0.15, 0.9))
    brow = np.minimum(hair * 0.9, skin * 0.55)
    page.paint(brow, 0.85 * page.pair(gap + 0.015, EYES - 0.21, 0.2, 0.05 * looks.brow, 0.6), 0.1)
    page.paint(np.array([0.9, 0.88, 0.87]) * (0.75 + 0.25 * skin.mean()), page.pair(gap, EYES, 0.15, 0.065), 0.0)
    page.paint(np.array(looks.eyes), page.pair(gap, EYES, 0.066, 0.066), 0.0)
    page.paint(_DARK * 0.5, page.pair(gap, EYES, 0.03, 0.03), 0.0)
    page.paint(_DARK, 0.9 * page.pair(gap, EYES - 0.062, 0.165, 0.024, 0.6), 0.0)
    page.tint(1.1, 0.7 * page.oval(0.0, 0.0, 0.065, 0.32, 1.0))
    page.tint(0.82, 0.5 * page.pair(0.12, 0.05, 0.05, 0.26, 1.0))
    page.tint(0.68, 0.65 * page.oval(0.0, 0.3, 0.17, 0.05, 0.9))
    page.paint(skin * 0.34, 0.9 * page.pair(0.082, 0.268, 0.044, 0.024, 0.7), 0.0)
    lips = skin * np.array([0.84, 0.58, 0.62])
    width = 0.28 * looks.mouth_width
    page.paint(lips * 0.9, 0.85 * page.oval(0.0, MOUTH - 0.035, 0.95 * width, 0.052, 0.35), 0.6)
    page.paint(lips, 0.85 * page.oval(0.0, MOUTH + 0.045, 0.85 * width, 0.062, 0.35), 0.7)
    page.tint(0.74, 0.5 * page.oval(0.0, 0.73, 0.18, 0.035, 1.0))


def _beard(page: _Canvas, looks: Looks, skin: np.ndarray, locks: np.ndarray, rng: np.random.Generator) -> None:
    if looks.beard == "none":
        return
    jaw = page.oval(0.0, 0.05, 0.86 * looks.width, 1.0, 0.1) - page.oval(0.0, -0.08, 0.68, 0.66, 0.15)
    area = np.clip(jaw, 0.0, 1.0) * np.clip((page.y - 0.12) / 0.3, 0.0, 1.0)
    area = np.maximum(area, page.oval(0.0, 0.435, 0.3, 0.055, 0.5))
    area *= 1.0 - page.oval(0.0, MOUTH, 0.25, 0.09, 0.3)
    cover = 0.42 if looks.beard == "stubble" else 0.93
    rough = np.clip(1.0 + 0.25 * rng.standard_normal(page.blood.shape, np.float32), 0.0, 1.4)
    colour = 0.6 * locks + 0.25 * skin if looks.beard == "stubble" else locks
    page.paint(colour, np.clip(cover * area * rough, 0.0, 1.0), 0.0)


def _top_hair(page: _Canvas, looks: Looks, locks: np.ndarray, face: np.ndarray) -> None:
    """Hair over the forehead and beside the face."""
    head = np.maximum(face, page.oval(0.0, -0.32, 0.99 * looks.width, 1.02, 0.06))
    if looks.hair == "cap":
        edge = np.clip((-0.62 - page.y + 0.05 * np.cos(3.0 * page.x)) / 0.04, 0.0, 1.0)
        page.paint(np.array(looks.shirt)[::-1] * 0.8, head * edge, 0.0)
        return
    if looks.hair == "bald":
        return
    line = {"short": -0.72, "fringe": -0.46, "long": -0.66, "receding": -1.3}[looks.hair]
    top = np.clip((line - page.y - 0.25 * page.x**2 + 0.06 * np.sin(9.0 * page.x + 1.0)) / 0.07, 0.0, 1.0)
    inner = {"short": 0.83, "fringe": 0.78, "long": 0.7, "receding": 0.86}[looks.hair] * looks.width
    beside = np.clip((np.abs(page.x) - inner) / 0.06, 0.0, 1.0)
    beside = beside * np.clip(((1.3 if looks.hair == "long" else 0.02) - page.y) / 0.15, 0.0, 1.0)
    page.paint(locks, np.clip(np.maximum(top, beside), 0.0, 1.0) * head, 0.0)


def _around_eyes(page: _Canvas, scale: float) -> tuple[slice, slice]:
    rows = slice(int((EYES - 0.12 - TOP) * scale), int((EYES + 0.12 - TOP) * scale))
    return rows, slice(int((-0.56 - LEFT) * scale), int((0.56 - LEFT) * scale))


def _close_eyes(page: _Canvas, looks: Looks, skin: np.ndarray) -> None:
    gap, blood = 0.34 * looks.eye_gap, page.blood.copy()
    page.paint(skin * 0.82, page.pair(gap, EYES, 0.18, 0.1, 0.25), 0.2)
    page.paint(_DARK, 0.85 * page.pair(gap, EYES + 0.055, 0.15, 0.018, 0.6), 0.0)
    page.blood = blood


def _line_of_lips(page: _Canvas, looks: Looks, picture: np.ndarray) -> None:
    """The dark gap that opens when the jaw drops: stretched by the renderer, so it is the inside of the mouth."""
    line = 0.95 * page.oval(0.0, MOUTH, 0.255 * looks.mouth_width, 0.017, 0.5)
    picture += line[..., None] * (np.array([0.2, 0.07, 0.07], np.float32) - picture)


def _rims(page: _Canvas, looks: Looks) -> np.ndarray:
    thick = 0.022 if looks.glasses == "thin" else 0.05
    gap = 0.35 * looks.eye_gap
    rims = page.pair(gap, EYES + 0.03, 0.25, 0.2, 0.1) - page.pair(gap, EYES + 0.03, 0.25 - thick, 0.2 - thick, 0.1)
    bridge = page.oval(0.0, EYES - 0.02, 0.11, 0.6 * thick, 0.3)
    arms = page.oval(0.0, EYES - 0.05, 0.9, 0.5 * thick, 0.3) * (np.abs(page.x) > gap + 0.24)
    return np.clip(np.maximum(np.maximum(rims, bridge), arms), 0.0, 1.0)


def _glasses(page: _Canvas, looks: Looks, picture: np.ndarray) -> None:
    if looks.glasses == "none":
        return
    dark = np.array([0.12, 0.1, 0.1] if looks.glasses == "thick" else [0.35, 0.33, 0.32], np.float32)
    picture += (0.92 * _rims(page, looks))[..., None] * (dark - picture)
    glare = page.oval(-0.4, EYES - 0.04, 0.09, 0.03, 0.8) + page.oval(0.28, EYES - 0.04, 0.09, 0.03, 0.8)
    picture += 0.35 * glare[..., None] * (1.0 - picture)
