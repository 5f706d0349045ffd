"""Face clips changed at random: one draw a clip by albumentations, and what it cannot do: sensor noise and a codec.

Pictures stay float32 throughout: the pulse is a fraction of a grey level, and rounding after each step would bury it.
"""

from __future__ import annotations

import io
import os
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from zoo.data.augment import Augmentation

FINEST_CRF = 15
FPS = 30
MACROBLOCK = 16


def augment_clip(clip: np.ndarray, settings: Augmentation, rng: np.random.Generator) -> np.ndarray:
    """A changed clip, (3, T, S, S) float32 0..1 as the given one."""
    frames = np.ascontiguousarray(clip.transpose(1, 2, 3, 0))
    if any((settings.light, settings.colour, settings.blur, settings.crop_jitter, settings.flip)):
        transform = _transform(settings, frames.shape[1])
        transform.set_random_seed(int(rng.integers(2**31)))
        frames = np.asarray(transform(images=frames)["images"])
    if settings.noise:
        frames = sensor_noise(frames, settings.noise, rng)
    frames = np.clip(frames, 0.0, 1.0)
    if settings.compression:
        crf = rng.uniform(min(FINEST_CRF, settings.compression), settings.compression)
        frames = through_codec(frames, float(crf))
    return np.ascontiguousarray(frames.transpose(3, 0, 1, 2), dtype=np.float32)


def sensor_noise(frames: np.ndarray, strength: float, rng: np.random.Generator) -> np.ndarray:
    """Frames (T, H, W, 3) with noise that differs from pixel to pixel and from frame to frame.

    Its standard deviation is `strength` grey levels at middle grey and grows with the root of the light, as the number
    of photons does; frames without a face (black) stay as they are.
    """
    noise = rng.standard_normal(frames.shape, dtype=np.float32)
    return frames + noise * np.sqrt(2 * np.clip(frames, 0, 1)) * np.float32(strength / 255)


def through_codec(frames: np.ndarray, crf: float) -> np.ndarray:
    """Frames (T, H, W, 3), 0..1, after H.264 of this CRF (0 to 51, higher is worse) and back."""
    import av
    import cv2

    height, width = frames.shape[1:3]
    pad = ((0, 0), (0, -height % MACROBLOCK), (0, -width % MACROBLOCK), (0, 0))
    pictures = np.pad(np.rint(frames * 255).astype(np.uint8), pad, "edge")
    file = io.BytesIO()
    with av.open(file, "w", format="mp4") as container:
        stream: Any = container.add_stream("libx264", rate=FPS)
        # one thread and no code of the processor's own: the same clip gives the same bytes, here and elsewhere
        stream.codec_context.thread_count = 1
        stream.width, stream.height, stream.pix_fmt = pictures.shape[2], pictures.shape[1], "yuv420p"
        stream.options = {"crf": f"{crf:.2f}", "preset": "veryfast", "x264-params": "cpu-independent=1"}
        for picture in pictures:
            planes = cv2.cvtColor(picture, cv2.COLOR_RGB2YUV_I420)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(planes, format="yuv420p")))
        container.mux(stream.encode())
    file.seek(0)
    with av.open(file) as container:
        planes_back = [frame.to_ndarray() for frame in container.decode(video=0)]
    decoded = [cv2.cvtColor(planes, cv2.COLOR_YUV2RGB_I420)[:height, :width] for planes in planes_back]
    return np.stack(decoded).astype(np.float32) / np.float32(255)


@lru_cache(maxsize=4)
def _transform(settings: Augmentation, size: int) -> Any:
    """One albumentations pipeline; all frames of a call get the same parameters."""
    # without it the import calls out to look for a newer version
    os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")
    import albumentations as A
    import cv2

    steps: list[Any] = []
    if settings.flip:
        steps.append(A.HorizontalFlip(p=settings.flip))
    if settings.crop_jitter:
        jitter = settings.crop_jitter
        steps.append(
            A.Affine(
                scale=(1 - jitter, 1 + jitter),
                translate_percent=(-jitter, jitter),
                rotate=(-np.degrees(jitter), np.degrees(jitter)),
                border_mode=cv2.BORDER_REPLICATE,
                p=1.0,
            )
        )
    if settings.light:
        limit = (-settings.light, settings.light)
        steps.append(A.RandomBrightnessContrast(brightness_limit=limit, contrast_limit=limit, p=1.0))
    if settings.colour:
        strength = settings.colour
        steps.append(
            A.ColorJitter(
                brightness=(1, 1),
                contrast=(1, 1),
                saturation=(1 - strength, 1 + strength),
                hue=(-strength / 10, strength / 10),
                p=1.0,
            )
        )
    if settings.blur:
        steps.append(A.GaussianBlur(sigma_limit=(0.1, max(settings.blur * size, 0.11)), blur_limit=0, p=1.0))
    return A.Compose(steps)
