"""`zoo bench`: arguments, progress and files."""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

from zoo.errors import UsageError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `zoo bench`."""
    parser.add_argument("--suite", default="quick", help="a shipped suite's name or a YAML file (default: quick)")
    parser.add_argument("--model", action="append", metavar="NAME", help="model, pattern, card or .ckpt; repeatable")
    parser.add_argument("--device", default="cpu", help="cpu, cuda, cuda:N or jetson (default: cpu)")
    parser.add_argument("--host", metavar="USER@BOARD", help="jetson: measure this board over ssh, not this machine")
    parser.add_argument("--port", type=int, help="jetson: port of its ssh server")
    parser.add_argument(
        "--ssh-option", action="append", default=[], metavar="KEY=VALUE", help="jetson: option of ssh; repeatable"
    )
    parser.add_argument("--fp16", action="store_true", help="jetson: compute in fp16, preparation included")
    parser.add_argument("--threads", type=int, default=1, help="processor threads a model may use (default: 1)")
    parser.add_argument("--data", metavar="NAME", help="data set that accuracy is measured on (default: the suite's)")
    parser.add_argument("--root", metavar="PATH", help="its folder")
    parser.add_argument("--out", type=Path, default=Path("runs/bench"), help="folder for bench.json and bench.csv")
    parser.add_argument("--json", action="store_true", help="print the report as JSON")


def run(args: argparse.Namespace) -> int:
    """Measure, show, write; 1 where a model failed."""
    from zoo.bench.results import show, write
    from zoo.bench.run import choose, run_suite
    from zoo.bench.suite import load_suite
    from zoo.progress import bar

    suite = load_suite(args.suite)
    if args.model:
        suite = replace(suite, models=args.model)
    if args.data:
        suite = replace(suite, data={"name": args.data, **({"root": args.root} if args.root else {})})
    elif args.root:
        raise UsageError("--root is the folder of a data set: name it with --data.")
    jetson = args.device == "jetson"
    if not jetson and (args.host or args.port or args.ssh_option or args.fp16):
        raise UsageError("--host, --port, --ssh-option and --fp16 are for a board: add --device jetson.")
    if jetson and args.data:
        raise UsageError("A board measures cost alone: leave out --data, and bench accuracy with --device cpu.")
    if args.threads < 1:
        raise UsageError("--threads is at least 1.")
    try:
        args.out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(
            f"The folder '{args.out}' cannot be written ({error.strerror}): choose another --out."
        ) from error
    count = len(choose(suite.models))
    with bar(count, f"{count} models") as advance:
        report: dict[str, Any]
        if jetson:
            from zoo.bench.jetson.remote import Shell
            from zoo.bench.jetson.run import from_suite, run_jetson

            shell = Shell(args.host, args.port, tuple(args.ssh_option))
            settings = from_suite(suite, args.fp16)
            report = run_jetson(suite, args.suite, shell, settings, each=lambda row: advance(1))
        else:
            report = run_suite(suite, args.suite, args.device, args.threads, each=lambda row: advance(1))
    files = write(args.out, report)
    if args.json:
        print(json.dumps(report))
    else:
        show(report)
        print("written:", ", ".join(map(str, files)), file=sys.stderr)
    if report["interrupted"]:
        return 130
    return int(any(row["state"] != "ok" for row in report["rows"]))
