"""The conformance kit: what every model must do, for authors of plugins and for the zoo's own tests."""

from __future__ import annotations

import json
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import lightning as L
import torch
from torch import Tensor

from zoo import checkpoints, registry
from zoo.errors import InputShapeError, ZooError
from zoo.module import Batch, Prediction, VitalsModule
from zoo.spec import TARGETS, WAVEFORMS, Clip, Signal, Target, Traces

CLOSE = 1e-4


@dataclass(frozen=True)
class Conformance:
    """What `check_model` found, all of it passed.

    Args:
        name: registered name.
        distribution: name and version of the package that it comes from.
        parameters: of the whole module.
        checks: what was checked, in words.
        seconds: how long that took.
    """

    name: str
    distribution: str
    parameters: int
    checks: tuple[str, ...]
    seconds: float


def check_model(name: str, **hyper_parameters: Any) -> Conformance:
    """Check that a registered model keeps every promise that training, prediction, bench and export rely on.

    Args:
        name: registered name.
        hyper_parameters: other than the defaults, for a smaller and faster model.

    Raises:
        AssertionError: a promise that is not kept, in one sentence.
        ZooError: the model is not registered or cannot be loaded.
    """
    started = time.monotonic()
    entry = registry.find("model", name)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        module: VitalsModule = registry.model_class(name)(**hyper_parameters).eval()
        for says, check in CHECKS.items():
            try:
                check(module, entry)
            except Exception as error:
                reason = str(error) if isinstance(error, AssertionError) else f"{type(error).__name__}: {error}"
                raise AssertionError(f"{name}: {says} - {reason}") from error
            module.eval().zero_grad(set_to_none=True)
    return Conformance(
        name,
        f"{entry.distribution} {entry.version}",
        sum(parameter.numel() for parameter in module.parameters()),
        tuple(CHECKS),
        time.monotonic() - started,
    )


def _declares(module: VitalsModule, entry: registry.Entry) -> None:
    assert isinstance(module.input, (Clip, Traces)), "`input` is a zoo.spec.Clip or Traces"
    assert module.paper, "`paper` names the publication"
    assert module.licence, "`licence` names the licence of the code"
    assert module.outputs, "`outputs` names at least one waveform or biomarker"
    for name, output in module.outputs.items():
        # `ppg_acceleration` is a second look at `ppg`
        known = name in TARGETS if isinstance(output, Target) else name.partition("_")[0] in WAVEFORMS
        assert isinstance(output, (Signal, Target)) and known, f"'{name}' is no quantity of zoo.spec"
    assert module.input.frames >= module.input.min_frames, "a window is at least `min_frames` long"
    assert module.input.frames % module.input.multiple_of == 0, "a window is a multiple of `multiple_of`"


def _plain_hyper_parameters(module: VitalsModule, entry: registry.Entry) -> None:
    settings = dict(module.hparams)
    try:
        plain = json.loads(json.dumps(settings))
    except TypeError as error:
        raise AssertionError(f"use str, int, float, bool, list and dict only ({error})") from error
    again = type(module)(**plain)
    assert (again.input, again.outputs) == (module.input, module.outputs), "they rebuild another model"
    shapes = [{key: value.shape for key, value in one.state_dict().items()} for one in (module, again)]
    assert shapes[0] == shapes[1], "they rebuild a model with other parameters"


def _example(module: VitalsModule, entry: registry.Entry) -> None:
    example = module.example_input(2)
    wanted = module.input.shape(2)
    assert tuple(example.shape) == wanted, f"`example_input(2)` has shape {tuple(example.shape)}, not {wanted}"
    assert example.dtype == torch.float32, f"`example_input` is {example.dtype}, not float32"
    assert float(example.min()) >= 0.0 and float(example.max()) <= 1.0, "`example_input` is RGB 0..1"
    assert torch.equal(example, module.example_input(2)), "`example_input` differs from call to call"


def _gives_what_it_declares(module: VitalsModule, entry: registry.Entry) -> None:
    _check_prediction(module, _predict(module, module.example_input(2)), 2, module.input.frames)


