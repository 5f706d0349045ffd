from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.signals.waves import sinusoid
from zoo.errors import UsageError
from zoo.signals.forms import remove_line, to_form, to_value, zscore

FORMS = ["value", "derivative", "second_derivative"]


@settings(max_examples=25, derandomize=True, deadline=None)
@given(st.floats(-1e3, 1e3), st.floats(1e-3, 1e3), st.integers(3, 200))
def test_zscore_forgets_offset_and_scale(offset, scale, n):
    x = np.random.default_rng(n).normal(size=(2, n))
    z = zscore(offset + scale * x)
    np.testing.assert_allclose(z.mean(-1), 0, atol=1e-8)
    np.testing.assert_allclose(z.std(-1), 1, rtol=1e-6)
    np.testing.assert_allclose(z, zscore(x), atol=1e-5)


def test_zscore_counts_what_the_mask_knows():
    x = np.array([[1.0, 2.0, 3.0, np.nan, 99.0]])
    mask = np.array([[True, True, True, False, False]])
    np.testing.assert_allclose(zscore(x, mask), [[-(1.5**0.5), 0, 1.5**0.5, 0, 0]])
    assert np.isnan(zscore(x)).all()


@pytest.mark.parametrize("value", [0.0, 0.1, 255.0])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("form", FORMS)
def test_a_constant_has_no_shape(value, dtype, form):
    assert torch.all(to_form(torch.full((2, 300), value, dtype=dtype), form) == 0)


def test_derivative_is_the_next_less_this_and_ends_in_zero():
    x = np.array([0.0, 1.0, 3.0, 2.0])
    d = np.array([1.0, 2.0, -1.0, 0.0])
    np.testing.assert_allclose(to_form(x, "derivative"), d / d.std())
    second = np.array([1.0, -3.0, 1.0, 0.0])
    result = to_form(x, "second_derivative")
    np.testing.assert_allclose(result, second / second.std())


def test_masked_differences_never_reach_across_the_border():
    x = np.array([0.0, 1.0, 3.0, 1e6])
    result = to_form(x, "derivative", np.array([True, True, True, False]))
    assert result[2] == 0
    np.testing.assert_allclose(result[1] / result[0], 2)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("rate", [45, 72, 150])
def test_there_and_back(form, rate):
    x = sinusoid(rate, seconds=20) + 0.3 * sinusoid(2 * rate, seconds=20, phase=1.0)
    back = to_value(to_form(x, form), form, 30.0)
    assert np.corrcoef(back, x)[0, 1] > 0.98
    shifted = [np.corrcoef(np.roll(back, k)[5:-5], x[5:-5])[0, 1] for k in (-1, 0, 1)]
    assert int(np.argmax(shifted)) == 1, "a summed derivative stands frame on frame with its value"


def test_sums_do_not_drift():
    rng = np.random.default_rng(0)
    x = sinusoid(72, seconds=60)
    noisy = to_form(x, "derivative") + 0.3 * rng.normal(size=x.size) + 0.05
    assert np.corrcoef(to_value(noisy, "derivative", 30.0), x)[0, 1] > 0.75


@pytest.mark.parametrize("form", FORMS)
def test_torch_is_numpy_and_differentiable(form):
    x = np.random.default_rng(0).normal(size=(2, 64))
    tensor = torch.tensor(x, dtype=torch.float32, requires_grad=True)
    value = to_value(to_form(tensor, form), form)
    np.testing.assert_allclose(value.detach().numpy(), to_value(to_form(x, form), form), atol=2e-4)
    value[:, ::3].sum().backward()
    assert torch.isfinite(tensor.grad).all()
    assert tensor.grad.abs().max() > 0


def test_line_is_removed_exactly():
    t = np.arange(100.0)
    np.testing.assert_allclose(remove_line(3 * t - 7), 0, atol=1e-10)


def test_unknown_form():
    with pytest.raises(UsageError, match="derivative"):
        to_form(np.ones(5), "speed")
