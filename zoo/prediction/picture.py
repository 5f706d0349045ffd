"""One picture a video: waveform, spectrum, heart rate over time, and the face with what was read of it."""

from __future__ import annotations

import io
import math
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from zoo.data.align import upright
from zoo.data.extract import Preview
from zoo.data.regions import outlines
from zoo.prediction import panels
from zoo.prediction.panels import INK, PULSE, SOFT
from zoo.prediction.result import NOT_MEDICAL, Biomarker, Estimate, VideoResult

if TYPE_CHECKING:
    from matplotlib.figure import Figure

FILL = (0.784, 0.157, 0.235, 0.13)
TITLES = {"spo2": "SpO₂", "hba1c": "HbA1c", "bmi": "BMI", "respiration_rate": "Respiration"}
SQUARE = np.array([[0, 0], [1, 0], [1, 1], [0, 1]])
Place = tuple[float, float, float, float]
STYLE: Any = {
    "font.size": 10,
    "axes.edgecolor": SOFT,
    "axes.labelcolor": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlesize": 11,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.titlecolor": INK,
    "text.color": INK,
    "text.parse_math": False,
    "xtick.color": SOFT,
    "ytick.color": SOFT,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
}


def draw(result: VideoResult, face: bool = True) -> bytes:
    """A PNG of a result (1760 x 990 pixels).

    Args:
        result: of a video that could be read.
        face: False leaves the person's picture out.
    """
    import matplotlib as mpl
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(12.8, 7.2), facecolor="white")
        FigureCanvasAgg(figure)
        title(figure, result)
        shown = face and result.preview is not None
        # biomarkers take the room of a part of the face
        bottom = 0.59 if result.biomarkers else 0.5
        if shown:
            _face(figure, (0.035, bottom, 0.29, 0.905 - bottom), result)
        _numbers(figure, (0.035, 0.03, 0.29, bottom - 0.07 if shown else 0.86), result)
        for draw_panel, bottom in ((panels.waveform, 0.725), (panels.spectrum, 0.405), (panels.over_time, 0.085)):
            draw_panel(figure.add_axes((0.4, bottom, 0.575, 0.18)), result)
        content = io.BytesIO()
        figure.savefig(content, format="png", dpi=137.5)
    return content.getvalue()


def title(figure: Figure, result: VideoResult) -> None:
    """The video's name, and what is known of it, across the top."""
    figure.text(0.035, 0.945, _short(str(Path(*Path(result.video).parts[-2:])), 60), fontsize=16, fontweight="bold")
    facts = f"{result.model}   ·   {result.duration:.1f} s   ·   {result.fps:.3g} frames/s"
    figure.text(0.975, 0.945, facts, fontsize=10.5, color=SOFT, ha="right")


def _numbers(figure: Figure, place: Place, result: VideoResult) -> None:
    """Heart rate in large figures, then the other rates, biomarkers and notes."""
    axes = figure.add_axes(place)
    axes.set_axis_off()
    axes.set(xlim=(0, 1), ylim=(0, 1))
    inch = 1 / (place[3] * figure.get_figheight())
    y = 1.0

    def put(text: str, size: float, x: float = 0.0, down: float = 0.0, **style: Any) -> None:
        axes.text(x, y - down * inch, text, fontsize=size, va="top", **style)

    rate = result.heart_rate
    if rate:
        number = f"{rate.value:.0f}"
        refused = result.quality is not None and result.quality.refused
        put(number, 46, -0.01, color=SOFT if refused else PULSE, fontweight="bold")
        aside = 0.14 + 0.125 * len(number)
        put("refused: a guess" if refused else "beats per minute", 12, aside, 0.05)
        put(f"{_interval(rate)}   ({rate.method})", 10, aside, 0.32, color=SOFT)
    else:
        put("no heart rate", 26, down=0.1, color=PULSE, fontweight="bold")
    y -= 0.86 * inch
    for name, value, remark in _rows(result):
        put(name, 10.5)
        put(value, 10.5, 0.3, fontweight="bold")
        put(remark, 9, 0.55, color=SOFT)
        y -= 0.235 * inch
    if result.biomarkers:
        y -= 0.06 * inch
        real = not any(marker.simulated for marker in result.biomarkers.values())
        put("Biomarkers" if real else f"Biomarkers, {NOT_MEDICAL}", 9, color=SOFT if real else PULSE)
        y -= 0.21 * inch
    for i, (name, marker) in enumerate(result.biomarkers.items()):
        x = 0.52 * (i % 2)
        put(TITLES.get(name, name.replace("_", " ").capitalize()), 9.5, x)
        put(_said(marker), 9.5, x + 0.24, fontweight="bold")
        if i % 2 or i == len(result.biomarkers) - 1:
            y -= 0.2 * inch
    y -= 0.06 * inch
    # what a title has said already is left out
    for note in [note for note in result.notes if not (result.biomarkers and "not medical" in note)]:
        for part in textwrap.wrap(note, 62):
            if y < 0.17 * inch:
                return
            put(part, 8.5, color=SOFT)
            y -= 0.175 * inch
        y -= 0.05 * inch


