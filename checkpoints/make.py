"""Make a shipped checkpoint again: simulate people, train by its recipe, calibrate, test, write it into this folder.

python checkpoints/make.py fpn1d_multitask
python checkpoints/make.py fpn1d_multitask --real ubfc_rppg=PATH    # and test on real people
python checkpoints/make.py fpn1d_multitask --trained best.ckpt     # trained elsewhere by the same recipe
python checkpoints/make.py fpn1d_multitask --onnx                   # only write its ONNX file again

Videos, the prepared store and runs are kept in --work, so that the next checkpoint finds them there. A GPU is used
where there is one: weights are then those of that GPU.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
import yaml

from zoo import checkpoints
from zoo.metrics.protocol import load_protocol
from zoo.module import VitalsModule
from zoo.spec import Clip

FOLDER = Path(__file__).parent
REENCODE = FOLDER.parent.resolve() / "benchmarks" / "reencode.py"


def filmed(people: int, *words: str, crf: int = 0) -> list[str]:
    """What `zoo simulate` is told: with `crf`, people who sit still before an encoder of that quality."""
    return ["--people", str(people), *words, *(["--hard", "0.4", "--crf", str(crf)] if crf else [])]


# people that train: in readable videos, in all that can be drawn, and more in videos as hard as those of the web;
# and two kinds whom nobody was trained or chosen on, in readable videos and in all that can be drawn
SHORT = ("--seconds", "25.5", "--seed", "0", "--first-person")
PEOPLE: dict[str, list[str]] = {
    "people/clear": filmed(80, *SHORT, "0", crf=20),
    "people/drawn": filmed(80, *SHORT, "80"),
    "more/crf23": filmed(120, *SHORT, "160", crf=23),
    "more/crf27": filmed(120, *SHORT, "280", crf=27),
    "more/crf25": filmed(80, *SHORT, "400", crf=25),
    "more/crf28": filmed(80, *SHORT, "480", crf=28),
    "more2/drawn": filmed(60, *SHORT, "560"),
    "more2/clear": filmed(40, *SHORT, "620", crf=20),
    "unseen": filmed(32, "--seed", "1", crf=20),
    "unseen_hard": filmed(32, "--seed", "2"),
}
# videos of these people as they are once they have been passed on: encoded a second time, at this quality
PASSED_ON = {"twice/crf28": ("more/crf23", 28)}
UNSEEN = ("unseen", "unseen_hard")
PROTOCOLS = ("zoo", "spectral")
KEPT = ("heart_rate", "respiration_rate", "ppg", "ibi")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("name", choices=sorted(recipes()))
    parser.add_argument("--real", action="append", default=[], metavar="NAME=PATH", help="test on a real data set too")
    parser.add_argument("--trained", type=Path, metavar="FILE", help="a .ckpt or card to take instead of training")
    parser.add_argument("--onnx", action="store_true", help="keep the weights, write the ONNX file beside them again")
    parser.add_argument("--note", default="", help="what the card shall say besides of how it was made")
    parser.add_argument("--work", type=Path, default=Path("work"), help="for videos, store and runs (default: work)")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1, help="processes that simulate and load")
    args = parser.parse_args()
    if not args.onnx:
        make(args.name, args.work.resolve(), args.workers, args.trained, args.real, args.note)
    write_onnx(FOLDER / f"{args.name}.json")


def make(name: str, work: Path, workers: int, trained: Path | None, real: list[str], note: str) -> None:
    """Simulate, train, calibrate and test; weights and card are written."""
    work.mkdir(parents=True, exist_ok=True)
    simulate([*([] if trained else roots(name)), *UNSEEN], work, workers)
    module = long(checkpoints.load(trained.resolve() if trained else train(name, work, workers)))
    module.trained_on = ["synthetic"]
    origin = f"python checkpoints/make.py {name}, on simulated people only{'; ' if note else ''}{note}"
    card = checkpoints.save(module, name, FOLDER, [], origin=origin).resolve()
    # other people than those of the training, a third of them without hope; clips take longer to draw
    options = json.dumps({"people": 60 if isinstance(module.input, Clip) else 400, "hopeless": 0.33})
    zoo(
        ["calibrate", "--model", str(card), "--data", "synthetic", "--data.options", options, "--data.seed", "11"], work
    )
    results = [score(card, "folder", folder, "zoo", work) for folder in UNSEEN]
    for entry in real:
        data, _, root = entry.partition("=")
        results += [score(card, data, str(Path(root).resolve()), protocol, work) for protocol in PROTOCOLS]
    found = checkpoints.read_card(card)
    if found.confidence:  # as a reader would type it
        found.confidence["command"] = found.confidence["command"].replace(str(card), name)
    checkpoints.write_card(replace(found, results=results), card)


def recipes() -> dict[str, list[Path]]:
    """The recipes of each checkpoint, in the order of its stages: `NAME.yaml`, then `NAME.finish1.yaml` and so on."""
    found: dict[str, list[Path]] = {}
    for path in sorted((FOLDER / "recipes").resolve().glob("*.yaml"), key=lambda path: (len(path.name), path.name)):
        found.setdefault(path.name.partition(".")[0], []).append(path)
    return found


def roots(name: str) -> list[str]:
    """The folders of simulated people that the recipes of a checkpoint read."""
    data = [yaml.safe_load(path.read_text())["data"] for path in recipes()[name]]
    return [one["root"] for each in data for one in each.get("datasets", [each]) if "root" in one]


def simulate(folders: Sequence[str], work: Path, workers: int) -> None:
    """Make the people of these folders, and of those in them."""
    for folder in (*PEOPLE, *PASSED_ON):
        if not any(Path(folder).is_relative_to(root) for root in folders):
            continue
        source, crf = PASSED_ON.get(folder, (folder, None))
        zoo(["simulate", "--out", source, *PEOPLE[source], "--workers", str(workers)], work)
        if crf is not None:
            again = [str(REENCODE), source, folder, "--data", "folder", "--crf", str(crf), "--workers", str(workers)]
            run(again, work)


def long(module: VitalsModule) -> VitalsModule:
    """A clip model that takes any length, for the windows by which it is tested: no seam within one."""
    if not isinstance(module.input, Clip):
        return module
    window = load_protocol("zoo").window
    assert window is not None
    frames = round(window * module.input.fps)
    found = type(module)(**{**module.hparams, "frames": frames})
    checkpoints.take_over(found, module, "the shorter windows")
    return found.eval()


def train(name: str, work: Path, workers: int) -> Path:
    """Train by the recipes, each from where the one before it ended; the mean of the last stages, if there are some."""
    ends: list[Path] = []
    for recipe in recipes()[name]:
        start = ["--model", str(ends[-1])] if ends else []
        words = ["fit", *start, "--config", str(recipe), "--data.workers", str(workers), "--json"]
        # of its learning rate's last descent, not its best by few people
        ends.append((work / json.loads(zoo(words, work))["checkpoint"]).with_name("last.ckpt"))
    return mean_of(ends[1:], work / f"{name}.ckpt") if len(ends) > 1 else ends[0]


def mean_of(ends: Sequence[Path], path: Path) -> Path:
    """The mean of several weights of one descent, a "soup" (Wortsman et al. 2022, arXiv:2203.05482), as a .ckpt."""
    states = [torch.load(one, map_location="cpu", weights_only=True) for one in ends]
    found = states[-1]
    for key, value in found["state_dict"].items():
        if value.is_floating_point():
            found["state_dict"][key] = torch.stack([state["state_dict"][key] for state in states]).mean(0)
    torch.save(found, path)
    return path


def write_onnx(card_path: Path) -> None:
    """Export a checkpoint beside its card, so that it is served without torch, and note the file in the card."""
    from zoo.export.onnx import export_onnx

    path = card_path.with_suffix(".onnx")
    report = export_onnx(checkpoints.load_card(card_path), path, card_path.stem)
    sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
    checkpoints.write_card(replace(checkpoints.read_card(card_path), onnx_sha256=sha256), card_path)
    print(f"{path}: {report.bytes / 1e6:.2f} MB, largest error against torch {report.parity:.1e}")


def score(card: Path, data: str, root: str, protocol: str, work: Path) -> dict[str, Any]:
    """One test run as a card keeps it: the command that a reader would type, and its figures."""
    simulated = root in UNSEEN
    # simulated people trained, but not these
    rest = ["--protocol", protocol, *(["--data.test_people", "all"] if simulated else [])]
    report = json.loads(zoo(["test", "--model", str(card), "--data", data, "--data.root", root, *rest, "--json"], work))
    shown = f"zoo test --model {card.stem} --data {data} --data.root {root if simulated else 'PATH'} {' '.join(rest)}"
    metrics = {key: round(value, 4) for key, value in report["scores"].items() if value is not None}
    if not simulated:
        # the biomarkers were learned on simulated people: no figure of theirs on real ones may look like evidence
        metrics = {key: value for key, value in metrics.items() if key.startswith(KEPT)}
    made = {"people": f"zoo simulate --out {root} {' '.join(PEOPLE[root])}"} if simulated else {}
    return {"command": shown, **made, "data": data, "protocol": report["protocol"], "metrics": metrics}


def zoo(words: list[str], folder: Path) -> str:
    """Run the command line in a folder; what it printed."""
    return run(["-m", "zoo", *words], folder)


def run(words: list[str], folder: Path) -> str:
    """Run Python in a folder; what it printed."""
    command = [sys.executable, *words]
    return subprocess.run(command, cwd=folder, stdout=subprocess.PIPE, text=True, check=True).stdout


if __name__ == "__main__":
    main()
