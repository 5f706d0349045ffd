"""Skin regions ranked by how much pulse they carry, over one video or a data set."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from zoo.data.extract import Extraction, extract
from zoo.data.recording import Recording
from zoo.errors import ZooError
from zoo.signals.filters import windows as windows_of
from zoo.signals.fusion import FUSION_REGIONS, classical_fusion
from zoo.signals.quality import snr
from zoo.signals.rate import HIGH_HZ, LOW_HZ, heart_rate
from zoo.signals.resample import grid, resample
from zoo.spec import REGIONS, Grid

Method = Callable[[np.ndarray, float], np.ndarray]
RateAt = Callable[[float, float], float]

FPS = 30.0
WINDOW, HOP = 20.0, 10.0
# 1/min within which a region's own rate counts as right
CLOSE = 3.0
# with the eight named regions, a little more than the 39 of the published ranking
GRID = Grid(6, 6)
# of a window, the largest share without a face
MOST_LOST = 0.05


@dataclass(frozen=True)
class Score:
    """How well a region shows the pulse.

    Args:
        region: its name; a grid's cell is `row R, column C`, from the top and the left of the picture.
        snr: dB, mean over windows of the power around the heart rate and its harmonic over the rest.
        close: share of windows whose own rate lies within 3/min of the heart rate.
        windows: how many.
        videos: of how many videos.
    """

    region: str
    snr: float
    close: float
    windows: int
    videos: int = 1


@dataclass(frozen=True)
class Ranking:
    """Regions, best first.

    Args:
        scores: of named regions and grid cells together.
        grid: whose cells are among them.
        truth: where the heart rates came from, by video: `contact`, or `video` where no contact signal was there.
        failed: why, by video that could not be used.
    """

    scores: tuple[Score, ...]
    grid: Grid
    truth: Mapping[str, str]
    failed: Mapping[str, str]


def rank_regions(
    videos: Sequence[str | Path | Recording],
    method: Method,
    cells: Grid = GRID,
    progress: Callable[[str], None] | None = None,
) -> Ranking:
    """Rank the eight named regions and a grid's cells by the pulse that a classical method finds in each.

    The heart rate of a window is that of the contact PPG where a recording has one; else what POS and CHROM of face
    and cheeks say together, which favours those a little.

    Args:
        videos: files or recordings.
        method: (..., 3, T) colours and frames a second to pulse (..., T).
        cells: over the canonical face.
        progress: called with each video's name when it is done.

    Raises:
        ZooError: not one video could be used.
    """
    collected: dict[str, list[Score]] = defaultdict(list)
    truth, failed = {}, {}
    for video in videos:
        name = video.name if isinstance(video, Recording) else str(video)
        try:
            scores, truth[name] = _of_video(video, method, cells)
            for score in scores:
                collected[score.region].append(score)
        except ZooError as error:
            failed[name] = str(error)
        if progress:
            progress(name)
    if not collected:
        raise ZooError(f"No region could be scored: {next(iter(failed.values()), 'no videos were given')}")
    merged = [_merged(region, scores) for region, scores in collected.items()]
    return Ranking(tuple(sorted(merged, key=lambda score: -score.snr)), cells, truth, failed)


def score_regions(extraction: Extraction, method: Method, rate_at: RateAt) -> list[Score]:
    """Score each region of a video in windows of 20 s (the whole, where it is shorter), hop 10 s.

    Args:
        extraction: with traces.
        method: as in `rank_regions`.
        rate_at: true rate (1/min) from one second to another; NaN leaves the window out.

    Raises:
        ZooError: no window shows the face, or has a rate.
    """
    times, traces, seen = on_grid(extraction)
    length = min(round(WINDOW * FPS), len(times))
    step = round(HOP * FPS)
    pulses = windows_of(method(traces, FPS), length, step)
    starts = [times[i * step] for i in range(pulses.shape[-2])]
    rates = np.array([rate_at(start, start + length / FPS) for start in starts])
    good = (windows_of(seen, length, step).mean(-1) >= 1 - MOST_LOST) & np.isfinite(rates)
    if not good.any():
        raise ZooError("no window shows the face and has a heart rate: use a longer video of one face.")
    pulses, rates = pulses[:, good], rates[good]
    decibels = snr(pulses, FPS, rates, low=LOW_HZ, high=HIGH_HZ)
    close = np.abs(heart_rate(pulses, FPS) - rates) <= CLOSE
    level = np.array([row[np.isfinite(row)].mean() if np.isfinite(row).any() else -np.inf for row in decibels])
    names = region_names(extraction.regions)
    return [
        Score(name, float(value), float(row.mean()), int(good.sum()))
        for name, value, row in zip(names, level, close, strict=True)
    ]


def region_names(regions: Iterable[str] | Grid) -> list[str]:
    """Names of regions; a grid's cells by row and column, counted from 1."""
    if isinstance(regions, Grid):
        return [f"row {y + 1}, column {x + 1}" for y in range(regions.height) for x in range(regions.width)]
    return list(regions)


def on_grid(extraction: Extraction) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Times (T,), traces (regions, 3, T) at 30 a second, and whether the face was in view (T,).

    Raises:
        ZooError: it never was.
    """
    found = extraction.found & np.isfinite(extraction.traces).all(axis=(0, 1))
    if found.sum() < 2:
        raise ZooError("the face is hardly in view: use a video of one face from the front.")
    times = grid(extraction.times, FPS)
    traces = resample(extraction.times[found], extraction.traces[..., found], times)
    return times, traces, np.interp(times, extraction.times, extraction.found.astype(float)) > 0.5


def _of_video(video: str | Path | Recording, method: Method, cells: Grid) -> tuple[list[Score], str]:
    frame_times, contact = None, None
    path: str | Path
    if isinstance(video, Recording):
        labels = video.load()
        path, frame_times, contact = video.video, labels.frame_times, labels.signals.get("ppg")
    else:
        path = video
    named = extract(path, regions=REGIONS, frame_times=frame_times)
    rate_at = _contact_rate(contact.times, contact.values) if contact is not None else _video_rate(named)
    squares = extract(path, regions=cells, frame_times=frame_times)
    scores = [*score_regions(named, method, rate_at), *score_regions(squares, method, rate_at)]
    return scores, "contact" if contact is not None else "video"


def _contact_rate(times: np.ndarray, values: np.ndarray) -> RateAt:
    def rate(start: float, end: float) -> float:
        inside = (times >= start) & (times <= end)
        if inside.sum() < 2 or times[inside][-1] - times[inside][0] < 0.8 * (end - start):
            return float("nan")
        even = grid(times[inside], FPS)
        return float(heart_rate(resample(times[inside], values[inside], even), FPS))

    return rate


def _video_rate(named: Extraction) -> RateAt:
    times, traces, _ = on_grid(named)
    chosen = traces[[REGIONS.index(name) for name in FUSION_REGIONS]]

    def rate(start: float, end: float) -> float:
        inside = (times >= start) & (times < end)
        return float(classical_fusion(chosen[..., inside], FPS, window=end - start)[1][0])

    return rate


def _merged(region: str, scores: Sequence[Score]) -> Score:
    weights = [score.windows for score in scores]
    level = float(np.average([score.snr for score in scores], weights=weights))
    close = float(np.average([score.close for score in scores], weights=weights))
    return Score(region, level, close, sum(weights), len(scores))
