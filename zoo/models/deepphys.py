"""DeepPhys: a motion branch gated by the attention of an appearance branch, frame by frame."""

from __future__ import annotations

from typing import Any, ClassVar

import torch
from einops import rearrange
from torch import Tensor, nn
from torch.nn import functional as F

from zoo.errors import InputShapeError
from zoo.models.layers import ConvNorm, attention_mask, frames_last, in_pieces
from zoo.models.preparation import motion_and_appearance, normalised_difference, standardised
from zoo.module import VitalsModule
from zoo.spec import Clip, Crop, Signal

# module of the published code: module here
PUBLISHED_NAMES = {
    **{f"motion_conv{2 * stage + i + 1}": f"stages.{stage}.motion.{i}" for stage in (0, 1) for i in (0, 1)},
    **{f"apperance_conv{2 * stage + i + 1}": f"stages.{stage}.appearance.{i}" for stage in (0, 1) for i in (0, 1)},
    **{f"apperance_att_conv{stage + 1}": f"stages.{stage}.attention" for stage in (0, 1)},
    "final_dense_1": "dense",
    "final_dense_2": "out",
}


class Stage(nn.Module):
    """Two convolutions a branch, then the motion gated by the appearance's attention."""

    def __init__(self, channels: int, width: int, paddings: tuple[int, int], norm: bool) -> None:
        super().__init__()
        self.motion = nn.ModuleList(convolutions(channels, width, paddings, norm))
        self.appearance = nn.ModuleList(convolutions(channels, width, paddings, norm))
        self.attention = nn.Conv2d(width, 1, 1)

    def appear(self, appearance: Tensor) -> tuple[Tensor, Tensor]:
        """The appearance map (N, width, H, W) and the mask (N, 1, H, W) that it puts on motion."""
        for convolution in self.appearance:
            appearance = torch.tanh_(convolution(appearance))
        return appearance, attention_mask(torch.sigmoid(self.attention(appearance)))


def convolutions(channels: int, width: int, paddings: tuple[int, int], norm: bool) -> list[nn.Module]:
    """Two 3x3 convolutions, with batch norm where asked."""
    plain = [nn.Conv2d(channels, width, 3, padding=paddings[0]), nn.Conv2d(width, width, 3, padding=paddings[1])]
    return [ConvNorm(convolution) for convolution in plain] if norm else list(plain)


class Network(nn.Module):
    """The published network (arXiv:1805.07888): (B, T, 6, H, W), motion and appearance, to a waveform (B, T).

    Args:
        size: side of the square frames in pixels, at least 10.
        paddings: of the first and the second convolution of every pair.
        norm: batch norm after every 3x3 convolution.
        drop: dropout after each stage, and before the readout.
    """

    piece = 20

    def __init__(
        self,
        size: int = 36,
        paddings: tuple[int, int] = (1, 0),
        norm: bool = False,
        drop: tuple[float, float] = (0.25, 0.5),
    ) -> None:
        super().__init__()
        self.size = size
        side = size
        for _ in range(2):
            side = (side + 2 * sum(paddings) - 4) // 2
        if side < 1:
            raise InputShapeError(f"This network eats frames of at least 10x10 pixels, not {size}x{size}.")
        self.stages = nn.ModuleList([Stage(3, 32, paddings, norm), Stage(32, 64, paddings, norm)])
        self.dropout, self.dense_dropout = nn.Dropout(drop[0]), nn.Dropout(drop[1])
        self.dense = nn.Linear(64 * side * side, 128)
        self.out = nn.Linear(128, 1)

    def shift(self, motion: Tensor) -> Tensor:
        """What happens to the motion map (N, C, H, W) before each of its convolutions: nothing here."""
        return motion

    def features(self, x: Tensor, stages: bool = False) -> Any:
        """Features (B, 128, T); with `stages` also `mid`, `last` (B, T, C, h, w) and `attention_mid`, `attention_last`
        (B, T, h, w)."""
        motion, appearance = frames_last(x[:, :, :-3]), frames_last(x[:, :, -3:])
        maps: dict[str, Tensor] = {}
        dense = (
            self._encode(motion, appearance, maps)
            if stages
            else in_pieces(self._encode, self.piece, motion, appearance)
        )
        features = rearrange(dense, "(b t) c -> b c t", b=x.shape[0])
        if not stages:
            return features
        return features, {name: rearrange(m, "(b t) ... -> b t ...", b=x.shape[0]) for name, m in maps.items()}

    def _encode(self, motion: Tensor, appearance: Tensor, maps: dict[str, Tensor] | None = None) -> Tensor:
        for i, (stage, name) in enumerate(zip(self.stages, ("mid", "last"), strict=True)):
            appearance, mask = stage.appear(appearance)  # type: ignore[operator]
            for convolution in stage.motion:  # type: ignore[union-attr]
                motion = torch.tanh_(convolution(self.shift(motion)))
            motion = self.dropout(F.avg_pool2d(motion * mask, 2))
            if i == 0:
                appearance = self.dropout(F.avg_pool2d(appearance, 2))
            if maps is not None:
                maps |= {name: motion, f"attention_{name}": mask[:, 0]}
        return torch.tanh(self.dense(motion.flatten(1)))

    def readout(self, features: Tensor) -> Tensor:
        """Waveform (B, T) from features (B, 128, T)."""
        return self.out(self.dense_dropout(features.transpose(1, 2)))[..., 0]

    def forward(self, x: Tensor) -> Tensor:
        return self.readout(self.features(x))


class DeepPhys(VitalsModule):
    """DeepPhys (Chen and McDuff 2018): motion says how the skin's colour changes, appearance says where skin is.

    Input: (B, 3, T, size, size) face crops 0..1. Network: (B, T, 6, size, size), normalised differences and
    standardised frames. Output: the derivative of `ppg` (B, T). 2,228,643 parameters at 72 pixels, 532,899 at 36.

    Deviation from the paper: layers and preparation are those of the code that its authors' toolbox publishes (tanh,
    mean pooling, one deviation a window); frames are standardised over the window, not over the whole video.

    Args:
        frames: window length.
        size: side of the square crops in pixels.
        fps: frames a second.
        crop: how the face is cut out.
        targets: biomarkers; none leaves exactly the published network.
    """

    paper: ClassVar[str] = "Chen and McDuff 2018, DeepPhys, arXiv:1805.07888"
    published_names: ClassVar[dict[str, str]] = PUBLISHED_NAMES

    def __init__(
        self,
        frames: int = 180,
        size: int = 36,
        fps: float = 30.0,
        crop: Crop = "aligned",
        targets: list[str] = [],
        **training: Any,
    ) -> None:
        super().__init__(
            input=Clip(frames, size, fps=fps, crop=crop),
            signals={"ppg": Signal("derivative")},
            width=128,
            targets=targets,
            **training,
        )
        self.network = Network(size)

    def prepare(self, raw: Tensor) -> Tensor:
        """(B, 3, T, H, W) -> (B, T, 6, H, W): normalised differences and standardised frames of the window."""
        return motion_and_appearance(normalised_difference(raw), standardised(raw))
