"""What an exported file says about itself, so that it can be served by itself. No torch here."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from zoo.errors import CheckpointError
from zoo.signals.calibrator import Calibrator, calibrator_from_dict
from zoo.spec import TARGETS, Input, Output, Signal, input_from_dict, input_to_dict

KEY = "rppg-zoo"
SCHEMA = 1
LARGEST = 1 << 20


@dataclass(frozen=True)
class Exported:
    """Metadata of an exported model.

    Args:
        model: registered name, or the checkpoint's.
        input: what it eats, preparation included in the graph: RGB 0..1.
        outputs: in the order of the graph's outputs.
        trained_on: data sets; empty = random first weights.
        licence: of the weights.
        profile: how it was exported.
        free: names of the axes that may have any length: `batch`, `frames`.
        parity: largest relative error against torch, measured on export; None for a file of low precision.
        precision: of the network; preparation is fp32 in all.
        extra: statistics and confidence of the card.
    """

    model: str
    input: Input
    outputs: Mapping[str, Output]
    trained_on: tuple[str, ...]
    licence: str
    profile: str
    free: tuple[str, ...]
    parity: float | None
    trainable: bool = True
    precision: str = "fp32"
    extra: Mapping[str, Any] = field(default_factory=dict)

    @property
    def calibrator(self) -> Calibrator | None:
        """How far its heart rate may be trusted, where it was calibrated."""
        return calibrator_from_dict(self.extra["confidence"]) if self.extra.get("confidence") else None


def to_json(exported: Exported) -> str:
    """One JSON text for the file's metadata."""
    outputs = {
        name: {"form": output.form} if isinstance(output, Signal) else {"unit": output.unit}
        for name, output in exported.outputs.items()
    }
    plain = {**asdict(exported), "input": input_to_dict(exported.input), "outputs": outputs, "schema": SCHEMA}
    return json.dumps(plain, ensure_ascii=False)


def from_json(text: str | None, source: str) -> Exported:
    """Read it back, trusting nothing.

    Raises:
        CheckpointError: no metadata of this zoo, or of another schema.
    """
    if text is None:
        raise CheckpointError(f"'{source}' has no metadata of this zoo: export it with 'zoo export --model NAME'.")
    try:
        if len(text) > LARGEST:
            raise ValueError("too large")
        data = json.loads(text)
        if data.pop("schema", None) != SCHEMA:
            raise CheckpointError(f"'{source}' was exported by another version of the zoo: export it again.")
        data["input"] = input_from_dict(data["input"])
        data["outputs"] = {str(name): _output(str(name), output) for name, output in data["outputs"].items()}
        data["trained_on"] = tuple(map(str, data["trained_on"]))
        data["free"] = tuple(map(str, data["free"]))
        found = Exported(**data)
        # damaged numbers are told here, not when a window is read
        found.calibrator  # noqa: B018
        return found
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise CheckpointError(f"The metadata of '{source}' is damaged ({error}): export it again.") from error


def _output(name: str, described: Mapping[str, str]) -> Output:
    if "form" in described:
        if described["form"] not in ("value", "derivative", "second_derivative"):
            raise ValueError(f"unknown form {described['form']!r}")
        return Signal(described["form"])  # type: ignore[arg-type]
    return TARGETS[name]
