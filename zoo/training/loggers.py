"""Loggers by name. The zoo's own record, `metrics.csv`, is always among them."""

from __future__ import annotations

import csv
import importlib.util
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from lightning.pytorch.loggers import CSVLogger, Logger, TensorBoardLogger

from zoo.errors import UnknownName, UsageError

PROJECT = "rppg-zoo"
DEFAULT = ("csv", "tensorboard")
METRICS = "metrics.csv"


def loggers(names: Sequence[str], folder: Path, root: Path, done: int = 0) -> list[Logger]:
    """The loggers of a run.

    Args:
        names: of `KINDS`; `csv` comes by itself.
        folder: of the run, `root/<model>/<time>`.
        root: of all runs, where MLflow keeps its database.
        done: steps that a run goes on from; what was logged of later ones is dropped.

    Raises:
        UnknownName: no such logger; UsageError: its package is not installed.
    """
    for name in names:
        if name not in KINDS:
            raise UnknownName("logger", name, KINDS, f"There are {', '.join(KINDS)}.")
        if name in PACKAGES and importlib.util.find_spec(PACKAGES[name]) is None:
            raise UsageError(f"The logger {name} needs a package that is not installed: pip install {PACKAGES[name]}.")
    return [KINDS[name](folder, root, done) for name in dict.fromkeys(["csv", *names])]


class Metrics(CSVLogger):
    """`metrics.csv`, gone on with where a run goes on.

    Args:
        folder: in which it is.
        done: rows of this step and later ones are dropped.
    """

    def __init__(self, folder: Path, done: int) -> None:
        super().__init__(folder, name="", version="")
        self._rows = _rows_before(folder / METRICS, done)

    @property
    def experiment(self) -> Any:
        writer, rows = super().experiment, self._rows
        # only the first process has a writer that writes
        if rows and isinstance(writer.metrics, list):
            # a new one has thrown the file away: what is kept of it comes first
            self._rows = []
            writer.metrics = [*rows, *writer.metrics]
            writer.save()
        return writer


def _rows_before(path: Path, step: int) -> list[dict[str, Any]]:
    if not path.is_file():
        return []
    with path.open(newline="", encoding="utf-8") as file:
        return [row for row in csv.DictReader(file) if (row.get("step") or "").isdigit() and int(row["step"]) < step]


def _tensorboard(folder: Path, root: Path, done: int) -> Logger:
    purge: dict[str, Any] = {"purge_step": done} if done else {}
    return TensorBoardLogger(folder, name="", version="tensorboard", **purge)


def _mlflow(folder: Path, root: Path, done: int) -> Logger:
    from lightning.pytorch.loggers import MLFlowLogger

    root = root.resolve()
    root.mkdir(parents=True, exist_ok=True)
    # its store of plain files is no longer kept up
    return MLFlowLogger(
        experiment_name=folder.parent.name,
        run_name=folder.name,
        tracking_uri=f"sqlite:///{root / 'mlflow.db'}",
        artifact_location=(root / "mlflow").as_uri(),
    )


def _wandb(folder: Path, root: Path, done: int) -> Logger:
    from lightning.pytorch.loggers import WandbLogger

    folder.mkdir(parents=True, exist_ok=True)
    # one run of the same name, wherever it goes on from
    name = f"{folder.parent.name}-{folder.name}"
    return WandbLogger(project=PROJECT, name=name, id=name, save_dir=folder, resume="allow")


KINDS: dict[str, Callable[[Path, Path, int], Logger]] = {
    "csv": lambda folder, root, done: Metrics(folder, done),
    "tensorboard": _tensorboard,
    "mlflow": _mlflow,
    "wandb": _wandb,
}
PACKAGES = {"mlflow": "mlflow", "wandb": "wandb"}
