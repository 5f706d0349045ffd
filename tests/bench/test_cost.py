"""Counters against operations counted by hand."""

import pytest
import torch
from torch import nn

from zoo.bench import cost
from zoo.models.classical_fusion import ClassicalFusion
from zoo.models.fpn1d_multitask import FPN1DMultitask
from zoo.module import Prediction


class Fixed(nn.Module):
    """A network in the clothes of a zoo model."""

    def __init__(self, network: nn.Module, read) -> None:
        super().__init__()
        self.network, self.read = network, read

    def forward(self, raw):
        return Prediction({"ppg": self.read(self.network, raw)}, {})


def test_convolution():
    module = Fixed(nn.Conv1d(8, 16, 5, padding=2, bias=False), lambda net, x: net(x))
    counted = cost.operations(module, torch.zeros(1, 8, 100))
    assert counted.macs == 8 * 16 * 5 * 100
    assert counted.flops == 2 * counted.macs


@pytest.mark.parametrize(("kind", "gates"), [(nn.GRU, 3), (nn.LSTM, 4)])
def test_recurrent_layers_are_not_free(kind, gates):
    module = Fixed(kind(6, 10, batch_first=True), lambda net, x: net(x)[0])
    assert cost.operations(module, torch.zeros(1, 7, 6)).macs == 7 * gates * 10 * (6 + 10)


def test_attention_is_not_free():
    attend = nn.functional.scaled_dot_product_attention
    module = Fixed(nn.Identity(), lambda net, x: attend(x, x, x))
    assert cost.operations(module, torch.zeros(2, 4, 9, 8)).macs == 2 * 4 * 9 * 9 * (8 + 8)


def test_the_two_counters_agree_on_the_published_network():
    module = FPN1DMultitask(targets=[]).eval()
    counted = cost.operations(module, module.example_input())
    # the published figure is 0.696 GMAC for a 600 x 32 window, preparation apart
    assert counted.macs == pytest.approx(0.696e9, rel=0.005)
    assert counted.flops == pytest.approx(2 * counted.macs, rel=0.01)
    assert cost.parameters(module) == 792_769


def test_size_counts_bytes_of_weights_and_buffers():
    module = nn.BatchNorm1d(10)
    assert cost.size_bytes(module) == 4 * 10 * 4 + 8


def test_a_method_that_reads_spectra_outside_torch_can_be_counted():
    module = ClassicalFusion().eval()
    assert cost.operations(module, module.example_input()).macs >= 0
