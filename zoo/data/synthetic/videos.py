"""Drawn faces with a known pulse, that the face finder finds: whole videos, for benches and tests."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np

SKIN = np.array([0.78, 0.58, 0.49])
BACKGROUND = np.array([0.36, 0.42, 0.47])
# Share of the pulse in each colour (de Haan and Jeanne 2013).
PULSE = np.array([0.33, 0.77, 0.53])
CLOCK = Fraction(1, 60000)
# Larger pictures are enlarged from this.
DRAWN_SIDE = 640


def draw_face(
    size: tuple[int, int] = (320, 240), center: tuple[float, float] = (0.5, 0.5), height: float = 0.72
) -> tuple[np.ndarray, np.ndarray]:
    """A face from the front.

    Args:
        size: width, height in pixels.
        center: of the face, as shares of the picture.
        height: of the face, as a share of the picture's shorter side.

    Returns:
        (H, W, 3) RGB 0..1 and (H, W) how much of each pixel is skin.
    """
    if max(size) > DRAWN_SIDE:
        factor = max(size) / DRAWN_SIDE
        small = draw_face((round(size[0] / factor), round(size[1] / factor)), center, height)
        face, skin = (cv2.resize(part, size, interpolation=cv2.INTER_LINEAR) for part in small)
        return face, skin
    # Drawn at twice the size and averaged, for smooth edges.
    width, tall = 2 * size[0], 2 * size[1]
    unit = height * min(width, tall)
    x = ((np.arange(width)[None] + 0.5 - center[0] * width) / unit).astype(np.float32)
    y = ((np.arange(tall)[:, None] + 0.5 - center[1] * tall) / unit).astype(np.float32)

    def blob(cx: float, cy: float, rx: float, ry: float, soft: float = 0.08) -> np.ndarray:
        radius = np.sqrt(((x - cx) / rx) ** 2 + ((y - cy) / ry) ** 2)
        return np.clip((1 - radius) / soft + 0.5, 0, 1).astype(np.float32)

    picture = np.ones((tall, width, 3), np.float32) * BACKGROUND.astype(np.float32)

    def paint(color: tuple[float, float, float] | np.ndarray, alpha: np.ndarray) -> None:
        picture[:] = picture * (1 - alpha[..., None]) + np.asarray(color, np.float32) * alpha[..., None]

    hair = (0.16, 0.11, 0.08)
    paint((0.25, 0.28, 0.42), blob(0, 1.02, 0.75, 0.5))
    paint(SKIN * 0.78, blob(0, 0.48, 0.19, 0.3))
    paint(hair, blob(0, -0.12, 0.43, 0.49))
    oval = blob(0, 0.02, 0.36, 0.48, 0.04)
    shade = 1.06 - 0.45 * (x**2 / 0.13 + y**2 / 0.5) * 0.6 - 0.05 * x
    picture[:] = picture * (1 - oval[..., None]) + SKIN.astype(np.float32) * shade[..., None] * oval[..., None]
    paint(hair, blob(0, -0.50, 0.34, 0.14, 0.3) * oval)
    for side in (-1, 1):
        paint(SKIN * 0.72, 0.5 * blob(side * 0.15, -0.085, 0.1, 0.06, 0.9))
        paint(hair, 0.85 * blob(side * 0.155, -0.165, 0.085, 0.02, 0.5))
        paint((0.93, 0.92, 0.9), blob(side * 0.15, -0.08, 0.062, 0.026, 0.2))
        paint((0.2, 0.13, 0.1), blob(side * 0.15, -0.08, 0.027, 0.028, 0.2))
        paint((0.1, 0.07, 0.06), 0.8 * blob(side * 0.15, -0.104, 0.07, 0.01, 0.6))
        paint(SKIN * 0.5, 0.8 * blob(side * 0.035, 0.125, 0.018, 0.011, 0.6))
        paint(SKIN * 0.8, 0.45 * blob(side * 0.052, 0.04, 0.02, 0.1, 1.0))
    paint(SKIN * 1.12, 0.35 * blob(0, 0.03, 0.03, 0.12, 1.0))
    paint(SKIN * 0.7, 0.5 * blob(0, 0.14, 0.06, 0.018, 1.0))
    paint((0.66, 0.33, 0.32), blob(0, 0.235, 0.115, 0.034, 0.3))
    paint((0.4, 0.16, 0.16), 0.9 * blob(0, 0.232, 0.1, 0.006, 0.5))
    paint(SKIN * 0.75, 0.4 * blob(0, 0.295, 0.07, 0.014, 1.0))
    face, skin = (cv2.resize(part, size, interpolation=cv2.INTER_AREA) for part in (picture, oval))
    return np.clip(face, 0, 1), skin


def face_frames(
    times: np.ndarray,
    heart_rate: float = 72.0,
    size: tuple[int, int] = (320, 240),
    *,
    amplitude: float = 0.02,
    noise: float = 0.004,
    motion: float = 0.01,
    visible: tuple[float, float] = (0.0, np.inf),
    faces: int = 1,
    gray: bool = False,
    pulsing: tuple[float, float, float, float] = (0.0, 0.0, 1.0, 1.0),
    seed: int = 0,
) -> Iterator[np.ndarray]:
    """Pictures (H, W, 3) uint8 of a drawn face whose skin pulses.

    Args:
        times: (frames,) seconds.
        heart_rate: per minute, constant.
        size: width, height.
        amplitude: of the pulse, relative.
        noise: standard deviation of the sensor noise, 0..1.
        motion: of the head, as a share of the width.
        visible: seconds from when to when the face is there; an empty wall else.
        faces: 1, or 2 for a second, smaller one.
        gray: without colour.
        pulsing: left, top, right, bottom of the part that pulses, as shares of the picture.
        seed: of the noise.
    """
    rng = np.random.default_rng(seed)
    picture, skin = draw_face(size, center=(0.5 if faces == 1 else 0.3, 0.5))
    left, top, right, bottom = (round(edge * side) for edge, side in zip(pulsing, (*size, *size), strict=True))
    part = np.zeros_like(skin)
    part[top:bottom, left:right] = 1
    skin = skin * part
    if faces > 1:
        other, _ = draw_face(size, center=(0.78, 0.45), height=0.5)
        picture[:, int(0.56 * size[0]) :] = other[:, int(0.56 * size[0]) :]
    empty = np.ones_like(picture) * BACKGROUND
    still = rng.normal(0, noise, (4, *picture.shape)).astype(np.float32)
    for time in times:
        phase = 2 * np.pi * heart_rate / 60 * time
        pulse = amplitude * (np.sin(phase) + 0.3 * np.sin(2 * phase + 0.8))
        frame = picture * (1 - skin[..., None] * (pulse * PULSE).astype(np.float32))
        if not visible[0] <= time < visible[1]:
            frame = empty
        if motion:
            x, y = motion * size[0] * np.sin(2 * np.pi * time * np.array([0.13, 0.21])) * (1, 0.5)
            frame = cv2.warpAffine(
                np.asarray(frame, np.float32), np.array([[1, 0, x], [0, 1, y]]), size, borderMode=cv2.BORDER_REPLICATE
            )
        if gray:
            frame = np.repeat(frame @ np.array([[0.299], [0.587], [0.114]], np.float32), 3, axis=2)
        if noise:
            frame = frame + np.roll(still[rng.integers(4)], rng.integers(0, 64, 2), axis=(0, 1))
        yield np.clip(frame * 255 + 0.5, 0, 255).astype(np.uint8)


def write_face_clip(
    path: str | Path,
    seconds: float = 12.0,
    fps: float = 30.0,
    heart_rate: float = 72.0,
    size: tuple[int, int] = (320, 240),
    *,
    times: np.ndarray | None = None,
    gray: bool = False,
    enlarge: int = 1,
    codec: str = "libx264",
    pixel_format: str | None = None,
    crf: int = 18,
    **drawing: Any,
) -> Path:
    """Write a video of a drawn face with a known pulse.

    Args:
        path: where to; its ending chooses the container.
        seconds, fps, heart_rate, size, drawing: as in `face_frames`.
        times: (frames,) seconds, for a variable frame rate; frame i shows the pulse of that time.
        gray: without colour, and as grey pixels.
        enlarge: write each drawn pixel as a square of so many.
        codec, pixel_format, crf: how it is encoded.

    Returns:
        The path.
    """
    path = Path(path)
    times = np.arange(round(seconds * fps)) / fps if times is None else np.asarray(times)
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=round(fps))
        stream.width, stream.height = enlarge * size[0], enlarge * size[1]
        stream.pix_fmt = pixel_format or ("gray" if gray else "yuv420p")
        stream.codec_context.time_base = CLOCK
        if codec == "libx264":
            stream.options = {"crf": str(crf), "preset": "ultrafast"}
        else:
            stream.bit_rate = 6_000_000
        for time, picture in zip(times, face_frames(times, heart_rate, size, gray=gray, **drawing), strict=True):
            large = picture.repeat(enlarge, axis=0).repeat(enlarge, axis=1)
            frame = av.VideoFrame.from_ndarray(large, format="rgb24")
            frame.pts, frame.time_base = round(time / CLOCK), CLOCK
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path
