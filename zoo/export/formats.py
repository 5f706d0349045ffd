"""Every format that a model can be written in, by one call; what cannot be written says why."""

from __future__ import annotations

import contextlib
import copy
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from zoo.errors import CheckpointError, DeviceError, UsageError, ZooError, first_line
from zoo.export import openvino as ov
from zoo.export import samples
from zoo.export.judge import Judgement, check, judge
from zoo.export.lower import lower, without_taps
from zoo.export.metadata import KEY, to_json
from zoo.export.onnx import (
    LARGEST_ERROR,
    Flat,
    Report,
    Source,
    error,
    export_lowered,
    export_onnx,
    lowered_name,
    metadata,
    quiet,
    write_source,
)

if TYPE_CHECKING:
    from zoo.module import VitalsModule

# format: file suffix, and precisions of the network
FORMATS: dict[str, tuple[str, tuple[str, ...]]] = {
    "onnx": (".onnx", ("fp32", "fp16", "int8")),
    "openvino": (".xml", ("fp32", "fp16", "bf16", "int8")),
    "torchscript": (".pt", ("fp32",)),
    "tensorrt": (".engine", ("fp32",)),
}
# what `--format all` tries: format, profile, precision
ALL = (
    *(("onnx", "modern", "fp32"), ("onnx", "nano", "fp32"), ("onnx", "modern", "fp16"), ("onnx", "modern", "int8")),
    *(("openvino", "modern", precision) for precision in ("fp32", "fp16", "bf16", "int8")),
    *(("torchscript", "modern", "fp32"), ("tensorrt", "nano", "fp32")),
)
TENSORRT_BY = 1800


@dataclass
class Settings:
    """How a model is exported.

    Args:
        profile: of ONNX: modern or nano.
        precision: of the network: fp32, fp16, bf16 or int8.
        calibrate_on, root: data set that int8 is calibrated on; simulated people if None.
        force: write a file of low precision whatever it lost.
        source: of the module, where several files are made from it.
    """

    profile: str = "modern"
    precision: str = "fp32"
    calibrate_on: str | None = None
    root: str | None = None
    force: bool = False
    source: Source | None = None


def export(module: VitalsModule, path: Path, name: str, format: str, settings: Settings) -> Report:
    """Write a model in one format, after proving that it computes what torch computes.

    Args:
        module: the model.
        path: file to write; it appears whole or not at all.
        name: what the file calls its model.
        format: of `FORMATS`.

    Raises:
        UsageError: there is no such format, or it has no such precision.
        ZooError: the model cannot be written so, or has lost too much; no file is written.
    """
    check_settings(format, settings)
    module = module.eval()
    if settings.precision != "fp32" and not list(module.network.parameters()):
        raise UsageError(f"{name} has no weights to lower: export it in fp32.")
    write: dict[str, Callable[[VitalsModule, Path, str, Settings], Report]] = {
        "onnx": _onnx, "openvino": _openvino, "torchscript": _torchscript, "tensorrt": _tensorrt,
    }  # fmt: skip
    return write[format](module, path, name, settings)


def check_settings(format: str, settings: Settings) -> None:
    """Refuse what no model can be written as.

    Raises:
        UsageError: names what there is.
    """
    if format not in FORMATS:
        raise UsageError(f"There is no format '{format}': choose from {', '.join(FORMATS)} or all.")
    if settings.precision not in FORMATS[format][1]:
        raise UsageError(
            f"{format} is written in {', '.join(FORMATS[format][1])}, not in {settings.precision}: choose one of those."
        )
    if settings.profile == "nano" and (format not in ("onnx", "tensorrt") or settings.precision != "fp32"):
        raise UsageError("Profile nano is ONNX in fp32, which TensorRT itself lowers: leave out --precision.")


