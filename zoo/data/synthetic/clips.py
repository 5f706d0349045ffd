"""Plain simulated face clips: a textured oval whose skin is modulated by blood volume, with motion, light and noise.

A still picture that moves by fractions of a pixel is multiplied, block by block, by what `render_traces` says of each
block: pulse, light, coding noise and codec damage are therefore those of the traces. Sensor noise is added pixel by
pixel and the result is rounded to 8 bits, as a camera does.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from scipy import ndimage

from zoo.data.synthetic.circulation import Circulation
from zoo.data.synthetic.compression import GREY
from zoo.data.synthetic.layout import layout_of, perfusion_map
from zoo.data.synthetic.noise import coloured
from zoo.data.synthetic.traces import SKIN, Capture, render_traces
from zoo.spec import Grid

_BLOCK = 6  # pixels
_MARGIN = 4  # pixels around the picture into which it may move


def _blob(x: np.ndarray, y: np.ndarray, at: tuple[float, float], size: tuple[float, float]) -> np.ndarray:
    return np.exp(-(((x - at[0]) / size[0]) ** 2 + ((y - at[1]) / size[1]) ** 2))


def draw_face(tone: int, size: int, rng: np.random.Generator) -> np.ndarray:
    """A still picture of an oval face with eyes, brows, mouth, hair and skin texture before a plain background.

    Args:
        tone: Fitzpatrick type 1-6.
        size: side of the picture inside a margin of 4 pixels, which is added on every side.
        rng: source of randomness.

    Returns:
        (3, size + 8, size + 8) float32, RGB 0..1.
    """
    side = size + 2 * _MARGIN
    axis = (np.arange(side) - _MARGIN + 0.5) * 2.0 / size - 1.0
    y, x = np.meshgrid(axis, axis, indexing="ij")
    skin = perfusion_map(x, y)[2]
    grain = ndimage.gaussian_filter(rng.standard_normal((2, side, side)), (0, size / 60, size / 60))
    patch = ndimage.gaussian_filter(rng.standard_normal((side, side)), size / 8)
    lit = 1.0 + rng.uniform(-0.2, 0.2) * x + rng.uniform(-0.15, 0.15) * y - 0.25 * (x**2 + 0.5 * y**2)
    lit = lit * (1.0 + 0.03 * grain[0] / grain[0].std() + 0.05 * patch / patch.std())
    colour = SKIN[tone - 1] * np.exp(rng.normal(0.0, 0.04, 3))
    background = rng.uniform(0.1, 0.7) * np.exp(rng.normal(0.0, 0.1, 3))
    hair = rng.uniform(0.04, 0.35) * np.array([1.0, 0.85, 0.7])
    picture = background[:, None, None] * (1.0 + 0.05 * grain[1])
    above = 1.0 / (1.0 + np.exp((y - 0.1) / 0.08))
    crown = above / (1.0 + np.exp((np.hypot(x / 0.98, (y + 0.12) / 0.98) - 1.0) / 0.05))
    picture = picture * (1.0 - crown) + hair[:, None, None] * crown
    picture = picture * (1.0 - skin) + colour[:, None, None] * lit * skin
    dark = sum(_blob(x, y, (side_x, -0.2), (0.13, 0.07)) for side_x in (-0.35, 0.35))
    brows = sum(_blob(x, y, (side_x, -0.36), (0.2, 0.04)) for side_x in (-0.35, 0.35))
    picture = picture * (1.0 - 0.75 * dark) * (1.0 - 0.5 * brows)
    mouth = _blob(x, y, (0.0, 0.55), (0.28, 0.09))
    picture = picture * (1.0 - mouth * np.array([0.05, 0.35, 0.25])[:, None, None])
    return np.clip(picture, 0.0, 1.0).astype(np.float32)


def _moved(picture: np.ndarray, path: np.ndarray, size: int) -> np.ndarray:
    """The picture (3, S, S) shifted along a path (2, T) of pixels, bilinear: (3, T, size, size) float32."""
    path = np.clip(path, -_MARGIN + 0.01, _MARGIN - 1.01)
    whole = np.floor(path).astype(int)
    part = (path - whole).astype(np.float32)
    clip = np.empty((3, path.shape[1], size, size), np.float32)
    for frame, ((row, column), (down, right)) in enumerate(zip(whole.T + _MARGIN, part.T, strict=True)):
        view = picture[:, row : row + size + 1, column : column + size + 1]
        rows = view[:, :-1] + down * (view[:, 1:] - view[:, :-1])
        clip[:, frame] = rows[..., :-1] + right * (rows[..., 1:] - rows[..., :-1])
    return clip


def render_clip(
    body: Circulation, capture: Capture, size: int, frames: int, fps: float, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Face crops over a window.

    Args:
        body: what the heart does.
        capture: camera, light, motion, codec; `pixels` is ignored, the crop has its own.
        size: side of the crop in pixels.
        frames, fps: time grid.
        rng: source of randomness.

    Returns:
        clip (3, T, size, size) float32 0..1 in steps of 1/255, and mask (T,) bool, False where frames were lost.
    """
    cells = -(-size // _BLOCK)
    still = replace(capture, sensor=0.0)
    traces, mask = render_traces(body, still, layout_of(Grid(cells, cells)), frames, fps, rng)
    gain = traces / np.maximum(traces.mean(-1, keepdims=True), 2.0 * GREY)
    gain = gain.reshape(cells, cells, 3, frames).transpose(2, 3, 0, 1)

    sway = min(1.2, 120.0 * capture.motion) * size / 72.0
    breath = 0.1 * (capture.motion > 0) * body.respiration(np.arange(frames) / fps) * size / 72.0
    path = sway * 0.2 * coloured(rng, (2, frames), fps, 2.0) + np.stack([breath, 0.0 * breath])
    clip = _moved(draw_face(body.person.skin_tone, size, rng) * np.float32(capture.exposure), path, size)
    clip *= np.repeat(np.repeat(gain, _BLOCK, -2), _BLOCK, -1)[..., :size, :size]
    if not mask.all():
        clip = clip[:, np.maximum.accumulate(np.where(mask, np.arange(frames), 0))]
    if capture.sensor:
        noise = rng.standard_normal(clip.shape, np.float32)
        noise *= np.float32(capture.sensor * GREY)
        clip += noise
    clip *= np.float32(255.0)
    np.rint(clip, out=clip)
    np.clip(clip, 0.0, 255.0, out=clip)
    clip *= np.float32(GREY)
    return clip, mask
