"""A picture of every augmentation on simulated people: `python -m zoo.data.augment_picture OUT.png`."""

from __future__ import annotations

import io
import sys
from pathlib import Path
from typing import Any, cast

import numpy as np

from zoo.checkpoints import write_whole
from zoo.data.augment import augment, augmentation, source_input
from zoo.data.windows import Sample
from zoo.datasets.synthetic import windows
from zoo.errors import UsageError
from zoo.spec import REGIONS, Clip, Input, Traces

TRACES: dict[str, float] = {
    "time_stretch": 0.5,
    "amplitude": 1.5,
    "drift": 0.01,
    "region_dropout": 1.0,
    "dropped_frames": 0.3,
    "flip": 1.0,
}
CLIPS: dict[str, float] = {
    "noise": 12.0,
    "compression": 40.0,
    "light": 0.4,
    "colour": 0.6,
    "blur": 0.03,
    "crop_jitter": 0.15,
    "flip": 1.0,
    "dropped_frames": 0.5,
}
SECONDS = 8
SHOWN = (2, 3)  # left and right upper cheek: they show a flip


def draw(seed: int = 4) -> bytes:
    """A PNG: the green channel of two regions before and after each change of traces, a frame after each of a clip."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    columns = len(CLIPS) + 1
    figure = Figure(figsize=(15, 2 + 1.5 * len(TRACES)), layout="constrained")
    grid = figure.add_gridspec(len(TRACES) + 1, columns, height_ratios=[1.6, *[1.0] * len(TRACES)])
    _draw_clips([figure.add_subplot(grid[0, column]) for column in range(columns)], seed)
    for row, (name, value) in enumerate(TRACES.items(), start=1):
        _draw_traces(figure.add_subplot(grid[row, :]), name, value, seed)
    picture = io.BytesIO()
    FigureCanvasAgg(figure).print_png(picture)
    return picture.getvalue()


def _sample(input: Input, seed: int) -> Sample:
    return cast(Sample, windows(input, "train", people=1, seed=seed, hard=0.2)[0])


def _draw_clips(axes: list[Any], seed: int) -> None:
    input = Clip(16, size=72)
    sample = _sample(input, seed)
    for axis, (name, value) in zip(axes, [("as it is", 0.0), *CLIPS.items()], strict=True):
        settings = augmentation({name: value} if value else {}, input)
        changed = augment(sample, input, settings, np.random.default_rng(seed))
        axis.imshow(changed["input"][:, 8].transpose(1, 2, 0))
        axis.set_title(f"{name} {value:g}" if value else name, fontsize=8)
        axis.set_axis_off()


def _draw_traces(axis: Any, name: str, value: float, seed: int) -> None:
    input = Traces(30 * SECONDS, REGIONS)
    settings = augmentation({name: value}, input)
    sample = _sample(source_input(input, settings), seed)
    changed = augment(sample, input, settings, np.random.default_rng(seed))
    for step, region in enumerate(SHOWN):
        for traces, style in ((sample["input"], {"color": "0.65"}), (changed["input"], {"color": "C0"})):
            green = traces[region, 1, : input.frames]
            axis.plot(
                np.arange(len(green)) / input.fps, green - sample["input"][region, 1].mean() - 0.02 * step, **style
            )
    rates = [item["targets"]["heart_rate"] for item in (sample, changed)]
    told = f", heart rate {rates[0]:.0f} to {rates[1]:.0f}" if rates[0] != rates[1] else ""
    axis.set_title(f"{name} {value:g}: green of both upper cheeks, grey as it was{told}", fontsize=8, loc="left")
    axis.margins(x=0)
    axis.set_yticks([])


def main() -> None:
    """Write the picture to the path that is given."""
    if len(sys.argv) != 2 or not sys.argv[1].endswith(".png"):
        raise UsageError("Say where the picture goes: python -m zoo.data.augment_picture OUT.png.")
    write_whole(Path(sys.argv[1]), draw())


if __name__ == "__main__":
    main()
