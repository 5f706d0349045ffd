"""What a model eats and what it gives: the vocabulary that the whole zoo shares.

Nothing here imports torch. Names, units and plausible ranges of every quantity stand once, in `TARGETS` and
`WAVEFORMS`; everything else (readers, heads, metrics, cards, pictures) looks them up.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields
from typing import Any, Literal

from zoo.errors import UnknownName, UsageError
from zoo.settings import positive

Form = Literal["value", "derivative", "second_derivative"]
Crop = Literal["aligned", "tracked_box", "first_box_1.6", "whole"]

# The eight regions of the MCD-rPPG network (arXiv:2508.17924), in its order.
REGIONS = (
    "face",
    "nose",
    "left_upper_cheek",
    "right_upper_cheek",
    "left_lower_cheek",
    "right_lower_cheek",
    "lips",
    "chin",
)


@dataclass(frozen=True)
class Grid:
    """Regions that are the cells of a `height` x `width` grid over the aligned face (spatial-temporal maps)."""

    height: int
    width: int

    def __post_init__(self) -> None:
        positive(rows=self.height, columns=self.width)

    def __len__(self) -> int:
        return self.height * self.width


@dataclass(frozen=True)
class Clip:
    """Face crops: (B, 3, T, size, size), RGB scaled to 0..1.

    Args:
        frames: window length T that the model is trained and measured at.
        size: side of the square crop in pixels.
        multiple_of: T must be a multiple of this.
        min_frames: shortest T that the network accepts.
        fps: frames a second that the model expects.
        crop: how the face is cut out (`aligned` landmarks, `tracked_box`, `first_box_1.6`, or the `whole` frame).

    Raises:
        UsageError: frames that the network does not take, or a size or rate that is not above 0.
    """

    frames: int
    size: int
    multiple_of: int = 1
    min_frames: int = 2
    fps: float = 30.0
    crop: Crop = "aligned"

    def __post_init__(self) -> None:
        positive(size=self.size)
        _check_time(self)

    def shape(self, batch: int = 1, frames: int | None = None) -> tuple[int, ...]:
        """Shape of a batch: (batch, 3, frames, size, size)."""
        return (batch, 3, frames or self.frames, self.size, self.size)


@dataclass(frozen=True)
class Traces:
    """Mean colours of skin regions over time: (B, regions, 3, T), RGB scaled to 0..1, never rounded.

    Args:
        frames: window length T that the model is trained and measured at.
        regions: names out of `REGIONS`, or a `Grid`.
        multiple_of: T must be a multiple of this.
        min_frames: shortest T that the network accepts.
        fps: samples a second that the model expects.

    Raises:
        UsageError: frames that the network does not take, a rate that is not above 0, no region; UnknownName: a region
            that is not in `REGIONS`.
    """

    frames: int
    regions: tuple[str, ...] | Grid = ("face",)
    multiple_of: int = 1
    min_frames: int = 2
    fps: float = 30.0

    def __post_init__(self) -> None:
        if not isinstance(self.regions, Grid):
            check_regions(self.regions)
            positive(**{"the number of regions": len(self.regions)})
        _check_time(self)

    def shape(self, batch: int = 1, frames: int | None = None) -> tuple[int, ...]:
        """Shape of a batch: (batch, regions, 3, frames)."""
        return (batch, len(self.regions), 3, frames or self.frames)


Input = Clip | Traces


def check_regions(names: Iterable[str]) -> None:
    """Refuse regions that nobody cuts out.

    Raises:
        UnknownName: a region that is not in `REGIONS`.
    """
    for name in names:
        if name not in REGIONS:
            raise UnknownName("region", name, REGIONS, f"Regions are: {', '.join(REGIONS)}.")


def _check_time(input: Input) -> None:
    positive(fps=input.fps, frames=input.frames, min_frames=input.min_frames, multiple_of=input.multiple_of)
    if input.frames < input.min_frames or input.frames % input.multiple_of:
        multiple = f" and a multiple of {input.multiple_of}" if input.multiple_of > 1 else ""
        raise UsageError(f"frames must be at least {input.min_frames}{multiple}, not {input.frames}.")


@dataclass(frozen=True)
class Signal:
    """A waveform output (B, T): its `form` says whether the network gives the value or one of its time derivatives."""

    form: Form = "value"


@dataclass(frozen=True)
class Target:
    """A scalar output (B,) in physical units.

    Args:
        name: the zoo's one name for the quantity.
        unit: physical unit, as printed.
        low, high: plausible range; a label outside it is refused as a wrong unit.
        kind: `number`, or `class` for a probability 0..1 of the second of `classes`.
        determined: False where a pulse wave is not known to determine the quantity at all (glucose): its skill
            over the naive predictor is expected to be nil.
    """

    name: str
    unit: str
    low: float
    high: float
    kind: Literal["number", "class"] = "number"
    classes: tuple[str, ...] = ()
    determined: bool = True


Output = Signal | Target

WAVEFORMS = ("ppg", "respiration")

TARGETS: dict[str, Target] = {
    target.name: target
    for target in (
        Target("heart_rate", "1/min", 25.0, 250.0),
        Target("respiration_rate", "1/min", 3.0, 60.0),
        Target("spo2", "%", 60.0, 100.0),
        Target("systolic", "mmHg", 60.0, 260.0),
        Target("diastolic", "mmHg", 30.0, 160.0),
        Target("temperature", "°C", 33.0, 43.0),
        Target("glucose", "mmol/L", 1.0, 35.0, determined=False),
        Target("hba1c", "%", 3.0, 20.0, determined=False),
        Target("haemoglobin", "g/L", 40.0, 220.0, determined=False),
        Target("cholesterol", "mmol/L", 1.0, 15.0, determined=False),
        Target("stiffness", "a.u.", 0.0, 50.0),
        Target("stress", "a.u.", 0.0, 200.0, determined=False),
        Target("age", "years", 0.0, 120.0),
        Target("sex", "", 0.0, 1.0, kind="class", classes=("female", "male")),
        Target("bmi", "kg/m²", 10.0, 80.0),
    )
}


def input_to_dict(input: Input) -> dict[str, Any]:
    """A plain dictionary for cards and ONNX metadata; `input_from_dict` reads it back."""
    return {"kind": "clip" if isinstance(input, Clip) else "traces", **asdict(input)}


def input_from_dict(data: dict[str, Any]) -> Input:
    """The `Clip` or `Traces` that `input_to_dict` wrote.

    Raises:
        ValueError: an unknown kind or field, so that a stranger's card cannot smuggle anything in.
    """
    values = dict(data)
    kind = {"clip": Clip, "traces": Traces}.get(str(values.pop("kind", "")))
    if kind is None:
        raise ValueError("an input is of kind 'clip' or 'traces'")
    unknown = set(values) - {field.name for field in fields(kind)}
    if unknown:
        raise ValueError(f"unknown input fields: {', '.join(sorted(unknown))}")
    if kind is Traces and "regions" in values:
        regions = values["regions"]
        values["regions"] = Grid(**regions) if isinstance(regions, dict) else tuple(regions)
    try:
        return kind(**values)
    except UsageError as error:
        raise ValueError(str(error).rstrip(".")) from error
