"""How clean a waveform is: SNR, MACC, likeness of beats, perfusion. How far to trust it: `zoo.signals.confidence`."""

from __future__ import annotations

import math

import numpy as np

from zoo.errors import InputShapeError
from zoo.signals.arrays import Array, back, check_band, check_wave, floating, numpy_float64
from zoo.signals.beats import beat_times
from zoo.signals.filters import bandpass
from zoo.signals.rate import HIGH_HZ, LOW_HZ

TEMPLATE_SAMPLES = 64


def snr(wave: Array, fps: float, rate: Array, *, low: float = 0.75, high: float = 2.5, deviation: float = 6.0) -> Array:
    """Power around the heart rate and its second harmonic over the rest of the band, as the rPPG toolbox computes it.

    Args:
        wave: (..., T), filtered as the protocol says.
        fps: frames a second.
        rate: (...) or one number, 1/min: the true rate (or the estimate, where none is known).
        low, high: band in Hz that the rest is counted in.
        deviation: 1/min to either side of both harmonics that count as signal.

    Returns:
        (...) in dB (10 log10 of the ratio of powers), from a periodogram of the next power of two. NaN where the rate
        is NaN, the wave has NaN or does not move.

    Source: de Haan and Jeanne 2013, IEEE TBME 60(10), section III-C, in the form of the rPPG toolbox.
    """
    wave = check_wave(wave, fps)
    check_band(low, high, fps)
    x = numpy_float64(wave)
    size = 2 ** math.ceil(math.log2(max(x.shape[-1], 2)))
    power = np.abs(np.fft.rfft(x, n=size)) ** 2
    f = np.fft.rfftfreq(size, 1 / fps)
    beat = np.broadcast_to(numpy_float64(rate), x.shape[:-1])[..., None] / 60
    first, second = (np.abs(f - k * beat) <= deviation / 60 * (1 + 1e-9) for k in (1, 2))
    rest = (f >= low) & (f <= high) & ~first & ~second
    signal = (power * first).sum(-1) + (power * second).sum(-1)
    noise = (power * rest).sum(-1)
    good = np.isfinite(beat[..., 0]) & (signal > 0) & (noise > 0)
    ratio = np.where(good, signal, 1) / np.where(good, noise, 1)
    return back(np.where(good, 10 * np.log10(ratio), np.nan), wave)


def macc(wave: Array, reference: Array) -> Array:
    """Maximal amplitude of the circular cross-correlation, over all delays from 0 to T - 2 samples.

    Args:
        wave, reference: (..., T), filtered as the protocol says.

    Returns:
        (...) 0..1; NaN where one of them has NaN or does not move.

    Source: Cho et al. 2017, in the form of the rPPG toolbox; by FFT instead of T rolled copies.
    """
    wave = floating(wave)
    x, y = numpy_float64(wave), numpy_float64(reference)
    if x.ndim == 0 or x.shape[-1:] != y.shape[-1:] or x.shape[-1] < 3:
        raise InputShapeError(f"MACC needs two waves of the same length, at least 3, not {x.shape} and {y.shape}.")
    level = np.abs(x).max(-1), np.abs(y).max(-1)
    x, y = x - x.mean(-1, keepdims=True), y - y.mean(-1, keepdims=True)
    size = np.sqrt((x**2).sum(-1)), np.sqrt((y**2).sum(-1))
    moves = (size[0] > 1e-9 * level[0]) & (size[1] > 1e-9 * level[1])
    n = x.shape[-1]
    products = np.fft.irfft(np.fft.rfft(x) * np.fft.rfft(y).conj(), n=n)
    # rolling the reference by `lag` stands at index lag; the last lag is left out as published
    largest = np.abs(products[..., : n - 1]).max(-1)
    return back(np.where(moves, largest / np.where(moves, size[0] * size[1], 1), np.nan), wave)


def template_correlation(wave: Array, fps: float, *, low: float = LOW_HZ, high: float = HIGH_HZ) -> Array:
    """Mean correlation of each beat with the mean beat (Orphanidou 2015, IEEE JBHI 19(3)).

    Beats run from half-way to half-way between systolic peaks, stretched to one length.

    Args:
        wave: (..., T) value form.
        low, high: Hz, slowest and fastest pulse.

    Returns:
        (...) -1..1; NaN where fewer than three beats are found.
    """
    wave = check_wave(wave, fps)
    x = numpy_float64(wave)
    rows = [_template(row, fps, low, high) for row in x.reshape(-1, x.shape[-1])]
    return back(np.reshape(rows, x.shape[:-1]), wave)


def perfusion(trace: Array, fps: float, *, low: float = LOW_HZ, high: float = HIGH_HZ) -> Array:
    """Perfusion index of raw intensities: peak-to-peak of a sinusoid with the band's power, over the mean.

    Args:
        trace: (..., T) intensities (a contact sensor's, or mean green), any scale, not z-scored.
        low, high: pulse band in Hz.

    Returns:
        (...) per cent; NaN where the mean is not positive, or where the trace has NaN or is too short to filter.
    """
    trace = check_wave(trace, fps)
    x = numpy_float64(trace)
    mean = x.mean(-1)
    if x.shape[-1] < 2 * fps / low:
        return back(np.full(x.shape[:-1], np.nan), trace)
    swing = 2 * math.sqrt(2) * bandpass(x, fps, low, high, order=2).std(-1)
    return back(np.where(mean > 0, 100 * swing / np.where(mean > 0, mean, 1), np.nan), trace)


def _template(x: np.ndarray, fps: float, low: float, high: float) -> float:
    peaks = beat_times(x, fps, low=low, high=high)
    if len(peaks) < 4:
        return float("nan")
    borders = (peaks[1:] + peaks[:-1]) / 2
    share = (np.arange(TEMPLATE_SAMPLES) + 0.5) / TEMPLATE_SAMPLES
    at = borders[:-1, None] + share * np.diff(borders)[:, None]
    beats = np.interp(at, np.arange(len(x)) / fps, x)
    beats = beats - beats.mean(1, keepdims=True)
    norm = np.linalg.norm(beats, axis=1, keepdims=True)
    beats = beats / np.where(norm > 0, norm, 1)
    mean = beats.mean(0)
    return float((beats @ mean).mean() / max(float(np.linalg.norm(mean)), 1e-12))
