"""Weights that other projects trained: read safely, renamed, checked, and written as a checkpoint with a card.

A model can take them where its class has `published_names`: our module by the module of the published code.
"""

from __future__ import annotations

import hashlib
import re
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zoo import checkpoints, pickles, registry
from zoo.errors import CheckpointError, UsageError
from zoo.settings import check

if TYPE_CHECKING:
    from torch import Tensor

    from zoo.module import VitalsModule

SOURCES: Mapping[str, str] = {
    "rppg-toolbox": "rPPG-Toolbox",
    "published": "the code published with the model's paper",
}
SUFFIXES = (".pth", ".pt", ".ckpt", ".safetensors", ".npz")
# a larger file is no network of this field
LARGEST = 4 << 30
# under which training scripts keep the parameters beside their own state
WRAPPINGS = ("state_dict", "model_state_dict", "model")
UNKNOWN = "unknown"
# of older files, which do not have it; no output depends on it
COUNTER = "num_batches_tracked"
SHOWN = 8


@dataclass(frozen=True)
class Imported:
    """What `import_weights` wrote.

    Args:
        card: path of the card; the weights lie beside it.
        model: registered name.
        parameters: how many numbers were taken, buffers of batch norm left out.
        sha256: of the file that was read.
    """

    card: Path
    model: str
    parameters: int
    sha256: str


def import_weights(
    path: Path,
    model: str,
    *,
    source: str = "rppg-toolbox",
    settings: Mapping[str, Any] | None = None,
    name: str | None = None,
    folder: Path = Path(),
    licence: str | None = None,
    trained_on: tuple[str, ...] = (),
    run_code: bool = False,
) -> Imported:
    """Turn weights of the published code of a model into a checkpoint of this zoo.

    Args:
        path: .pth, .pt or .ckpt (a state dict), .safetensors, or .npz (arrays under `weights/` where there are any).
        model: registered name of the architecture.
        source: one of `SOURCES`; it goes into the card.
        settings: hyper-parameters of the model that these weights were trained with; its own defaults otherwise.
        name: of the checkpoint; the file's own otherwise.
        folder: where it is written.
        licence: of the weights; `unknown` unless it is told.
        trained_on: names of data sets; `unknown` unless told.
        run_code: read a pickle that holds code, which then runs here.

    Raises:
        UsageError: an unknown source, or a model or setting that cannot take them.
        CheckpointError: the file cannot be read safely, or does not fit: lists every parameter that is missing, not
            known, or of another shape; or the checkpoint is there already.
    """
    if source not in SOURCES:
        raise UsageError(f"There are no rules for weights from '{source}': use one of {', '.join(SOURCES)}.")
    name = name or re.sub(r"[^A-Za-z0-9_.-]", "_", path.stem).lstrip("_.-") or model
    if taken := [
        str(folder / f"{name}{end}") for end in (".json", ".safetensors") if (folder / f"{name}{end}").exists()
    ]:
        raise CheckpointError(f"'{taken[0]}' is there already: choose another --name or --out, or delete it first.")
    given, digest = read_weights(path, run_code)
    module = build(model, settings or {})
    fill(module, given, str(path))
    module.trained_on = list(trained_on or (UNKNOWN,))
    origin = f"trained by others; '{path.name}' (sha256 {digest}), said to come from {SOURCES[source]}"
    card = checkpoints.save(module, name, folder, [], licence=licence or UNKNOWN, origin=origin)
    return Imported(card, model, sum(p.numel() for p in module.network.parameters()), digest)


def read_weights(path: Path, run_code: bool = False) -> tuple[dict[str, Tensor], str]:
    """Parameters by their published name, and the file's sha256; nothing in the file is run, unless `run_code`.

    Raises:
        CheckpointError: missing, of another kind, damaged, not safe to read, or holds no parameters.
    """
    if path.suffix.lower() not in SUFFIXES:
        raise CheckpointError(f"'{path}' is no file of weights that is read here: give one of {', '.join(SUFFIXES)}.")
    try:
        if path.stat().st_size > LARGEST:
            raise CheckpointError(f"'{path}' is larger than {LARGEST >> 30} GB: give the weights of one network.")
        digest = hashlib.sha256()
        with path.open("rb") as file:
            while piece := file.read(1 << 20):
                digest.update(piece)
    except OSError as error:
        raise CheckpointError(f"The weights '{path}' cannot be read ({error.strerror}): check the path.") from error
    of_torch = partial(_from_torch, run_code=run_code)
    reader = {".npz": _from_npz, ".safetensors": _from_safetensors}.get(path.suffix.lower(), of_torch)
    found = {name.removeprefix("module."): value for name, value in reader(path).items()}
    if not found:
        raise CheckpointError(f"'{path}' holds no parameters: give a network's state dict.")
    return found, digest.hexdigest()