def _rows(result: VideoResult) -> list[tuple[str, str, str]]:
    rows = []
    if result.respiration_rate:
        breaths = result.respiration_rate
        rows.append(("Respiration", f"{breaths.value:.1f} /min", _interval(breaths)))
    if result.quality:
        rows.append(("Confidence", f"{100 * result.quality.confidence:.0f} %", f"SNR {result.quality.snr:.1f} dB"))
    return rows


def _said(marker: Biomarker) -> str:
    if marker.label:
        return f"{100 * marker.value:.0f} % {marker.label}"
    return f"{marker.value:.3g} {marker.unit.removeprefix('1')}"


def _interval(estimate: Estimate) -> str:
    if not (math.isfinite(estimate.low) and math.isfinite(estimate.high)):
        return ""
    digits = 0 if estimate.high - estimate.low > 4 else 1
    return f"{estimate.low:.{digits}f} to {estimate.high:.{digits}f}"


def _face(figure: Figure, place: Place, result: VideoResult) -> None:
    from matplotlib.patches import Polygon

    preview = result.preview
    assert preview is not None
    axes = figure.add_axes(place)
    axes.imshow(preview.rgb, interpolation="bilinear")
    shapes = _shapes(result, preview)
    for shape in shapes:
        axes.add_patch(Polygon(shape, facecolor=FILL, edgecolor="white", lw=1.2 if len(shapes) < 9 else 0.5))
    if not shapes:
        axes.plot(*preview.landmarks.T, "o", color="white", ms=3)
    corners = _onto(preview.transform, SQUARE)
    middle, side = corners.mean(axis=0), 1.45 * float(np.ptp(corners, axis=0).max())
    height, width = preview.rgb.shape[:2]
    shape_of_place = place[2] * figure.get_figwidth() / (place[3] * figure.get_figheight())
    wide, tall = min(width, max(side, side * shape_of_place)), min(height, side)
    wide = min(wide, tall * shape_of_place)
    left = float(np.clip(middle[0] - wide / 2, 0, width - wide))
    top = float(np.clip(middle[1] - tall / 2, 0, height - tall))
    axes.set(xlim=(left, left + wide), ylim=(top + tall, top), xticks=[], yticks=[])
    axes.set_anchor("W")
    for spine in axes.spines.values():
        spine.set_visible(False)


def _shapes(result: VideoResult, preview: Preview) -> list[np.ndarray]:
    """Outlines (points, 2) in the preview of what the model read; none where it read more than the face."""
    if len(result.regions):
        return [_onto(preview.transform, outline) for outline in outlines(result.regions)]
    if result.crop == "aligned":
        return [_onto(preview.transform, SQUARE)]
    return [_onto(upright(preview.transform), SQUARE)] if result.crop == "tracked_box" else []


def _onto(transform: np.ndarray, shape: np.ndarray) -> np.ndarray:
    return shape @ transform[:, :2].T + transform[:, 2]


def _short(text: str, most: int) -> str:
    text = "".join(sign if sign.isprintable() else "?" for sign in text)
    return text if len(text) <= most else f"{text[: most // 2 - 1]}…{text[-most // 2 :]}"
