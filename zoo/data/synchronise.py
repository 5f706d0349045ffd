"""Labels whose clock is not the video's: the lag by cross-correlation with the pulse that POS sees.

MCD-rPPG's authors align their PPG to the video in this way (arXiv:2508.17924). A pulse is nearly periodic, so that lags
of a beat more or less fit nearly alike: of those the smallest is taken, since clocks are seldom far apart. A wrong
alignment is worse than none, so a lag that is too large, or that could be any, is refused.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from zoo.data.recording import Labels, Series
from zoo.errors import DataError
from zoo.signals.classical import upright
from zoo.signals.filters import bandpass
from zoo.signals.resample import grid, resample

FPS = 30.0
# Hz: below, breathing and the camera's own control; above, noise
BAND = (0.7, 3.5)
LARGEST_LAG = 5.0
WEAKEST = 0.25
# Correlations that differ by less than this tell nothing; lags that fit so much alike may be some beats apart (s).
ALIKE = 0.02
SOME_BEATS = 2.5
SHORTEST = 20.0


@dataclass(frozen=True)
class Lag:
    """How labels lie against the video.

    Args:
        seconds: to add to the labels' times; positive where the labels' clock is behind the video's.
        correlation: of the pulse in the video with the label at that lag, 0.7-3.5 Hz.
        spread: seconds between the smallest and the largest lag that fit nearly as well as any.
    """

    seconds: float
    correlation: float
    spread: float


def measure_lag(
    times: np.ndarray, colours: np.ndarray, found: np.ndarray, label: Series, largest: float = LARGEST_LAG
) -> Lag:
    """The lag at which a contact PPG fits the video best.

    Args:
        times: (n,) seconds of the frames.
        colours: (3, n) mean skin colour; NaN without a face.
        found: (n,) bool.
        label: the PPG, systole upwards.
        largest: seconds that are searched, to both sides.

    Raises:
        DataError: less than 20 s in which both are known.
    """
    if np.mean(found) < 0.5:
        raise DataError("the labels cannot be synchronised: the face is lost for more than half of the video.")
    even = grid(times[found], FPS)
    pulse = _pulse(upright("pos")(resample(times[found], colours[:, found].astype(np.float64), even), FPS))
    steps = np.arange(-round(largest * FPS), round(largest * FPS) + 1)
    wave = _pulse(np.interp(even, label.times, label.values))
    known = (even >= label.times[0]) & (even <= label.times[-1])
    if known.sum() < SHORTEST * FPS:
        raise DataError(f"the labels cannot be synchronised: they and the video share less than {SHORTEST:g} s.")
    scores = np.array([_correlation(pulse, wave, known, int(step)) for step in steps])
    tops = scores >= np.maximum(np.r_[-np.inf, scores[:-1]], np.r_[scores[1:], -np.inf])
    alike = np.flatnonzero(tops & (scores >= scores.max() - ALIKE))
    best = int(alike[np.argmin(np.abs(steps[alike]))])
    return Lag(_vertex(scores, best, steps) / FPS, float(scores[best]), float(np.ptp(steps[alike])) / FPS)


def synchronise(times: np.ndarray, colours: np.ndarray, found: np.ndarray, labels: Labels) -> tuple[Labels, Lag]:
    """Labels on the video's clock, and the lag; arguments as in `measure_lag`.

    Every signal of the labels is moved, as one device recorded them.

    Raises:
        DataError: no PPG to align by, a correlation below 0.25, a lag at the end of the 5 s that are searched, or lags
            far apart that fit alike.
    """
    if "ppg" not in labels.signals:
        raise DataError("the labels cannot be synchronised: there is no ppg among them; prepare without it.")
    lag = measure_lag(times, colours, found, labels.signals["ppg"])
    told = f"lag {lag.seconds:+.2f} s, r {lag.correlation:.2f}, alike over {lag.spread:.1f} s"
    if lag.correlation < WEAKEST:
        raise DataError(f"the labels cannot be synchronised: no lag correlates with the video ({told}).")
    if abs(lag.seconds) > LARGEST_LAG - 1 / FPS:
        raise DataError(f"the labels cannot be synchronised: the lag is implausibly large ({told}).")
    if lag.spread > SOME_BEATS:
        raise DataError(f"the labels cannot be synchronised: too many lags fit alike ({told}).")
    moved = {name: Series(series.times + lag.seconds, series.values) for name, series in labels.signals.items()}
    return replace(labels, signals=moved), lag


def _pulse(wave: np.ndarray) -> np.ndarray:
    wave = np.asarray(bandpass(wave, FPS, *BAND, order=2))
    return wave / (np.std(wave) or 1.0)


def _correlation(pulse: np.ndarray, wave: np.ndarray, known: np.ndarray, step: int) -> float:
    """Of pulse(t) with wave(t - step)."""
    n = len(pulse)
    seen, told = slice(max(step, 0), n + min(step, 0)), slice(max(-step, 0), n - max(step, 0))
    both = known[told]
    if both.sum() < SHORTEST * FPS / 2:
        return -1.0
    x, y = pulse[seen][both], wave[told][both]
    x, y = x - x.mean(), y - y.mean()
    return float(x @ y / (np.sqrt((x @ x) * (y @ y)) or 1.0))


def _vertex(scores: np.ndarray, best: int, steps: np.ndarray) -> float:
    """The lag in steps, between the samples, by a parabola through the best score and its neighbours."""
    if not 0 < best < len(scores) - 1:
        return float(steps[best])
    before, top, after = scores[best - 1 : best + 2]
    bend = before - 2 * top + after
    return float(steps[best] + (0.5 * (before - after) / bend if bend < 0 else 0.0))
