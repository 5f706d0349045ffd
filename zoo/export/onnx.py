"""ONNX files of whole networks: preparation inside, metadata inside, parity with torch proved on every export.

Profiles: `modern` (torch's dynamo exporter, opset 20, free batch and time where the network allows) and `nano` (the
tracing exporter, true opset 13 for TensorRT 8.2, fixed shape).
"""

from __future__ import annotations

import logging
import os
import re
import tempfile
import warnings
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import torch
from torch import Tensor, nn

from zoo.errors import CheckpointError, UsageError, ZooError, first_line
from zoo.export.metadata import KEY, Exported, to_json
from zoo.export.runtime import OnnxRunner
from zoo.spec import Clip

if TYPE_CHECKING:
    from collections.abc import Iterator

    from zoo.module import VitalsModule

Profile = Literal["modern", "nano"]
# 20 has GELU as one operator; TensorRT 10.3 and ONNX Runtime 1.20 read it
OPSETS: dict[str, int] = {"modern": 20, "nano": 13}
# relative to the output's own spread; fp32 sums in another order stay far below it
LARGEST_ERROR = 1e-3


@dataclass(frozen=True)
class Report:
    """What was written.

    Args:
        path: the file.
        opset: of the default operator domain.
        free: axes that may have any length.
        parity: largest relative error against torch over the shapes that were tried.
        bytes: size of the file.
        notes: why an axis is not free.
    """

    path: Path
    profile: str
    opset: int
    free: tuple[str, ...]
    parity: float
    bytes: int
    notes: tuple[str, ...] = ()


class Flat(nn.Module):
    """The model with its outputs as a plain tuple, in the order of `outputs`."""

    def __init__(self, module: VitalsModule) -> None:
        super().__init__()
        self.module = module
        # the exporters leave a module in the mode that its outermost shell was in
        self.eval()

    def forward(self, raw: Tensor) -> tuple[Tensor, ...]:
        prediction = self.module(raw)
        return (*prediction.waveforms.values(), *prediction.targets.values())


def export_onnx(module: VitalsModule, path: Path, name: str, profile: Profile = "modern", licence: str = "") -> Report:
    """Write a model as ONNX, after proving that ONNX Runtime computes what torch computes.

    Args:
        module: in eval mode.
        path: file to write; it appears whole or not at all.
        name: what the file calls its model.
        profile: see above.

    Raises:
        ZooError: the model cannot be exported, or the exported graph computes something else; no file is written.
    """
    if profile not in OPSETS:
        raise UsageError(f"There is no ONNX profile '{profile}': choose modern or nano.")
    module = module.eval()
    exported = Exported(
        model=name,
        input=module.input,
        outputs=module.outputs,
        trained_on=tuple(module.trained_on),
        licence=licence or module.licence,
        profile=profile,
        free=(),
        parity=float("nan"),
        trainable=module.trainable,
        extra={
            "statistics": {key: list(values) for key, values in module.statistics.items()},
            "confidence": None if module.calibrator is None else module.calibrator.to_dict(),
        },
    )
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".onnx")
    os.close(handle)
    try:
        free, notes = _write(module, Path(temporary), profile)
        _describe(Path(temporary), replace(exported, free=free))
        parity = _parity(module, Path(temporary), free)
        if not parity <= LARGEST_ERROR:
            raise CheckpointError(
                f"The exported {name} differs from torch by {parity:.1e} (at most {LARGEST_ERROR:.0e}): "
                "nothing written."
            )
        opset = _describe(Path(temporary), replace(exported, free=free, parity=parity))
        Path(temporary).chmod(0o644)
        Path(temporary).replace(path)
    finally:
        Path(temporary).unlink(missing_ok=True)
    return Report(path, profile, opset, free, parity, path.stat().st_size, notes)


