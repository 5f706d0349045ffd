"""Write a model as a file that runs without torch, after proving that it computes the same."""

from __future__ import annotations

import argparse
import json
import re
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zoo.errors import UsageError

if TYPE_CHECKING:
    from zoo.export.formats import Settings
    from zoo.export.onnx import Report
    from zoo.module import VitalsModule

FORMATS = ("onnx", "openvino", "torchscript", "tensorrt", "all")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `zoo export`."""
    add = parser.add_argument
    add("--model", required=True, metavar="NAME", help="model, checkpoint, card or .ckpt")
    add("--format", default="onnx", metavar="NAME", help=f"{', '.join(FORMATS)} (default: onnx)")
    add("--profile", default="modern", choices=["modern", "nano"], help="nano: ONNX opset 13, for TensorRT 8.2")
    add(
        "--precision",
        default="fp32",
        choices=["fp32", "fp16", "bf16", "int8"],
        help="of the network; preparation is fp32 in all (default: fp32)",
    )
    add("--calibrate-on", metavar="DATA", help="int8: data set to calibrate on (default: simulated people)")
    add("--root", metavar="PATH", help="its folder")
    add("--force", action="store_true", help="write a file of low precision whatever it lost")
    add("--out", type=Path, help="file to write (default: NAME and the format's ending here); a folder for all")
    add("--json", action="store_true", help="print the report as JSON")


def run(args: argparse.Namespace) -> int:
    """Export, print the error against torch; a failure writes no file."""
    stem = re.sub(r"[^A-Za-z0-9_.-]", "_", Path(args.model).stem if "/" in args.model else args.model)
    if args.format not in FORMATS:
        raise UsageError(f"There is no format '{args.format}': choose from {', '.join(FORMATS)}.")
    if args.root and not args.calibrate_on:
        raise UsageError("--root is the folder of a data set: name it with --calibrate-on.")
    if args.calibrate_on and args.precision != "int8" and args.format != "all":
        raise UsageError("--calibrate-on is for int8: add --precision int8.")
    path = _path(args, stem)
    if not path.parent.is_dir():
        raise UsageError(f"There is no folder '{path.parent}': make it first, or choose another --out.")

    from zoo import checkpoints
    from zoo.export.formats import Settings, check_settings, export

    settings = Settings(args.profile, args.precision, args.calibrate_on, args.root, args.force)
    if args.format != "all":
        check_settings(args.format, settings)
    module = checkpoints.load(args.model)
    if args.format == "all":
        return _all(module, path, stem, settings, args.json)
    report = export(module, path, stem, args.format, settings)
    if args.json:
        print(json.dumps(_plain(report)))
        return 0
    trained = "" if module.trained_on or not module.trainable else " (untrained: random weights)"
    opset = f", opset {report.opset}" if report.opset else ""
    print(f"{path}: {stem}{trained}, {report.precision}{opset}, {report.bytes / 1e6:.2f} MB")
    print(f"{_proof(report)}; any length of: {', '.join(report.free) or 'nothing'}")
    for note in report.notes:
        print(f"note: {note}")
    if args.format in ("onnx", "openvino"):
        print(f"try: zoo predict --model {path} clip.mp4")
    return 0


def _path(args: argparse.Namespace, stem: str) -> Path:
    if args.format == "all":
        return (args.out or Path(f"{stem}_exported")).absolute()
    suffix = {"onnx": ".onnx", "openvino": ".xml", "torchscript": ".pt", "tensorrt": ".engine"}[args.format]
    path: Path = args.out or Path(f"{stem}{suffix}")
    if path.suffix != suffix:
        raise UsageError(f"'{path}' does not end with {suffix}: name the file so.")
    return path


def _all(module: VitalsModule, folder: Path, stem: str, settings: Settings, as_json: bool) -> int:
    from zoo.commands._table import columns
    from zoo.export.formats import ALL, export_all
    from zoo.progress import bar

    folder.mkdir(exist_ok=True)
    with bar(len(ALL), f"{len(ALL)} formats") as advance:
        rows = export_all(module, folder, stem, settings, lambda row: advance(1))
    if as_json:
        print(json.dumps([{**row, **({"report": _plain(row["report"])} if "report" in row else {})} for row in rows]))
        return 0
    print(columns(["format", "profile", "precision", "MB", "beside torch"], [_cells(row) for row in rows]))
    print(f"written: {folder}")
    return 0


def _cells(row: dict[str, Any]) -> list[str]:
    named = [row["format"], row["profile"], row["precision"]]
    if "report" not in row:
        return [*named, "", f"not written: {row['reason']}"]
    return [*named, f"{row['report'].bytes / 1e6:.2f}", _proof(row["report"])]


def _proof(report: Report) -> str:
    if report.judgement is not None:
        return report.judgement.says()
    return f"largest error {report.parity:.1e}"


def _plain(report: Report) -> dict[str, Any]:
    return {**asdict(report), "path": str(report.path)}