def build(model: str, settings: Mapping[str, Any]) -> VitalsModule:
    """The plain published network, without biomarkers unless `settings` names some.

    Raises:
        UsageError: no published names, or a setting that the model does not take.
    """
    import inspect

    cls = registry.model_class(model)
    if not getattr(cls, "published_names", None):
        able = "physnet, deepphys, tscan or physformer"
        raise UsageError(f"{model} does not know the names of published weights: those of {able}, among others, fit.")
    known = [name for name, one in inspect.signature(cls).parameters.items() if one.kind is not one.VAR_KEYWORD]
    if wrong := [name for name in settings if name not in known]:
        raise UsageError(f"{model} has no setting '{wrong[0]}': 'zoo info {model}' shows what it takes.")
    check(cls, settings)
    plain: dict[str, Any] = {"targets": []} if "targets" in known else {}
    module: VitalsModule = cls(**{**plain, **settings})
    return module


def fill(module: VitalsModule, given: Mapping[str, Tensor], source: str) -> None:
    """Load weights by published name into a model's network.

    Raises:
        CheckpointError: lists what does not fit, by published name.
    """
    import torch

    names: Mapping[str, str] = module.published_names  # type: ignore[assignment]
    published = {ours: theirs for theirs, ours in names.items()}
    own = {_published(name, published): value for name, value in module.network.state_dict().items()}
    weights = {name: value for name, value in given.items() if name in own or not name.endswith(COUNTER)}
    missing = sorted(name for name in set(own) - set(weights) if not name.endswith(COUNTER))
    faults = [f"{name} is missing" for name in missing]
    faults += [f"{name} is not of this network" for name in sorted(set(weights) - set(own))]
    shared = sorted(set(own) & set(weights))
    faults += [
        f"{name} is {_shape(weights[name])} instead of {_shape(own[name])}"
        for name in shared
        if weights[name].shape != own[name].shape
    ]
    faults += [f"{name} holds values that are no finite numbers" for name in shared if not _finite(weights[name])]
    if faults:
        more = f"; and {len(faults) - SHOWN} more" if len(faults) > SHOWN else ""
        raise CheckpointError(
            f"'{source}' does not fit {checkpoints.registered_name(module)}: {'; '.join(faults[:SHOWN])}{more}. Choose "
            f"another --model, or the settings that they were trained with (--size, --set)."
        )
    ours = {_published(name, published): name for name in module.network.state_dict()}
    with torch.no_grad():
        module.network.load_state_dict({ours[name]: weights[name].to(own[name].dtype) for name in shared}, strict=False)


def _published(name: str, names: Mapping[str, str]) -> str:
    part, _, leaf = name.rpartition(".")
    return f"{names.get(part, part)}.{leaf}"


def _shape(value: Tensor) -> str:
    return "x".join(map(str, value.shape)) or "a single number"


def _finite(value: Tensor) -> bool:
    import torch

    return not value.is_complex() and bool(torch.isfinite(value).all())


def _from_torch(path: Path, run_code: bool) -> dict[str, Tensor]:
    import torch

    try:
        content = pickles.load(path, run_code)
    except Exception as error:
        raise CheckpointError(
            f"'{path}' cannot be read safely: {pickles.code_in(path)}. Save only the state dict with "
            "torch.save(model.state_dict(), FILE), or, where you would run its author's programs, force it with "
            "--run-code."
        ) from error
    for wrapping in WRAPPINGS:
        if isinstance(content, Mapping) and isinstance(content.get(wrapping), Mapping):
            content = content[wrapping]
            break
    if not isinstance(content, Mapping):
        raise CheckpointError(f"'{path}' holds a {type(content).__name__}, no state dict: give a network's parameters.")
    return {str(name): value for name, value in content.items() if isinstance(value, torch.Tensor)}


def _from_safetensors(path: Path) -> dict[str, Tensor]:
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        return dict(load_file(path))
    except (SafetensorError, OSError, ValueError) as error:
        raise CheckpointError(f"'{path}' is not a safetensors file ({error}).") from error


def _from_npz(path: Path) -> dict[str, Tensor]:
    import numpy as np
    import torch

    try:
        with np.load(path, allow_pickle=False) as content:
            names = [name for name in content.files if name.startswith("weights/")]
            prefix = "weights/" if names else ""
            arrays = {name.removeprefix(prefix): content[name] for name in names or content.files}
        return {name: torch.from_numpy(np.array(value)) for name, value in arrays.items()}
    except (ValueError, TypeError, OSError, EOFError, MemoryError, zipfile.BadZipFile) as error:
        raise CheckpointError(
            f"'{path}' cannot be read safely ({type(error).__name__}): it is damaged, or holds more than plain arrays."
        ) from error
