"""Real encoders, in this process: what they do to a pulse is the training set's most important ingredient."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np

CODECS = ("h264", "mjpeg", "vp9")
_ENCODER = {"h264": "libx264", "mjpeg": "mjpeg", "vp9": "libvpx-vp9"}
_DECODER = {"h264": "h264", "mjpeg": "mjpeg", "vp9": "vp9"}
PRESETS = ("ultrafast", "superfast", "veryfast", "faster", "fast", "medium", "slow")
CLOCK = Fraction(1, 90000)
# What is to be compressed to about the same size has other numbers in other codecs (measured on rendered clips).
_CRF_OF_VP9 = 11


@dataclass(frozen=True)
class Codec:
    """How frames are encoded.

    Args:
        name: one of `CODECS`.
        crf: quality as x264 counts it, 0 (lossless) to 51; other codecs get about its equivalent.
        preset: of x264. gop: most frames from key frame to key frame.
        bframes: most B frames in a row. pyramid: whether B frames are references.
        tune: `zerolatency` as cameras and calls have it, or none.
    """

    name: str = "h264"
    crf: int = 23
    preset: str = "medium"
    gop: int = 250
    bframes: int = 3
    pyramid: bool = True
    tune: str = ""

    @property
    def suffix(self) -> str:
        """Of a file of it."""
        return ".avi" if self.name == "mjpeg" else ".mp4"

    @property
    def pixels(self) -> str:
        """FFmpeg's name of its pixel format."""
        return "yuvj420p" if self.name == "mjpeg" else "yuv420p"

    def options(self) -> dict[str, str]:
        """FFmpeg's options."""
        if self.name == "mjpeg":
            quality = str(int(np.clip(round(2 + (self.crf - 10) * 0.6), 2, 24)))
            return {"qmin": quality, "qmax": quality, "threads": "1"}
        if self.name == "vp9":
            crf = str(min(self.crf + _CRF_OF_VP9, 63))
            speed = {"deadline": "realtime", "cpu-used": "8", "lag-in-frames": "0"}
            return {**speed, "crf": crf, "b": "0", "g": str(self.gop), "threads": "1"}
        pyramid = "normal" if self.pyramid else "none"
        parts = {"crf": str(self.crf), "preset": self.preset, "g": str(self.gop), "bf": str(self.bframes)}
        extra = {"x264-params": f"threads=1:b-pyramid={pyramid}"}
        return {**parts, **extra, **({"tune": self.tune} if self.tune else {})}

    def to_dict(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self)


def draw_codec(rng: np.random.Generator, hard: float = 1.0) -> Codec:
    """The codec of a file: mostly x264 at CRF 20-28 with its usual settings, some of everything else.

    Args:
        hard: 0 nearly raw, 1 up to CRF 33.
    """
    band = rng.choice(3, p=(0.13, 0.62, 0.25))
    crf = int((rng.integers(6, 18), rng.integers(20, 29), rng.integers(18, 34))[band])
    name = str(rng.choice(CODECS, p=(0.88, 0.06, 0.06)))
    usual = rng.random() < 0.5
    preset = "medium" if usual else str(rng.choice(PRESETS, p=(0.15, 0.13, 0.2, 0.14, 0.14, 0.14, 0.1)))
    if crf < 18:
        # what is hardly compressed comes from fast encoders (and slow ones take long over it)
        usual, preset = False, str(rng.choice(PRESETS[:3]))
    fast = preset == "ultrafast"
    gop = 250 if usual else int(rng.choice((30, 60, 250)))
    bframes = 0 if fast else (3 if usual else int(rng.choice((0, 2, 3, 8), p=(0.25, 0.2, 0.45, 0.1))))
    pyramid = usual or rng.random() < 0.7
    return Codec(name, min(crf, round(8 + 25 * hard)), preset, gop, bframes, bool(pyramid))


def draw_camera_codec(rng: np.random.Generator, hard: float = 1.0) -> Codec | None:
    """What a camera or a call does before the file is encoded (again); None for most."""
    if rng.random() > 0.3 * hard:
        return None
    if rng.random() < 0.5:
        return Codec("mjpeg", int(rng.integers(10, 22)))
    return Codec("h264", int(rng.integers(16, 25)), "ultrafast", int(rng.choice((30, 60))), 0, False, "zerolatency")


def _encoder(context: Any, codec: Codec, size: tuple[int, int], fps: float, clock: Fraction) -> None:
    context.width, context.height = size
    context.pix_fmt = codec.pixels
    context.time_base, context.framerate = clock, Fraction(fps).limit_denominator(1001)
    context.thread_count = 1
    context.options = codec.options()


def _picture(yuv: np.ndarray, codec: Codec) -> av.VideoFrame:
    frame = av.VideoFrame.from_ndarray(yuv, format="yuv420p")
    # JPEG has luma 0..255 and no way to say otherwise
    if codec.pixels == "yuv420p":
        return frame
    return frame.reformat(format=codec.pixels, src_color_range="MPEG", dst_color_range="JPEG")


def recoded(frames: Iterable[np.ndarray], codec: Codec, size: tuple[int, int], fps: float) -> Iterator[np.ndarray]:
    """Frames after an encoder and its decoder.

    Args:
        frames: I420 pictures (H * 3 / 2, W) uint8.
        size: width, height.
    """
    encoder: Any = av.CodecContext.create(_ENCODER[codec.name], "w")
    clock = Fraction(1) / Fraction(fps).limit_denominator(1001)
    _encoder(encoder, codec, size, fps, clock)
    decoder: Any = av.CodecContext.create(_DECODER[codec.name], "r")
    decoder.thread_count = 1

    def decoded(packets: Iterable[Any]) -> Iterator[np.ndarray]:
        for packet in packets:
            for frame in decoder.decode(packet):
                full = "JPEG" if codec.pixels == "yuvj420p" else "MPEG"
                same = frame.reformat(format="yuv420p", src_color_range=full, dst_color_range="MPEG")
                yield same.to_ndarray()

    for index, yuv in enumerate(frames):
        frame = _picture(yuv, codec)
        frame.pts, frame.time_base = index, clock
        yield from decoded(encoder.encode(frame))
    yield from decoded(encoder.encode(None))
    yield from decoded([None])


def write_video(
    path: Path, frames: Iterable[np.ndarray], times: np.ndarray, fps: float, size: tuple[int, int], codec: Codec
) -> None:
    """Encode a file.

    Args:
        path: its name may end in anything; the codec decides on the container.
        frames: I420 pictures (H * 3 / 2, W) uint8, one a time.
        times: (T,) seconds from 0.
        fps: nominal.
        size: width, height; even numbers.
    """
    # AVI knows a constant rate only
    clock = Fraction(1) / Fraction(fps).limit_denominator(1001) if codec.suffix == ".avi" else CLOCK
    with av.open(str(path), "w", format=codec.suffix[1:]) as container:
        stream = container.add_stream(_ENCODER[codec.name], rate=Fraction(fps).limit_denominator(1001))
        _encoder(stream.codec_context, codec, size, fps, clock)
        for time, yuv in zip(times, frames, strict=True):
            frame = _picture(yuv, codec)
            frame.pts, frame.time_base = round(float(time) / clock), clock
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
