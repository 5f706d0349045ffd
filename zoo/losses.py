"""Differentiable, masked losses. A NaN label is unknown and costs nothing; a batch without labels costs zero."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as F

Band = tuple[float, float]
WaveformLoss = Callable[[Tensor, Tensor, Tensor, float, Band], Tensor]

PULSE: Band = (0.6, 3.6)
BREATH: Band = (0.08, 0.7)


def negative_pearson(prediction: Tensor, label: Tensor, mask: Tensor, fps: float = 30.0, band: Band = PULSE) -> Tensor:
    """1 - Pearson's r of each waveform, averaged over the batch (PhysNet, arXiv:1905.02419, eq. 2).

    Args:
        prediction, label: (B, T), any scale.
        mask: (B, T) bool, True where the label is known.

    Returns:
        Scalar in 0..2.
    """
    x, y, weight = _centred(prediction, label, mask)
    covariance = (x * y).sum(-1)
    scale = (x.square().sum(-1) * y.square().sum(-1)).clamp_min(1e-12).sqrt()
    return _mean_over_known(1.0 - covariance / scale, weight)


def mean_squared_error(
    prediction: Tensor, label: Tensor, mask: Tensor, fps: float = 30.0, band: Band = PULSE
) -> Tensor:
    """Mean squared error of (B, T) waveforms over the samples that are known."""
    error = torch.where(mask, prediction - label, torch.zeros_like(prediction))
    return error.square().sum() / mask.sum().clamp_min(1)


def spectral(prediction: Tensor, label: Tensor, mask: Tensor, fps: float = 30.0, band: Band = PULSE) -> Tensor:
    """Cross-entropy between the normalised power spectra of prediction and label in a band (Hz).

    It rewards the right rate whatever the phase, where a contact PPG and a face are out of step.

    Returns:
        Scalar >= 0 (nats, less the label's own entropy).
    """
    x, y, weight = _centred(prediction, label, mask)
    p, q = (_in_band(wave, fps, band).abs().square() for wave in (y, x))
    p = p / p.sum(-1, keepdim=True).clamp_min(1e-12)
    log_q = (q + 1e-8).log() - (q + 1e-8).sum(-1, keepdim=True).log()
    divergence = (p * ((p + 1e-8).log() - log_q)).sum(-1)
    return _mean_over_known(divergence, weight)


def band_pearson(prediction: Tensor, label: Tensor, mask: Tensor, fps: float = 30.0, band: Band = PULSE) -> Tensor:
    """1 - Pearson's r of what lies in a band (Hz), under a Hann window, averaged over the batch.

    For networks that give a derivative frame by frame: a difference raises noise with its frequency, so that what is
    above the band, from which no rate is read, would decide the other losses.

    Returns:
        Scalar in 0..2.
    """
    x, y, weight = _centred(prediction, label, mask)
    a, b = _in_band(x, fps, band), _in_band(y, fps, band)
    covariance = (a * b.conj()).real.sum(-1)
    scale = (a.abs().square().sum(-1) * b.abs().square().sum(-1)).clamp_min(1e-12).sqrt()
    return _mean_over_known(1.0 - covariance / scale, weight)


WAVEFORM_LOSSES: dict[str, WaveformLoss] = {
    "negative_pearson": negative_pearson,
    "mse": mean_squared_error,
    "spectral": spectral,
    "band_pearson": band_pearson,
}


def number_loss(prediction: Tensor, label: Tensor) -> Tensor:
    """Smooth L1 of standardised values (B,), labels that are not finite left out; an outlier does not take the lead."""
    known = label.isfinite()
    loss = F.smooth_l1_loss(prediction, torch.where(known, label, prediction.detach()), reduction="sum")
    return loss / known.sum().clamp_min(1)


def class_loss(logit: Tensor, label: Tensor) -> Tensor:
    """Binary cross-entropy of logits (B,) against 0 or 1, labels that are not finite left out."""
    known = label.isfinite()
    label = torch.where(known, label, torch.zeros_like(label))
    loss = F.binary_cross_entropy_with_logits(logit, label, weight=known.to(logit.dtype), reduction="sum")
    return loss / known.sum().clamp_min(1)


def _in_band(x: Tensor, fps: float, band: Band) -> Tensor:
    """Spectrum (B, n) of waveforms (B, T) within a band, under a Hann window, padded to four times their length."""
    size = 4 * x.shape[-1]
    frequency = torch.fft.rfftfreq(size, 1.0 / fps, device=x.device)
    window = torch.hann_window(x.shape[-1], device=x.device, dtype=x.dtype)
    return torch.fft.rfft(x * window, size)[:, (frequency >= band[0]) & (frequency <= band[1])]


def _centred(prediction: Tensor, label: Tensor, mask: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    weight = mask.to(prediction.dtype)
    count = weight.sum(-1, keepdim=True).clamp_min(1.0)
    label = torch.where(mask, label, torch.zeros_like(label))
    x = (prediction - (prediction * weight).sum(-1, keepdim=True) / count) * weight
    y = (label - (label * weight).sum(-1, keepdim=True) / count) * weight
    return x, y, weight


def _mean_over_known(loss: Tensor, weight: Tensor) -> Tensor:
    # a waveform of which less than half is known says little about its shape
    known = (weight.mean(-1) >= 0.5).to(loss.dtype)
    return (loss * known).sum() / known.sum().clamp_min(1.0)
