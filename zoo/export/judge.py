"""Whether a file of low precision still tells the pulse: beside torch in fp32, on windows that look real."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from zoo.errors import CheckpointError
from zoo.signals.forms import to_value
from zoo.signals.rate import heart_rate

if TYPE_CHECKING:
    from zoo.module import VitalsModule

Raw = Callable[[np.ndarray], list[np.ndarray]]

# mean over windows; what noise of a good camera does to a waveform is larger
LOWEST_R = 0.98
# 1/min, median over windows
LARGEST_RATE_CHANGE = 0.5
# mean change of a biomarker, in deviations of the training labels
LARGEST_TARGET_CHANGE = 0.1


@dataclass(frozen=True)
class Judgement:
    """What lowering did; None where a model has no such output.

    Args:
        waveform_r: mean correlation with the fp32 waveform, the worst of the waveforms.
        heart_rate_change: median, 1/min; None for random weights, whose waveform has no rate.
        target_change: mean, in deviations of the training labels, the worst of the biomarkers.
    """

    waveform_r: float | None = None
    heart_rate_change: float | None = None
    target_change: float | None = None

    def against(self) -> str:
        """Why the file is not good enough; empty where it is."""
        broken = []
        if self.waveform_r is not None and not self.waveform_r >= LOWEST_R:
            broken.append(f"waveform r {self.waveform_r:.3f}, at least {LOWEST_R}")
        if self.heart_rate_change is not None and not self.heart_rate_change <= LARGEST_RATE_CHANGE:
            broken.append(f"heart rate changed by {self.heart_rate_change:.2f}/min, at most {LARGEST_RATE_CHANGE}")
        if self.target_change is not None and not self.target_change <= LARGEST_TARGET_CHANGE:
            broken.append(
                f"a biomarker changed by {self.target_change:.2f} deviations, at most {LARGEST_TARGET_CHANGE}"
            )
        return "; ".join(broken)

    def says(self) -> str:
        """The figures in words."""
        parts = []
        if self.waveform_r is not None:
            parts.append(f"waveform r {self.waveform_r:.4f}")
        if self.heart_rate_change is not None:
            parts.append(f"heart rate changed by {self.heart_rate_change:.2f}/min")
        if self.target_change is not None:
            parts.append(f"biomarkers by {self.target_change:.3f} deviations")
        return ", ".join(parts)


def judge(module: VitalsModule, run: Raw, windows: Sequence[np.ndarray]) -> Judgement:
    """Compare a file's outputs with the module's.

    Args:
        module: in eval mode, on the CPU.
        run: from the input array to the outputs in order.
        windows: (1, ...) float32 RGB 0..1.
    """
    import torch

    fps, known = module.input.fps, bool(module.trained_on) or not module.trainable
    r: dict[str, list[float]] = {}
    changes: dict[str, list[float]] = {}
    rates: list[float] = []
    for window in windows:
        with torch.inference_mode():
            prediction = module(torch.from_numpy(window))
        expected = {name: value.numpy() for name, value in {**prediction.waveforms, **prediction.targets}.items()}
        for name, theirs in zip(module.outputs, run(window), strict=True):
            ours = expected[name][0]
            if name not in module.signals:
                deviation = module.statistics.get(name, (0.0, 1.0, 0.0))[1] or 1.0
                changes.setdefault(name, []).append(abs(float(theirs[0] - ours)) / deviation)
                continue
            r.setdefault(name, []).append(_correlation(ours, theirs[0]))
            if name == "ppg" and known:
                form = module.signals[name].form
                one, two = (
                    float(heart_rate(to_value(wave.astype(float), form, fps), fps)) for wave in (ours, theirs[0])
                )
                rates.append(abs(one - two))
    return Judgement(
        min((float(np.mean(values)) for values in r.values()), default=None),
        float(np.median(rates)) if rates else None,
        max((float(np.mean(values)) for values in changes.values()), default=None),
    )


def check(judgement: Judgement, what: str, force: bool = False) -> None:
    """Refuse a file that has lost the pulse.

    Raises:
        CheckpointError: says what was lost, and how to keep the file all the same.
    """
    if (reason := judgement.against()) and not force:
        raise CheckpointError(
            f"{what} would not be what torch computes ({reason}): nothing written; --force writes it."
        )


def _correlation(one: np.ndarray, two: np.ndarray) -> float:
    one, two = (wave.astype(float) - wave.mean(dtype=float) for wave in (one, two))
    size = float(np.sqrt((one @ one) * (two @ two)))
    # what rounding has flattened has nothing in common with a pulse
    return float(one @ two) / size if size > 0 and np.isfinite(size) else 0.0
