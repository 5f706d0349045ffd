"""zoo import: weights that other projects trained, as a checkpoint of this zoo with a card.

Files are read without running anything in them, every parameter must fit, and the card says only what is known.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from zoo import registry
from zoo.commands._arguments import named_values
from zoo.weights_of_others import SOURCES, SUFFIXES, import_weights


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of `zoo import`."""
    parser.add_argument("file", type=Path, metavar="FILE", help=f"the weights: {', '.join(SUFFIXES)}")
    parser.add_argument("--from", dest="source", required=True, choices=list(SOURCES), help="whose code trained them")
    parser.add_argument("--model", required=True, metavar="NAME", help="the architecture that they are of")
    parser.add_argument("--normalise", metavar="HOW", help="how its input was prepared: difference, standard or none")
    parser.add_argument("--frames", type=int, help="window length that they were trained with")
    parser.add_argument("--size", type=int, help="side of their face crops in pixels")
    parser.add_argument(
        "--set", action="append", default=[], metavar="NAME=VALUE", help="another setting of the model, as form=value"
    )
    parser.add_argument("--trained-on", nargs="+", default=[], metavar="DATA", help="data sets, where they are known")
    parser.add_argument("--licence", metavar="TEXT", help="of the weights, where it is known")
    parser.add_argument(
        "--run-code", action="store_true", help="read a pickle that holds code: it runs here, with all that you may do"
    )
    parser.add_argument("--name", help="of the checkpoint (default: the file's)")
    parser.add_argument("--out", type=Path, default=Path(), metavar="DIR", help="where to write it (default: here)")
    parser.add_argument("--json", action="store_true", help="print JSON and nothing else")


def run(args: argparse.Namespace) -> int:
    """Import, say where the card is and what is not known.

    Raises:
        ZooError: the file cannot be read safely or does not fit; nothing is written then.
    """
    found = import_weights(
        args.file,
        registry.find("model", args.model).name,
        source=args.source,
        settings=_settings(args),
        name=args.name,
        folder=args.out,
        licence=args.licence,
        trained_on=tuple(args.trained_on),
        run_code=args.run_code,
    )
    if args.json:
        print(json.dumps({**asdict(found), "card": str(found.card)}))
        return 0
    print(f"{found.card}: {found.model}, {found.parameters:,} parameters, all of them placed")
    for name in args.trained_on:
        if name not in registry.entries("dataset"):
            print(f"note: '{name}' is no data set of this zoo, so a test on it cannot be flagged; kept as it was said")
    for fact, option in ((args.trained_on, "--trained-on"), (args.licence, "--licence")):
        if not fact:
            print(f"note: {option} was not given: the card says 'unknown'")
    print(f"try: zoo predict --model {found.card} clip.mp4")
    return 0


def _settings(args: argparse.Namespace) -> dict[str, Any]:
    chosen = {name: getattr(args, name) for name in ("normalise", "frames", "size")}
    settings = {name: value for name, value in chosen.items() if value is not None}
    return {**settings, **named_values(args.set, "--set form=value")}
