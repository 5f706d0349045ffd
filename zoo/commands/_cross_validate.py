"""`zoo fit --cv`: a run a fold below one folder, of which finished ones are kept, and a summary."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from zoo import registry
from zoo.checkpoints import write_whole
from zoo.commands import _run, _score
from zoo.commands._configuration import Configuration
from zoo.commands._request import Request
from zoo.errors import CheckpointError, UsageError
from zoo.training import cross_validation

SUMMARY = "cv"
RunFold = Callable[[Request, _run.Folder], int]


def run(request: Request, plan: Configuration, entry: registry.Entry, root: Path, run_fold: RunFold) -> int:
    """Train and test each fold, then sum up.

    Args:
        request: as checked, with its settings; `cv` says how many folds.
        plan: its configuration, of which nothing runs.
        root: of all runs.
        run_fold: trains and tests one fold in a folder.
    """
    if int(os.environ.get("WORLD_SIZE", "1")) > 1 and "TORCHELASTIC_RUN_ID" in os.environ:
        raise UsageError("--cv starts its own processes: run it without torchrun, with '--trainer.devices 2', say.")
    folder = newest(root, entry, str(request.cv), request.ckpt_path)
    if folder is None:
        folder = _run.new_folder(root, entry, f"_cv_{request.cv}")
    if plan.trainer.is_global_zero and not folder.config.is_file():
        folder.path.mkdir(parents=True, exist_ok=True)
        write_whole(folder.config, plan.text().encode())
    stems = []
    turns = cross_validation.turns(str(request.cv), plan.datamodule)
    for number, turn in enumerate(turns, 1):
        fold = _run.Folder(folder.path / turn.name)
        stems.append(fold.path / _run.RESULTS)
        if fold.finished:
            _say(f"{turn.name}: kept, it is finished", plan)
            continue
        _say(f"{turn.name}: {number} of {len(turns)}", plan)
        settings = [f"--data.{name}={value}" for name, value in turn.data.items()]
        arguments = [*request.arguments, *settings]
        resume = str(fold.last) if fold.last.is_file() else None
        code = run_fold(
            replace(request, arguments=arguments, ckpt_path=resume, cv=None, csv=None, json=False, quiet=True), fold
        )
        if code:
            again = f"zoo fit --model {entry.name} --cv {request.cv} --ckpt_path auto"
            where = "" if root == Path("runs") else f" --trainer.default_root_dir {root}"
            _say(f"\nzoo: interrupted in {turn.name}; go on with '{again}{where}'.", plan)
            return code
    if not plan.trainer.is_global_zero:
        return 0
    by = "published folds" if request.cv == cross_validation.PUBLISHED else "folds by person"
    title = f"{entry.name} on {_score.named(plan.datamodule.sources)}, {len(turns)} {by}"
    summary = cross_validation.summarise(title, stems)
    cross_validation.write(summary, folder.path / SUMMARY)
    if request.csv is not None:
        cross_validation.write_csv(summary, request.csv)
    if request.json:
        print(json.dumps({"model": entry.name, "run": str(folder.path), **cross_validation.as_dict(summary)}, indent=1))
    else:
        cross_validation.show(summary)
        print(f"\nresults:      {folder.path / SUMMARY}.csv and .json; each fold's in its own folder there")
    return 0


def newest(root: Path, entry: registry.Entry, kind: str, given: str | None) -> _run.Folder | None:
    """The cross-validation to go on with; None to start one.

    Raises:
        CheckpointError: `last` was asked for and there is none; UsageError: another checkpoint was given.
    """
    if given is None:
        return None
    if given not in ("last", "auto"):
        raise UsageError(
            "with --cv, --ckpt_path is last or auto: a fold that has begun goes on from its own last state."
        )
    found = sorted(_run.runs(root, entry).glob(f"*_cv_{kind}/config.yaml"), key=lambda path: path.stat().st_mtime)
    if given == "auto":
        found = [path for path in found if not (path.parent / f"{SUMMARY}.json").is_file()]
    elif not found:
        raise CheckpointError(f"There is no cross-validation of {entry.name} below '{root}': leave --ckpt_path away.")
    return _run.Folder(found[-1].parent) if found else None


def _say(text: str, plan: Configuration) -> None:
    if plan.trainer.is_global_zero:
        print(text, file=sys.stderr, flush=True)
