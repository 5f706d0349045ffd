"""Fixed numbers on a device: the same memory at every call, and none of it where a trace would own it."""

import numpy as np
import pytest
import torch

from zoo.signals import arrays
from zoo.signals.arrays import alike, constant

# stands for a card: not the CPU, and there on every machine
DEVICE = "meta"


def test_a_device_keeps_them_by_value_shape_type_and_place():
    like = torch.zeros(3, device=DEVICE)
    kept = constant([1.0, 2.0], like)
    assert kept.device.type == DEVICE and kept.dtype == torch.float32 and kept.shape == (2,)
    assert constant(np.array([1, 2]), torch.ones(1, device=DEVICE)) is kept
    for other in (constant([1.0, 3.0], like), constant([[1.0, 2.0]], like), constant([1.0, 2.0], like.double())):
        assert other is not kept
    assert alike([1.0, 2.0], like) is not alike([1.0, 2.0], like)


def test_what_is_kept_is_bounded():
    like = torch.zeros(3, device=DEVICE)
    for number in range(2 * arrays.MOST_KEPT):
        constant([number], like)
    assert arrays._kept.cache_info().currsize == arrays.MOST_KEPT


def test_what_inference_made_can_be_trained_with():
    like = torch.ones(2, device=DEVICE, requires_grad=True)
    with torch.inference_mode():
        made = constant([7.0, 8.0], like)
    assert made is constant([7.0, 8.0], like)
    (like * made).sum().backward()


def test_a_trace_and_the_host_keep_nothing(monkeypatch):
    values = np.array([[0.1, 0.2]])
    for like in (np.zeros(2, np.float32), torch.zeros(2), torch.zeros(2, dtype=torch.float64)):
        first = constant(values, like)
        assert first is not constant(values, like) and first.dtype == like.dtype
        assert np.asarray(first) == pytest.approx(values, rel=1e-6)
    monkeypatch.setattr(torch.compiler, "is_compiling", lambda: True)
    like = torch.zeros(2, device=DEVICE)
    assert constant(values, like) is not constant(values, like)
