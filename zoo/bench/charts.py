"""Charts as SVG text, drawn by hand: a scatter with a Pareto front, and bars of shares. All text is escaped."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

WIDTH, HEIGHT = 620, 380
LEFT, RIGHT, TOP, BOTTOM = 62, 20, 34, 52
# where a name may stand below (or above) the middle of its mark
OFFSETS = (4, 16, -8, 28, -20, 40, -32, 52, -44)
COLOURS = ("#2563a8", "#c2571a", "#2e7d4f", "#8a4fa3", "#b0304b", "#6b6b2a")
ROW = 30
# points of one name that are nearer share it
NEAR = 60
# a logarithmic axis that is longer names whole decades only
MOST_DECADES = 3.5


@dataclass(frozen=True)
class Point:
    """A model in a chart; lower is better on both axes.

    Args:
        x, y: position; `size` the area of its mark, in relation to the others'.
        group: points of a group have one colour.
    """

    name: str
    group: str
    x: float
    y: float
    size: float = 0.0


def front(points: Sequence[Point]) -> list[Point]:
    """Those that no other point beats on both axes, by x."""
    best: list[Point] = []
    for point in sorted(points, key=lambda p: (p.x, p.y)):
        if not best or point.y < best[-1].y:
            best.append(point)
    return best


def scatter(points: Sequence[Point], x_title: str, y_title: str, log_y: bool = False) -> str:
    """Points over a logarithmic x, the Pareto front as a line; y begins at 0, unless it is logarithmic too."""
    # names stand at the right of their marks
    across = _decades([point.x for point in points], 2.5)
    up = (
        _decades([point.y for point in points], 1.0) if log_y else (0.0, max(point.y for point in points) * 1.12 or 1.0)
    )

    def at(point: Point) -> tuple[float, float]:
        y = math.log10(point.y) if log_y else point.y
        return _place(math.log10(point.x), across, LEFT, WIDTH - RIGHT), _place(y, up, HEIGHT - BOTTOM, TOP)

    groups = list(dict.fromkeys(point.group for point in points))
    parts = _axes(across, up, log_y, x_title, y_title)
    line = " ".join(f"{x:.1f},{y:.1f}" for x, y in map(at, front(points)))
    parts.append(f'<polyline points="{line}" fill="none" stroke="#999" stroke-dasharray="4 3"/>')
    largest = max((point.size for point in points), default=0.0) or 1.0
    taken = [(x - 6, y + 4, x + 6) for x, y in map(at, points)]
    named: list[tuple[str, float, float]] = []
    for point in sorted(points, key=lambda p: -p.size):
        x, y = at(point)
        radius = 4 + 12 * math.sqrt(max(point.size, 0.0) / largest)
        colour = COLOURS[groups.index(point.group) % len(COLOURS)]
        parts.append(
            f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{radius:.1f}" fill="{colour}" fill-opacity="0.55" '
            f'stroke="{colour}"><title>{escape(point.name)} ({escape(point.group)})</title></circle>'
        )
        parts.append(_label(point.name, x, y, radius, taken, named))
    parts += [
        f'<rect x="{LEFT + 100 * i}" y="8" width="10" height="10" fill="{COLOURS[i % len(COLOURS)]}"/>'
        f'<text x="{LEFT + 15 + 100 * i}" y="17">{escape(_short(group, 14))}</text>'
        for i, group in enumerate(groups)
    ]
    return _svg(WIDTH, HEIGHT, parts)


def shares(rows: Sequence[tuple[str, dict[str, float]]]) -> str:
    """A bar a row, cut by what each part takes of it.

    Args:
        rows: a name, and the value of each part.
    """
    names = list(dict.fromkeys(name for _, parts in rows for name in parts))
    left, width = 190, WIDTH - 190 - RIGHT
    drawn = [
        f'<rect x="{left + 88 * i}" y="4" width="10" height="10" fill="{COLOURS[i % len(COLOURS)]}"/>'
        f'<text x="{left + 14 + 88 * i}" y="13">{escape(name)}</text>'
        for i, name in enumerate(names)
    ]
    for number, (title, parts) in enumerate(rows):
        y, x, total = 26 + ROW * number, float(left), sum(parts.values()) or 1.0
        drawn.append(f'<text x="{left - 8}" y="{y + 15}" text-anchor="end">{escape(_short(title, 28))}</text>')
        for i, name in enumerate(names):
            share = parts.get(name, 0.0) / total
            colour = COLOURS[i % len(COLOURS)]
            drawn.append(
                f'<rect x="{x:.1f}" y="{y}" width="{share * width:.1f}" height="20" fill="{colour}">'
                f"<title>{escape(name)}: {100 * share:.1f} %</title></rect>"
            )
            if share > 0.07:
                drawn.append(
                    f'<text x="{x + share * width / 2:.1f}" y="{y + 14}" text-anchor="middle" fill="#fff">'
                    f"{100 * share:.0f} %</text>"
                )
            x += share * width
    return _svg(WIDTH + 70, 30 + ROW * len(rows), drawn)


def _axes(across: tuple[float, float], up: tuple[float, float], log_y: bool, x_title: str, y_title: str) -> list[str]:
    bottom, right = HEIGHT - BOTTOM, WIDTH - RIGHT
    parts = [f'<path d="M{LEFT} {TOP}V{bottom}H{right}" fill="none" stroke="#555"/>']
    for value in _ticks(across):
        x = _place(math.log10(value), across, LEFT, right)
        parts.append(f'<path d="M{x:.1f} {TOP}V{bottom}" stroke="#eee"/>')
        parts.append(f'<text x="{x:.1f}" y="{bottom + 16}" text-anchor="middle">{value:g}</text>')
    for value in _ticks(up) if log_y else _grid(up[1]):
        y = _place(math.log10(value) if log_y else value, up, bottom, TOP)
        parts.append(f'<path d="M{LEFT} {y:.1f}H{right}" stroke="#eee"/>')
        parts.append(f'<text x="{LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{value:g}</text>')
    parts.append(
        f'<text x="{(LEFT + right) / 2}" y="{HEIGHT - 12}" text-anchor="middle">{escape(x_title)}</text>'
        f'<text transform="translate(16 {(TOP + bottom) / 2}) rotate(-90)" text-anchor="middle">'
        f"{escape(y_title)}</text>"
    )
    return parts


def _place(value: float, ends: tuple[float, float], start: float, stop: float) -> float:
    """Where a value of an axis lies in the picture."""
    return start + (value - ends[0]) / (ends[1] - ends[0]) * (stop - start)


def _ticks(ends: tuple[float, float]) -> list[float]:
    """Round values of a logarithmic axis whose ends are powers of ten."""
    steps = (1, 2, 5) if ends[1] - ends[0] < MOST_DECADES else (1,)
    values = [step * 10.0**decade for decade in range(math.floor(ends[0]), math.ceil(ends[1]) + 1) for step in steps]
    return [value for value in values if ends[0] <= math.log10(value) <= ends[1]]


def _label(
    name: str,
    x: float,
    y: float,
    radius: float,
    taken: list[tuple[float, float, float]],
    named: list[tuple[str, float, float]],
) -> str:
    """The name beside its mark, where it covers no other."""
    text = _short(name, 24)
    width = 6.2 * len(text)
    if any(said == text and math.hypot(x - at, y - height) < NEAR for said, at, height in named):
        # the same model in another runtime beside it: colours tell them apart
        return ""
    named.append((text, x, y))
    left = x + radius + 3
    if left + width > WIDTH:
        left = x - radius - 3 - width

    def free(place: float) -> bool:
        covered = any(abs(place - other) < 11 and left < end and start < left + width for start, other, end in taken)
        return TOP <= place <= HEIGHT - BOTTOM - 2 and not covered

    place = next((y + offset for offset in OFFSETS if free(y + offset)), y + 4)
    taken.append((left, place, left + width))
    return f'<text x="{left:.1f}" y="{place:.1f}">{escape(text)}</text>'


def _short(text: str, most: int) -> str:
    return text if len(text) <= most else text[: most - 1] + "…"


def _decades(values: Sequence[float], above: float) -> tuple[float, float]:
    """Ends of a logarithmic axis; `above` times as much room is left over the largest as under the smallest."""
    low, high = math.log10(min(values)), math.log10(max(values))
    room = max(0.08 * (high - low), 0.15)
    return low - room, high + above * room


def _grid(top: float) -> list[float]:
    """Round values of an axis from 0, about five."""
    rough = top / 5
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= rough)
    return [i * step for i in range(int(top / step) + 1)]


def _svg(width: int, height: int, parts: Sequence[str]) -> str:
    inside = "".join(parts)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" '
        f'role="img" font-family="system-ui, sans-serif" font-size="11" fill="#222">{inside}</svg>'
    )
