"""How far the heart rate of a window may be trusted: what speaks for it.

A handful of measures, each larger where a rate is surer. Three of them look at the waveform alone. The agreements look
at what else can be read: from the halves of the window, by another reading of the spectrum, and from the colours that
the model was given, without the model. A codec that destroyed the pulse leaves waves that look like one (a network
draws them even of noise), but not the same one everywhere. `zoo.signals.calibrator` makes a probability of them.
"""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np

from zoo.errors import InputShapeError
from zoo.signals.arrays import Array, check_band, check_wave, namespace, numpy_float64
from zoo.signals.calibrator import FEATURES, TOLERANCE, WAVE_FEATURES, Calibrator
from zoo.signals.classical import WINDOW_SECONDS
from zoo.signals.filters import bandpass
from zoo.signals.fusion import fused_rate, fused_wave, pulses
from zoo.signals.rate import HIGH_HZ, LOW_HZ, heart_rate
from zoo.signals.spectrum import peak_frequency, power_spectrum
from zoo.spec import Clip, Input

# bpm around the rate that belong to it, and that no second peak is looked for in
HILL, APART = 8.0, 10.0
# dB beyond which a ratio says no more
MOST_DB = 30.0
# cells a side of a face crop whose mean colours stand for skin regions
CELLS = 3


def features(
    wave: Array,
    fps: float,
    views: Array | None = None,
    *,
    rate: Array | None = None,
    low: float = LOW_HZ,
    high: float = HIGH_HZ,
) -> np.ndarray:
    """What speaks for the heart rate of each window, larger = surer; independent of the scale of all that it is given.

    Args:
        wave: (n, T) pulse waveforms, value form.
        fps: frames a second.
        views: (n, 2 regions, T) the pulses that the model's colours give without it, `views_of`, if known.
        rate: (n,) 1/min that is judged; where it is not given, the highest peak of the whitened spectrum.
        low, high: band of the rate in Hz.

    Returns:
        (n, 5) by `WAVE_FEATURES`, or (n, 7) by `FEATURES` with views; a row is NaN where no rate can be decided,
        and all are in windows below 1.6 s.
        snr: dB, the whitened power within 8 bpm of the rate over the rest of the band.
        second_peak: dB, the highest within 8 bpm of the rate over the highest further than 10 bpm from it.
        halves, readings, spectra, regions: -log2(1 + d / 3 bpm) of the distance d between the rate and that of the
        further half, that of another reading (peak, centroid), the views' summed spectra, their sum in phase.
        duration: log2 of the seconds.
    """
    x = numpy_float64(check_wave(wave, fps))
    check_band(low, high, fps)
    if x.ndim != 2:
        raise InputShapeError("Confidence is of windows (n, T): give a single one as wave[None].")
    known = np.isfinite(x).all(-1)
    if x.shape[-1] < WINDOW_SECONDS * fps:
        return np.full((len(x), len(WAVE_FEATURES if views is None else FEATURES)), np.nan)
    x = bandpass(np.where(known[:, None], x, 0.0), fps, low, high)
    frequencies, power = power_spectrum(x, fps)
    peak = 60 * peak_frequency(frequencies, power, x.shape[-1] / fps, (low, high))
    judged = peak if rate is None else numpy_float64(rate)
    known &= np.isfinite(judged)
    judged = np.where(known, judged, 60 * low)
    inside = (frequencies >= low) & (frequencies <= high)
    height = power[:, inside] * frequencies[inside]
    distance = np.abs(60 * frequencies[inside] - judged[:, None])
    hill = height * (distance <= HILL)
    half = x.shape[-1] // 2
    band: Any = {"low": low, "high": high}
    parts = np.stack([heart_rate(part, fps, **band) for part in (x[:, :half], x[:, half:])])
    others = np.stack([peak, heart_rate(x, fps, method="centroid", **band)])
    columns = [
        _decibels(hill.sum(-1), height.sum(-1) - hill.sum(-1)),
        _decibels(hill.max(-1, initial=0.0), (height * (distance > APART)).max(-1, initial=0.0)),
        _agreement(np.abs(parts - judged).max(0)),
        _agreement(np.abs(others - judged).max(0)),
        np.full(len(x), math.log2(x.shape[-1] / fps)),
    ]
    if views is not None:
        seen = numpy_float64(views)
        seen = bandpass(np.where(np.isfinite(seen).all(-1, keepdims=True), seen, 0.0), fps, low, high)
        columns += [
            _agreement(fused_rate(seen, fps, **band) - judged),
            _agreement(heart_rate(fused_wave(seen), fps, **band) - judged),
        ]
    return np.where(known[:, None], np.stack(columns, axis=-1), np.nan)


def colours_of(batch: Array, input: Input) -> Array:
    """Mean colours (n, regions, 3, T) of what a model eats, `input.shape(n, T)`; a crop has 3 x 3 cells for regions."""
    if isinstance(input, Clip):
        xp, side = namespace(batch), batch.shape[-1]
        edges = [round(i * side / CELLS) for i in range(CELLS + 1)]
        spans = [slice(first, last) for first, last in itertools.pairwise(edges)]
        batch = xp.stack([xp.mean(batch[..., rows, across], axis=(-2, -1)) for rows in spans for across in spans], 1)
    return batch


def views_of(traces: Array, fps: float) -> np.ndarray | None:
    """The pulses (n, 2 regions, T) that mean colours (n, regions, 3, T) give without a model; None below 1.6 s."""
    return pulses(numpy_float64(traces), fps) if traces.shape[-1] >= math.ceil(WINDOW_SECONDS * fps) else None


def confidence(
    calibrator: Calibrator, wave: Array, fps: float, views: Array | None = None, **options: Any
) -> np.ndarray:
    """Confidence (n,) in 0..1 of windows (n, T); 0 where there is no rate. Arguments are those of `features`.

    Raises:
        InputShapeError: the calibrator weighs views, and there are none.
    """
    if calibrator.needs_views and views is None:
        raise InputShapeError("This calibrator weighs the colours too: give it views_of(traces, fps).")
    return calibrator.probability(features(wave, fps, views if calibrator.needs_views else None, **options))


def _decibels(part: np.ndarray, rest: np.ndarray) -> np.ndarray:
    least = 10 ** (-MOST_DB / 10)
    ratio = np.where(rest > 0, part / np.where(rest > 0, rest, 1), 1 / least)
    return 10 * np.log10(np.clip(ratio, least, 1 / least))


def _agreement(difference: np.ndarray) -> np.ndarray:
    """-log2(1 + d / 3) of a distance in bpm; one that is not known is as bad as a wide one."""
    return -np.log2(1 + np.nan_to_num(np.abs(difference), nan=60.0) / TOLERANCE)
