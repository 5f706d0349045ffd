"""Pictures of an explanation and of a ranking, in the style of a prediction's picture."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from zoo.data.align import CANONICAL
from zoo.data.regions import outlines
from zoo.explain.explanation import MAP_SIDE, Explanation, enlarged
from zoo.explain.ranking import Ranking, region_names
from zoo.prediction import panels
from zoo.prediction.panels import FAINT, INK, PULSE, SOFT
from zoo.prediction.picture import SQUARE, STYLE, title
from zoo.spec import REGIONS

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLOURS = "inferno"
FACE: tuple[float, float, float, float] = (0.035, 0.1, 0.42, 0.8)
# of a ranking, so many bars
BARS = 24


def draw(explanation: Explanation, face: bool = True) -> bytes:
    """A PNG of an explanation (1760 x 990 pixels).

    Args:
        face: False draws a schematic face instead of the person's.
    """

    def fill(figure: Figure) -> None:
        result = explanation.result
        title(figure, result)
        axes = figure.add_axes(FACE)
        _place(axes, explanation, face)
        said = f"{explanation.method}, at {explanation.rate:.0f} beats per minute, windows: {explanation.windows}"
        figure.text(FACE[0], 0.045, said, color=SOFT, fontsize=10)
        _scale(figure, "lowest", "highest") if explanation.unit == "dB" else _scale(figure, "none", "most")
        bars = figure.add_axes((0.66, 0.6, 0.315, 0.27))
        _bars(bars, explanation.values, explanation.unit, explanation.also)
        panels.waveform(figure.add_axes((0.55, 0.36, 0.425, 0.14)), result)
        panels.spectrum(figure.add_axes((0.55, 0.09, 0.425, 0.15)), result)

    return _png(fill)


def draw_ranking(ranking: Ranking, what: str) -> bytes:
    """A PNG of a ranking (1760 x 990 pixels): the cells on a schematic face, and the best regions.

    Args:
        what: was ranked, as a title.
    """
    by_name = {score.region: score.snr for score in ranking.scores}
    cells = np.array([by_name[name] for name in region_names(ranking.grid)])
    heat = cells.reshape(ranking.grid.height, ranking.grid.width)

    def fill(figure: Figure) -> None:
        figure.text(0.035, 0.945, f"Skin regions by pulse: {what}", fontsize=16, fontweight="bold")
        windows = max(score.windows for score in ranking.scores)
        facts = f"{_counted(len(ranking.truth), 'video')}   ·   {_counted(windows, 'window')} of 20 s"
        figure.text(0.975, 0.945, facts, fontsize=10.5, color=SOFT, ha="right")
        axes = figure.add_axes(FACE)
        _canonical(axes)
        _heat(axes, _between(heat), smooth=False)
        figure.text(FACE[0], 0.045, "signal-to-noise ratio at the heart rate, dB", color=SOFT, fontsize=10)
        _scale(figure, "lowest", "highest")
        shown = {score.region: score.snr for score in ranking.scores if np.isfinite(score.snr)}
        best = dict(list(shown.items())[:BARS])
        axes = figure.add_axes((0.66, 0.1, 0.315, 0.77))
        _bars(axes, best, "dB", {})
        if len(best) < len(shown):
            axes.set_title(f"The best {len(best)} of {len(shown)} regions, dB")

    return _png(fill)


def _counted(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


def _png(fill: Callable[[Figure], None]) -> bytes:
    import matplotlib as mpl
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(12.8, 7.2), facecolor="white")
        FigureCanvasAgg(figure)
        fill(figure)
        content = io.BytesIO()
        figure.savefig(content, format="png", dpi=137.5)
    return content.getvalue()


def _scale(figure: Figure, low: str, high: str) -> None:
    """What the colours over the face mean: a strip from little to much."""
    strip = np.linspace(0, 1, 128)[None]
    axes = figure.add_axes((FACE[0] + FACE[2] - 0.115, 0.049, 0.07, 0.012))
    axes.imshow(strip, cmap=COLOURS, vmin=0, vmax=1, alpha=0.15 + 0.65 * strip, aspect="auto")
    _bare(axes)
    style: dict[str, Any] = {"transform": axes.transAxes, "va": "center", "color": SOFT, "fontsize": 8.5}
    axes.text(-0.06, 0.5, low, ha="right", **style)
    axes.text(1.06, 0.5, high, ha="left", **style)


def _place(axes: Axes, explanation: Explanation, face: bool) -> None:
    """The map over the crop that it was made of, or the regions over the face."""
    heat = explanation.heat
    preview = explanation.result.preview
    if explanation.crop is not None and face:
        _picture(axes, explanation.crop)
    elif explanation.crop is None and face and preview is not None:
        return _on_preview(axes, explanation)
    else:
        _canonical(axes)
    if heat is None:
        _shapes(axes, explanation.values, np.array([[1.0, 0, 0], [0, 1.0, 0]]))
    elif explanation.unit == "dB":
        _heat(axes, _between(heat), smooth=False)
    else:
        _heat(axes, heat, smooth=True)
    return None


def _on_preview(axes: Axes, explanation: Explanation) -> None:
    """Regions or cells over the frame that the face was first seen in, cut to the canonical square around it."""
    preview = explanation.result.preview
    assert preview is not None
    grey = preview.rgb @ np.array([0.299, 0.587, 0.114]) / 255
    axes.imshow(grey, cmap="gray", vmin=0, vmax=1)
    if explanation.heat is None:
        _shapes(axes, explanation.values, preview.transform)
    else:
        heat, (height, width) = explanation.heat, explanation.heat.shape
        level = _between(heat) if explanation.unit == "dB" else np.maximum(heat, 0)
        cells = np.array(
            [[[x, y], [x + 1, y], [x + 1, y + 1], [x, y + 1]] for y in range(height) for x in range(width)]
        )
        _polygons(axes, list(cells / (width, height)), level.ravel(), preview.transform, edge="none")
    corners = _onto(SQUARE, preview.transform)
    low, high = corners.min(0), corners.max(0)
    axes.set(xlim=(low[0], high[0]), ylim=(high[1], low[1]))
    _bare(axes)


def _picture(axes: Axes, crop: np.ndarray) -> None:
    grey = crop @ np.array([0.299, 0.587, 0.114])
    low, high = np.percentile(grey, (1, 99))
    axes.imshow(grey, cmap="gray", vmin=low, vmax=max(high, low + 1e-3), extent=(0, 1, 1, 0), interpolation="bicubic")
    _bare(axes)


def _canonical(axes: Axes) -> None:
    """A face of lines where the canonical landmarks are: eyes, nose, mouth, and an oval around them."""
    from matplotlib.patches import Ellipse

    style: dict[str, Any] = {"facecolor": "none", "edgecolor": SOFT, "lw": 1.5, "zorder": 3}
    eyes, nose, mouth = CANONICAL[:2], CANONICAL[2], CANONICAL[3:]
    axes.add_patch(Ellipse((0.5, 0.51), 0.82, 1.0, **style))
    for x, y in eyes:
        axes.add_patch(Ellipse((x, y), 0.14, 0.06, **style))
    lines: dict[str, Any] = {"color": SOFT, "lw": 1.5, "zorder": 3}
    axes.plot(
        [nose[0] - 0.01, nose[0] - 0.06, nose[0], nose[0] + 0.06], [0.43, nose[1], nose[1] + 0.03, nose[1]], **lines
    )
    axes.add_patch(Ellipse(tuple(mouth.mean(0)), float(np.ptp(mouth[:, 0])), 0.08, **style))
    axes.set(xlim=(0, 1), ylim=(1, 0), aspect="equal")
    _bare(axes)


def _heat(axes: Axes, heat: np.ndarray, smooth: bool) -> None:
    """A map (h, w) >= 0 over the unit square, the clearer the larger it is."""
    large = enlarged(heat) if smooth else np.kron(heat, np.ones((MAP_SIDE // heat.shape[0], MAP_SIDE // heat.shape[1])))
    level = np.clip(large / max(float(large.max()), 1e-12), 0, 1)
    axes.imshow(level, cmap=COLOURS, vmin=0, vmax=1, alpha=0.15 + 0.65 * level, extent=(0, 1, 1, 0), zorder=2)
    axes.set(xlim=(0, 1), ylim=(1, 0))


def _between(values: np.ndarray) -> np.ndarray:
    """Decibels on 0..1, from the lowest to the highest; 0 where there are none."""
    known = values[np.isfinite(values)]
    if not len(known) or np.ptp(known) == 0:
        return np.where(np.isfinite(values), 1.0, 0.0)
    return np.where(np.isfinite(values), (values - known.min()) / np.ptp(known), 0.0)


def _shapes(axes: Axes, values: Mapping[str, float], transform: np.ndarray) -> None:
    # the whole face lies under its parts
    names = sorted((name for name in values if name in REGIONS), key=lambda name: name != "face")
    level = np.array([values[name] for name in names])
    level = np.maximum(level, 0) / max(float(level.max(initial=0)), 1e-12)
    _polygons(axes, outlines(names), level, transform, edge="white")


def _polygons(axes: Axes, shapes: list[np.ndarray], level: np.ndarray, transform: np.ndarray, edge: str) -> None:
    import matplotlib as mpl
    from matplotlib.patches import Polygon

    colours = mpl.colormaps[COLOURS]
    for shape, value in zip(shapes, level / max(float(level.max(initial=0)), 1e-12), strict=True):
        fill = (*colours(float(value))[:3], 0.15 + 0.6 * float(value))
        axes.add_patch(Polygon(_onto(shape, transform), facecolor=fill, edgecolor=edge, lw=1.0, zorder=2))


def _bars(axes: Axes, values: Mapping[str, float], unit: str, also: Mapping[str, Mapping[str, float]]) -> None:
    """Values by region as bars, best first; further values as points beside them."""
    known = {name: value for name, value in values.items() if np.isfinite(value)}
    if not known:
        axes.set_axis_off()
        axes.text(0.0, 0.5, "this crop has no named regions", color=SOFT)
        return
    names = sorted(known, key=lambda name: known[name], reverse=True)[:BARS]
    places = np.arange(len(names))
    # decibels have no zero to start from: the best bar is the longest one
    base = min(known.values()) - 1 if unit == "dB" else 0.0
    axes.barh(places, [known[name] - base for name in names], left=base, color=PULSE, height=0.62)
    for method, others in also.items():
        axes.plot([others[name] for name in names], places, "o", mfc="white", mec=INK, ms=5, label=method)
    if also:
        # above the bars, where no point can lie under it
        axes.legend(frameon=False, fontsize=8.5, loc="lower right", bbox_to_anchor=(1.0, 0.98), borderaxespad=0.0)
    axes.axvline(base, color=FAINT, lw=0.8)
    axes.set(yticks=places, yticklabels=[name.replace("_", " ") for name in names], ylim=(len(names) - 0.4, -0.6))
    axes.tick_params(axis="y", length=0, labelsize=9)
    # labels with a minus sign are wide
    axes.locator_params(axis="x", nbins=4)
    axes.set_title(f"By region, {unit}")
    axes.spines["left"].set_visible(False)


def _onto(shape: np.ndarray, transform: np.ndarray) -> np.ndarray:
    return shape @ transform[:, :2].T + transform[:, 2]


def _bare(axes: Axes) -> None:
    axes.set(xticks=[], yticks=[])
    axes.set_anchor("W")
    for spine in axes.spines.values():
        spine.set_visible(False)
