"""Losses against closed forms: shift, scale, sign, masks and unknown labels."""

import math

import pytest
import torch

from zoo.losses import band_pearson, class_loss, mean_squared_error, negative_pearson, number_loss, spectral

T = torch.arange(300) / 30.0
WAVE = torch.sin(2 * math.pi * 1.2 * T)[None]
ALL = torch.ones(1, 300, dtype=torch.bool)


def test_negative_pearson_ignores_scale_and_offset_and_sees_sign():
    assert negative_pearson(3 * WAVE + 5, WAVE, ALL).item() == pytest.approx(0.0, abs=1e-5)
    assert negative_pearson(-WAVE, WAVE, ALL).item() == pytest.approx(2.0, abs=1e-5)


def test_negative_pearson_looks_at_known_samples_only():
    label = WAVE.clone()
    label[:, 150:] = float("nan")
    spoilt = WAVE.clone()
    spoilt[:, 150:] = 100.0
    assert negative_pearson(spoilt, label, ~label.isnan()).item() == pytest.approx(0.0, abs=1e-5)


def test_unknown_labels_cost_nothing_and_give_finite_gradients():
    prediction = WAVE.clone().requires_grad_()
    unknown = torch.full_like(WAVE, float("nan"))
    for loss in (negative_pearson, mean_squared_error, spectral, band_pearson):
        value = loss(prediction, unknown, ~unknown.isnan())
        value.backward()
        assert value.item() == pytest.approx(0.0, abs=1e-6)
    assert prediction.grad is not None and prediction.grad.isfinite().all() and prediction.grad.abs().max() == 0


def test_mean_squared_error_counts_known_samples():
    label = torch.tensor([[1.0, 2.0, float("nan")]])
    assert mean_squared_error(torch.zeros(1, 3), label, ~label.isnan()).item() == pytest.approx((1 + 4) / 2)


def test_spectral_rewards_the_rate_whatever_the_phase():
    shifted = torch.cos(2 * math.pi * 1.2 * T)[None]
    wrong = torch.sin(2 * math.pi * 1.7 * T)[None]
    right_rate, wrong_rate = spectral(shifted, WAVE, ALL).item(), spectral(wrong, WAVE, ALL).item()
    assert right_rate < 0.02
    assert wrong_rate > 50 * max(right_rate, 0.02)


def test_band_pearson_hears_the_band_alone():
    hum = 5 * torch.sin(2 * math.pi * 9.0 * T) + 3 * torch.sin(2 * math.pi * 0.1 * T)
    assert band_pearson(2 * WAVE + hum, WAVE, ALL).item() < 0.01
    assert negative_pearson(2 * WAVE + hum, WAVE, ALL).item() > 0.5
    assert band_pearson(-WAVE + hum, WAVE, ALL).item() == pytest.approx(2.0, abs=0.01)
    # a quarter of a period late is no correlation, the same power of another rate neither
    late, other = (torch.sin(2 * math.pi * f * T - p)[None] for f, p in ((1.2, math.pi / 2), (2.2, 0.0)))
    for wave in (late, other):
        assert band_pearson(wave, WAVE, ALL).item() == pytest.approx(1.0, abs=0.05)


def test_number_loss_is_smooth_l1_of_known_values():
    label = torch.tensor([0.5, 3.0, float("nan")])
    # 0.5 * 0.5^2 and 3 - 0.5, over two known labels
    assert number_loss(torch.zeros(3), label).item() == pytest.approx((0.125 + 2.5) / 2)


def test_class_loss_is_cross_entropy_of_known_labels():
    label = torch.tensor([1.0, float("nan")])
    assert class_loss(torch.tensor([0.0, 9.0]), label).item() == pytest.approx(math.log(2))


def test_samples_that_are_not_known_may_be_anything():
    label, prediction = torch.tensor([[0.0, torch.inf, torch.nan, 1.0]]), torch.zeros(1, 4, requires_grad=True)
    loss = mean_squared_error(prediction, label, label.isfinite())
    assert loss == 0.5
    loss.backward()
    assert prediction.grad is not None and prediction.grad.isfinite().all()
