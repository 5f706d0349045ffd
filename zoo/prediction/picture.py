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
from zoo.prediction.rates import WINDOW
from zoo.prediction.result import NOT_MEDICAL, Estimate, VideoResult
from zoo.signals.filters import bandpass, windows
from zoo.signals.spectrum import power_spectrum

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

PULSE, INK, SOFT, FAINT, BAND_COLOUR = "#c8283c", "#22303c", "#7b8794", "#c3cad1", "#eef1f4"
FILL = (0.784, 0.157, 0.235, 0.13)
BAND = (0.7, 4.0)
# a wider interval (1/min) is drawn as a hollow point
SURE = 20.0
SQUARE = np.array([[0, 0], [1, 0], [1, 1], [0, 1]])
Place = tuple[float, float, float, float]
SHOWN_SECONDS = 15.0
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
        _title(figure, result)
        shown = face and result.preview is not None
        if shown:
            _face(figure, (0.035, 0.5, 0.29, 0.405), result)
        _numbers(figure, (0.035, 0.03, 0.29, 0.43 if shown else 0.86), result)
        for draw_panel, bottom in ((_waveform, 0.725), (_spectrum, 0.405), (_over_time, 0.085)):
            draw_panel(figure.add_axes((0.4, bottom, 0.575, 0.18)), result)
        content = io.BytesIO()
        figure.savefig(content, format="png", dpi=137.5)
    return content.getvalue()


def _title(figure: Figure, result: VideoResult) -> None:
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
    number = f"{rate.value:.0f}" if rate else "–"
    put(number, 46, -0.01, color=PULSE, fontweight="bold")
    aside = 0.14 + 0.125 * len(number)
    put("beats per minute", 12, aside, 0.05)
    put(
        f"{_interval(rate)}   ({rate.method})" if rate else "no heart rate could be decided",
        10,
        aside,
        0.32,
        color=SOFT,
    )
    y -= 0.86 * inch
    for name, value, remark in _rows(result):
        put(name, 10.5)
        put(value, 10.5, 0.36, fontweight="bold")
        put(remark, 9, 0.66, color=SOFT)
        y -= 0.235 * inch
    if any(marker.simulated for marker in result.biomarkers.values()):
        put(f"Biomarkers: {NOT_MEDICAL}", 9, color=PULSE)
        y -= 0.235 * inch
    for note in result.notes:
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
    for name, marker in result.biomarkers.items():
        value = f"{100 * marker.value:.0f} % {marker.label}" if marker.label else f"{marker.value:.3g} {marker.unit}"
        rows.append((name.replace("_", " ").capitalize(), value, "not medical" if marker.simulated else ""))
    return rows


def _interval(estimate: Estimate) -> str:
    if not (math.isfinite(estimate.low) and math.isfinite(estimate.high)):
        return ""
    digits = 0 if estimate.value > 35 else 1
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


def _waveform(axes: Axes, result: VideoResult) -> None:
    name = "ppg" if "ppg" in result.waveforms else next(iter(result.waveforms), "")
    if not name:
        axes.set_title("This model gives no waveform")
        axes.set_axis_off()
        return
    wave = result.waveforms[name]
    start = _middle_of_longest(np.isfinite(wave), result.times)
    inside = (result.times >= start) & (result.times < start + SHOWN_SECONDS)
    if name == "ppg":
        fps = 1 / float(np.median(np.diff(result.times)))
        axes.plot(result.times[inside], wave[inside], color=FAINT, lw=1.0)
        smooth = bandpass(np.nan_to_num(wave), fps, *BAND, order=2)
        axes.plot(result.times[inside], smooth[inside], color=PULSE, lw=1.6)
    else:
        axes.plot(result.times[inside], wave[inside], color=PULSE, lw=1.5)
    span = result.times[inside]
    axes.set_title(
        f"Pulse waveform, red between {BAND[0]:g} and {BAND[1]:g} Hz" if name == "ppg" else f"Waveform: {name}"
    )
    axes.set(xlim=(span[0], span[-1]), xlabel="seconds", yticks=[])
    axes.spines["left"].set_visible(False)


