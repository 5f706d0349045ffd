"""What is true of a model whatever it runs on, and the files that its runtimes need."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from zoo.bench.runtimes import RUNTIMES, WHOLE
from zoo.errors import ZooError
from zoo.spec import Clip, Input

if TYPE_CHECKING:
    from zoo.module import VitalsModule

INPUT, REFERENCE = "input.npy", "reference.npz"
# share of the strongest influence below which a later frame counts as unseen
UNSEEN = 0.01


def facts(job: dict[str, Any]) -> dict[str, Any]:
    """Facts of one model, and its files in `job["folder"]`."""
    if job["model"].endswith(".onnx"):
        return _of_file(Path(job["model"]), Path(job["folder"]))
    return _of_module(job)


def load(model: str, options: Mapping[str, Any]) -> VitalsModule:
    """The model in eval mode; random first weights are the same in every process."""
    import torch

    from zoo import checkpoints, registry

    torch.manual_seed(0)
    if options:
        module: VitalsModule = registry.model_class(model)(**options).eval()
        return module
    return checkpoints.load(model)


def real_looking(input: Input) -> np.ndarray:
    """One simulated window (1, ...) of float32 RGB 0..1."""
    from zoo.data.synthetic import SyntheticWindows

    return np.asarray(SyntheticWindows(input, people=1, seed=1, hard=0.3)[0]["input"], np.float32)[None]


def _of_module(job: dict[str, Any]) -> dict[str, Any]:
    import torch

    from zoo.bench import cost, parts

    torch.set_num_threads(job["threads"])
    module = load(job["model"], job["options"])
    try:
        raw = torch.from_numpy(real_looking(module.input))
    except ZooError:
        # regions that the simulation does not know
        raw = module.example_input(1)
    folder = Path(job["folder"])
    np.save(folder / INPUT, raw.numpy())
    with torch.inference_mode():
        prediction = module(raw)
    np.savez(folder / REFERENCE, **{k: v.numpy() for k, v in {**prediction.waveforms, **prediction.targets}.items()})
    counted = cost.operations(module, raw)
    kinds = {RUNTIMES[runtime].files for runtime in job["runtimes"]} - {""}
    failed, free = parts.write(module, job["model"], kinds, folder)
    return {
        "trained": bool(module.trained_on) or not module.trainable,
        "trainable": module.trainable,
        "trained_on": list(module.trained_on),
        "weights_sha256": _sha256(job["model"]) if not job["options"] else None,
        "parameters": cost.parameters(module),
        "network_parameters": cost.parameters(module.network),
        "macs": counted.macs,
        "flops": counted.flops,
        "uncounted": counted.uncounted,
        "size_bytes": cost.size_bytes(module),
        "outputs": list(module.outputs),
        "forms": {name: signal.form for name, signal in module.signals.items()},
        **_window(module.input),
        "hop_s": _hop(module),
        "lookahead_s": _lookahead(module, raw) if job["lookahead"] else None,
        "not_exported": failed,
        "free": free,
    }


def _of_file(path: Path, folder: Path) -> dict[str, Any]:
    """An exported file: what it says about itself; what only torch could tell is unknown."""
    import onnx

    from zoo.export.runtime import OnnxRunner

    runner = OnnxRunner(path)
    raw = real_looking(runner.input)
    np.save(folder / INPUT, raw)
    waveforms, targets = runner(raw)
    found: dict[str, Any] = {**waveforms, **targets}
    np.savez(folder / REFERENCE, **found)
    (folder / WHOLE).symlink_to(path.resolve())
    weights = sum(int(np.prod(item.dims)) for item in onnx.load(str(path)).graph.initializer)
    reason = "a file is measured by runtimes that read files: give the model's name for this one"
    return {
        "trained": bool(runner.trained_on) or not runner.trainable,
        "trainable": runner.trainable,
        "trained_on": list(runner.trained_on),
        "weights_sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
        "parameters": weights,
        "network_parameters": weights,
        **{"macs": None, "flops": None, "uncounted": {}, "hop_s": None, "lookahead_s": None},
        "size_bytes": path.stat().st_size,
        "outputs": list(runner.outputs),
        "forms": {name: output.form for name, output in runner.outputs.items() if hasattr(output, "form")},
        **_window(runner.input),
        "not_exported": {"": reason, "int8": reason},
        "free": list(runner.exported.free),
    }


def _window(input: Input) -> dict[str, Any]:
    return {
        "input": list(input.shape(1)),
        "fps": input.fps,
        "window_s": input.frames / input.fps,
        "shortest_s": input.min_frames / input.fps,
    }


def _hop(module: VitalsModule) -> float | None:
    """Seconds from one window of the model's protocol to the next."""
    from zoo.metrics.protocol import load_protocol

    protocol = load_protocol(module.hparams["protocol"])
    return float(protocol.hop) if protocol.window is not None else None


def _lookahead(module: VitalsModule, raw: Any) -> float | None:
    """Seconds of the future that a waveform's sample in mid-window depends on.

    Later frames are disturbed by sensor noise; what moves the sample by less than `UNSEEN` of what the very next
    frames can do is taken for unseen.
    """
    import torch

    if not module.signals:
        return None
    axis = 2 if isinstance(module.input, Clip) else 3
    frames = module.input.frames
    middle = frames // 2
    noise = 0.002 * torch.randn(raw.shape, generator=torch.Generator().manual_seed(0))
    name = next(iter(module.signals))

    def moved(ahead: int) -> float:
        disturbed = raw.clone()
        later = disturbed.narrow(axis, middle + ahead, frames - middle - ahead)
        later += noise.narrow(axis, middle + ahead, frames - middle - ahead)
        with torch.inference_mode():
            return float((module(disturbed).waveforms[name] - still)[0, middle].abs())

    with torch.inference_mode():
        still = module(raw).waveforms[name]
    strongest = moved(0)
    if strongest == 0:
        return 0.0
    low, high = 0, frames - middle
    # whether the last frames matter is a question of its own: whole-window scaling lets them all in
    while high - low > 1:
        ahead = (low + high) // 2
        low, high = (ahead, high) if moved(ahead) > UNSEEN * strongest else (low, ahead)
    return low / module.input.fps


def _sha256(model: str) -> str | None:
    """Of the weights' file; None for random first weights."""
    from zoo import checkpoints

    if model.endswith((".ckpt", ".safetensors")):
        return hashlib.sha256(Path(model).read_bytes()).hexdigest()
    known = checkpoints.cards()
    if model.endswith(".json") or model in known:
        return checkpoints.read_card(Path(model) if model.endswith(".json") else known[model]).sha256
    cards = (checkpoints.read_card(path) for path in known.values())
    return next((card.sha256 for card in cards if card.model == model), None)
