"""Checkpoints to publish: safetensors and a JSON card. Loading a stranger's file runs no code of his.

The card's model name goes through the registry; a path inside a file is never imported, pickles are read with
`weights_only=True` only.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import tempfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zoo import pickles, registry, settings
from zoo.errors import CheckpointError, InputShapeError, UnknownName, UsageError, few
from zoo.spec import Signal, Target, input_to_dict

if TYPE_CHECKING:
    from zoo.module import VitalsModule
    from zoo.signals.calibrator import Calibrator

SCHEMA = 1
LARGEST_CARD = 1 << 20
OF_TRAINING = ("metrics.", "log_variance.", "lesson.")


@dataclass(frozen=True)
class Card:
    """What stands beside a checkpoint's weights.

    Args:
        name: the checkpoint's own name.
        model: registered name of the architecture.
        hyper_parameters: what the model is built from; plain values.
        input: `zoo.spec.input_to_dict`.
        outputs: unit (or waveform form) by output name.
        statistics: mean, deviation and median of the training labels by target.
        trained_on: data sets; `synthetic` = simulated people.
        confidence: how far a heart rate may be trusted, `zoo.signals.calibrator.Calibrator.to_dict`; None where
            `zoo calibrate` has not been run.
        results: measured figures, each a mapping with the `command` that made it.
        licence: of the weights.
        origin: where they come from.
        sha256: of the weights file.
        onnx_sha256: of the ONNX file beside it, which runs without torch; empty where there is none.
    """

    name: str
    model: str
    hyper_parameters: dict[str, Any]
    input: dict[str, Any]
    outputs: dict[str, str]
    sha256: str
    statistics: dict[str, list[float]] = field(default_factory=dict)
    trained_on: list[str] = field(default_factory=list)
    confidence: dict[str, Any] | None = None
    results: list[dict[str, Any]] = field(default_factory=list)
    licence: str = "Apache-2.0"
    origin: str = "trained by this project"
    onnx_sha256: str = ""
    schema: int = SCHEMA


def shipped() -> Path:
    """The folder of the checkpoints that travel with the package, in a wheel or a checkout."""
    inside = Path(str(files("zoo"))) / "_shipped" / "checkpoints"
    return inside if inside.is_dir() else Path(__file__).parents[1] / "checkpoints"


def cards(folder: Path | None = None) -> dict[str, Path]:
    """Cards by name, of the shipped checkpoints unless another folder is given."""
    return {path.stem: path for path in sorted((folder or shipped()).glob("*.json"))}


def read_card(path: Path) -> Card:
    """A card, checked.

    Raises:
        CheckpointError: missing, damaged, too large, or of another schema.
    """
    try:
        if path.stat().st_size > LARGEST_CARD:
            raise CheckpointError(f"'{path}' is too large to be a card: give the JSON card of a checkpoint.")
        data = json.loads(path.read_text("utf-8"))
        if data.get("schema") != SCHEMA:
            raise CheckpointError(
                f"'{path}' has card schema {data.get('schema')}, this zoo reads {SCHEMA}: update rppg-zoo."
            )
        return Card(**data)
    except OSError as error:
        raise CheckpointError(f"The card '{path}' cannot be read ({error.strerror}): check the path.") from error
    except (ValueError, TypeError, AttributeError) as error:
        raise CheckpointError(
            f"'{path}' is not a card of this zoo ({error}): give a checkpoint's JSON card."
        ) from error


def save(module: VitalsModule, name: str, folder: Path, results: list[dict[str, Any]], **facts: Any) -> Path:
    """Write weights and card; each appears whole or not at all.

    Args:
        facts: `licence` and `origin` of the card.

    Returns:
        The card's path.
    """
    from safetensors.torch import save as to_bytes

    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.-]*", name):
        raise CheckpointError(f"'{name}' is no name for a checkpoint: use letters, digits, '_', '-' and '.'.")
    weights = to_bytes({key: value.contiguous() for key, value in _weights(module).items()})
    card = Card(
        name=name,
        model=registered_name(module),
        hyper_parameters=dict(module.hparams),
        input=input_to_dict(module.input),
        outputs={key: _describe(output) for key, output in module.outputs.items()},
        sha256=hashlib.sha256(weights).hexdigest(),
        statistics={key: list(values) for key, values in module.statistics.items()},
        trained_on=list(module.trained_on),
        confidence=None if module.calibrator is None else module.calibrator.to_dict(),
        results=results,
        **facts,
    )
    folder.mkdir(parents=True, exist_ok=True)
    write_whole(folder / f"{name}.safetensors", weights)
    return write_card(card, folder / f"{name}.json")


def write_card(card: Card, path: Path) -> Path:
    """Write a card; it appears whole or not at all."""
    write_whole(path, (json.dumps(asdict(card), indent=1, ensure_ascii=False) + "\n").encode())
    return path


def load(name: str | Path) -> VitalsModule:
    """A model ready to use, from a model's name, a shipped checkpoint's name, a card, or a Lightning .ckpt.

    A model's name gives its shipped weights where there are any (the checkpoint of the model's own name first),
    else fresh ones: `module.trained_on` is empty then.

    Raises:
        UnknownName: no such model or checkpoint; CheckpointError: see the sentence.
    """
    text = str(name)
    if text.endswith(".ckpt"):
        return load_ckpt(Path(text))
    if text.endswith(".safetensors"):
        return load_card(Path(text).with_suffix(".json"))
    if (path := find_card(text)) is not None:
        return load_card(path)
    if text not in registry.entries("model") and ":" not in text:
        raise UnknownName("model or checkpoint", text, [*registry.entries("model"), *cards()], "See 'zoo list'.")
    return registry.model_class(text)().eval()


def find_card(name: str) -> Path | None:
    """The card that `load` takes for a name: the card itself, or a shipped one; None where there is none."""
    if name.endswith(".json"):
        return Path(name)
    known = cards()
    if name in known:
        return known[name]
    return next((path for path in known.values() if read_card(path).model == name), None)


def load_card(path: Path) -> VitalsModule:
    """The model that a card describes, with its weights, in eval mode.

    Raises:
        CheckpointError: the weights are missing, are not those of the card, or do not fit the model.
    """
    from safetensors.torch import load as from_bytes

    card = read_card(path)
    weights_path = path.with_suffix(".safetensors")
    try:
        content = weights_path.read_bytes()
    except OSError as error:
        raise CheckpointError(f"The card's weights '{weights_path}' cannot be read ({error.strerror}).") from error
    if hashlib.sha256(content).hexdigest() != card.sha256:
        raise CheckpointError(
            f"'{weights_path}' is not the file that its card describes (sha256 differs): fetch both anew."
        )
    module = _build(card.model, card.hyper_parameters, str(path))
    try:
        weights = from_bytes(content)
    except Exception as error:
        raise CheckpointError(f"'{weights_path}' is not a safetensors file ({error}).") from error
    _fill(module, weights, str(path))
    module.statistics = _statistics(card.statistics, str(path))
    module.trained_on = _names(card.trained_on, str(path))
    module.calibrator = read_calibrator(card.confidence, str(path))
    return module.eval()


def take_over(module: VitalsModule, source: VitalsModule, name: str) -> list[str]:
    """Give a module another one's weights and what travels with them; its own settings may differ otherwise.

    Returns:
        The module's weights that the source lacks, such as those of a further biomarker: they stay as they were drawn.

    Raises:
        UsageError: weights of another model or of another size; `name` says whose.
    """
    if registered_name(module) != (other := registered_name(source)):
        raise UsageError(f"'{name}' holds weights of {other}, not of {registered_name(module)}: give --model {other}.")
    try:
        module.load_state_dict(source.state_dict(), strict=False)
    except RuntimeError as error:
        raise UsageError(
            f"the weights of '{name}' do not fit the --model settings given with them: leave those away that change "
            "the network's size."
        ) from error
    module.statistics, module.trained_on = dict(source.statistics), list(source.trained_on)
    module.divisions = dict(source.divisions)
    module.calibrator = source.calibrator
    return sorted(set(_weights(module)) - set(_weights(source)))


def read_calibrator(data: Any, source: str) -> Calibrator | None:
    """The calibrator that travels with a checkpoint, or None.

    Raises:
        CheckpointError: it is damaged.
    """
    from zoo.signals.calibrator import calibrator_from_dict

    try:
        return calibrator_from_dict(data) if data else None
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise CheckpointError(
            f"The confidence in '{source}' is damaged ({error}): run 'zoo calibrate' anew."
        ) from error


def load_ckpt(path: Path) -> VitalsModule:
    """The model of a Lightning checkpoint of this zoo, read with `weights_only=True`, in eval mode.

    Raises:
        CheckpointError: missing, damaged, not of this zoo, or not safe to read.
    """
    try:
        checkpoint = pickles.load(path)
    except OSError as error:
        raise CheckpointError(f"There is no checkpoint '{path}' that can be read: check the path.") from error
    except Exception as error:
        raise CheckpointError(
            f"'{path}' cannot be read safely: {pickles.code_in(path)}. "
            "Weights of other projects come in by 'zoo import'."
        ) from error
    known = checkpoint.get("zoo") if isinstance(checkpoint, Mapping) else None
    name = known.get("model") if isinstance(known, Mapping) else None
    if not isinstance(known, Mapping) or not isinstance(name, str):
        raise CheckpointError(f"'{path}' is no checkpoint of this zoo: it does not name its model.")
    parts = [checkpoint.get(key, {}) for key in ("hyper_parameters", "state_dict")]
    if not all(isinstance(part, Mapping) for part in parts):
        raise CheckpointError(f"'{path}' is damaged: its hyper-parameters or weights are no table. Fetch it anew.")
    module = _build(name, parts[0], str(path))
    _fill(module, parts[1], str(path))
    _names(known.get("trained_on", []), str(path))
    divisions = known.get("divisions", {})
    if not isinstance(divisions, Mapping) or not all(isinstance(one, Mapping) for one in divisions.values()):
        raise CheckpointError(f"'{path}' is damaged: how its people were divided is no table. Fetch it anew.")
    statistics = _statistics(known.get("statistics", {}), str(path))
    module.on_load_checkpoint(checkpoint)
    module.statistics = statistics
    return module.eval()


def write_confidence(path: Path, confidence: Mapping[str, Any]) -> None:
    """Put a calibrator (`zoo.signals.calibrator.Calibrator.to_dict`) into a Lightning checkpoint of this zoo."""
    import io

    import torch

    checkpoint = torch.load(path, map_location="cpu", weights_only=True)
    checkpoint["zoo"] = {**checkpoint["zoo"], "confidence": dict(confidence)}
    content = io.BytesIO()
    torch.save(checkpoint, content)
    write_whole(path, content.getvalue())


def registered_name(module: VitalsModule) -> str:
    """The name under which a module's class is registered.

    Raises:
        CheckpointError: it is not, so nobody could load its checkpoint by name.
    """
    value = f"{type(module).__module__}:{type(module).__qualname__}"
    for entry in registry.entries("model").values():
        if entry.value == value:
            return entry.name
    raise CheckpointError(f"{value} is not a registered model: declare it under the entry-point group 'zoo.models'.")


def write_whole(path: Path, content: bytes) -> None:
    """Write a file that appears whole or not at all."""
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temporary, 0o644)  # noqa: PTH101 (mkstemp makes it private)
        os.replace(temporary, path)  # noqa: PTH105
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def _build(model: str, hyper_parameters: Mapping[str, Any], source: str) -> VitalsModule:
    cls = registry.model_class(model)
    try:
        settings.check(cls, hyper_parameters)
        module: VitalsModule = cls(**{str(key): value for key, value in hyper_parameters.items()})
    except (TypeError, AttributeError, UsageError, InputShapeError) as error:
        raise CheckpointError(f"'{source}' has hyper-parameters that {model} does not take ({error}).") from error
    return module


def _statistics(given: Any, source: str) -> dict[str, tuple[float, float, float]]:
    """Mean, deviation and median of the training labels, as a file gives them."""
    try:
        return {str(key): (float(v[0]), float(v[1]), float(v[2])) for key, v in given.items()}
    except (AttributeError, TypeError, ValueError, IndexError, KeyError) as error:
        raise CheckpointError(f"The label statistics in '{source}' are damaged: fetch it anew.") from error


def _names(given: Any, source: str) -> list[str]:
    if not isinstance(given, list) or not all(isinstance(name, str) for name in given):
        raise CheckpointError(f"'{source}' is damaged: what it was trained on is no list of names. Fetch it anew.")
    return list(given)


def _fill(module: VitalsModule, weights: Mapping[str, Any], source: str) -> None:
    import torch

    if not all(isinstance(key, str) and isinstance(value, torch.Tensor) for key, value in weights.items()):
        raise CheckpointError(f"'{source}' is damaged: not all of its weights are tensors. Fetch it anew.")
    own = _weights(module)
    given = {key: value for key, value in weights.items() if not key.startswith(OF_TRAINING)}
    wrong = sorted(set(own) ^ set(given)) + sorted(
        key for key in set(own) & set(given) if own[key].shape != given[key].shape
    )
    if wrong:
        raise CheckpointError(
            f"'{source}' does not fit its model: {few(wrong, 4)}. It was made by another model or version."
        )
    module.load_state_dict(given, strict=False)


def _weights(module: VitalsModule) -> dict[str, Any]:
    """What a published checkpoint holds: not the training's own loss weights, projections or metric states."""
    return {k: v for k, v in module.state_dict().items() if not k.startswith(OF_TRAINING)}


def _describe(output: Signal | Target) -> str:
    return output.form if isinstance(output, Signal) else output.unit
