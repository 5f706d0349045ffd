"""PhysNet whose memory of time is an LSTM of maps."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

import torch
from torch import Tensor, nn

from zoo.models import physnet_2dcnn
from zoo.models.physnet import check_size
from zoo.models.preparation import Normalise, prepared
from zoo.module import VitalsModule
from zoo.spec import Clip, Crop, Signal


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


class PhysNetConvLSTM(VitalsModule):
    """PhysNet's variant with a ConvLSTM (Yu et al. 2019).

    Input: (B, 3, T, size, size) face crops 0..1. Network: the same shape. Output: `ppg` (B, T), as `form` says.

    Published: that a ConvLSTM follows the 2-D trunk; HR RMSE 2.937. Chosen, since it is not
    printed: one layer of 64 with 3x3 gates on the last map.

    Args:
        frames: window length.
        size: side of the square crops in pixels, at least 16.
        normalise: `difference`, `standard` or `none`, over the window.
        form: what the waveform is trained as.
        fps: frames a second.
        crop: how the face is cut out.
        targets: biomarkers; none leaves exactly the network.
    """

    paper: ClassVar[str] = "Yu et al. 2019, PhysNet, arXiv:1905.02419"

    def __init__(
        self,
        frames: int = 128,
        size: int = 72,
        normalise: Normalise = "difference",
        form: Literal["value", "derivative"] = "derivative",
        fps: float = 30.0,
        crop: Crop = "aligned",
        targets: list[str] = [],
        **training: Any,
    ) -> None:
        check_size(size, 16)
        super().__init__(
            input=Clip(frames, size, fps=fps, crop=crop),
            signals={"ppg": Signal(form)},
            width=Network.width,
            targets=targets,
            **training,
        )
        self.network = Network()

    def prepare(self, raw: Tensor) -> Tensor:
        """(B, 3, T, H, W) to the same, normalised over the window."""
        return prepared(raw, self.hparams["normalise"], self.input.fps)
