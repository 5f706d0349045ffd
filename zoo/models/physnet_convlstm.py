"""PhysNet whose memory of time is an LSTM of maps."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor, nn

from zoo.models import physnet_2dcnn
from zoo.models._physnet import PhysNetVariant


class ConvLSTM(nn.Module):
    """An LSTM whose gates are 3x3 convolutions (arXiv:1506.04214, without peepholes): (B, C, T, h, w) to the same."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.input = nn.Conv2d(width, 4 * width, 3, padding=1)
        self.recurrent = nn.Conv2d(width, 4 * width, 3, padding=1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        gates = self.input(x.transpose(1, 2).flatten(0, 1)).unflatten(0, (x.shape[0], -1))
        hidden = cell = torch.zeros_like(x[:, :, 0])
        steps = []
        for gate in gates.unbind(1):
            enter, keep, show, new = (gate + self.recurrent(hidden)).chunk(4, dim=1)
            cell = torch.sigmoid(keep) * cell + torch.sigmoid(enter) * torch.tanh(new)
            hidden = torch.sigmoid(show) * torch.tanh(cell)
            steps.append(hidden)
        return torch.stack(steps, dim=2)


class Network(physnet_2dcnn.Network):
    """The 2-D trunk, a ConvLSTM of 64, its maps' mean over space: (B, 3, T, H, W) to a waveform (B, T).

    An exported file holds the recurrence step by step, so it keeps the number of frames that it was exported with.
    """

    def __init__(self) -> None:
        super().__init__()
        self.lstm = ConvLSTM(64)

    def over_time(self, maps: Tensor) -> Tensor:
        """Features (B, 64, T) of maps (B, 64, T, h, w)."""
        return self.lstm(maps).mean((3, 4))


class PhysNetConvLSTM(PhysNetVariant):
    """PhysNet's variant with a ConvLSTM (Yu et al. 2019).

    Input: (B, 3, T, size, size) face crops 0..1. Network: the same shape. Output: `ppg` (B, T), as `form` says.

    Published: that a ConvLSTM follows the 2-D trunk; HR RMSE 2.937. Chosen, since it is not printed:
    one layer of 64 with 3x3 gates on the last map.
    """

    network_class: ClassVar[type[nn.Module]] = Network
