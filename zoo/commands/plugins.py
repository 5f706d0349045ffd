"""Third-party models and data sets that are installed here, from metadata; `--check` loads each, one at a time."""

from __future__ import annotations

import argparse
import json
from typing import Any

from zoo import registry
from zoo.commands._table import columns


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of `zoo plugins`."""
    parser.add_argument("--check", action="store_true", help="load each in a process of its own and say how it went")
    parser.add_argument("--all", action="store_true", help="the built-ins too, which come through the same door")
    parser.add_argument("--json", action="store_true", help="print JSON and nothing else")


def run(args: argparse.Namespace) -> int:
    """Print the plugins; 1 where a checked one does not load."""
    rows = [_row(entry) for kind in registry.GROUPS for entry in registry.entries(kind).values()]
    rows = [row for row in rows if args.all or row["distribution"] != registry.BUILT_IN]
    if args.check:
        rows = _checked(rows)
    print(json.dumps(rows, indent=1) if args.json else _text(rows, args.check))
    return int(any(row.get("state", "works") != "works" for row in rows))


def _checked(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    import os
    from concurrent.futures import ThreadPoolExecutor

    from zoo.commands._probe import probe

    with ThreadPoolExecutor(min(4, os.cpu_count() or 1)) as pool:
        found = pool.map(lambda row: probe(row["kind"], row["name"]), rows)
        return [{**row, **outcome} for row, outcome in zip(rows, found, strict=True)]


def _row(entry: registry.Entry) -> dict[str, Any]:
    keys = ("kind", "name", "distribution", "version", "value")
    return {key: getattr(entry, key) for key in keys}


def _text(rows: list[dict[str, Any]], checked: bool) -> str:
    if not rows:
        return "No plugins are installed; a package becomes one by the entry points zoo.models and zoo.datasets."
    header = ["name", "kind", "distribution", "version", *(["api", "state"] if checked else ["value"])]
    lines = [columns(header, [[_cell(row[key]) for key in header] for row in rows])]
    lines += [f"\n{row['name']}: {row['reason']}" for row in rows if row.get("reason")]
    return "\n".join(lines)


def _cell(value: Any) -> str:
    return "none" if value is None else str(value)
