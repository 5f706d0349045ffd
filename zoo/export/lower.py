"""ONNX graphs in int8 or fp16: the network alone; preparation and physical units stay in fp32.

The pulse is smaller than a step of half precision in raw colours, so the part of the graph between the input and the
prepared tensor is never lowered, nor is what turns the head's numbers into mmHg or years.
"""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

Precision = Literal["int8", "fp16"]
PREPARED, HEAD = "zoo_prepared", "zoo_head"
# where the arithmetic is
_QUANTISED = ["Conv", "ConvTranspose", "MatMul", "Gemm"]
# numbers that are no part of the arithmetic, and stay as they are: operator -> positions of its inputs
_SETTINGS = {"Resize": (1, 2), "Range": (0, 1, 2), "TopK": (1,), "ConstantOfShape": (0,)}


def lower(tapped: Path, path: Path, precision: Precision, windows: Sequence[np.ndarray] = ()) -> None:
    """Write a lowered graph.

    Args:
        tapped: an fp32 file with the additional outputs `zoo_prepared` and, where it has a head, `zoo_head`.
        path: file to write, without metadata.
        windows: (1, ...) float32, to calibrate int8 on.
    """
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=".zoo-lower-") as folder:
        folded = Path(folder) / "folded.onnx"
        _fold(tapped, folded)
        kept = _kept(onnx.load(str(folded)))
        if precision == "int8":
            _quantise(folded, path, kept, windows)
        else:
            onnx.save(_halved(onnx.load(str(folded)), kept), str(path))
    without_taps(path, path)


def without_taps(tapped: Path, path: Path) -> None:
    """The same graph with the model's own outputs alone."""
    model = onnx.load(str(tapped))
    outputs = [output for output in model.graph.output if output.name not in (PREPARED, HEAD)]
    del model.graph.output[:]
    model.graph.output.extend(outputs)
    onnx.save(model, str(path))


def _fold(source: Path, target: Path) -> None:
    """Batch norms folded into convolutions, constants computed."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC
    options.optimized_model_filepath = str(target)
    options.log_severity_level = 3
    onnxruntime.InferenceSession(str(source), options, providers=["CPUExecutionProvider"])
    model = onnx.load(str(target))
    for i, node in enumerate(model.graph.node):
        node.name = f"{i}_{node.op_type}"
    onnx.save(model, str(target))


def _kept(model: onnx.ModelProto) -> set[str]:
    """Names of nodes that stay in fp32: all that the prepared tensor comes from, and all that comes of the head's."""
    nodes = list(model.graph.node)
    outputs = {output.name for output in model.graph.output}
    if PREPARED not in outputs:
        # raw colours go straight in: nothing is prepared
        before: set[str] = set()
    else:
        needed, before = {PREPARED}, set()
        for node in reversed(nodes):
            if needed & set(node.output):
                needed |= set(node.input)
                before.add(node.name)
    told, after = {HEAD}, set()
    for node in nodes:
        if told & set(node.input):
            told |= set(node.output)
            after.add(node.name)
    return before | after


def _quantise(source: Path, target: Path, kept: Iterable[str], windows: Sequence[np.ndarray]) -> None:
    from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static

    class Windows(CalibrationDataReader):  # type: ignore[misc]
        def __init__(self) -> None:
            self.left = iter(windows)

        def get_next(self) -> dict[str, np.ndarray] | None:
            window = next(self.left, None)
            return None if window is None else {"input": window}

    # it advises by the root logger to fold batch norms first, which is done
    advice = logging.root.level
    logging.root.setLevel(logging.ERROR)
    try:
        quantize_static(
            str(source),
            str(target),
            Windows(),
            quant_format=QuantFormat.QDQ,
            op_types_to_quantize=_QUANTISED,
            per_channel=True,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            nodes_to_exclude=sorted(kept),
        )
    finally:
        logging.root.setLevel(advice)


def _halved(model: onnx.ModelProto, kept: set[str]) -> onnx.ModelProto:
    """The same graph with every node outside `kept` in fp16, and casts where values cross over."""
    model = onnx.shape_inference.infer_shapes(model)
    graph = model.graph
    weights = {item.name: item for item in graph.initializer}
    floating = {
        value.name
        for value in (*graph.input, *graph.value_info, *graph.output)
        if value.type.tensor_type.elem_type == TensorProto.FLOAT
    } | {name for name, item in weights.items() if item.data_type == TensorProto.FLOAT}
    low = {name for node in graph.node if node.name not in kept for name in node.output if name in floating}
    fixed = {output.name for output in graph.output}
    nodes: list[onnx.NodeProto] = []
    made: dict[tuple[str, bool], str] = {}

    def brought(name: str, half: bool) -> str:
        """The name of a value in the wanted precision."""
        if name not in floating or (name in low) == half:
            return name
        if (name, half) not in made:
            made[name, half] = f"{name}_{'half' if half else 'full'}"
            if half and name in weights:
                values = numpy_helper.to_array(weights[name]).astype(np.float16)
                graph.initializer.append(numpy_helper.from_array(values, made[name, half]))
            else:
                to = TensorProto.FLOAT16 if half else TensorProto.FLOAT
                nodes.append(helper.make_node("Cast", [name], [made[name, half]], to=to))
        return made[name, half]

    for node in graph.node:
        half = node.name not in kept
        settings = _SETTINGS.get(node.op_type, ())
        node.input[:] = [name if i in settings else brought(name, half) for i, name in enumerate(node.input)]
        if half:
            _retype(node)
        nodes.append(node)
        for i, name in enumerate(node.output):
            if name in fixed and name in low:
                # the caller sees fp32; `name` itself stays the fp16 value for those inside
                inner = f"{name}_inner"
                node.output[i] = inner
                nodes.append(helper.make_node("Cast", [inner], [name], to=TensorProto.FLOAT))
                low.discard(name)
                made[name, True] = inner
    del graph.node[:]
    graph.node.extend(nodes)
    used = {name for node in nodes for name in node.input}
    unused = [item for item in graph.initializer if item.name not in used]
    for item in unused:
        graph.initializer.remove(item)
    del graph.value_info[:]
    return model


def _retype(node: onnx.NodeProto) -> None:
    """Attributes that name or hold fp32 say fp16."""
    for attribute in node.attribute:
        if attribute.name in ("to", "dtype") and attribute.i == TensorProto.FLOAT:
            attribute.i = TensorProto.FLOAT16
        if attribute.type == onnx.AttributeProto.TENSOR and attribute.t.data_type == TensorProto.FLOAT:
            values: Any = numpy_helper.to_array(attribute.t).astype(np.float16)
            attribute.t.CopyFrom(numpy_helper.from_array(values, attribute.t.name))
