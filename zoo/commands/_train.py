"""Runs a checked `fit`, `validate` or `test` request with Lightning."""

from __future__ import annotations

import json
import logging
import sys
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from lightning.pytorch.utilities.exceptions import MisconfigurationException

from zoo import checkpoints, registry
from zoo.cli import INTERRUPTED
from zoo.commands import _cross_validate, _run, _score
from zoo.commands._configuration import Configuration
from zoo.commands._request import Request, import_path
from zoo.errors import CheckpointError, UsageError, few
from zoo.module import VitalsModule
from zoo.training.distillation import distil

# what Lightning says that no user can act on
UNHELPFUL = (
    ".*does not have many workers.*",
    ".*Experiment logs directory.*",
    ".*Checkpoint directory.*exists and is not empty.*",
    ".*number of training batches.*smaller than the logging interval.*",
    ".*LightningCLI's args parameter.*",
    ".*dirpath has changed.*",
    ".*isinstance.treespec, LeafSpec.*",
    ".*`trainer.test.ckpt_path=None.`.*",
    ".*You're resuming from a checkpoint that ended before the epoch ended.*",
    # scores are of all processes, and count each window once
    ".*It is recommended to use `self.log.*sync_dist=True.*",
    ".*Using `DistributedSampler` with the dataloaders.*",
)


def run(request: Request) -> int:
    """Do what the request asks for.

    Raises:
        ZooError: what is wrong and what to do.
    """
    with quiet():
        return fit(request) if request.command == "fit" else evaluate(request)


@contextmanager
def quiet() -> Iterator[None]:
    """Lightning without what no user can act on, and its complaints about settings as ours."""
    for message in UNHELPFUL:
        warnings.filterwarnings("ignore", message)
    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
    logging.getLogger("lightning.fabric").setLevel(logging.ERROR)
    try:
        yield
    except MisconfigurationException as error:
        raise UsageError(" ".join(str(error).split())) from error


def fit(request: Request) -> int:
    """Train, then test the best checkpoint; with `cv`, of each fold."""
    if request.cv is None:
        return _fit(request)
    if request.plots is not None:
        raise UsageError("--cv draws nothing: leave --plots away.")
    folder = None
    if request.model is not None and request.ckpt_path is not None:
        folder = _cross_validate.newest(_root(request), request.model, request.cv, request.ckpt_path)
    if folder is not None and not request.configured:
        request = replace(request, arguments=[f"--config={folder.config}", *request.arguments], configured=True)
    start, _, arguments = _begin(replace(request, ckpt_path=None))
    entry = request.model
    plan = Configuration("fit", [*arguments, *request.arguments], partial(_evaluation_options, _root(request)))
    assert entry is not None
    trained_on = set(plan.datamodule.trained_on)
    if start is not None and (seen := set(start.trained_on) & trained_on):
        raise UsageError(
            f"{request.weights} was trained on {', '.join(sorted(seen))}: its people would be tested. Cross-validate "
            f"from fresh weights with --model {entry.name}."
        )
    if plan.distillation is not None and plan.distillation.teacher:
        teacher = checkpoints.load(plan.distillation.teacher)
        if seen := set(teacher.trained_on) & trained_on:
            raise UsageError(
                f"The teacher was trained on {', '.join(sorted(seen))}: it would teach what it knows of the people who "
                "are tested. Cross-validate with a teacher of other people."
            )
    return _cross_validate.run(request, plan, entry, _root(request), _fit)


