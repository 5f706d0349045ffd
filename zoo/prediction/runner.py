"""What prediction asks of a model, whatever it runs on."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from zoo import checkpoints, registry
from zoo.export.runtime import OnnxRunner
from zoo.signals import classical
from zoo.signals.calibrator import Calibrator, default
from zoo.spec import Input, Output, Signal, Traces

if TYPE_CHECKING:
    from zoo.module import VitalsModule

# the best of the shipped checkpoints; `benchmarks/pipeline` says what it costs
DEFAULT = "fpn1d_multitask"
Outputs = tuple[dict[str, np.ndarray], dict[str, np.ndarray]]


class Runner(Protocol):
    """A model that is ready to run.

    Attributes:
        name: as the user knows it.
        input: what it eats; a call takes any number of frames that this allows.
        outputs: waveforms (`Signal`, in their network's form) and biomarkers (`Target`) by name.
        trained_on: data sets that it was trained on.
        trainable: False for a classical method.
        calibrator: how far its heart rate may be trusted; None takes that of its name, or of any waveform.
    """

    name: str
    input: Input
    outputs: Mapping[str, Output]
    trained_on: tuple[str, ...]
    trainable: bool
    calibrator: Calibrator | None

    def __call__(self, batch: np.ndarray) -> Outputs:
        """Waveforms {name: (B, T)} and biomarkers {name: (B,)} in physical units, from float32 `input.shape(B, T)`."""
        ...


class ClassicalRunner:
    """A built-in classical method on plain arrays: the pulse of the whole face; needs no torch.

    Args:
        name: of the method.
        method: (..., 3, T) colours and frames a second to pulse (..., T).
    """

    trained_on: tuple[str, ...] = ()
    trainable = False
    calibrator: Calibrator | None = None

    def __init__(self, name: str, method: Callable[[np.ndarray, float], np.ndarray]) -> None:
        self.name = name
        self.method = method
        self.input: Input = Traces(frames=600, min_frames=60)
        self.outputs: Mapping[str, Output] = {"ppg": Signal("value")}

    def __call__(self, batch: np.ndarray) -> Outputs:
        return {"ppg": self.method(batch, self.input.fps).mean(axis=1)}, {}


class TorchRunner:
    """A VitalsModule in eval mode on the CPU.

    Args:
        module: the model.
        name: as the user knows it.
    """

    def __init__(self, module: VitalsModule, name: str) -> None:
        self.name = name
        self.module = module.eval()
        self.input: Input = module.input
        self.outputs: Mapping[str, Output] = module.outputs
        self.trained_on = tuple(module.trained_on)
        self.trainable = module.trainable
        self.calibrator: Calibrator | None = module.confidence

    def __call__(self, batch: np.ndarray) -> Outputs:
        import torch

        with torch.inference_mode():
            prediction = self.module(torch.from_numpy(np.ascontiguousarray(batch)))
        waveforms = {name: wave.float().numpy() for name, wave in prediction.waveforms.items()}
        return waveforms, {name: value.float().numpy() for name, value in prediction.targets.items()}


def open_runner(model: Any, gradients: bool = False) -> Runner:
    """A runner for a model's or checkpoint's name, a card, .ckpt, .onnx or .xml file, a VitalsModule or a Runner.

    Args:
        gradients: the network itself is asked for, also where an exported file stands beside its card.

    Raises:
        UnknownName, CheckpointError, PluginError: there is no such model, or it cannot be loaded.
    """
    if not isinstance(model, (str, Path)):
        return TorchRunner(model, type(model).__name__) if hasattr(model, "hparams") else model
    name = str(model)
    if name.endswith(".onnx"):
        return OnnxRunner(Path(name))
    if name.endswith(".xml"):
        from zoo.export.openvino import OpenVinoRunner

        return OpenVinoRunner(Path(name))
    if _is_classical(name):
        return ClassicalRunner(name, classical.upright(name))
    exported = None if gradients else _without_torch(name)
    return exported or TorchRunner(checkpoints.load(model), Path(name).stem if Path(name).suffix else name)


def _without_torch(name: str) -> OnnxRunner | None:
    """The ONNX file that stands beside a name's card, where there is one."""
    card = checkpoints.find_card(name)
    if card is None or not (path := card.with_suffix(".onnx")).is_file():
        return None
    known = checkpoints.read_card(card)
    if not known.onnx_sha256:
        return None
    runner = OnnxRunner(path, sha256=known.onnx_sha256)
    # a card may have been calibrated since the file was written
    runner.calibrator = checkpoints.read_calibrator(known.confidence, str(card)) or runner.calibrator
    return runner


def calibrator_of(runner: Runner) -> Calibrator:
    """What says how far a runner's heart rate may be trusted."""
    return getattr(runner, "calibrator", None) or default(runner.name)


def simulated(runner: Runner) -> bool:
    """Whether the model was trained on simulated people, on others too or not: its biomarkers are of no medical use."""
    return any(map(registry.is_simulated, runner.trained_on))


def untrained(runner: Runner) -> bool:
    """Whether the model has only its random first weights."""
    return runner.trainable and not runner.trained_on


def _is_classical(name: str) -> bool:
    entry = registry.entries("model").get(name)
    return name in classical.METHODS and entry is not None and entry.built_in
