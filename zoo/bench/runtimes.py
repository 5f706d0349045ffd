"""Ways to run one model: each opens in a process of its own and is called with the same array.

The low-precision ones lower the network alone. Preparation stays in fp32 in all of them: the pulse is smaller than a
step of bf16 in raw colours.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from zoo.bench.worker import out_of_memory
from zoo.errors import DeviceError, UnknownName, UsageError, first_line

if TYPE_CHECKING:
    from zoo.module import VitalsModule

Arrays = dict[str, np.ndarray]


@dataclass(frozen=True)
class Runtime:
    """What the bench must know of a runtime before it starts one.

    Args:
        says: in a few words.
        needs: packages that it is made of.
        files: what is exported for it: an ONNX file, `whole` in fp32 or with its network in `int8`.
        devices: kinds of device that it runs on.
        one_size: it is made for the batch size that is measured, and takes no other.
        elsewhere: where it is measured instead, for one that has no place here.
    """

    says: str
    needs: tuple[str, ...]
    files: str = ""
    devices: tuple[str, ...] = ("cpu",)
    one_size: bool = False
    elsewhere: str = ""


RUNTIMES: dict[str, Runtime] = {
    "torch": Runtime("eager fp32", ("torch",), devices=("cpu", "cuda")),
    "torch-bf16": Runtime("eager, network in bf16 by autocast", ("torch",), devices=("cpu", "cuda")),
    "torch-compile": Runtime("torch.compile, fp32", ("torch",), devices=("cpu", "cuda"), one_size=True),
    "torch-graph": Runtime("eager fp32, replayed as a CUDA graph", ("torch",), devices=("cuda",)),
    "onnx": Runtime("ONNX Runtime, fp32", ("onnxruntime",), "whole"),
    "onnx-int8": Runtime("ONNX Runtime, preparation fp32, network int8", ("onnxruntime",), "int8"),
    "openvino": Runtime("OpenVINO, fp32", ("openvino",), "whole"),
    "openvino-bf16": Runtime("OpenVINO, preparation fp32, network bf16", ("openvino",), "whole"),
    "openvino-int8": Runtime("OpenVINO, preparation fp32, network int8", ("openvino",), "int8"),
    "tensorrt": Runtime(
        "TensorRT",
        (),
        elsewhere="TensorRT is measured by its own trtexec, on a board or on this machine's own card where trtexec is "
        "installed: zoo bench --device jetson [--host BOARD]",
    ),
}
WHOLE, INT8 = "model.onnx", "model_int8.onnx"


@dataclass(frozen=True)
class Opened:
    """A model that is ready to be timed.

    Args:
        feed: brings an array (B, ...) to where the runtime wants it, outside the timed span.
        call: one prediction; what is timed.
        read: outputs of `call` as arrays by name.
        synchronise: waits until the device has finished.
        file_bytes: what lies on disk for it; None where that is the weights alone.
    """

    feed: Callable[[np.ndarray], Any]
    call: Callable[[Any], Any]
    read: Callable[[Any], Arrays]
    synchronise: Callable[[], None] = lambda: None
    file_bytes: int | None = None


def check_runtimes(names: list[str]) -> list[str]:
    """Names of runtimes, each once.

    Raises:
        UnknownName: there is no such runtime.
    """
    for name in names:
        if name not in RUNTIMES:
            raise UnknownName("runtime", name, RUNTIMES, f"Choose from {', '.join(RUNTIMES)}.")
    if not names:
        raise UsageError(f"Name at least one runtime: {', '.join(RUNTIMES)}.")
    return list(dict.fromkeys(names))


def why_not(runtime: str, device: str) -> str | None:
    """Why a runtime cannot work here, or None."""
    known = RUNTIMES[runtime]
    if known.elsewhere:
        return known.elsewhere
    if missing := [name for name in known.needs if importlib.util.find_spec(name) is None]:
        extra = "rppg-zoo[openvino]" if "openvino" in missing else missing[0]
        return f"{missing[0]} is not installed: pip install '{extra}'"
    kind = device.partition(":")[0]
    if kind not in known.devices:
        return f"{runtime} does not run on {kind}, but on {' and '.join(known.devices)}"
    return None


def takes_any_batch(runtime: str, free: list[str]) -> bool:
    """Whether a runtime takes batches of any size.

    Args:
        free: axes of the model's exported file that may have any length.
    """
    known = RUNTIMES[runtime]
    # the zoo's own runner cuts a batch into single windows where a file takes no more
    return not known.one_size and (not known.files or runtime.startswith("onnx") or "batch" in free)


def open_runtime(
    runtime: str, load: Callable[[], VitalsModule], folder: Path, outputs: list[str], device: str, threads: int
) -> Opened:
    """Make a model ready.

    Args:
        load: gives the module; called by the torch runtimes only.
        folder: where the exported files are.
        outputs: names in the order of the file's outputs.
        device: `cpu`, `cuda` or `cuda:N`.
        threads: processor threads.

    Raises:
        DeviceError: the runtime is not here, or not on this device.
    """
    if reason := why_not(runtime, device):
        raise DeviceError(f"{reason[0].upper()}{reason[1:]}.")
    path = folder / (INT8 if RUNTIMES[runtime].files == "int8" else WHOLE)
    if runtime.startswith("onnx"):
        return _onnx(path, threads)
    if runtime.startswith("openvino"):
        return _openvino(path, outputs, threads, runtime.partition("-")[2] or "fp32")
    return _torch(runtime, load(), device, threads)


def _torch(runtime: str, module: VitalsModule, device: str, threads: int) -> Opened:
    import torch

    torch.set_num_threads(threads)
    place = torch.device(device)
    if place.type == "cuda":
        # events, graphs and synchronisation are the current device's
        torch.cuda.set_device(place.index or 0)
    module = module.to(place)
    run: Any = module
    if runtime == "torch-compile":
        run = torch.compile(module)
    elif runtime == "torch-graph":
        run = _graphed(module)

    def call(raw: Any) -> Any:
        with torch.inference_mode():
            if runtime == "torch-bf16":
                with torch.autocast(place.type, torch.bfloat16):
                    return run(raw)
            return run(raw)

    def read(prediction: Any) -> Arrays:
        values = {**prediction.waveforms, **prediction.targets}
        return {name: value.float().cpu().numpy() for name, value in values.items()}

    return Opened(
        feed=lambda array: torch.from_numpy(array).to(place),
        call=call,
        read=read,
        synchronise=torch.cuda.synchronize if place.type == "cuda" else lambda: None,
    )


def _graphed(run: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Capture a run once for each shape and replay it: what launching every kernel costs is gone.

    The outputs are overwritten by the next call.
    """
    import torch

    captured: dict[Any, tuple[Any, Any, Any]] = {}

    def call(raw: Any) -> Any:
        if raw.shape not in captured:
            held, side = raw.clone(), torch.cuda.Stream()
            # lazy initialisation must not be captured
            side.wait_stream(torch.cuda.current_stream())
            with torch.cuda.stream(side):
                for _ in range(3):
                    run(held)
            torch.cuda.current_stream().wait_stream(side)
            graph = torch.cuda.CUDAGraph()
            try:
                with torch.cuda.graph(graph):
                    found = run(held)
            except RuntimeError as error:
                raise _uncaptured(error) from error
            captured[raw.shape] = graph, held, found
        graph, held, found = captured[raw.shape]
        held.copy_(raw)
        graph.replay()
        return found

    return call


