"""What explaining gives, and the way to it: predict, keep some windows, ask each where its signal came from."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from zoo.data.extract import extract
from zoo.data.regions import POLYGONS
from zoo.errors import UsageError, ZooError
from zoo.explain.ranking import GRID, region_names, score_regions
from zoo.prediction.result import VideoResult
from zoo.prediction.runner import ClassicalRunner, Outputs, TorchRunner, open_runner
from zoo.prediction.video import predict
from zoo.spec import REGIONS, Clip, Grid, Traces

# as many windows as these explain a video of any length, spread over it
WINDOWS = 6
MAP_SIDE = 256
# crops whose unit square is the canonical face, up to the head's roll
CANONICAL_CROPS = ("aligned", "tracked_box")


@dataclass(frozen=True)
class Explanation:
    """Where a model's signal came from.

    Args:
        result: what the model says about the video.
        method: `contribution`, `attention`, `activation of STAGE` or `signal-to-noise ratio`.
        rate: 1/min, at which it was asked.
        values: by region, in `unit`.
        unit: `share` (they add up to 1), `times the mean` of the whole crop, or `dB`.
        heat: (h, w) map over the crop or the canonical face; None where the regions are all there is.
        also: further values by region and method.
        crop: (S, S, 3) RGB 0..1 that `heat` lies on, the mean of a window; None for the canonical face.
        windows: how many were asked.
    """

    result: VideoResult
    method: str
    rate: float
    values: Mapping[str, float]
    unit: str
    heat: np.ndarray | None
    also: Mapping[str, Mapping[str, float]]
    crop: np.ndarray | None
    windows: int


def explain(
    video: str | Path,
    model: Any = "pos",
    *,
    rate: float | None = None,
    stage: str | None = None,
    progress: Callable[[int, int | None], None] | None = None,
) -> Explanation:
    """Where on the face, or in which region, a model's pulse came from.

    A network on clips gives a map by gradients, or the activation map of a stage; one on traces gives shares of its
    regions, its own attention where it has one. A classical method reads each region by itself, so there it is each
    region's signal-to-noise ratio.

    Args:
        video: as in `zoo.predict`.
        model: a name, a checkpoint, a card, a .ckpt or a VitalsModule.
        rate: 1/min, where it is known better than the model finds it.
        stage: a named map of the network, for its regression activation map.

    Raises:
        UsageError: an exported file, an unknown stage.
        ZooError: no heart rate could be decided, or as in `zoo.predict`.
    """
    runner = open_runner(model, gradients=True)
    if isinstance(runner, ClassicalRunner):
        if stage:
            raise UsageError(f"{runner.name} is a classical method and has no stages: leave --stage out.")
        return _classical(video, runner, rate, progress)
    if not isinstance(runner, TorchRunner):
        raise UsageError(f"'{runner.name}' runs without gradients: give the model or its card, not an exported file.")
    witness = Witness(runner)
    result = predict(video, witness, progress=progress)
    return _of_windows(result, runner, witness.windows, _rate(result, rate), stage)


class Witness:
    """A runner that keeps windows, evenly spread over the video, in memory that does not grow with it."""

    def __init__(self, runner: TorchRunner) -> None:
        self.name, self.input, self.outputs = runner.name, runner.input, runner.outputs
        self.trained_on, self.trainable, self.calibrator = runner.trained_on, runner.trainable, runner.calibrator
        self.windows: list[np.ndarray] = []
        self._runner, self._seen, self._every = runner, 0, 1

    def __call__(self, batch: np.ndarray) -> Outputs:
        if self._seen % self._every == 0:
            if len(self.windows) == WINDOWS:
                self.windows, self._every = self.windows[::2], 2 * self._every
            if self._seen % self._every == 0:
                self.windows.append(batch)
        self._seen += 1
        return self._runner(batch)


def _rate(result: VideoResult, rate: float | None) -> float:
    if rate is None and result.heart_rate is None:
        why = f" ({result.notes[-1]})" if result.notes else ""
        raise ZooError(f"{result.model} finds no heart rate in '{result.video}' to explain{why}: give one by --rate.")
    return rate if rate is not None else result.heart_rate.value  # type: ignore[union-attr]


def _of_windows(
    result: VideoResult, runner: TorchRunner, windows: list[np.ndarray], rate: float, stage: str | None
) -> Explanation:
    import torch

    from zoo.explain import attribution

    module = runner.module
    tensors = [torch.from_numpy(np.ascontiguousarray(window)) for window in windows]

    def mean(ask: Callable[[torch.Tensor], torch.Tensor]) -> np.ndarray:
        return torch.stack([attribution.share(ask(tensor)) for tensor in tensors]).mean(0).numpy()

    if stage is not None:
        found, method = mean(lambda x: attribution.activation(module, x, rate, stage)), f"activation of {stage}"
    else:
        found, method = mean(lambda x: attribution.contribution(module, x, rate)), "contribution"
    if isinstance(runner.input, Clip):
        crop = windows[len(windows) // 2][0].mean(axis=1).transpose(1, 2, 0)
        values = densities(found) if runner.input.crop in CANONICAL_CROPS else {}
        return Explanation(result, method, rate, values, "times the mean", found, {}, crop, len(windows))
    values, also, heat = _shared(found, runner.input), {}, None
    attended = {} if stage else attribution.stages(module, tensors[0])
    if "attention" in attended:
        own = mean(lambda x: attribution.activation(module, x, rate, "attention"))
        also, values, method = {method: values}, _shared(own, runner.input), "attention"
    if isinstance(runner.input.regions, Grid):
        heat = found.reshape(runner.input.regions.height, runner.input.regions.width)
    return Explanation(result, method, rate, values, "share", heat, also, None, len(windows))


def _shared(found: np.ndarray, input: Traces) -> dict[str, float]:
    return dict(zip(region_names(input.regions), map(float, found), strict=True))


def _classical(
    video: str | Path, runner: ClassicalRunner, rate: float | None, progress: Callable[[int, int | None], None] | None
) -> Explanation:
    result = predict(video, runner, progress=progress)
    found = _rate(result, rate)
    scored = {
        regions: score_regions(extract(video, regions=regions), runner.method, lambda _start, _end: found)
        for regions in (REGIONS, GRID)
    }
    cells = np.array([score.snr for score in scored[GRID]]).reshape(GRID.height, GRID.width)
    values = {score.region: score.snr for score in scored[REGIONS]}
    windows = scored[REGIONS][0].windows
    return Explanation(
        replace(result, regions=REGIONS), "signal-to-noise ratio", found, values, "dB", cells, {}, None, windows
    )


def densities(heat: np.ndarray) -> dict[str, float]:
    """Mean of a map (h, w) over the canonical face inside each named region, in units of its mean over all.

    Only what raises the pulse is counted; 1 everywhere for a map without contrast.
    """
    large = enlarged(heat)
    level = float(large.mean())
    if level <= 0:
        return dict.fromkeys(REGIONS, 1.0)
    found = {}
    for name in REGIONS:
        mask = np.zeros(large.shape, np.uint8)
        cv2.fillPoly(mask, [np.round(np.array(POLYGONS[name]) * MAP_SIDE).astype(np.int32)], 1)
        found[name] = float(large[mask > 0].mean() / level)
    return found


def enlarged(heat: np.ndarray, side: int = MAP_SIDE) -> np.ndarray:
    """What raises the pulse in a map, smoothed and brought to `side` x `side`, float32 >= 0."""
    positive = np.maximum(np.nan_to_num(heat), 0).astype(np.float32)
    blur = max(positive.shape) / 24
    if blur > 0.5:
        positive = cv2.GaussianBlur(positive, (0, 0), blur)
    return np.maximum(cv2.resize(positive, (side, side), interpolation=cv2.INTER_CUBIC), 0)
