"""What is registered or shipped, from metadata alone: nothing is imported."""

from __future__ import annotations

import argparse
import json
from typing import Any

from zoo import registry
from zoo.checkpoints import cards, read_card
from zoo.commands._table import columns
from zoo.errors import UnknownName

KINDS = ("models", "datasets", "checkpoints")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of `zoo list`."""
    parser.add_argument("kind", nargs="?", help="models, datasets or checkpoints; all three unless given")
    parser.add_argument("pattern", nargs="?", help="part of a name, or a shell pattern (fpn*)")
    parser.add_argument("--json", action="store_true", help="print JSON and nothing else")


def run(args: argparse.Namespace) -> int:
    """Print the list.

    Raises:
        UnknownName: the only word given is neither a kind nor part of any name.
    """
    kinds, pattern = ((args.kind,), args.pattern) if args.kind in KINDS else (KINDS, args.pattern or args.kind)
    if args.kind and args.pattern and args.kind not in KINDS:
        raise UnknownName("list", args.kind, KINDS)
    listed = {kind: _rows(kind) for kind in kinds}
    names = [row["name"] for rows in listed.values() for row in rows]
    found = set(registry.matching(names, pattern))
    if pattern and not found:
        raise UnknownName("name or pattern", pattern, [*names, *KINDS], "'zoo list' shows all.")
    listed = {kind: [row for row in rows if row["name"] in found] for kind, rows in listed.items()}
    print(json.dumps(listed, indent=1) if args.json else _text(listed))
    return 0


def _rows(kind: str) -> list[dict[str, Any]]:
    if kind != "checkpoints":
        entries = registry.entries("model" if kind == "models" else "dataset")
        return [
            {"name": name, "distribution": entry.distribution, "version": entry.version, "value": entry.value}
            for name, entry in entries.items()
        ]
    rows = []
    for name, path in cards().items():
        card = read_card(path)
        rows.append({"name": name, "model": card.model, "trained_on": card.trained_on, "licence": card.licence})
    return rows


def _text(listed: dict[str, list[dict[str, Any]]]) -> str:
    blocks = []
    for kind, rows in listed.items():
        if not rows:
            if len(listed) == 1:
                blocks.append(f"no {kind} yet")
            continue
        header = [kind, *(key for key in rows[0] if key not in ("name", "value"))]
        cells = [[_cell(value) for key, value in row.items() if key != "value"] for row in rows]
        blocks.append(columns(header, cells))
    return "\n\n".join(blocks)


def _cell(value: Any) -> str:
    return ", ".join(value) if isinstance(value, list) else str(value)