def _spectrum(axes: Axes, result: VideoResult) -> None:
    rate = result.heart_rate
    axes.set_title("Spectrum, times frequency")
    if "ppg" not in result.waveforms or rate is None:
        axes.set_axis_off()
        return
    frequencies, power = _power(result)
    low, high = (60 * edge for edge in rate.band)
    shown = (60 * frequencies > 0.6 * low) & (60 * frequencies < 1.2 * high)
    # multiplied by f, as it is when the peak is chosen
    height = (power * frequencies)[shown]
    height = height / height[(60 * frequencies[shown] >= low) & (60 * frequencies[shown] <= high)].max()
    axes.axvspan(low, high, color=BAND_COLOUR, lw=0)
    axes.plot(60 * frequencies[shown], height, color=INK, lw=1.1)
    axes.fill_between(60 * frequencies[shown], height, color=INK, alpha=0.12, lw=0)
    axes.axvline(rate.value, color=PULSE, lw=1.4)
    axes.annotate(
        f"{rate.value:.1f}",
        (rate.value, 1.0),
        (6, 0),
        textcoords="offset points",
        color=PULSE,
        fontweight="bold",
        va="center",
    )
    axes.set(xlim=(0.6 * low, 1.2 * high), ylim=(0, 1.15), xlabel="per minute", yticks=[])
    axes.spines["left"].set_visible(False)


def _power(result: VideoResult) -> tuple[np.ndarray, np.ndarray]:
    """The spectrum that the heart rate was read from: of the whole clip, or the mean of its windows'."""
    wave = np.nan_to_num(result.waveforms["ppg"])
    fps = 1 / float(np.median(np.diff(result.times)))
    if result.heart_rate and result.heart_rate.method == "welch":
        length = min(round(WINDOW * fps), len(wave))
        frequencies, power = power_spectrum(windows(wave, length, max(1, length // 2)), fps)
        return frequencies, power.mean(axis=0)
    return power_spectrum(wave, fps)


def _over_time(axes: Axes, result: VideoResult) -> None:
    over = result.over_time
    if over is None or not np.isfinite(over.values).any():
        axes.set_title("Heart rate over time")
        axes.text(0.5, 0.5, "not decided", transform=axes.transAxes, ha="center", color=SOFT)
        axes.set(xticks=[], yticks=[])
        return
    axes.set_title(f"Heart rate over time, windows of {over.window:.0f} s")
    known = np.isfinite(over.low) & np.isfinite(over.high)
    axes.fill_between(over.times, over.low, over.high, where=known, color=PULSE, alpha=0.16, lw=0)
    axes.plot(over.times, over.values, color=PULSE, lw=1.2)
    if len(over.times) <= 3:
        axes.vlines(over.times, over.low, over.high, color=PULSE, alpha=0.3, lw=3)
    sure = over.high - over.low <= SURE
    if not sure.all():
        axes.set_title("hollow: uncertain", loc="right", fontsize=9, fontweight="normal", color=SOFT)
    axes.plot(over.times[sure], over.values[sure], "o", color=PULSE, ms=3.5)
    axes.plot(over.times[~sure], over.values[~sure], "o", mfc="white", mec=PULSE, ms=3.5)
    if result.heart_rate:
        axes.axhline(result.heart_rate.value, color=SOFT, lw=0.9, ls=(0, (4, 3)))
    bottom = min(np.nanmin(over.values), np.nanmin(np.append(over.low, np.inf)))
    top = max(np.nanmax(over.values), np.nanmax(np.append(over.high, -np.inf)))
    middle, half = (bottom + top) / 2, max((top - bottom) / 2 + 3, 12)
    axes.set(
        xlim=(0, result.duration), ylim=(middle - half, middle + half), xlabel="seconds", ylabel="beats per minute"
    )
    axes.grid(axis="y", color="#e3e7eb", lw=0.8)
    axes.set_axisbelow(True)


def _middle_of_longest(known: np.ndarray, times: np.ndarray) -> float:
    """Where to start showing: the middle of the longest run without gaps."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], known.astype(np.int8), [0]])))
    begins, ends = edges[::2], edges[1::2]
    longest = int(np.argmax(ends - begins))
    first, last = float(times[begins[longest]]), float(times[ends[longest] - 1])
    return max(first, (first + last - SHOWN_SECONDS) / 2)


def _short(text: str, most: int) -> str:
    text = "".join(sign if sign.isprintable() else "?" for sign in text)
    return text if len(text) <= most else f"{text[: most // 2 - 1]}…{text[-most // 2 :]}"
