"""The picture shows what was read, and the face only where it may."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest

from tests.faces import write_face_clip
from zoo.prediction.picture import draw
from zoo.prediction.result import NOT_MEDICAL, Biomarker, VideoResult
from zoo.prediction.video import predict


@pytest.fixture(scope="module")
def result(tmp_path_factory: pytest.TempPathFactory) -> VideoResult:
    return predict(write_face_clip(tmp_path_factory.mktemp("clips") / "face.mp4"))


def pixels(png: bytes) -> np.ndarray:
    return cv2.imdecode(np.frombuffer(png, np.uint8), cv2.IMREAD_COLOR_RGB)


def skin(picture: np.ndarray) -> float:
    """Share of pixels of the left half that have the drawn face's skin colour."""
    left = picture[:, : picture.shape[1] // 3].astype(int)
    red, green, blue = left[..., 0], left[..., 1], left[..., 2]
    return float(np.mean((red > 150) & (red - green > 25) & (green - blue > 10) & (blue > 80)))


def test_the_face_is_in_it_unless_it_is_left_out(result: VideoResult) -> None:
    shown, hidden = pixels(draw(result)), pixels(draw(result, face=False))
    assert shown.shape == hidden.shape == (990, 1760, 3)
    assert skin(shown) > 0.05
    assert skin(hidden) < 0.001


def test_it_says_what_was_read(result: VideoResult, monkeypatch: pytest.MonkeyPatch) -> None:
    from matplotlib.text import Text

    said: list[str] = []
    original = Text.draw
    monkeypatch.setattr(Text, "draw", lambda self, *a, **k: (said.append(self.get_text()), original(self, *a, **k)))
    marked = replace(
        result, video="$x_1$.mp4", biomarkers={"systolic": Biomarker(118.0, "mmHg", True)}, notes=("a note",)
    )
    draw(marked)
    assert result.heart_rate is not None
    for text in ("$x_1$.mp4", f"{result.heart_rate.value:.0f}", "118 mmHg", "a note"):
        assert text in said
    assert any(NOT_MEDICAL in text for text in said)


def test_what_is_missing_is_no_error(result: VideoResult) -> None:
    without = replace(result, heart_rate=None, over_time=None, quality=None)
    assert pixels(draw(without)).shape == (990, 1760, 3)
    assert pixels(draw(replace(without, waveforms={}, preview=None))).shape == (990, 1760, 3)
