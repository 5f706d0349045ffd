"""Score a model on a data set's split, and show and write what came out."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import lightning as L
from lightning.pytorch.callbacks import Callback

from zoo import registry
from zoo.commands._table import columns
from zoo.data.module import VitalsDataModule
from zoo.metrics import tables
from zoo.metrics.tables import Report
from zoo.module import VitalsModule


class Reporter(Callback):
    """Keeps the report of a validation or test run, before the module forgets its windows.

    Args:
        title: model and data.
        data: what is tested on.
    """

    report: Report | None = None

    def __init__(self, title: str, data: VitalsDataModule) -> None:
        self.title = title
        self.data = data

    def on_test_epoch_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        self._keep(pl_module, "test")

    def on_validation_epoch_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        if trainer.state.fn == "validate":
            self._keep(pl_module, "validate")

    def _keep(self, module: Any, stage: str) -> None:
        trained_on = module.trained_on
        # with its own people held out, a data set that was trained on is a fair test
        held_out = stage != "test" or self.data.test_people != "all"
        found = tables.report(
            module.metrics,
            self.title,
            simulated=bool(trained_on) and all(map(simulates, trained_on)),
            trained_on=() if held_out else trained_on,
            tested_on=[source.name for source in self.data.sources if source.use != "train"],
        )
        # of several processes, each holds a part
        with module.metrics.sync_context():
            _, people = module.metrics.windows()
        self.report = replace(found, people=len(set(people)), windows=len(people))


def simulates(dataset: str) -> bool:
    """Whether a data set's people are simulated; one that is not registered here is taken for real."""
    return dataset in registry.entries("dataset") and hasattr(registry.dataset(dataset), "windows")


def score(trainer: L.Trainer, module: VitalsModule, data: VitalsDataModule, stage: str, title: str) -> Report:
    """Run one stage and report it.

    Args:
        stage: `test` or `validate`.
        title: model and data, as printed.
    """
    reporter = Reporter(title, data)
    callbacks: list[Callback] = trainer.callbacks  # type: ignore[attr-defined]
    callbacks.append(reporter)
    run = trainer.test if stage == "test" else trainer.validate
    run(module, datamodule=data, verbose=False)
    callbacks.remove(reporter)
    assert reporter.report is not None
    return reporter.report


def publish(
    report: Report,
    data: VitalsDataModule,
    facts: Mapping[str, Any],
    csv: Path | None = None,
    stem: Path | None = None,
    as_json: bool = False,
) -> None:
    """Print a report and write it.

    Args:
        data: what was left out of it goes to stderr.
        facts: what else a program reads: model, checkpoint, command.
        csv: the table's file.
        stem: results are written to `stem.csv` and `stem.json` too.
        as_json: print JSON and nothing else.
    """
    if stem is not None:
        tables.write(report, stem)
    if csv is not None:
        csv.parent.mkdir(parents=True, exist_ok=True)
        tables.write_rows(tables.rows(report), csv, tables.COLUMNS)
    if data.failed:
        rows = [[item.path.name, item.reason] for item in data.failed]
        print(columns(["left out", "why"], rows), file=sys.stderr)
    for note in data.notes:
        print(f"note: {note}", file=sys.stderr)
    if as_json:
        found = {**facts, **asdict(report), "rows": tables.rows(report)}
        found["failed"] = [{"path": str(item.path), "reason": item.reason} for item in data.failed]
        print(json.dumps(tables.as_plain(found), indent=1, ensure_ascii=False))
    else:
        tables.show(report)


def named(sources: Sequence[Any]) -> str:
    """The names of data sets, as a title says them."""
    return " + ".join(source.name for source in sources)