def _check_prediction(module: VitalsModule, found: Prediction, batch: int, frames: int) -> None:
    waveforms = {name for name, output in module.outputs.items() if isinstance(output, Signal)}
    targets = set(module.outputs) - waveforms
    assert set(found.waveforms) == waveforms, f"waveforms {sorted(found.waveforms)}, declared {sorted(waveforms)}"
    assert set(found.targets) == targets, f"targets {sorted(found.targets)}, declared {sorted(targets)}"
    wanted = {**dict.fromkeys(waveforms, (batch, frames)), **dict.fromkeys(targets, (batch,))}
    for name, value in {**found.waveforms, **found.targets}.items():
        shape = tuple(value.shape)
        assert shape == wanted[name], f"'{name}' has shape {shape}, not {wanted[name]}"
        assert value.dtype == torch.float32, f"'{name}' is {value.dtype}, not float32"
        assert bool(value.isfinite().all()), f"'{name}' is not finite"


def _same_again(module: VitalsModule, entry: registry.Entry) -> None:
    example = module.example_input(1)
    first, second = _predict(module, example), _predict(module, example)
    for name, value in _values(first).items():
        assert torch.equal(value, _values(second)[name]), f"'{name}' differs from call to call in eval mode"


def batch_errors(module: VitalsModule) -> dict[str, float]:
    """Largest relative difference of each output between a window alone and the same in a batch of three."""
    batch = module.example_input(3)
    together = _values(_predict(module, batch))
    errors: dict[str, list[float]] = {name: [] for name in together}
    for row in range(3):
        for name, value in _values(_predict(module, batch[row : row + 1])).items():
            errors[name].append(_relative_error(value[0], together[name][row], together[name]))
    # a NaN stays one, unlike with Python's max
    return {name: float(torch.tensor(found).max()) for name, found in errors.items()}


def _alone_as_in_a_batch(module: VitalsModule, entry: registry.Entry) -> None:
    for name, error in batch_errors(module).items():
        assert error < CLOSE, f"'{name}' of a window depends on its neighbours in the batch (by {error:.1e})"


