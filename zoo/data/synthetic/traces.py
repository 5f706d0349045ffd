"""What a camera sees of a circulation: mean colours of skin regions by the dichromatic reflection model.

    C_k(t) = I_k(t) * (d_k * (1 - a_k p blood_k(t)) + s_k(t)) + noise          (after Wang et al. 2017, equation 1)

with the light I (drift, flicker, shading by head motion), the skin's diffuse colour d, the pulse amplitude a, the blood
volume vector p over R, G, B, the specular part s that moves with the head, then the sensor and the codec. Blood
absorbs: more of it makes the skin darker, so traces run against the PPG.

p has green = 1. Its ratio red / green is the camera's ratio of ratios and falls with oxygen saturation, linearly as in
pulse oximetry (Tarassenko et al. 2014): `RATIO_AT_97 - RATIO_SLOPE * (SpO2 - 97)`, with a person-specific error.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from zoo.data.synthetic.circulation import Circulation
from zoo.data.synthetic.compression import GREY, TO_RGB, hold_and_jump
from zoo.data.synthetic.layout import Layout
from zoo.data.synthetic.noise import coloured
from zoo.data.synthetic.physiology import Person

RATIO_AT_97 = 0.43
RATIO_SLOPE = 0.018
BLUE = 0.72  # blue / green of the blood volume vector (de Haan and van Leest 2014: 0.33, 0.77, 0.53)

# Mean skin colour (RGB 0..1, sRGB) of Fitzpatrick types 1-6, and how much of the pulse melanin lets through.
SKIN = np.array(
    [
        [0.88, 0.71, 0.63],
        [0.82, 0.64, 0.54],
        [0.74, 0.55, 0.44],
        [0.62, 0.43, 0.33],
        [0.47, 0.31, 0.23],
        [0.34, 0.23, 0.18],
    ]
)
TRANSMISSION = (1.0, 0.97, 0.9, 0.75, 0.55, 0.4)


@dataclass(frozen=True)
class Capture:
    """Camera, light, motion and codec of one window. 0 switches a part off.

    Args:
        pulse: pulse amplitude (standard deviation / mean) of green on the cheek of fair skin.
        exposure: brightness of the picture, 1 = as drawn.
        specular: share of light that the surface mirrors.
        drift, flicker: relative change of the light in the pulse band.
        tint: relative drift of each colour channel apart (changing light colour, white balance).
        motion: relative shading change by head motion in the pulse band.
        rhythm: relative amplitude of a periodic movement (nodding, cycling, speech).
        sensor: noise of a single pixel, grey levels; pixels: how many the whole face has.
        luma, chroma: standard deviation of 1/f noise in the pulse band, grey levels.
        hold, step, jump: see `hold_and_jump`; coded: whether there is a codec at all.
        lost: probability that some frames of the window are lost.
        spo2_error: error of the camera's ratio of ratios, in per cent SpO2.
    """

    pulse: float = 0.006
    exposure: float = 1.0
    specular: float = 0.0
    drift: float = 0.0
    flicker: float = 0.0
    tint: float = 0.0
    motion: float = 0.0
    rhythm: float = 0.0
    sensor: float = 0.0
    pixels: int = 20_000
    luma: float = 0.0
    chroma: float = 0.0
    hold: float = 0.0
    step: float = 0.0
    jump: float = 0.0
    coded: bool = False
    lost: float = 0.0
    spo2_error: float = 0.0


def draw_capture(rng: np.random.Generator, hard: float = 1.0) -> Capture:
    """Conditions of one window.

    Args:
        rng: source of randomness.
        hard: 0 (nearly raw video of people who sit still) to 1 (up to hard-compressed video of people who talk and
            move); the severity of each cause is drawn between nothing and this.
    """
    codec, movement, light = hard * rng.random(3)
    # Encoders smooth the pulse away together with the noise: 0.03-0.1 grey level of it is left at the hard end.
    attenuation = 10.0 ** (-0.85 * codec * rng.uniform(0.6, 1.0))
    return Capture(
        pulse=float(rng.uniform(0.003, 0.007) * attenuation),
        exposure=float(rng.uniform(0.6, 1.05)),
        specular=float(rng.uniform(0.02, 0.15)),
        drift=float(0.0006 * light * rng.exponential()),
        flicker=float(0.0012 * light * (rng.random() < 0.4) * rng.random()),
        tint=float(0.00012 * light * rng.exponential()),
        motion=float(0.0035 * movement**2 * rng.exponential()),
        rhythm=float(0.004 * movement * (rng.random() < 0.3) * rng.random()),
        sensor=float(rng.uniform(0.6, 3.0)),
        pixels=int(np.exp(rng.uniform(np.log(4e3), np.log(1.2e5)))),
        luma=float(0.01 + 0.10 * codec * rng.uniform(0.4, 1.2)),
        chroma=float(0.004 + 0.035 * codec * rng.uniform(0.3, 1.2)),
        hold=float(np.clip(0.6 * codec * rng.uniform(0.4, 1.3), 0.0, 0.75)),
        step=float(0.6 * codec * rng.uniform(0.2, 1.0)),
        jump=float(rng.uniform(0.05, 0.14) * min(1.0, 2.0 * codec)),
        coded=bool(codec > 0.08),
        lost=0.04,
        spo2_error=0.7,
    )


def blood_volume_vector(person: Person, error: float = 0.0) -> np.ndarray:
    """Relative pulse amplitude of R, G, B (3,), green = 1, by SpO2; `error` is in per cent SpO2."""
    ratio = RATIO_AT_97 - RATIO_SLOPE * (person.spo2 + error - 97.0)
    return np.array([max(ratio, 0.1), 1.0, BLUE])


def _light(capture: Capture, layout: Layout, times: np.ndarray, fps: float, rng: np.random.Generator) -> np.ndarray:
    """Illumination of each region and channel (R, 3, T), mean 1."""
    regions, frames = len(layout), times.size
    drift, *tint = coloured(rng, (4, frames), fps, 2.0)
    sideways, upright, near = coloured(rng, (3, frames), fps, 1.6)
    swing = np.sin(2.0 * np.pi * (rng.uniform(0.25, 2.6) * times + rng.uniform()))
    burst = np.clip(coloured(rng, (frames,), fps, 3.0, 0.1) * 0.1, 0.0, 2.0)
    flicker = np.sin(2.0 * np.pi * (rng.uniform(0.2, 0.5 * fps) * times + rng.uniform()))
    gain = layout.position + rng.normal(0.0, 0.35, (regions, 2))
    shading = gain[:, :1] * sideways + gain[:, 1:] * upright + rng.normal(0.3, 0.2, (regions, 1)) * near
    moved = capture.motion * shading * (0.6 + burst) + capture.rhythm * np.sum(gain, 1, keepdims=True) * swing
    common = 1.0 + capture.drift * drift + capture.flicker * flicker
    colour = 1.0 + capture.tint * np.stack(tint)
    return (np.clip(common + moved, 0.3, 1.7)[:, None] * colour).astype(np.float32)


def _lost_frames(probability: float, frames: int, fps: float, rng: np.random.Generator) -> np.ndarray:
    """Mask (T,), False over one stretch of 0.2-1.5 s with the given probability."""
    mask = np.ones(frames, bool)
    if rng.random() < probability:
        length = min(int(rng.uniform(0.2, 1.5) * fps), frames // 4)
        start = int(rng.integers(1, frames - length)) if frames > length + 1 else 1
        mask[start : start + length] = False
    return mask


def render_traces(
    body: Circulation, capture: Capture, layout: Layout, frames: int, fps: float, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Mean colours of the regions over a window.

    Args:
        body: what the heart does.
        capture: camera, light, motion, codec.
        layout: the regions.
        frames, fps: time grid.
        rng: source of randomness.

    Returns:
        traces (regions, 3, T) float32 0..1, and mask (T,) bool, False where frames were lost and the last good
        one is repeated.
    """
    person, regions, times = body.person, len(layout), np.arange(frames) / fps
    tone = SKIN[person.skin_tone - 1] * np.exp(rng.normal(0.0, 0.04, 3))
    shade = np.exp(rng.normal(0.0, 0.08, (regions, 1)))
    # What is not skin (hair, background) has a colour of its own and no pulse.
    other = rng.uniform(0.05, 0.7, 3)
    diffuse = capture.exposure * (layout.skin[:, None] * tone * shade + (1.0 - layout.skin[:, None]) * other)

    local = layout.perfusion * np.exp(rng.normal(0.0, 0.2, regions))
    strength = capture.pulse * person.perfusion * TRANSMISSION[person.skin_tone - 1] * local
    vector = blood_volume_vector(person, rng.normal(0.0, capture.spo2_error) if capture.spo2_error else 0.0)
    blood = body.blood_volume(times - layout.delay[:, None]).astype(np.float32)
    absorbed = ((strength[:, None] * vector)[..., None] * blood[:, None]).astype(np.float32)

    light = _light(capture, layout, times, fps, rng)
    glint = capture.specular * rng.uniform(0.3, 1.7, (regions, 1, 1)) * capture.exposure
    # The camera's automatic exposure keeps skin out of saturation.
    exposed = min(1.0, 0.93 / float(np.max(diffuse + glint[..., 0])))
    diffuse, glint = exposed * diffuse, exposed * glint
    seen = light * (diffuse[..., None].astype(np.float32) * (1.0 - absorbed) + (glint * light**2).astype(np.float32))

    pixels = np.maximum(capture.pixels * layout.area, 1.0)
    white = (capture.sensor * GREY / np.sqrt(pixels))[:, None, None]
    seen += white.astype(np.float32) * rng.standard_normal(seen.shape, np.float32)
    if capture.luma or capture.chroma:
        # Part of the coding noise is common to the whole face, part belongs to each region.
        noise = coloured(rng, (regions + 1, 3, frames), fps, 1.0)
        noise = (0.9 * noise[1:] + 0.45 * noise[:1]) * np.array([[capture.luma], [capture.chroma], [capture.chroma]])
        seen += TO_RGB @ (noise * GREY).astype(np.float32)
    if capture.coded:
        seen = hold_and_jump(seen, rng, hold=capture.hold, step=capture.step, jump=capture.jump)
    mask = _lost_frames(capture.lost, frames, fps, rng)
    if not mask.all():
        seen = seen[..., np.maximum.accumulate(np.where(mask, np.arange(frames), 0))]
    return np.clip(seen, 0.0, 1.0).astype(np.float32), mask