def export_all(
    module: VitalsModule, folder: Path, stem: str, settings: Settings, each: Callable[[dict[str, Any]], None]
) -> list[dict[str, Any]]:
    """Write every format into a folder; a format that cannot do this model is a row saying why.

    Args:
        each: called with every row: `format`, `profile`, `precision`, and `report` or `reason`.
    """
    with tempfile.TemporaryDirectory(dir=folder, prefix=".zoo-export-") as scratch:
        # where there is none, each row says why
        with contextlib.suppress(ZooError):
            settings = replace(settings, source=write_source(module, Path(scratch)))
        rows = []
        for format, profile, precision in ALL:
            ending = "".join(f"_{part}" for part in (profile, precision) if part not in ("modern", "fp32"))
            path = folder / f"{stem}{'' if format == 'tensorrt' else ending}{FORMATS[format][0]}"
            row: dict[str, Any] = {"format": format, "profile": profile, "precision": precision}
            chosen = replace(settings, profile=profile, precision=precision)
            rows.append({**row, **_tried(module, path, stem, format, chosen)})
            each(rows[-1])
    return rows


def _tried(module: VitalsModule, path: Path, name: str, format: str, settings: Settings) -> dict[str, Any]:
    try:
        return {"report": export(module, path, name, format, settings)}
    except ZooError as reason:
        return {"reason": str(reason)}
    except Exception as reason:
        return {"reason": f"{type(reason).__name__}: {first_line(reason)[:200]}"}


def _onnx(module: VitalsModule, path: Path, name: str, settings: Settings) -> Report:
    if settings.precision == "fp32":
        return export_onnx(module, path, name, settings.profile)  # type: ignore[arg-type]
    windows = _calibration(module, settings) if settings.precision == "int8" else []
    judged = samples.judged(module.input)
    precision: Any = settings.precision
    return export_lowered(module, path, name, precision, windows, judged, settings.force, settings.source)


def _calibration(module: VitalsModule, settings: Settings) -> list[np.ndarray]:
    return samples.calibration(module.input, settings.calibrate_on, settings.root)


def _openvino(module: VitalsModule, path: Path, name: str, settings: Settings) -> Report:
    """By way of ONNX: OpenVINO computes what is quantised there in int8."""
    if (reason := ov.why_not()) is not None:
        raise DeviceError(f"{reason[0].upper()}{reason[1:]}.")
    import openvino

    with tempfile.TemporaryDirectory(dir=path.parent, prefix=f".{path.name}.") as folder:
        source = settings.source or write_source(module, Path(folder))
        graph = Path(folder) / "graph.onnx"
        if settings.precision == "int8":
            lower(source.path, graph, "int8", _calibration(module, settings))
        else:
            without_taps(source.path, graph)
        model = ov.read_model(graph)
        facts = {"profile": "openvino", "free": source.free, "parity": None, "precision": settings.precision}
        model.set_rt_info(to_json(metadata(module, name, **facts)), [KEY])
        whole = Path(folder) / "whole.xml"
        openvino.save_model(model, str(whole), compress_to_fp16=settings.precision == "fp16")
        run = ov.OpenVinoRunner(whole).raw
        judgement, parity = _proved(module, run, name, settings)
        size = sum(file.stat().st_size for file in (whole, whole.with_suffix(".bin")))
        # the weights first: an .xml that is there is whole
        whole.with_suffix(".bin").replace(path.with_suffix(".bin"))
        whole.replace(path)
    return Report(
        path, "openvino", None, source.free, parity, size, source.notes, settings.precision, judgement
    )  # fmt: skip


def _proved(module: VitalsModule, run: Any, name: str, settings: Settings) -> tuple[Judgement | None, float | None]:
    """Parity of an fp32 file, judgement of a lower one."""
    if settings.precision == "fp32":
        return None, _parity(module, run, name)
    windows = samples.judged(module.input)
    judgement = judge(module, run, windows)
    check(judgement, lowered_name(module, name, settings.precision), settings.force)
    return judgement, None


