"""Waves whose truth is known."""

from __future__ import annotations

import numpy as np


def sinusoid(rate: float, fps: float = 30.0, seconds: float = 10.0, phase: float = 0.0) -> np.ndarray:
    """A sinusoid of `rate` 1/min."""
    return np.sin(2 * np.pi * rate / 60 * np.arange(round(seconds * fps)) / fps + phase)


def pink(samples: int, seed: int) -> np.ndarray:
    """Noise whose power falls as 1/f, of unit variance."""
    rng = np.random.default_rng(seed)
    shape = np.sqrt(np.maximum(np.arange(samples // 2 + 1), 1))
    noise = np.fft.irfft(np.fft.rfft(rng.normal(size=samples)) / shape, n=samples)
    return noise / noise.std()


def breathing_pulse(
    rate: float = 72.0,
    breaths: float = 15.0,
    fps: float = 30.0,
    seconds: float = 60.0,
    amplitude: float = 0.1,
    baseline: float = 0.2,
    frequency: float = 0.03,
) -> np.ndarray:
    """A pulse with a second harmonic, modulated by breath in three ways."""
    t = np.arange(round(seconds * fps)) / fps
    breath = np.sin(2 * np.pi * breaths / 60 * t)
    turns = np.cumsum(rate / 60 * (1 + frequency * breath)) / fps
    beat = np.sin(2 * np.pi * turns) + 0.3 * np.sin(4 * np.pi * turns + 0.5)
    return (1 + amplitude * breath) * beat + baseline * breath


def contact(ibi: float = 0.85, fps: float = 100.0, seconds: float = 30.0) -> np.ndarray:
    """A contact-like pulse: two Gaussians, systolic at 0.20 s and dicrotic at 0.42 s of each beat."""
    t = (np.arange(round(seconds * fps)) / fps) % ibi
    return np.exp(-(((t - 0.2) / 0.07) ** 2) / 2) + 0.45 * np.exp(-(((t - 0.42) / 0.08) ** 2) / 2)
