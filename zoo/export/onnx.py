"""ONNX files of whole networks: preparation inside, metadata inside, parity with torch proved on every export.

Profiles: `modern` (torch's dynamo exporter, opset 20, free batch and time where the network allows) and `nano` (the
tracing exporter, true opset 13 for TensorRT 8.2, fixed shape). Precisions: fp32, fp16 and int8 (`zoo.export.lower`).
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
from zoo.export.judge import Judgement, check, judge
from zoo.export.lower import HEAD, PREPARED, Precision, lower
from zoo.export.metadata import KEY, Exported, to_json
from zoo.export.runtime import OnnxRunner
from zoo.spec import Clip

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

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
        bytes: size of the file, or of its files.
        notes: why an axis is not free.
        precision: fp32, or that of the network; preparation is fp32 in all.
        judgement: what lowering did; None for fp32.
    """

    path: Path
    profile: str
    opset: int | None
    free: tuple[str, ...]
    parity: float | None
    bytes: int
    notes: tuple[str, ...] = ()
    precision: str = "fp32"
    judgement: Judgement | None = None


class Flat(nn.Module):
    """The model with its outputs as a plain tuple, in the order of `outputs`.

    Args:
        tapped: also give the prepared tensor and, where there is one, the head's own numbers.
    """

    def __init__(self, module: VitalsModule, tapped: bool = False) -> None:
        super().__init__()
        self.module, self.tapped = module, tapped
        # the exporters leave a module in the mode that its outermost shell was in
        self.eval()

    def forward(self, raw: Tensor) -> tuple[Tensor, ...]:
        if self.tapped:
            return self._stages(raw)
        prediction = self.module(raw)
        return (*prediction.waveforms.values(), *prediction.targets.values())

    def _stages(self, raw: Tensor) -> tuple[Tensor, ...]:
        """`VitalsModule.forward`, taken apart."""
        module = self.module
        prepared = module.prepare(raw)
        features = module.features(prepared)
        waveforms = module.waveforms(features).values()
        if module.head is None:
            return (*waveforms, prepared)
        head = module.head(module.biomarker_features(features))
        return (*waveforms, *module.head.physical(head).values(), prepared, head)


def metadata(module: VitalsModule, name: str, **facts: Any) -> Exported:
    """What a file says about itself: `profile`, `free`, `parity` and `precision` come as facts."""
    return Exported(
        model=name,
        input=module.input,
        outputs=module.outputs,
        trained_on=tuple(module.trained_on),
        licence=module.licence,
        trainable=module.trainable,
        extra={
            "statistics": {key: list(values) for key, values in module.statistics.items()},
            "confidence": None if module.calibrator is None else module.calibrator.to_dict(),
        },
        **facts,
    )


@dataclass(frozen=True)
class Source:
    """A tapped fp32 file (see `Flat`) that files of other precisions and formats are made from."""

    path: Path
    free: tuple[str, ...]
    notes: tuple[str, ...]


def write_source(module: VitalsModule, folder: Path) -> Source:
    """Export once what several files are made from.

    Raises:
        ZooError: the model cannot be exported.
    """
    path = folder / "tapped.onnx"
    free, notes, _ = _write(module.eval(), path, "modern", tapped=True)
    return Source(path, free, notes)


def export_lowered(
    module: VitalsModule,
    path: Path,
    name: str,
    precision: Precision,
    calibration: Sequence[np.ndarray] = (),
    judged: Sequence[np.ndarray] | None = None,
    force: bool = False,
    source: Source | None = None,
) -> Report:
    """Write a model as ONNX with its network in int8 or fp16, after judging it beside torch in fp32.

    Args:
        calibration: windows (1, ...) of float32 RGB 0..1, for int8.
        judged: windows that look real; an example of the model's own if None.
        force: write it whatever it lost.
        source: of this module, where it has been written before.

    Raises:
        ZooError: it cannot be exported, or has lost the pulse; no file is written.
    """
    if precision == "int8" and not len(calibration):
        raise UsageError("int8 is calibrated on windows: name a data set with --calibrate-on.")
    module = module.eval()
    windows = judged or [module.example_input(1).numpy()]
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=f".{path.name}.") as folder:
        source = source or write_source(module, Path(folder))
        lowered = Path(folder) / "lowered.onnx"
        lower(source.path, lowered, precision, calibration)
        judgement = judge(module, OnnxRunner.session(lowered), windows)
        check(judgement, lowered_name(module, name, precision), force)
        facts = {"profile": "modern", "free": source.free, "parity": None, "precision": precision}
        opset = _describe(lowered, metadata(module, name, **facts))
        lowered.chmod(0o644)
        lowered.replace(path)
    return Report(path, "modern", opset, source.free, None, path.stat().st_size, source.notes, precision, judgement)