def _parity(module: VitalsModule, run: Any, name: str) -> float:
    parity = error(Flat(module), run, module.example_input(1))
    if not parity <= LARGEST_ERROR:
        raise CheckpointError(
            f"The exported {name} differs from torch by {parity:.1e} (at most {LARGEST_ERROR:.0e}): nothing written."
        )
    return parity


def _torchscript(module: VitalsModule, path: Path, name: str, settings: Settings) -> Report:
    """A traced graph; read it with `torch.jit.load`. Its axes are those of the example."""
    example = module.example_input(1)
    frozen = Flat(copy.deepcopy(module).requires_grad_(False))

    def compute(raw: torch.Tensor) -> tuple[torch.Tensor, ...]:
        # the tracer of a module would ask for Lightning's trainer
        return frozen(raw)  # type: ignore[no-any-return]

    fast_path = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=f".{path.name}.") as folder:
        whole = Path(folder) / "whole.pt"
        try:
            with torch.no_grad(), quiet():
                graph = torch.jit.trace(compute, (example,), check_trace=False)
        except Exception as reason:
            raise CheckpointError(
                f"{type(module).__name__} cannot be traced ({first_line(reason)[:200]}): use --format onnx."
            ) from reason
        finally:
            torch.backends.mha.set_fastpath_enabled(fast_path)
        facts = to_json(metadata(module, name, profile="torchscript", free=(), parity=None))
        torch.jit.save(graph, str(whole), _extra_files={KEY: facts})
        loaded = torch.jit.load(str(whole))

        def run(raw: np.ndarray) -> list[np.ndarray]:
            with torch.inference_mode():
                return [value.numpy() for value in loaded(torch.from_numpy(raw))]

        parity = _parity(module, run, name)
        size = whole.stat().st_size
        whole.replace(path)
    return Report(path, "torchscript", None, (), parity, size, ("read it with torch.jit.load; its shape is fixed",))


def find_trtexec() -> Path | None:
    """TensorRT's own tool, on the path or where JetPack puts it."""
    found = shutil.which("trtexec")
    usual = Path("/usr/src/tensorrt/bin/trtexec")
    return Path(found) if found else usual if usual.is_file() else None


def _tensorrt(module: VitalsModule, path: Path, name: str, settings: Settings) -> Report:
    """An engine, built by trtexec from the nano profile; it runs on this device and TensorRT version alone."""
    from zoo.bench.jetson.trtexec import build_command, identify, outcome

    tool_path = find_trtexec()
    if tool_path is None:
        raise DeviceError(
            "There is no trtexec here, which builds TensorRT engines: export --profile nano, and build on the board."
        )
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=f".{path.name}.") as folder:
        source, engine = Path(folder) / "source.onnx", Path(folder) / "whole.engine"
        before = export_onnx(module, source, name, "nano")
        tool = identify(str(tool_path), _run([str(tool_path), "--help"])[0])
        said, code = _run(build_command(tool, str(source), str(engine)))
        ended = outcome(said, code, tool.spelled)
        if ended.state != "passed" or not engine.is_file():
            raise DeviceError(ended.reason or "trtexec passed and wrote no engine: install TensorRT again.")
        size = engine.stat().st_size
        engine.replace(path)
    note = f"for this device and TensorRT {tool.spelled} alone; parity is that of the ONNX file it was built from"
    return Report(path, "nano", before.opset, (), before.parity, size, (note,))


def _run(command: Sequence[str]) -> tuple[str, int]:
    try:
        done = subprocess.run(
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace",
            timeout=TENSORRT_BY, check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired as late:
        raise DeviceError(f"trtexec took longer than {TENSORRT_BY} s: build the engine by hand.") from late
    except OSError as broken:
        raise DeviceError(f"trtexec cannot be started ({broken.strerror}): install TensorRT again.") from broken
    return done.stdout, done.returncode
