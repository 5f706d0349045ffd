"""Suites say what to measure: small YAML files that travel with the package."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from importlib.resources import files
from pathlib import Path
from typing import Any

import yaml

from zoo.errors import UnknownName, UsageError


@dataclass(frozen=True)
class Suite:
    """What to measure and for how long.

    Args:
        models: shell patterns of registered models and checkpoints, or names.
        runtimes: how each is run.
        batch: windows a call.
        warmup: calls before the first that counts.
        min_runs, max_runs, seconds: a measurement ends after `seconds`, within these counts of calls.
        processes: fresh processes for each model.
        data: what accuracy is measured on: `name`, `root`, and options of its reader (`people`).
    """

    models: str | list[str] = "*"
    runtimes: list[str] = field(default_factory=lambda: ["torch"])
    batch: int = 1
    warmup: int = 3
    min_runs: int = 20
    max_runs: int = 200
    seconds: float = 2.0
    processes: int = 1
    data: dict[str, Any] = field(default_factory=lambda: {"name": "synthetic"})


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
    if not isinstance(data, dict) or (unknown := set(data) - set(known)):
        what = f"unknown keys: {', '.join(sorted(unknown))}" if isinstance(data, dict) else "not a mapping"
        raise UsageError(f"The suite '{path}' has {what}; a suite has {', '.join(known)}.")
    return Suite(**data)
