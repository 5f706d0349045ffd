"""ResNet-18, one value a frame: the plain baseline of the two-stream networks."""

from __future__ import annotations

from typing import Any, ClassVar

from einops import rearrange
from torch import Tensor, nn

from zoo.models.layers import in_pieces
from zoo.models.preparation import Normalise, prepared
from zoo.module import VitalsModule
from zoo.spec import Clip, Crop, Signal


class Network(nn.Module):
    """timm's ResNet-18 with one output (arXiv:1512.03385): (B, T, 3, H, W) to a waveform (B, T)."""

    def __init__(self) -> None:
        super().__init__()
        import timm

        self.trunk = timm.create_model("resnet18", pretrained=False, num_classes=0)
        self.out = nn.Linear(512, 1)

    def features(self, x: Tensor, stages: bool = False) -> Any:
        """Features (B, 512, T); with `stages` also `last` (B, T, 512, H / 32, W / 32)."""
        batch = x.shape[0]
        # its 3x3 convolutions of many channels are faster on contiguous maps, and in pieces that are not small
        frames = rearrange(x, "b t c h w -> (b t) c h w").contiguous()
        if not stages:
            return rearrange(in_pieces(self.trunk, 90, frames), "(b t) c -> b c t", b=batch)
        last = self.trunk.forward_features(frames)  # type: ignore[operator]
        features = rearrange(self.trunk.forward_head(last), "(b t) c -> b c t", b=batch)  # type: ignore[operator]
        return features, {"last": rearrange(last, "(b t) ... -> b t ...", b=batch)}

    def readout(self, features: Tensor) -> Tensor:
        """Waveform (B, T) from features (B, 512, T)."""
        return self.out(features.transpose(1, 2))[..., 0]

    def forward(self, x: Tensor) -> Tensor:
        return self.readout(self.features(x))


class ResNet18(VitalsModule):
    """ResNet-18 on single frames, beside which the two-stream networks are measured.

    Input: (B, 3, T, size, size) face crops 0..1. Network: (B, T, 3, size, size), frames folded into the batch. Output:
    the derivative of `ppg` (B, T). 11,177,025 parameters; the published 11.69 M count a layer of 1000 classes.

    Published: the architecture and its cost, 41.75 G for 180 frames of 72x72. Chosen, since it is not printed:
    normalised differences as input and derivatives as label, without which a single frame says nothing of the pulse.

    Args:
        frames: window length.
        size: side of the square crops in pixels.
        normalise: `difference`, `standard` or `none`, over the window.
        fps: frames a second.
        crop: how the face is cut out.
        targets: biomarkers; none leaves exactly the network.
    """

    paper: ClassVar[str] = "He et al. 2015, Deep residual learning, arXiv:1512.03385"

    def __init__(
        self,
        frames: int = 180,
        size: int = 72,
        normalise: Normalise = "difference",
        fps: float = 30.0,
        crop: Crop = "aligned",
        targets: list[str] = [],
        **training: Any,
    ) -> None:
        super().__init__(
            input=Clip(frames, size, fps=fps, crop=crop),
            signals={"ppg": Signal("derivative")},
            width=512,
            targets=targets,
            **training,
        )
        self.network = Network()

    def prepare(self, raw: Tensor) -> Tensor:
        """(B, 3, T, H, W) -> (B, T, 3, H, W), normalised over the window."""
        return rearrange(prepared(raw, self.hparams["normalise"], self.input.fps), "b c t h w -> b t c h w")
