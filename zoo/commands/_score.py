"""Score a model on a data set's split, and show and write what came out."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import lightning as L
import numpy as np
import torch.distributed
from lightning.pytorch.callbacks import Callback

from zoo import registry
from zoo.commands._table import columns
from zoo.data.module import VitalsDataModule
from zoo.metrics import statistics, tables
from zoo.metrics.cases import Cases, drawn
from zoo.metrics.groups import RATE, by_labels, group_values
from zoo.metrics.protocol import Protocol
from zoo.metrics.tables import Report
from zoo.metrics.vitals import Scored
from zoo.module import VitalsModule


class Reporter(Callback):
    """Keeps the report of a validation or test run, before the module forgets its windows.

    Args:
        title: model and data.
        data: what is tested on.
        keeps: a few good and bad windows are kept, to be drawn.
    """

    report: Report | None = None
    scored: Scored
    groups: dict[str, list[str]]
    threshold: float

    def __init__(self, title: str, data: VitalsDataModule, keeps: bool = False) -> None:
        self.title = title
        self.data = data
        self.cases = Cases() if keeps else None

    def on_test_batch_end(self, *arguments: Any, **options: Any) -> None:
        self._look(*arguments)

    def on_validation_batch_end(self, *arguments: Any, **options: Any) -> None:
        self._look(*arguments)

    def _look(self, trainer: L.Trainer, module: Any, waveforms: Any, batch: Mapping[str, Any], *_: Any) -> None:
        columns = module.metrics.columns
        if self.cases is None or "ppg" not in waveforms or "ppg" not in batch["waveforms"] or RATE not in columns:
            return
        rows = np.asarray(module.metrics.rows[-1].cpu())
        estimate, truth = (rows[:, columns.index(name)] for name in (RATE, f"{RATE}_truth"))
        self.cases.update(np.asarray(waveforms["ppg"].cpu()), estimate, truth, batch)

    def on_test_epoch_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        self._keep(pl_module, "test")

    def on_validation_epoch_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        if trainer.state.fn == "validate":
            self._keep(pl_module, "validate")

    def _keep(self, module: Any, stage: str) -> None:
        trained_on = module.trained_on
        # with its own people held out, a data set that was trained on is a fair test
        held_out = stage != "test" or self.data.holds_out(trained_on, module.divisions)
        found = tables.report(
            module.metrics,
            self.title,
            simulated=any(map(registry.is_simulated, trained_on)),
            trained_on=() if held_out else trained_on,
            tested_on=() if held_out else self.data.tested_on,
        )
        # of several processes, each holds a part
        with module.metrics.sync_context():
            _, people = module.metrics.windows()
            self.scored = module.metrics.scored()
            by_person = tuple(module.metrics.by_person())
        self.threshold = module.metrics.calibrator.threshold
        groups = self.data.groups("test" if stage == "test" else "val")
        self.groups = group_values(self.scored, groups)
        self.report = replace(
            found,
            scores={**found.scores, **_interval(self.scored)},
            people=len(set(people)),
            windows=len(people),
            groups=by_labels(self.scored, groups),
            by_person=by_person,
        )
        if self.cases is not None and torch.distributed.is_initialized():
            parts: list[Any] = [None] * torch.distributed.get_world_size()
            torch.distributed.all_gather_object(parts, self.cases.all())
            for case in (case for part in parts for case in part):
                self.cases.add(case)

    def draw(self, protocol: Protocol, fps: float, folder: Path) -> list[Path]:
        """Pictures of the heart rate in a folder; none where nothing has a truth."""
        from zoo.metrics.plots import result_pictures

        columns = self.scored.columns
        if not self.report or f"{RATE}_mae" not in self.report.scores or self.cases is None:
            return []
        return result_pictures(
            columns[RATE],
            columns[f"{RATE}_truth"],
            self.scored.people,
            folder / RATE,
            confidence=columns.get("confidence"),
            threshold=self.threshold,
            groups=self.groups,
            cases=drawn(self.cases.all(), protocol, fps),
            fps=fps,
        )


def _interval(scored: Scored) -> dict[str, float]:
    """The bootstrap interval by person of the heart rate's MAE, where there are people enough."""
    columns = scored.columns
    if RATE not in columns:
        return {}
    low, high = statistics.bootstrap(statistics.mae, columns[RATE], columns[f"{RATE}_truth"], scored.people)
    return {f"{RATE}_mae_low": low, f"{RATE}_mae_high": high} if np.isfinite(low) else {}


def score(
    trainer: L.Trainer,
    module: VitalsModule,
    data: VitalsDataModule,
    stage: str,
    title: str,
    plots: Path | None = None,
) -> Report:
    """Run one stage and report it.

    Args:
        stage: `test` or `validate`.
        title: model and data, as printed.
        plots: folder into which the result is drawn.
    """
    reporter = Reporter(title, data, plots is not None)
    callbacks: list[Callback] = trainer.callbacks  # type: ignore[attr-defined]
    callbacks.append(reporter)
    run = trainer.test if stage == "test" else trainer.validate
    run(module, datamodule=data, verbose=False)
    callbacks.remove(reporter)
    assert reporter.report is not None
    if plots is not None and trainer.is_global_zero:
        protocol = cast(Any, module.metrics).protocol
        made = reporter.draw(protocol, module.input.fps, plots)
        print(f"{len(made)} plots in {plots}" if made else "no plots: no heart rate is known", file=sys.stderr)
    return reporter.report


def publish(
    report: Report,
    data: VitalsDataModule,
    facts: Mapping[str, Any],
    csv: Path | None = None,
    stem: Path | None = None,
    as_json: bool = False,
    quiet: bool = False,
) -> None:
    """Print a report and write it.

    Args:
        data: what was left out of it goes to stderr.
        facts: what else a program reads: model, checkpoint, command.
        csv: the table's file.
        stem: results are written to `stem.csv` and `stem.json` too.
        as_json: print JSON and nothing else.
        quiet: print nothing.
    """
    if stem is not None:
        tables.write(report, stem)
    if csv is not None:
        csv.parent.mkdir(parents=True, exist_ok=True)
        tables.write_rows(tables.rows(report), csv, tables.COLUMNS)
        tables.write_groups(report, csv)
    if data.failed:
        rows = [[item.path.name, item.reason] for item in data.failed]
        print(columns(["left out", "why"], rows), file=sys.stderr)
    for note in data.notes:
        print(f"note: {note}", file=sys.stderr)
    if as_json:
        found = {**facts, **report.as_dict()}
        found["failed"] = [{"path": str(item.path), "reason": item.reason} for item in data.failed]
        print(json.dumps(tables.as_plain(found), indent=1, ensure_ascii=False))
    elif not quiet:
        tables.show(report)


def named(sources: Sequence[Any]) -> str:
    """The names of data sets, as a title says them."""
    return " + ".join(source.name for source in sources)
