"""PhysNet whose memory of time is an LSTM in both directions."""

from __future__ import annotations

from typing import ClassVar

from einops import rearrange
from torch import Tensor, nn

from zoo.models import physnet_2dcnn
from zoo.models._physnet import PhysNetVariant


class Network(physnet_2dcnn.Network):
    """The 2-D trunk, its maps' mean over space, an LSTM of 64 each way: (B, 3, T, H, W) to a waveform (B, T)."""

    width = 128

    def __init__(self) -> None:
        super().__init__()
        self.lstm = nn.LSTM(64, 64, batch_first=True, bidirectional=True)

    def over_time(self, maps: Tensor) -> Tensor:
        """Features (B, 128, T) of maps (B, 64, T, h, w)."""
        hidden, _ = self.lstm(rearrange(maps.mean((3, 4)), "b c t -> b t c"))
        return rearrange(hidden, "b t c -> b c t")


class PhysNetBiLSTM(PhysNetVariant):
    """PhysNet's variant with a bidirectional LSTM (Yu et al. 2019).

    Input: (B, 3, T, size, size) face crops 0..1. Network: the same shape. Output: `ppg` (B, T), as `form` says.

    Published: that a bidirectional LSTM follows the 2-D trunk; HR RMSE 4.595. Chosen, since it is not printed:
    one layer of 64 each way on the mean over space.
    """

    network_class: ClassVar[type[nn.Module]] = Network
