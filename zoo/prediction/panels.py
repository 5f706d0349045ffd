"""The plots of a prediction's picture."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from zoo.prediction.rates import WINDOW
from zoo.prediction.result import VideoResult
from zoo.signals.filters import bandpass, windows
from zoo.signals.spectrum import power_spectrum

if TYPE_CHECKING:
    from matplotlib.axes import Axes

PULSE, INK, SOFT, FAINT, BAND_COLOUR = "#c8283c", "#22303c", "#7b8794", "#c3cad1", "#eef1f4"
SHOWN_SECONDS = 15.0
BAND = (0.7, 4.0)


def waveform(axes: Axes, result: VideoResult) -> None:
    """The pulse as the model gives it, and its band that holds heart rates: 15 s from the middle."""
    name = "ppg" if "ppg" in result.waveforms else next(iter(result.waveforms), "")
    if not name:
        _nothing(axes, "Pulse waveform", "this model gives none")
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


def spectrum(axes: Axes, result: VideoResult) -> None:
    """The spectrum that the heart rate was read from, with band and peak."""
    rate = result.heart_rate
    if "ppg" not in result.waveforms or rate is None:
        _nothing(axes, "Spectrum", "no heart rate was read from it")
        return
    axes.set_title("Spectrum, times frequency")
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


def over_time(axes: Axes, result: VideoResult) -> None:
    """Heart rate along the clip with its interval."""
    over = result.over_time
    if over is None or not np.isfinite(over.values).any():
        _nothing(axes, "Heart rate over time", "no window shows one")
        return
    axes.set_title(f"Heart rate over time, windows of {over.window:.0f} s")
    known = np.isfinite(over.low) & np.isfinite(over.high)
    axes.fill_between(over.times, over.low, over.high, where=known, color=PULSE, alpha=0.16, lw=0)
    axes.plot(over.times, over.values, color=PULSE, lw=1.2)
    if len(over.times) <= 3:
        axes.vlines(over.times, over.low, over.high, color=PULSE, alpha=0.3, lw=3)
    threshold = 0.0 if result.quality is None else result.quality.threshold
    sure = np.nan_to_num(over.confidence) >= threshold
    if not sure.all():
        axes.set_title("hollow: refused", loc="right", fontsize=9, fontweight="normal", color=SOFT)
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


def _nothing(axes: Axes, title: str, why: str) -> None:
    axes.set_title(title)
    axes.text(0.5, 0.5, why, transform=axes.transAxes, ha="center", color=SOFT)
    axes.set(xticks=[], yticks=[])
    axes.spines["left"].set_visible(False)


def _middle_of_longest(known: np.ndarray, times: np.ndarray) -> float:
    """Where to start showing: the middle of the longest run without gaps."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], known.astype(np.int8), [0]])))
    begins, ends = edges[::2], edges[1::2]
    longest = int(np.argmax(ends - begins))
    first, last = float(times[begins[longest]]), float(times[ends[longest] - 1])
    return max(first, (first + last - SHOWN_SECONDS) / 2)