def lowered_name(module: VitalsModule, name: str, precision: str) -> str:
    """What a judgement is about; the waveform of random weights is easily flattened."""
    return f"{name} in {precision}{' with random weights' if module.trainable and not module.trained_on else ''}"


def export_onnx(module: VitalsModule, path: Path, name: str, profile: Profile = "modern") -> Report:
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
    exported = metadata(module, name, profile=profile, free=(), parity=None)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".onnx")
    os.close(handle)
    try:
        free, notes, parity = _write(module, Path(temporary), profile)
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


def _write(
    module: VitalsModule, path: Path, profile: str, tapped: bool = False
) -> tuple[tuple[str, ...], tuple[str, ...], float]:
    """Export with as many free axes as go; returns them, why the others are fixed, and the parity over all shapes."""
    if profile == "nano":
        _trace(module, path)
        return (), ("nano files have a fixed shape",), _parity(module, path, ())
    notes: list[str] = []
    for free in (("batch", "frames"), ("batch",), ()):
        try:
            _dynamo(module, path, free, tapped)
            return free, tuple(notes), _parity(module, path, free, tapped)
        except ZooError:
            raise
        except Exception as error:
            reason = _reason(error)
            notes.append(f"not with free {' and '.join(free)} ({reason})")
    raise CheckpointError(f"{type(module).__name__} cannot be exported to ONNX ({reason}): run it by its name.")


def _dynamo(module: VitalsModule, path: Path, free: tuple[str, ...], tapped: bool) -> None:
    time = 2 if isinstance(module.input, Clip) else 3
    axes = {}
    if "batch" in free:
        axes[0] = torch.export.Dim("batch", min=1, max=4096)
    if "frames" in free:
        axes[time] = torch.export.Dim.DYNAMIC
    example = module.example_input(2 if "batch" in free else 1)
    with quiet(), torch.no_grad():
        program = torch.onnx.export(
            Flat(module, tapped),
            (example,),
            dynamo=True,
            opset_version=OPSETS["modern"],
            dynamic_shapes=(axes,) if axes else None,
            input_names=["input"],
            output_names=[*module.outputs, *([PREPARED, HEAD][: 1 + (module.head is not None)] if tapped else [])],
            verbose=False,
        )
        assert program is not None
        program.save(str(path), external_data=False)


def _trace(module: VitalsModule, path: Path) -> None:
    import onnx

    fast_path = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        with quiet(), torch.no_grad():
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
            f"{type(module).__name__} has no opset-13 form ({_reason(error)}): use profile modern."
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


def _parity(module: VitalsModule, path: Path, free: tuple[str, ...], tapped: bool = False) -> float:
    """Largest relative error over the example's shape and, where they are free, other batches and lengths."""
    shapes = [(1, module.input.frames)]
    if "batch" in free:
        shapes.append((3, module.input.frames))
    if "frames" in free:
        step = module.input.multiple_of
        longer = module.input.frames + max(step, module.input.frames // 3 // step * step)
        shapes.append((1, longer))
    run = OnnxRunner.session(path)
    return max(error(Flat(module, tapped), run, module.example_input(*shape)) for shape in shapes)


def error(model: nn.Module, run: Any, raw: Tensor) -> float:
    """Largest difference of a file's outputs from torch's, relative to each output's own size.

    Args:
        model: gives a tuple of tensors.
        run: from the input array to the list of outputs.
        raw: the model's input.
    """
    with torch.no_grad():
        expected = [value.double().numpy() for value in model(raw)]
    worst = 0.0
    for ours, theirs in zip(expected, run(raw.numpy()), strict=True):
        if ours.shape != theirs.shape:
            raise ValueError(f"the exported graph gives {theirs.shape}, torch gives {ours.shape}")
        scale = max(float(np.sqrt(np.mean(ours**2))), 1e-6)
        worst = max(worst, float(np.abs(ours - theirs).max()) / scale)
    return worst if np.isfinite(worst) else float("inf")


def _reason(error: BaseException) -> str:
    """What stopped an exporter, in one line: its own message is advice to its makers, the cause lies behind it."""
    while error.__cause__ is not None:
        error = error.__cause__
    # without terminal colours
    line = re.sub(r"\x1b\[[0-9;]*m", "", first_line(error))[:200]
    return f"{type(error).__name__}: {line.rstrip('.: ')}"


@contextmanager
def quiet() -> Iterator[None]:
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