def _uncaptured(error: RuntimeError) -> Exception:
    """Why a run is no CUDA graph, in plain words; a lack of memory stays what it is."""
    # what ends the capture fails too, and hides what broke it
    first = error.__context__ if isinstance(error.__context__, Exception) else error
    if out_of_memory(first):
        return first
    return DeviceError(
        f"This model cannot be captured as a CUDA graph ({first_line(first)[:200]}): use the runtime torch or "
        "torch-compile."
    )


def _onnx(path: Path, threads: int) -> Opened:
    from zoo.export.runtime import OnnxRunner

    runner = OnnxRunner(path, threads)
    return Opened(_contiguous, runner, lambda found: {**found[0], **found[1]}, file_bytes=path.stat().st_size)


def _openvino(path: Path, outputs: list[str], threads: int, precision: str) -> Opened:
    from zoo.export.openvino import Compiled, read_model

    compiled = Compiled(read_model(path), precision, threads)

    def feed(array: np.ndarray) -> np.ndarray:
        # compiled for this shape outside the timed span
        compiled.compile(array.shape)
        return _contiguous(array)

    return Opened(
        feed=feed,
        call=compiled,
        read=lambda found: dict(zip(outputs, found, strict=True)),
        file_bytes=path.stat().st_size,
    )


def _contiguous(array: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(array, np.float32)
