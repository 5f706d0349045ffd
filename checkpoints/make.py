"""Make a shipped checkpoint again: train by the model's recipe, calibrate, test, write weights and card here.

python checkpoints/make.py fpn1d_multitask
python checkpoints/make.py fpn1d_multitask --real ubfc_rppg=PATH    # and test on real people
python checkpoints/make.py fpn1d_multitask --onnx                   # only write its ONNX file again
"""

from __future__ import annotations

import argparse
import hashlib
import json
import shlex
import subprocess
import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

from zoo import checkpoints

FOLDER = Path(__file__).parent
PROTOCOLS = ("zoo", "spectral")
KEPT = ("heart_rate", "respiration_rate", "ppg", "ibi")
# what a confidence is learned from: other people than those of the training, a third of them without hope
CALIBRATION = """--data synthetic --data.options '{"people": 400, "hopeless": 0.33}' --data.seed 11"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model")
    parser.add_argument("--real", action="append", default=[], metavar="NAME=PATH", help="test on a real data set too")
    parser.add_argument("--onnx", action="store_true", help="keep the weights, write the ONNX file beside them again")
    parser.add_argument("--calibrate", default=CALIBRATION, metavar="WORDS", help="what zoo calibrate learns from")
    args = parser.parse_args()
    if not args.onnx:
        train(args)
    write_onnx(FOLDER / f"{args.model}.json")


def train(args: argparse.Namespace) -> None:
    """Train by the recipe and test; writes weights and card."""
    with tempfile.TemporaryDirectory() as folder:
        zoo(["fit", "--model", args.model], folder)
        (best,) = Path(folder).glob("runs/*/*/checkpoints/best.ckpt")
        zoo(["calibrate", "--model", str(best), *shlex.split(args.calibrate)], folder)
        results = [score(best, args.model, "synthetic", None, "zoo")]
        for real in args.real:
            name, _, root = real.partition("=")
            results += [score(best, args.model, name, Path(root).resolve(), protocol) for protocol in PROTOCOLS]
        module = checkpoints.load_ckpt(best)
        origin = f"python checkpoints/make.py {args.model}: zoo fit --model {args.model} on simulated people only"
        print(checkpoints.save(module, args.model, FOLDER, results, origin=origin))


def write_onnx(card_path: Path) -> None:
    """Export a checkpoint beside its card, so that it is served without torch, and note the file in the card."""
    from zoo.export.onnx import export_onnx

    path = card_path.with_suffix(".onnx")
    report = export_onnx(checkpoints.load_card(card_path), path, card_path.stem)
    sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
    checkpoints.write_card(replace(checkpoints.read_card(card_path), onnx_sha256=sha256), card_path)
    print(f"{path}: {report.bytes / 1e6:.2f} MB, largest error against torch {report.parity:.1e}")


def score(checkpoint: Path, model: str, data: str, root: Path | None, protocol: str) -> dict[str, Any]:
    """One test run as a card keeps it: the command that a reader would type, and its figures."""
    words = ["test", "--model", str(checkpoint), "--data", data, "--protocol", protocol]
    words += ["--data.root", str(root)] if root else []
    report = json.loads(zoo([*words, "--json"], checkpoint.parent))
    shown = " ".join(["zoo test --model", model, *words[3:7], *(["--data.root PATH"] if root else [])])
    metrics = {key: round(value, 4) for key, value in report["scores"].items() if value is not None}
    if data != "synthetic":
        # the biomarkers were learned on simulated people: no figure of theirs on real ones may look like evidence
        metrics = {key: value for key, value in metrics.items() if key.startswith(KEPT)}
    return {"command": shown, "data": data, "protocol": report["protocol"], "metrics": metrics}


def zoo(words: list[str], folder: str | Path) -> str:
    """Run the command line in a folder; what it printed."""
    command = [sys.executable, "-m", "zoo", *words]
    return subprocess.run(command, cwd=folder, stdout=subprocess.PIPE, text=True, check=True).stdout


if __name__ == "__main__":
    main()
