"""RhythmNet: spatial-temporal maps of a grid of skin cells, ResNet-18 a map, a GRU over the maps, a heart rate."""

from __future__ import annotations

from typing import Any, ClassVar

from einops import rearrange
from torch import Tensor, nn

from zoo.errors import UsageError
from zoo.head import MultitaskHead
from zoo.models.preparation import to_yuv
from zoo.module import VitalsModule
from zoo.settings import positive
from zoo.spec import Grid, Traces


class Network(nn.Module):
    """Maps (B, clips, 3, cells, T) to features of each clip (B, 256, clips) (arXiv:1910.11515).

    Args:
        hidden: width of the GRU.
    """

    def __init__(self, hidden: int = 256) -> None:
        super().__init__()
        import timm

        self.trunk = timm.create_model("resnet18", pretrained=False, num_classes=0)
        self.gru = nn.GRU(512, hidden, batch_first=True)

    def features(self, x: Tensor, stages: bool = False) -> Any:
        """Features (B, 256, clips); with `stages` also `last` (B, clips, 512, h, w)."""
        clips = rearrange(x, "b n c cells t -> (b n) c cells t")
        last = self.trunk.forward_features(clips)  # type: ignore[operator]
        vectors = rearrange(self.trunk.forward_head(last), "(b n) c -> b n c", b=x.shape[0])  # type: ignore[operator]
        features = rearrange(self.gru(vectors)[0], "b n c -> b c n")
        return (features, {"last": rearrange(last, "(b n) ... -> b n ...", b=x.shape[0])}) if stages else features

    def forward(self, x: Tensor) -> Tensor:
        return self.features(x)


class ClipHead(MultitaskHead):
    """The published readout: one linear output a clip, averaged over the clips."""

    def __init__(self, width: int, targets: list[str]) -> None:
        super().__init__(width, targets, hidden=width)
        self.perceptron = nn.Sequential()

    def forward(self, features: Tensor) -> Tensor:
        """Standardised numbers (B, targets) from features (B, width, clips)."""
        return self.out(features.mean(-1))


class RhythmNet(VitalsModule):
    """RhythmNet (Niu et al. 2019): the heart rate itself, no waveform.

    Input: (B, rows * columns, 3, T) mean colours 0..1 of a grid over the aligned face. Network: (B, clips, 3, cells,
    clip), a spatial-temporal map a clip. Output: `heart_rate` (B,) in 1/min, the mean of the clips'.

    Preparation: YUV; clips of `clip` frames every `step` frames; each cell and colour of a clip scaled to 0..1.

    Published: 5x5 cells, YUV, minimum and maximum, 10 s clips every 0.5 s, ResNet-18, a GRU over six clips. Chosen: a
    GRU of 256, timm's ResNet-18 untrained, smooth L1 without the paper's term for smoothness.

    Args:
        frames: window length, `clip` and a multiple of `step`.
        rows: cells from top to bottom.
        columns: cells from left to right.
        clip: frames a map.
        step: frames from map to map.
        fps: samples a second.
        targets: `heart_rate`, and whatever else is to be read from the maps.
    """

    paper: ClassVar[str] = "Niu et al. 2019, RhythmNet, arXiv:1910.11515"

    def __init__(
        self,
        frames: int = 375,
        rows: int = 5,
        columns: int = 5,
        clip: int = 300,
        step: int = 15,
        fps: float = 30.0,
        targets: list[str] = ["heart_rate"],
        **training: Any,
    ) -> None:
        if not targets:
            raise UsageError("RhythmNet gives no waveform: name at least one target, such as heart_rate.")
        positive(clip=clip, step=step)
        super().__init__(
            input=Traces(frames, Grid(rows, columns), multiple_of=step, min_frames=clip, fps=fps),
            signals={},
            width=256,
            targets=targets,
            **training,
        )
        self.network = Network()
        self.head = ClipHead(256, targets)

    def prepare(self, raw: Tensor) -> Tensor:
        """(B, cells, 3, T) -> (B, clips, 3, cells, clip)."""
        clip, step = self.hparams["clip"], self.hparams["step"]
        yuv = to_yuv(raw, dim=2)
        clips = rearrange(yuv.unfold(-1, clip, step), "b cells c n t -> b n c cells t")
        low = clips.amin(-1, keepdim=True)
        span = clips.amax(-1, keepdim=True) - low
        return (clips - low) / span.clamp_min(1e-6)

    def waveforms(self, features: Tensor) -> dict[str, Tensor]:
        return {}
