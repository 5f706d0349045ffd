"""What models cost beside what they are worth: measure (`zoo bench`), `compare`, `show` and `pick`."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zoo.errors import UsageError

if TYPE_CHECKING:
    from zoo.bench.suite import Suite

SEPARATE = ("compare", "show", "pick")


def main(command: str, arguments: Sequence[str]) -> int:
    """`zoo bench [compare|show|pick] ...`."""
    from zoo.commands._arguments import Parser

    if arguments and arguments[0] in SEPARATE:
        from zoo.bench import reading

        parser = Parser(prog=f"zoo {command} {arguments[0]}", description=getattr(reading, arguments[0]).__doc__)
        getattr(reading, f"add_{arguments[0]}_arguments")(parser)
        return int(getattr(reading, arguments[0])(parser.parse_args(arguments[1:])))
    parser = Parser(
        prog=f"zoo {command}", description=__doc__, epilog="also: zoo bench compare A B, zoo bench show, zoo bench pick"
    )
    add_arguments(parser)
    return run(parser.parse_args(arguments))


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `zoo bench`."""
    from zoo.bench.runtimes import RUNTIMES

    add = parser.add_argument
    add("--suite", default="quick", help="a shipped suite's name or a YAML file (default: quick)")
    add("--model", action="append", metavar="NAME", help="model, pattern, card, .ckpt or .onnx; repeatable")
    add("--runtime", metavar="A,B", help=f"of {', '.join(RUNTIMES)} (default: the suite's)")
    add("--device", default="cpu", help="cpu, cuda, cuda:N or jetson (default: cpu)")
    add("--host", metavar="USER@BOARD", help="jetson: measure this board over ssh, not this machine")
    add("--port", type=int, help="jetson: port of its ssh server")
    add("--ssh-option", action="append", default=[], metavar="KEY=VALUE", help="jetson: option of ssh; repeatable")
    add("--fp16", action="store_true", help="jetson: compute in fp16, preparation included")
    add("--threads", type=int, default=1, help="processor threads a model may use (default: 1)")
    add("--processes", type=int, help="fresh processes for each row (default: the suite's)")
    add("--seconds", type=float, help="how long a process measures (default: the suite's)")
    add("--batches", metavar="1,8", help="batch sizes that throughput is measured at (default: the suite's)")
    add("--clip", metavar="VIDEO", help="pipeline: measure on this video (default: a drawn face)")
    add("--data", metavar="NAME", help="data set that accuracy is measured on (default: the suite's)")
    add("--root", metavar="PATH", help="its folder")
    add("--out", type=Path, default=Path("runs/bench"), help="folder for bench.json, .csv and .html")
    add("--keep", type=Path, metavar="DIR", help="also keep one file for each runtime here (benchmarks/results)")
    add("--json", action="store_true", help="print the report as JSON")


def run(args: argparse.Namespace) -> int:
    """Measure, show, write; 1 where a model failed."""
    from zoo.bench.results import keep, write
    from zoo.bench.screen import show

    suite = _changed(args)
    for folder in filter(None, (args.out, args.keep)):
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise UsageError(f"The folder '{folder}' cannot be written ({error.strerror}): choose another.") from error
    begun = time.monotonic()
    report = _measure(suite, args)
    report["seconds"] = round(time.monotonic() - begun, 1)
    files = [*write(args.out, report), *(keep(args.keep, report) if args.keep else [])]
    if args.json:
        print(json.dumps(report))
    else:
        show(report)
        print("written:", ", ".join(map(str, files)), file=sys.stderr)
    if report["interrupted"]:
        return 130
    return int(any(row["state"] != "ok" for row in report["rows"]))


def _changed(args: argparse.Namespace) -> Suite:
    """The suite with the command line's changes."""
    from zoo.bench.runtimes import check_runtimes
    from zoo.bench.suite import load_suite

    suite = load_suite(args.suite)
    changes: dict[str, Any] = {key: getattr(args, key) for key in ("processes", "seconds") if getattr(args, key)}
    if args.model:
        changes["models"] = args.model
    if args.runtime:
        changes["runtimes"] = check_runtimes([name for name in args.runtime.split(",") if name])
    if args.batches:
        if not all(part.isdigit() and int(part) for part in args.batches.split(",")):
            raise UsageError(f"--batches is numbers with commas between, not '{args.batches}'.")
        changes["batches"] = [int(part) for part in args.batches.split(",")]
    if args.clip:
        if suite.kind != "pipeline":
            raise UsageError("--clip is for the whole pipeline: add --suite pipeline.")
        changes["clip"] = args.clip
    jetson = args.device == "jetson"
    if suite.kind != "models" and args.device != "cpu":
        raise UsageError(f"A suite of kind {suite.kind} is measured on the CPU: leave out --device {args.device}.")
    if not jetson and (args.host or args.port or args.ssh_option or args.fp16):
        raise UsageError("--host, --port, --ssh-option and --fp16 are for a board: add --device jetson.")
    if jetson and args.data:
        raise UsageError("A board measures cost alone: leave out --data, and bench accuracy with --device cpu.")
    if args.data:
        changes["data"] = {"name": args.data, **({"root": args.root} if args.root else {})}
    elif args.root:
        raise UsageError("--root is the folder of a data set: name it with --data.")
    if args.threads < 1:
        raise UsageError("--threads is at least 1.")
    return replace(suite, **changes)


def _steps(suite: Suite, models: int, jetson: bool) -> int:
    """Jobs of a run, about: only trained models are scored."""
    timings = models * len(suite.runtimes) * suite.processes
    return models if jetson else timings + (models if suite.kind == "models" else 0)


def _measure(suite: Suite, args: argparse.Namespace) -> dict[str, Any]:
    from zoo.bench.run import choose, run_suite
    from zoo.progress import bar

    if suite.kind == "published":
        from zoo.bench.published import run_published

        with bar(None, "published tables") as advance:
            return run_published(suite, args.suite, args.threads, each=lambda row: advance(1))
    models = len(choose(suite.models))
    jetson = args.device == "jetson"
    steps = _steps(suite, models, jetson)
    with bar(steps, f"{models} models") as advance:
        if jetson:
            from zoo.bench.jetson.remote import Shell
            from zoo.bench.jetson.run import from_suite, run_jetson

            shell = Shell(args.host, args.port, tuple(args.ssh_option))
            settings = from_suite(suite, args.fp16)
            return run_jetson(suite, args.suite, shell, settings, each=lambda row: advance(1))
        if suite.kind == "pipeline":
            from zoo.bench.pipeline import run_pipeline

            return run_pipeline(suite, args.suite, args.threads, each=lambda row: advance(1))
        return run_suite(suite, args.suite, args.device, args.threads, each=lambda row: advance(1))
