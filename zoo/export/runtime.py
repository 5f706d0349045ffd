"""Runs exported files with ONNX Runtime alone: no torch, no lightning."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np

from zoo.errors import CheckpointError, InputShapeError, first_line
from zoo.export.metadata import KEY, Exported, from_json
from zoo.spec import Clip, Input, Output, Signal

# bytes; the zoo's largest network has 45 MB of weights
LARGEST = 1 << 30


class FileRunner:
    """An exported model, ready to run; `OnnxRunner` and `zoo.export.openvino.OpenVinoRunner` say how.

    Args:
        exported: what the file says about itself.
        raw: from the contiguous float32 input array to the outputs in order.
    """

    def __init__(self, exported: Exported, raw: Callable[[np.ndarray], list[np.ndarray]]) -> None:
        self.exported, self.raw = exported, raw
        self.name = exported.model
        self.input: Input = exported.input
        self.outputs: Mapping[str, Output] = exported.outputs
        self.trained_on = exported.trained_on
        self.trainable = exported.trainable
        self.calibrator = exported.calibrator

    def __call__(self, batch: np.ndarray) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
        """Waveforms {name: (B, T)} in their network's form and biomarkers {name: (B,)}, from float32 RGB 0..1."""
        time = 2 if isinstance(self.input, Clip) else 3
        if "frames" not in self.exported.free and batch.shape[time] != self.input.frames:
            raise InputShapeError(f"This file takes exactly {self.input.frames} frames, not {batch.shape[time]}.")
        if "batch" in self.exported.free:
            values = self.raw(np.ascontiguousarray(batch, np.float32))
        else:
            single = [self.raw(np.ascontiguousarray(batch[i : i + 1], np.float32)) for i in range(len(batch))]
            values = [np.concatenate(parts) for parts in zip(*single, strict=True)]
        named = dict(zip(self.outputs, values, strict=True))
        waveforms = {name: value for name, value in named.items() if isinstance(self.outputs[name], Signal)}
        return waveforms, {name: value for name, value in named.items() if name not in waveforms}


class OnnxRunner(FileRunner):
    """An ONNX file in ONNX Runtime.

    Args:
        path: an `.onnx` file of this zoo.
        threads: processor threads; all where it is 0.
        sha256: what a card says that the file is; not asked where it is empty.

    Raises:
        CheckpointError: missing, another file than the card's, not ONNX, or without this zoo's metadata.
    """

    def __init__(self, path: Path, threads: int = 0, sha256: str = "") -> None:
        session = _open(path, threads, sha256)
        exported = from_json(session.get_modelmeta().custom_metadata_map.get(KEY), str(path))
        if [output.name for output in session.get_outputs()] != list(exported.outputs):
            raise CheckpointError(f"The outputs of '{path}' are not those that its metadata names: export it again.")
        super().__init__(exported, _caller(session))

    @staticmethod
    def session(path: Path) -> Callable[[np.ndarray], list[np.ndarray]]:
        """A function from the input array to the list of output arrays, for a file without metadata."""
        return _caller(_open(path, 0))


def _open(path: Path, threads: int, sha256: str = ""):  # type: ignore[no-untyped-def]
    import onnxruntime

    content = read_whole(path)
    if sha256 and hashlib.sha256(content).hexdigest() != sha256:
        raise CheckpointError(f"'{path}' is not the file that its card describes (sha256 differs): fetch both anew.")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 3
    try:
        return onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    except Exception as error:
        said = first_line(error)[:200]
        if "xternal data" in said:
            raise CheckpointError(
                f"'{path}' keeps its weights in other files, which are not read: export it with 'zoo export'."
            ) from error
        raise CheckpointError(f"'{path}' is not an ONNX file that can be run ({said}).") from error


def read_whole(path: Path) -> bytes:
    """A model file's content.

    Raises:
        CheckpointError: missing, or larger than any of this zoo.
    """
    try:
        if path.stat().st_size > LARGEST:
            raise CheckpointError(f"'{path}' is larger than {LARGEST >> 20} MB, so it is no model of this zoo.")
        return path.read_bytes()
    except OSError as error:
        raise CheckpointError(f"There is no file '{path}' that can be read: check the path.") from error


def _caller(session) -> Callable[[np.ndarray], list[np.ndarray]]:  # type: ignore[no-untyped-def]
    inputs = session.get_inputs()
    if len(inputs) != 1:
        raise CheckpointError(f"A file of this zoo has one input, this one has {len(inputs)}: its graph was cut short.")
    name = inputs[0].name
    return lambda batch: list(session.run(None, {name: batch}))
