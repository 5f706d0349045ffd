"""`zoo evaluate`: score waveforms that anybody's model made, under any protocol, with the zoo's own beside it."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from zoo.errors import UsageError
from zoo.metrics.evaluation import ORDER, Evaluation, as_value, by_groups, compare, evaluate
from zoo.metrics.files import Waveforms, read_groups, read_waveforms
from zoo.metrics.protocol import Protocol, load_protocol, protocols
from zoo.metrics.tables import as_plain, rows, show, write, write_rows

__all__ = ["add_arguments", "changed", "evaluate", "run"]

COLUMNS = ("person", "start", "estimate", "truth", "floor", "error", "snr", "macc", "confidence", "r")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `zoo evaluate`."""
    add = parser.add_argument
    add("--predictions", type=Path, nargs="+", required=True, metavar="FILE", help="npz or csv; several are compared")
    add("--protocol", default="zoo", help=f"one of {', '.join(protocols())} (default: zoo)")
    add("--fps", type=float, help="samples a second, where the file does not say")
    add("--form", choices=sorted(ORDER), help="what the waveforms are (default: what the file or the protocol says)")
    add("--band", type=float, nargs=2, metavar=("LOW", "HIGH"), help="Hz, for the rate and the protocol's band-pass")
    add("--no-bandpass", action="store_true", help="leave the protocol's band-pass out")
    add("--method", help="how the rate is read, instead of the protocol's way")
    add("--option", action="append", default=[], metavar="NAME=VALUE", help="an option of that method")
    add("--window", type=float, help="seconds of a window, instead of the protocol's")
    add("--hop", type=float, help="seconds from window to window (default with --window: no overlap)")
    add("--remainder", action="store_true", help="score the shorter rest of each recording as well")
    add("--average", help="window, recording, or how many windows in a row")
    add("--truth", choices=["beats", "spectrum", "same"], help="how the contact signal is read")
    add("--whiten", action=argparse.BooleanOptionalAction, help="multiply the estimate's spectrum by f")
    add("--groups", type=Path, metavar="CSV", help="person, then a column a label: errors by each")
    add("--out", type=Path, metavar="DIR", help="write tables, rows a window and pictures there")
    add("--json", action="store_true", help="print JSON instead of tables")


def run(args: argparse.Namespace) -> int:
    """Run `zoo evaluate`: print (and write) the tables; returns the exit code."""
    protocol = changed(load_protocol(args.protocol), args)
    found: list[Evaluation] = []
    for path in args.predictions:
        waveforms = read_waveforms(path, fps=args.fps, form=args.form)
        found.append(evaluate(waveforms, protocol, path.name))
        if protocol.name != "zoo":
            # the same waveforms: what the first protocol took them for, the second does too
            waveforms = replace(waveforms, form=waveforms.form or protocol.form)
            found.append(evaluate(waveforms, "zoo", path.name))
        if args.out is not None:
            _write(found[-2:] if protocol.name != "zoo" else found[-1:], waveforms, args.out)
    groups = read_groups(args.groups) if args.groups is not None else {}
    compared = compare({one.report.title: one for one in found if one.protocol == protocol})
    if args.json:
        _print_json(found, groups, compared)
        return 0
    for one in found:
        show(one.report)
        _show_groups(one, groups)
        print()
    print(compared, end="\n" if compared else "")
    return 0


def changed(protocol: Protocol, args: argparse.Namespace) -> Protocol:
    """The protocol with the command line's changes, its name saying which."""
    changes: dict[str, Any] = {}
    if args.band:
        changes |= {"low": args.band[0], "high": args.band[1]}
        changes |= {"bandpass": tuple(args.band)} if protocol.bandpass else {}
    if args.no_bandpass:
        changes["bandpass"] = None
    if args.method:
        changes |= {"method": args.method, "options": {}}
    if args.option:
        changes["options"] = {**changes.get("options", protocol.options), **dict(map(_option, args.option))}
    if args.window:
        changes |= {"window": args.window, "hop": args.hop or args.window}
    elif args.hop:
        changes["hop"] = args.hop
    if args.remainder:
        changes["remainder"] = True
    if args.average:
        changes["average"] = int(args.average) if args.average.isdigit() else args.average
    if args.truth:
        changes["truth_by"] = args.truth
    if args.whiten is not None:
        changes["whiten"] = args.whiten
    if not changes:
        return protocol
    return replace(protocol, name=f"{protocol.name}, changed ({', '.join(changes)})", **changes)


def _option(text: str) -> tuple[str, Any]:
    name, separator, value = text.partition("=")
    if not separator:
        raise UsageError(f"--option takes NAME=VALUE, such as next_power_of_two=false, not '{text}'.")
    try:
        return name, json.loads(value.lower())
    except json.JSONDecodeError:
        return name, value


def _show_groups(one: Evaluation, groups: Mapping[str, Mapping[str, str]]) -> None:
    for label, table in by_groups(one, groups).items():
        for value, row in table.items():
            print(f"{label} {value}: MAE {row['mae']:.3f}, within 3 {100 * row['within_3']:.0f} %, n {row['n']:.0f}")


def _print_json(found: Sequence[Evaluation], groups: Mapping[str, Mapping[str, str]], compared: str) -> None:
    result = [
        {
            "title": one.report.title,
            "protocol": one.protocol.name,
            "describe": one.report.protocol,
            "scores": dict(one.report.scores),
            "rows": rows(one.report),
            "windows": one.rows(),
            "groups": by_groups(one, groups),
            "notes": list(one.report.notes),
        }
        for one in found
    ]
    json.dump(as_plain({"results": result, "compared": compared}), sys.stdout, indent=1)
    print()


def _write(found: Sequence[Evaluation], waveforms: Waveforms, folder: Path) -> None:
    from zoo.metrics.plots import evaluation_pictures

    for one in found:
        stem = folder / f"{Path(one.report.title).stem}-{one.protocol.name.split(',')[0]}"
        write(one.report, stem)
        write_rows(one.rows(), stem.with_name(stem.name + "-windows.csv"), COLUMNS)
        form = waveforms.form or one.protocol.form
        values = {}
        for name, predicted in waveforms.predictions.items():
            both = (as_value(wave, form, one.protocol, waveforms.fps) for wave in (predicted, waveforms.labels[name]))
            values[name] = (next(both), next(both))
        evaluation_pictures(one.columns, one.person, values, waveforms.fps, one.protocol, stem)
