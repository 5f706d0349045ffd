"""Preparation of clips against its definition in numpy."""

import numpy as np
import pytest
import torch

from zoo.models.preparation import difference, normalised_difference, prepared, pulsation, standardised, to_yuv

RAW = torch.rand(2, 3, 7, 4, 5, generator=torch.Generator().manual_seed(0)) * 0.5 + 0.25


def test_standardised_over_the_window_all_colours_together():
    one = RAW[0].double().numpy()
    assert np.allclose(standardised(RAW)[0], (one - one.mean()) / one.std(), atol=1e-5)


@pytest.mark.parametrize("step", [1, 3])
def test_normalised_difference_and_its_zeros_at_the_end(step):
    one = RAW[0].double().numpy()
    ratio = (one[:, step:] - one[:, :-step]) / (one[:, step:] + one[:, :-step] + 1e-7)
    found = normalised_difference(RAW, step)[0].numpy()
    assert np.allclose(found[:, :-step], ratio / ratio.std(), atol=1e-4)
    assert not found[:, -step:].any()


def test_each_window_for_itself():
    assert torch.allclose(normalised_difference(RAW)[1:], normalised_difference(RAW[1:]), atol=1e-6)


def test_difference_keeps_the_length():
    found = difference(RAW, 2)
    assert torch.equal(found[:, :, 0], RAW[:, :, 2] - RAW[:, :, 0]) and not found[:, :, -2:].any()


def test_brightness_does_not_change_a_normalised_difference():
    assert torch.allclose(normalised_difference(RAW), normalised_difference(RAW * 0.5), atol=1e-3)


def test_pulsation_is_the_relative_change_without_what_is_slower_than_two_seconds():
    fps = 2.0
    one = RAW[0].double().numpy()
    relative = one / one.mean(1, keepdims=True) - 1
    around = [relative[:, max(t - 2, 0) : t + 3].mean(1) for t in range(one.shape[1])]
    fast = relative - np.stack(around, 1)
    assert np.allclose(pulsation(RAW, fps)[0], np.clip(fast / np.abs(fast).mean(), -4, 4), atol=1e-4)


def test_a_still_window_gives_zeros_and_no_nan():
    still = torch.full((1, 3, 5, 4, 4), 0.5)
    for normalise in ("difference", "standard", "pulse"):
        assert torch.equal(prepared(still, normalise, 30.0), torch.zeros_like(still))
    assert prepared(still, "none", 30.0) is still


def test_yuv_of_grey_and_of_the_primaries():
    grey = to_yuv(torch.full((1, 3, 1, 1, 1), 0.4)).flatten()
    assert grey.tolist() == pytest.approx([0.4, 0.0, 0.0], abs=1e-6)
    red = to_yuv(torch.tensor([1.0, 0.0, 0.0])[None, :, None]).flatten()
    assert red.tolist() == pytest.approx([0.299, -0.147, 0.615], abs=1e-3)
