"""Runs models in OpenVINO's form (.xml beside .bin) and compiles files for it: no torch, no lightning.

`bf16` lowers from the first convolution or product on: OpenVINO's processor plugin leaves what stands before it in
fp32, so that preparation keeps the pulse. Export and bench both look whether that was so.
"""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import numpy as np

from zoo.errors import CheckpointError, DeviceError, first_line
from zoo.export.metadata import KEY, from_json
from zoo.export.runtime import FileRunner, read_whole

HINTS = {"fp32": "f32", "fp16": "f32", "int8": "f32", "bf16": "bf16"}


class OpenVinoRunner(FileRunner):
    """A model in OpenVINO on the processor.

    Args:
        path: an `.xml` file of this zoo; its `.bin` lies beside it.
        threads: processor threads; all where it is 0.

    Raises:
        DeviceError: OpenVINO is not installed, or the processor has no bf16.
        CheckpointError: missing, damaged, or without this zoo's metadata.
    """

    def __init__(self, path: Path, threads: int = 0) -> None:
        model = read_model(path)
        found = str(model.get_rt_info([KEY]).value) if model.has_rt_info([KEY]) else None
        exported = from_json(found, str(path))
        if len(model.outputs) != len(exported.outputs):
            raise CheckpointError(f"The outputs of '{path}' are not those that its metadata names: export it again.")
        run = Compiled(model, exported.precision, threads)
        super().__init__(exported, run)


class Compiled:
    """A model compiled for each shape that it is given, which is faster than one compiled for all of them.

    Args:
        model: an `openvino.Model`.
        precision: fp32, fp16 (weights alone), bf16 or int8.
        threads: processor threads; all where it is 0.

    Raises:
        DeviceError: bf16 is asked of a processor without.
    """

    def __init__(self, model: Any, precision: str = "fp32", threads: int = 0) -> None:
        import openvino

        self.core, self.model = openvino.Core(), model
        if precision == "bf16" and "BF16" not in self.core.get_property("CPU", "OPTIMIZATION_CAPABILITIES"):
            raise DeviceError("This processor has no bf16: export or run the model in fp32.")
        self.settings = {
            "INFERENCE_PRECISION_HINT": HINTS[precision],
            "INFERENCE_NUM_THREADS": threads,
            "NUM_STREAMS": 1,
            "PERFORMANCE_HINT": "LATENCY",
            # whoever starts the process chooses its cores
            "ENABLE_CPU_PINNING": False,
        }
        self.requests: dict[tuple[int, ...], Any] = {}

    def compile(self, shape: tuple[int, ...]) -> Any:
        """The request that computes inputs of a shape."""
        if shape not in self.requests:
            self.model.reshape(list(shape))
            compiled = self.core.compile_model(self.model, "CPU", self.settings)
            self.requests[shape] = compiled.create_infer_request()
        return self.requests[shape]

    def __call__(self, batch: np.ndarray) -> list[np.ndarray]:
        return list(self.compile(batch.shape).infer([batch], share_inputs=True).values())


def read_model(path: Path) -> Any:
    """An `openvino.Model` from an .xml with its .bin, or from an .onnx.

    Raises:
        DeviceError: OpenVINO is not installed. CheckpointError: missing or damaged.
    """
    if (reason := why_not()) is not None:
        raise DeviceError(f"{reason[0].upper()}{reason[1:]}.")
    import openvino

    read_whole(path)
    weights = path.with_suffix(".bin")
    if path.suffix == ".xml" and not weights.is_file():
        raise CheckpointError(f"'{path}' has no weights beside it: put '{weights.name}' into the same folder.")
    try:
        return openvino.Core().read_model(str(path))
    except Exception as error:
        raise CheckpointError(f"'{path}' is not a file that OpenVINO can read ({_plain(error)}).") from error


def why_not() -> str | None:
    """Why OpenVINO cannot be used here, or None."""
    missing = importlib.util.find_spec("openvino") is None
    return "openvino is not installed: pip install 'rppg-zoo[openvino]'" if missing else None


def _plain(error: Exception) -> str:
    lines = [line for line in str(error).splitlines() if line.strip() and not line.startswith(("Exception from",))]
    return (lines or [first_line(error)])[0].strip()[:200]