def _other_lengths(module: VitalsModule, entry: registry.Entry) -> None:
    step = module.input.multiple_of
    shortest = -(-module.input.min_frames // step) * step
    for frames in (shortest, module.input.frames + step):
        _check_prediction(module, _predict(module, module.example_input(1, frames)), 1, frames)


def _refuses(module: VitalsModule, entry: registry.Entry) -> None:
    example = module.example_input(1)
    frames = 2 if isinstance(module.input, Clip) else 3
    wrong = {
        "a missing batch dimension": example[0],
        "two channels": example.narrow(1 if frames == 2 else 2, 0, 2),
        "8-bit colours": (example * 255).to(torch.uint8),
        "too few frames": example.narrow(frames, 0, module.input.min_frames - 1),
    }
    for what, raw in wrong.items():
        try:
            _predict(module, raw)
        except InputShapeError:
            continue
        raise AssertionError(f"{what}: it must raise InputShapeError")


def _prepares_in_full_precision(module: VitalsModule, entry: registry.Entry) -> None:
    example = module.example_input(1)
    with torch.inference_mode():
        wanted = module.prepare(example)
    seen: list[Any] = []
    prepare: Callable[[Tensor], Any] = module.prepare

    def watched(raw: Tensor) -> Any:
        assert not torch.is_autocast_enabled("cpu"), "autocast is on while it prepares"
        seen.append(prepare(raw))
        return seen[-1]

    module.prepare = watched  # type: ignore[method-assign]
    try:
        with torch.autocast("cpu", dtype=torch.bfloat16):
            _predict(module, example)
    finally:
        del module.prepare
    assert seen, "a forward pass does not call `prepare`"
    torch.testing.assert_close(seen[0], wanted, rtol=0.0, atol=0.0, msg="bf16 autocast changes the prepared tensor")


def _stages(module: VitalsModule, entry: registry.Entry) -> None:
    with torch.inference_mode():
        x = module.prepare(module.example_input(1))
        features = module.features(x)
        again, maps = module.features(x, stages=True)
    assert features.ndim == 3, f"`features` are (B, channels, T), not {tuple(features.shape)}"
    assert _relative_error(again, features, features) < CLOSE, "`features` are others with `stages=True`"
    assert isinstance(maps, dict) and all(isinstance(one, Tensor) for one in maps.values()), (
        "`features(x, stages=True)` gives the features and a dict of named maps"
    )


def _round_trip(module: VitalsModule, entry: registry.Entry) -> None:
    assert checkpoints.registered_name(module) == entry.name, "its class is registered under another name"
    example = module.example_input(1)
    wanted = _values(_predict(module, example))
    with tempfile.TemporaryDirectory() as folder:
        trainer = L.Trainer(accelerator="cpu", logger=False, enable_checkpointing=False, default_root_dir=folder)
        trainer.strategy.connect(module)
        trainer.save_checkpoint(Path(folder) / "model.ckpt")
        card = checkpoints.save(module, "model", Path(folder), results=[])
        for source in (Path(folder) / "model.ckpt", card):
            found = _values(_predict(checkpoints.load(source), example))
            for name, value in wanted.items():
                assert torch.equal(value, found[name]), f"'{name}' is another after saving and loading {source.suffix}"


def _learns(module: VitalsModule, entry: registry.Entry) -> None:
    if not module.trainable:
        assert not list(module.parameters()), "a model with nothing to train has no parameters"
        return
    module.train()
    loss = module.loss(example_batch(module))["loss"]
    assert bool(loss.isfinite()), "its loss is not finite"
    loss.backward()
    for name, parameter in module.named_parameters():
        assert not parameter.requires_grad or parameter.grad is not None, f"no gradient reaches {name}"
        assert parameter.grad is None or bool(parameter.grad.isfinite().all()), f"the gradient of {name} is not finite"


def _recipe(module: VitalsModule, entry: registry.Entry) -> None:
    path = registry.recipe(entry.name)
    if path is None:
        assert not module.trainable, f"a trainable model has a recipe '{entry.plain_name}.yaml' beside its module"
        return
    from zoo.commands._request import understand

    request = understand("fit", ["--config", str(path)])
    found = request.model.name if request.model else None
    assert found == entry.name, f"the recipe '{path.name}' is one of {found}"


CHECKS: dict[str, Callable[[VitalsModule, registry.Entry], None]] = {
    "declares input, outputs, paper and licence": _declares,
    "plain hyper-parameters": _plain_hyper_parameters,
    "an example input": _example,
    "gives what it declares": _gives_what_it_declares,
    "the same again for the same input": _same_again,
    "alone as in a batch": _alone_as_in_a_batch,
    "shorter and longer windows": _other_lengths,
    "refuses what it cannot eat": _refuses,
    "prepares in full precision": _prepares_in_full_precision,
    "features and named stages": _stages,
    "a checkpoint brings it back": _round_trip,
    "gradients reach every parameter": _learns,
    "a recipe that parses": _recipe,
}


def example_batch(module: VitalsModule, batch: int = 2) -> Batch:
    """A labelled batch for any model: its example input, a pulse of 72 a minute, plausible biomarkers."""
    frames = module.input.frames
    time_axis = torch.arange(frames) / module.input.fps
    rates = {"ppg": 1.2, "respiration": 0.25}
    waves = {name: torch.sin(2 * torch.pi * hertz * time_axis).repeat(batch, 1) for name, hertz in rates.items()}
    targets = {
        name: torch.linspace(0.0, 1.0, batch).round()
        if target.kind == "class"
        else target.low + (target.high - target.low) * torch.linspace(0.3, 0.6, batch)
        for name, target in TARGETS.items()
    }
    return {
        "input": module.example_input(batch),
        "waveforms": waves,
        "targets": targets,
        "mask": torch.ones(batch, frames, dtype=torch.bool),
        "person": [f"person{i}" for i in range(batch)],
        "recording": [f"recording{i}" for i in range(batch)],
        "start": torch.zeros(batch),
    }


def _predict(module: VitalsModule, raw: Tensor) -> Prediction:
    with torch.inference_mode():
        found = module(raw)
    assert isinstance(found, Prediction), "a forward pass gives a zoo.module.Prediction"
    return found


def _values(prediction: Prediction) -> dict[str, Tensor]:
    return {**prediction.waveforms, **prediction.targets}


def _relative_error(found: Tensor, wanted: Tensor, scale: Tensor) -> float:
    return float((found - wanted).abs().max() / scale.abs().max().clamp_min(1e-6))


def main(arguments: list[str]) -> int:
    """`python -m zoo.testing NAME ...`: check registered models; 1 where a promise is not kept."""
    if not arguments:
        print("usage: python -m zoo.testing NAME ...", file=sys.stderr)
        return 2
    failed = 0
    for name in arguments:
        try:
            found = check_model(name)
            print(f"{name}: keeps {len(found.checks)} promises ({found.distribution}, {found.seconds:.1f} s)")
        except (AssertionError, ZooError) as error:
            print(f"zoo: {error}", file=sys.stderr)
            failed += 1
    return int(failed > 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
