"""Collects features and errors of windows in a test run, fits the calibrator, and puts it where the model is."""

from __future__ import annotations

import json
import shlex
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import lightning as L
import numpy as np
from lightning.pytorch.callbacks import Callback

from zoo import checkpoints
from zoo.commands import _score
from zoo.commands._request import Request
from zoo.commands._train import quiet, set_up
from zoo.errors import UsageError
from zoo.metrics.protocol import Protocol, load_protocol
from zoo.metrics.stretches import stretches
from zoo.module import VitalsModule
from zoo.signals import confidence
from zoo.signals.calibrator import FEATURES, TOLERANCE, WAVE_FEATURES, Calibrator, fit

# share of a window's contact signal that must be known
KNOWN = 0.9
# seconds; a window's first half counts as a window too where it is this long, as `zoo predict` reads short clips
SHORT = 8.0


class Collector(Callback):
    """Features of each window, and whether its rate was right.

    Args:
        protocol: by which rates and truth are read.
        views: look at what the colours say as well.
    """

    def __init__(self, protocol: Protocol, views: bool) -> None:
        self.protocol, self.views = protocol, views
        self.features: list[np.ndarray] = []
        self.right: list[np.ndarray] = []
        self.person: list[str] = []

    def on_test_batch_end(self, *arguments: Any, **options: Any) -> None:
        self._look(*arguments)

    def _look(
        self, trainer: L.Trainer, module: Any, waveforms: Mapping[str, Any], batch: Mapping[str, Any], *_: Any
    ) -> None:
        wave, contact = (np.asarray(one["ppg"].cpu(), np.float64) for one in (waveforms, batch["waveforms"]))
        colours = confidence.colours_of(batch["input"].cpu(), module.input) if self.views else None
        known = np.isfinite(wave) & np.isfinite(contact)
        for rows, cut in stretches(known, np.asarray(batch["mask"].cpu()), KNOWN):
            whole = cut.stop - cut.start
            for length in (whole, whole // 2) if whole // 2 >= SHORT * module.input.fps else (whole,):
                part = slice(cut.start, cut.start + length)
                truth = self.protocol.truth(contact[rows, part], module.input.fps)
                # without a truth nothing can be learned
                kept = rows[np.isfinite(truth)]
                if len(kept):
                    seen = None if colours is None else np.asarray(colours[kept][..., part])
                    self._add(wave[kept, part], seen, truth[np.isfinite(truth)], module.input.fps)
                    self.person += [batch["person"][row] for row in kept]

    def _add(self, wave: np.ndarray, colours: np.ndarray | None, truth: np.ndarray, fps: float) -> None:
        rate = self.protocol.rate(wave, fps)
        views = None if colours is None else confidence.views_of(colours, fps)
        band = {"low": self.protocol.low, "high": self.protocol.high}
        self.features.append(confidence.features(wave, fps, views, rate=rate, **band))
        self.right.append(np.abs(rate - truth) <= TOLERANCE)


def run(request: Request, out: Path | None, refuse: float, waveform: bool, words: Sequence[str]) -> int:
    """Do what `zoo calibrate` was asked for; 1 where a recording could not be read.

    Args:
        out: file for the calibrator alone.
        refuse: share of the wrong windows that the threshold refuses.
        waveform: weigh nothing but the waveform.
        words: the command, as it was typed.

    Raises:
        ZooError: what is wrong and what to do.
    """
    with quiet():
        setup, entry, source = set_up(request)
        module = setup.model
        if "ppg" not in module.outputs:
            raise UsageError(f"{entry.name} gives no pulse waveform, by which a window's confidence is judged.")
        place = out if out is not None else _place(source or entry.name)
        collector = Collector(load_protocol(module.hparams["protocol"]), not waveform)
        setup.trainer.callbacks.append(collector)  # type: ignore[attr-defined]
        setup.trainer.test(module, datamodule=setup.datamodule, verbose=False)
    names = WAVE_FEATURES if waveform else FEATURES
    if not collector.features:
        raise UsageError(f"No window of {_score.named(setup.datamodule.sources)} has a contact signal to learn from.")
    table, right = np.concatenate(collector.features), np.concatenate(collector.right)
    found = fit(table, right, collector.person, names=names, refuse=refuse)
    sources = _score.named(setup.datamodule.sources)
    people = len(set(collector.person))
    found = replace(found, fitted_on=f"{sources}, {people} people", command=shlex.join(words))
    try:
        _keep(found, place, module)
    except OSError as error:
        raise UsageError(f"'{place}' cannot be written ({error.strerror}): give --out FILE.") from error
    if request.json:
        print(json.dumps({**found.to_dict(), "path": str(place)}, indent=1))
    else:
        print(describe(found, place))
    for item in setup.datamodule.failed:
        print(f"left out: {item.path.name}: {item.reason}", file=sys.stderr)
    return int(bool(setup.datamodule.failed))


def describe(found: Calibrator, place: Path) -> str:
    """What was learned, in a few lines."""
    share = {name: f"{100 * value:.0f} %" for name, value in found.measured.items()}
    weights = ", ".join(f"{name} {weight:.2f}" for name, weight in zip(found.features, found.weights, strict=True))
    return (
        f"{place}: confidence of {found.measured['windows']:.0f} windows ({found.fitted_on}), {share['right']} right\n"
        f"weights: {weights}\n"
        f"refused below {found.threshold:.2f}: {share['refused_of_wrong']} of the wrong windows are refused and "
        f"{share['kept_of_right']} of the right ones kept; calibration error {share['calibration_error']} "
        "(people left out in turn)"
    )


def _place(name: str) -> Path:
    """The card or .ckpt of a checkpoint that is named as `zoo.checkpoints.load` takes it."""
    path = checkpoints.cards().get(name, Path(name))
    path = path.with_suffix(".json") if path.suffix == ".safetensors" else path
    if path.suffix in (".json", ".ckpt") and path.is_file():
        return path
    raise UsageError(f"'{name}' has no card to put its confidence into: give --out FILE.")


def _keep(found: Calibrator, place: Path, module: VitalsModule) -> None:
    if place.suffix == ".ckpt":
        checkpoints.write_confidence(place, found.to_dict())
    elif place.suffix == ".json" and place.is_file() and place.with_suffix(".safetensors").is_file():
        card = checkpoints.read_card(place)
        checkpoints.write_card(replace(card, confidence=found.to_dict()), place)
    else:
        checkpoints.write_whole(place, (json.dumps(asdict(found), indent=1) + "\n").encode())
