"""Write a model as a file that runs without torch, after proving that it computes the same."""

from __future__ import annotations

import argparse
import json
import re
from dataclasses import asdict
from pathlib import Path

from zoo.errors import UsageError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `zoo export`."""
    parser.add_argument("--model", required=True, metavar="NAME", help="model, checkpoint, card or .ckpt")
    parser.add_argument("--format", default="onnx", choices=["onnx"], help="file format (default: onnx)")
    parser.add_argument(
        "--profile", default="modern", choices=["modern", "nano"], help="nano: true opset 13, for TensorRT 8.2"
    )
    parser.add_argument("--out", type=Path, help="file to write (default: NAME.onnx here)")
    parser.add_argument("--json", action="store_true", help="print the report as JSON")


def run(args: argparse.Namespace) -> int:
    """Export, print the error against torch; a failure writes no file."""
    stem = re.sub(r"[^A-Za-z0-9_.-]", "_", Path(args.model).stem if "/" in args.model else args.model)
    path = args.out or Path(f"{stem}.onnx")
    if path.suffix != ".onnx":
        raise UsageError(f"'{path}' does not end with .onnx: name the file so.")
    if not path.parent.is_dir():
        raise UsageError(f"There is no folder '{path.parent}': make it first, or choose another --out.")

    from zoo import checkpoints
    from zoo.export.onnx import export_onnx

    module = checkpoints.load(args.model)
    report = export_onnx(module, path, stem, args.profile)
    if args.json:
        print(json.dumps({**asdict(report), "path": str(path)}))
        return 0
    trained = "" if module.trained_on or not module.trainable else " (untrained: random weights)"
    print(f"{path}: {stem}{trained}, opset {report.opset}, {report.bytes / 1e6:.2f} MB")
    print(f"largest error against torch {report.parity:.1e}; any length of: {', '.join(report.free) or 'nothing'}")
    for note in report.notes:
        print(f"note: {note}")
    print(f"try: zoo predict --model {path} clip.mp4")
    return 0