def _write(module: VitalsModule, path: Path, profile: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Export with as many free axes as go; returns them, and why the others are fixed."""
    if profile == "nano":
        _trace(module, path)
        return (), ("nano files have a fixed shape",)
    notes: list[str] = []
    for free in (("batch", "frames"), ("batch",), ()):
        try:
            _dynamo(module, path, free)
            _parity(module, path, free, described=False)
            return free, tuple(notes)
        except ZooError:
            raise
        except Exception as error:
            reason = f"{type(error).__name__}: {_plain(first_line(error))}"
            notes.append(f"not with free {' and '.join(free) or 'axes at all'} ({reason})")
    raise CheckpointError(f"{type(module).__name__} cannot be exported to ONNX: {notes[-1]}.")


def _dynamo(module: VitalsModule, path: Path, free: tuple[str, ...]) -> None:
    time = 2 if isinstance(module.input, Clip) else 3
    axes = {}
    if "batch" in free:
        axes[0] = torch.export.Dim("batch", min=1, max=4096)
    if "frames" in free:
        axes[time] = torch.export.Dim.DYNAMIC
    example = module.example_input(2 if "batch" in free else 1)
    with _quiet(), torch.no_grad():
        program = torch.onnx.export(
            Flat(module),
            (example,),
            dynamo=True,
            opset_version=OPSETS["modern"],
            dynamic_shapes=(axes,) if axes else None,
            input_names=["input"],
            output_names=list(module.outputs),
            verbose=False,
        )
        assert program is not None
        program.save(str(path), external_data=False)


def _trace(module: VitalsModule, path: Path) -> None:
    import onnx

    fast_path = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        with _quiet(), torch.no_grad():
            torch.onnx.export(
                Flat(module),
                (module.example_input(1),),
                str(path),
                dynamo=False,
                opset_version=OPSETS["nano"],
                input_names=["input"],
                output_names=list(module.outputs),
            )
    except Exception as error:
        raise CheckpointError(
            f"{type(module).__name__} has no opset-13 form ({type(error).__name__}: {_plain(first_line(error))}): "
            "use profile modern."
        ) from error
    finally:
        torch.backends.mha.set_fastpath_enabled(fast_path)
    model = onnx.load(str(path))
    versions = {item.domain: item.version for item in model.opset_import}
    foreign = {node.domain for node in model.graph.node} - {"", "ai.onnx"}
    if versions.get("") != OPSETS["nano"] or foreign:
        raise CheckpointError(f"The exporter wrote opset {versions}, which TensorRT 8.2 cannot read: nothing written.")


def _describe(path: Path, exported: Exported) -> int:
    """Put metadata into the file; returns its opset."""
    import onnx

    model = onnx.load(str(path))
    # the exporter notes where in whose source files each node was made: a tenth of a small file, and nobody's business
    graph = model.graph
    for part in (model, graph, *graph.node, *graph.initializer, *graph.value_info, *graph.input, *graph.output):
        part.ClearField("doc_string")
        part.ClearField("metadata_props")
    model.metadata_props.add(key=KEY, value=to_json(exported))
    model.producer_name = "rppg-zoo"
    onnx.checker.check_model(model)
    onnx.save(model, str(path))
    return next(int(item.version) for item in model.opset_import if item.domain in ("", "ai.onnx"))


def _parity(module: VitalsModule, path: Path, free: tuple[str, ...], described: bool = True) -> float:
    """Largest relative error over the example's shape and, where they are free, other batches and lengths."""
    shapes = [(1, module.input.frames)]
    if "batch" in free:
        shapes.append((3, module.input.frames))
    if "frames" in free:
        step = module.input.multiple_of
        longer = module.input.frames + max(step, module.input.frames // 3 // step * step)
        shapes.append((1, longer))
    run = OnnxRunner(path).raw if described else OnnxRunner.session(path)
    return max(_error(module, run, batch, frames) for batch, frames in shapes)


def _error(module: VitalsModule, run: Any, batch: int, frames: int) -> float:
    raw = module.example_input(batch, frames)
    with torch.no_grad():
        expected = [value.double().numpy() for value in Flat(module)(raw)]
    worst = 0.0
    for ours, theirs in zip(expected, run(raw.numpy()), strict=True):
        if ours.shape != theirs.shape:
            raise ValueError(f"the exported graph gives {theirs.shape}, torch gives {ours.shape}")
        scale = max(float(np.sqrt(np.mean(ours**2))), 1e-6)
        worst = max(worst, float(np.abs(ours - theirs).max()) / scale)
    return worst if np.isfinite(worst) else float("inf")


def _plain(line: str) -> str:
    """An exporter's first line without its terminal colours."""
    return re.sub(r"\x1b\[[0-9;]*m", "", line)[:200]


@contextmanager
def _quiet() -> Iterator[None]:
    """The exporters warn about their own insides; what matters is checked by parity."""
    loggers = [logging.getLogger(name) for name in ("torch.onnx", "onnxscript", "torch.export", "torch._export")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
