"""Suites say what to measure: small YAML files that travel with the package."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal, get_args

import yaml

from zoo.errors import UnknownName, UsageError

Kind = Literal["models", "pipeline", "published"]
Table = Literal["systems", "peers"]


@dataclass(frozen=True)
class Suite:
    """What to measure and for how long.

    Args:
        kind: `models` (one window, model alone), `pipeline` (a whole clip, from file to rate), or `published` (a
            published table beside ours).
        table: published: `systems` (those that the zoo brings together) or `peers` (the field's others).
        models: shell patterns of registered models and checkpoints, or names.
        runtimes: how each is run (`zoo.bench.runtimes.RUNTIMES`).
        fallback: the runtime of a model that has no exported form for one of these; such a row fails where it is empty.
        batch: windows a call.
        batches: batch sizes that throughput is measured at.
        warmup: calls before the first that counts.
        min_runs, max_runs, seconds: a measurement ends after `seconds`, within these counts of calls.
        processes: fresh processes for each model and runtime.
        accuracy: score trained models.
        lookahead: measure how far into the future a waveform's sample looks.
        limit_s: seconds that a process may take.
        data: what accuracy is measured on: `name`, `root`, and options of its reader (`people`).
        clip: pipeline: a video; a drawn one if empty.
        clip_s: pipeline: seconds of the drawn clip.
    """

    kind: Kind = "models"
    table: Table = "systems"
    models: str | list[str] = "*"
    runtimes: list[str] = field(default_factory=lambda: ["torch"])
    fallback: str = ""
    batch: int = 1
    batches: list[int] = field(default_factory=list)
    warmup: int = 3
    min_runs: int = 20
    max_runs: int = 200
    seconds: float = 2.0
    processes: int = 1
    accuracy: bool = True
    lookahead: bool = True
    limit_s: float = 600.0
    data: dict[str, Any] = field(default_factory=lambda: {"name": "synthetic"})
    clip: str = ""
    clip_s: float = 30.0

    def __post_init__(self) -> None:
        if self.kind not in get_args(Kind):
            raise UsageError(f"There is no suite of kind '{self.kind}': choose {', '.join(get_args(Kind))}.")
        if self.table not in get_args(Table):
            raise UsageError(f"There is no published table '{self.table}': choose {', '.join(get_args(Table))}.")
        for name in ("batch", "min_runs", "max_runs", "processes"):
            if not isinstance(getattr(self, name), int) or getattr(self, name) < 1:
                raise UsageError(f"A suite's {name} is a whole number of at least 1, not {getattr(self, name)!r}.")
        for name in ("seconds", "limit_s", "clip_s"):
            if not isinstance(getattr(self, name), (int, float)) or getattr(self, name) < 0:
                raise UsageError(f"A suite's {name} is a number of at least 0, not {getattr(self, name)!r}.")
        if not isinstance(self.data, dict) or "name" not in self.data:
            raise UsageError("A suite's data is a mapping with the name of a data set.")


def suites() -> dict[str, Path]:
    """The suites that travel with the package, by name."""
    inside = Path(str(files("zoo"))) / "_shipped" / "suites"
    folder = inside if inside.is_dir() else Path(__file__).parents[2] / "benchmarks" / "suites"
    return {path.stem: path for path in sorted(folder.glob("*.yaml"))}


def load_suite(name: str) -> Suite:
    """A shipped suite by name, or a YAML file of one's own.

    Raises:
        UnknownName: no such suite; UsageError: not a suite.
    """
    path = suites().get(name, Path(name))
    if path.suffix != ".yaml" or not path.is_file():
        raise UnknownName("suite", name, suites(), "Give a shipped suite's name or a YAML file.")
    try:
        data = yaml.safe_load(path.read_text("utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise UsageError(f"The suite '{path}' is not YAML: {str(error).splitlines()[0]}.") from error
    known = [item.name for item in fields(Suite)]
    if not isinstance(data, dict) or (unknown := {str(key) for key in data} - set(known)):
        what = f"unknown keys: {', '.join(sorted(unknown))}" if isinstance(data, dict) else "not a mapping"
        raise UsageError(f"The suite '{path}' has {what}; a suite has {', '.join(known)}.")
    return Suite(**data)
