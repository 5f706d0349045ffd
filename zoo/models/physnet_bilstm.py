"""PhysNet whose memory of time is an LSTM in both directions."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

from einops import rearrange
from torch import Tensor, nn

from zoo.models import physnet_2dcnn
from zoo.models.physnet import check_size
from zoo.models.preparation import Normalise, prepared
from zoo.module import VitalsModule
from zoo.spec import Clip, Crop, Signal


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


class PhysNetBiLSTM(VitalsModule):
    """PhysNet's variant with a bidirectional LSTM (Yu et al. 2019).

    Input: (B, 3, T, size, size) face crops 0..1. Network: the same shape. Output: `ppg` (B, T), as `form` says.

    Published: that a bidirectional LSTM follows the 2-D trunk; HR RMSE 4.595. Chosen, since it is not
    printed: one layer of 64 each way on the mean over space.

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