def _fit(request: Request, into: _run.Folder | None = None) -> int:
    """Train and test once.

    Args:
        into: the folder to write to, where it is not to be a new one.
    """
    start, resume, arguments = _begin(request)
    entry = request.model
    if entry is not None:
        # a run goes on where it is; from its best state another one starts
        earlier = _run.folder_of(resume) if resume is not None else None
        goes_on = earlier is not None and resume == earlier.last
        folder = into or (earlier if earlier is not None and goes_on else _run.new_folder(_root(request), entry))
        options = partial(_run.training_options, folder, _run.steps_of(folder.last) if goes_on else 0)
    else:
        options = partial(_evaluation_options, _root(request))

    setup = Configuration("fit", [*arguments, *request.arguments], options)
    assert entry is not None
    if start is not None and (new := checkpoints.take_over(setup.model, start, str(request.weights))):
        _tell(f"note: {request.weights} has no {few(new, 3)}: training begins there with random weights.", request)
    if setup.distillation is not None:
        distil(setup.model, setup.distillation)
    if setup.trainer.is_global_zero and not setup.trainer.fast_dev_run:  # type: ignore[attr-defined]
        folder.path.mkdir(parents=True, exist_ok=True)
        checkpoints.write_whole(folder.config, setup.text().encode())
    try:
        setup.trainer.fit(setup.model, datamodule=setup.datamodule, ckpt_path=resume, weights_only=True)
    except SystemExit:
        # Lightning turns Ctrl-C and SIGTERM into an exit, after its callbacks have saved
        return INTERRUPTED if request.quiet else _interrupted(folder, entry)
    return _after(request, setup, _run.agreed(folder, setup.trainer), entry, resume)


def _begin(request: Request) -> tuple[VitalsModule | None, Path | None, list[str]]:
    """What a run starts from: weights, the state to go on from, and the settings before those of the command line.

    `request.model` is set where a checkpoint was named instead.
    """
    arguments: list[str] = []
    start = resume = None
    if request.weights is not None:
        start = checkpoints.load(request.weights)
        request.model = registry.find("model", checkpoints.registered_name(start))
        arguments += _settings_of(start, request.model)
    entry = request.model
    if entry is None:
        return start, resume, arguments
    if not registry.model_class(entry.name).trainable:
        raise UsageError(
            f"{entry.name} is a classical method: there is nothing to train. Measure it with "
            f"'zoo test --model {entry.name} --data synthetic'."
        )
    recipe = registry.recipe(entry.name)
    if request.ckpt_path == "auto":
        resume = _run.unfinished(_root(request), entry)
    elif request.ckpt_path is not None:
        resume = _checkpoint(request, entry, ("last", "best"))
    if resume is not None:
        resumed = checkpoints.load_ckpt(resume)
        _check_same(resumed, entry, resume)
        arguments += _settings_of(resumed, entry)
        earlier = _run.folder_of(resume)
        recipe = earlier.config if earlier is not None else recipe
    if recipe is not None and not request.configured:
        arguments = [f"--config={recipe}", *arguments]
    return start, resume, arguments


def _after(request: Request, setup: Configuration, folder: _run.Folder, entry: registry.Entry, resume: Any) -> int:
    best = _run.best_of(folder, setup.trainer, resume)
    if best is not None and best.resolve() == folder.best.resolve():
        best = folder.best
    model = setup.model if best is None else checkpoints.load_ckpt(best)
    title = f"{entry.name} on {_score.named(setup.datamodule.sources)} (test)"
    report = _score.score(setup.trainer, model, setup.datamodule, "test", title, request.plots)
    if not setup.trainer.is_global_zero:
        return 0
    kept = not setup.trainer.fast_dev_run  # type: ignore[attr-defined]
    facts = {"model": entry.name, "checkpoint": str(best) if best else None, "run": str(folder.path) if kept else None}
    stem = folder.path / _run.RESULTS if kept else None
    _score.publish(report, setup.datamodule, facts, request.csv, stem, request.json, request.quiet)
    if kept and not request.quiet and best is not None:
        _tell(
            f"\ncheckpoint:   {best}\nmetrics:      {folder.path / 'metrics.csv'}\n"
            f"results:      {folder.path / 'test.json'}\n"
            f"TensorBoard:  tensorboard --logdir {folder.path.parent}\n"
            f"next:         zoo predict --model {best} clip.mp4",
            request,
        )
    return 0


def evaluate(request: Request) -> int:
    """Test or validate a model, a checkpoint or a classical method."""
    stage = request.command
    setup, entry, source = set_up(request)
    if setup.model.trainable and not setup.model.trained_on:
        _tell(f"note: {entry.name} has no trained weights here, so this is what its random first ones give.", request)
    title = f"{source or entry.name} on {_score.named(setup.datamodule.sources)} ({stage})"
    report = _score.score(setup.trainer, setup.model, setup.datamodule, stage, title, request.plots)
    if setup.trainer.is_global_zero:
        facts = {"model": entry.name, "checkpoint": source}
        _score.publish(report, setup.datamodule, facts, request.csv, None, request.json)
    return int(bool(setup.datamodule.failed))


def set_up(request: Request) -> tuple[Configuration, registry.Entry, str | None]:
    """Model, data and trainer of a request that trains nothing; the model's entry; and its checkpoint, if it has one.

    Raises:
        ZooError: what is wrong and what to do.
    """
    stage, entry, weights = request.command, request.model, None
    arguments: list[str] = []
    source = request.weights
    if request.ckpt_path is not None:
        if entry is None and request.weights is None:
            raise UsageError(f"Say which model: 'zoo {stage} --model NAME --ckpt_path {request.ckpt_path}'.")
        source = str(_checkpoint(request, entry, ("last", "best"))) if entry is not None else request.ckpt_path
    if source is not None or entry is not None:
        name = source or entry.name  # type: ignore[union-attr]
        weights = checkpoints.load(name)
        found = registry.find("model", checkpoints.registered_name(weights))
        if entry is not None and found.value != entry.value:
            raise CheckpointError(
                f"'{name}' is a checkpoint of {found.name}, not of {entry.name}: give --model {found.name}."
            )
        entry = found
        arguments = _settings_of(weights, entry)
    setup = Configuration(stage, [*arguments, *request.arguments], partial(_evaluation_options, _root(request)))
    assert entry is not None and weights is not None
    if new := checkpoints.take_over(setup.model, weights, str(source or entry.name)):
        raise UsageError(
            f"'{source or entry.name}' has no {few(new, 3)}: leave those --model settings away that add to the network."
        )
    return setup, entry, source


def _evaluation_options(
    root: Path, model: VitalsModule, configured: Mapping[str, Any], training: _run.Training
) -> dict[str, Any]:
    callbacks = _run.as_list(configured.get("callbacks"))
    logger = False if configured.get("logger") is None else configured["logger"]
    options = _run.progress_options(callbacks, configured)
    return {"default_root_dir": str(root), "logger": logger, "enable_checkpointing": False, **options}


def _settings_of(model: VitalsModule, entry: registry.Entry) -> list[str]:
    """A model's hyper-parameters as an argument."""
    settings = {"class_path": import_path(entry), "init_args": dict(model.hparams)}
    return [f"--model={json.dumps(settings)}"]


def _checkpoint(request: Request, entry: registry.Entry, names: tuple[str, ...]) -> Path:
    given = str(request.ckpt_path)
    if given in names:
        return _run.newest(_root(request), entry, given)
    path = Path(given)
    if not path.is_file():
        raise CheckpointError(f"There is no checkpoint '{given}': give a .ckpt file, or {' or '.join(names)}.")
    return path


def _check_same(found: VitalsModule, entry: registry.Entry, path: Path) -> None:
    name = checkpoints.registered_name(found)
    if registry.find("model", name).value != entry.value:
        raise CheckpointError(f"'{path}' is a checkpoint of {name}, not of {entry.name}: give --model {name}.")


def _root(request: Request) -> Path:
    """`trainer.default_root_dir` as the command line says it."""
    for argument in reversed(request.arguments):
        if argument.startswith("--trainer.default_root_dir="):
            return Path(argument.partition("=")[2])
    return Path("runs")


def _interrupted(folder: _run.Folder, entry: registry.Entry) -> int:
    if folder.last.is_file():
        root = folder.path.parents[1]
        where = "" if root == Path("runs") else f" --trainer.default_root_dir {root}"
        again = f"zoo fit --model {entry.name} --ckpt_path last{where}"
        says = f"the last state is in {folder.last}; go on from it with '{again}'."
    else:
        says = "nothing was trained yet, so nothing is kept."
    print(f"\nzoo: interrupted; {says}", file=sys.stderr)
    return INTERRUPTED


def _tell(text: str, request: Request) -> None:
    print(text, file=sys.stderr if request.json else sys.stdout)
