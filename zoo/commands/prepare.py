"""zoo prepare: read every video of a data set once, into a store that trains and tests quickly.

One HDF5 file a recording: traces of the skin regions, face crops only where --crop asks for them, labels, times.
A run that was stopped goes on where it stopped when the same command is given again; several may work on one store.
"""

from __future__ import annotations

import argparse
import csv
import io
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from zoo import registry
from zoo.checkpoints import write_whole
from zoo.commands._arguments import named_values
from zoo.data.prepare_store import Outcome, prepare_store, shard
from zoo.data.recording import Listing, Recording
from zoo.data.store import Settings, file_name, open_folder
from zoo.errors import DataError, UsageError
from zoo.progress import bar
from zoo.spec import REGIONS, Grid

CROPS = ("aligned", "tracked_box", "first_box_1.6", "whole")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of `zoo prepare`."""
    parser.add_argument("--data", required=True, metavar="NAME", help="a registered data set")
    parser.add_argument("--root", required=True, type=Path, metavar="PATH", help="its folder")
    parser.add_argument("--out", type=Path, default=Path("store"), metavar="STORE", help="the store (default: store)")
    parser.add_argument(
        "--regions",
        nargs="+",
        default=["all"],
        metavar="REGION",
        help=f"what to take traces of: all (default), none, grid:5x5, or names out of {', '.join(REGIONS)}",
    )
    parser.add_argument("--crop", type=int, metavar="SIDE", help="keep face crops of so many pixels a side")
    parser.add_argument("--crop-mode", choices=CROPS, default="aligned", help="how they are cut (default: aligned)")
    parser.add_argument("--synchronise", action="store_true", help="move labels onto the video's clock, by POS")
    parser.add_argument("--option", action="append", default=[], metavar="NAME=VALUE", help="an option of the reader")
    parser.add_argument("--workers", type=int, default=1, help="recordings at a time (default: 1)")
    parser.add_argument("--engine", choices=("processes", "ray"), default="processes", help="where they are read")
    parser.add_argument("--shard", metavar="i/N", help="only part i of N, for a batch scheduler's array job")
    parser.add_argument("--verify", action="store_true", help="check all that existing files hold, crops included")
    parser.add_argument("--dry-run", action="store_true", help="list what there is and what is to do, and stop")


def run(args: argparse.Namespace) -> int:
    """Prepare; 1 where a recording failed.

    Raises:
        ZooError: before any work: a wrong setting, no data; or the disk is full.
    """
    if args.workers < 1 or (args.crop is not None and args.crop < 8):
        raise UsageError("--workers is at least 1, and --crop at least 8 pixels.")
    settings = Settings(regions_of(args.regions), args.crop, args.crop_mode, args.synchronise)
    if not len(settings.regions) and (settings.crop_size is None or settings.synchronise):
        raise UsageError("--regions none leaves nothing to keep, or to synchronise by: give --crop or some regions.")
    reader = registry.dataset(args.data)
    if not hasattr(reader, "read"):
        raise UsageError(f"{args.data} makes its windows itself: there is nothing to prepare.")
    if not args.root.is_dir():
        raise UsageError(f"There is no folder '{args.root}': check --root.")
    listing = reader.read(args.root, **named_values(args.option, "--option part=2"))
    recordings = shard(listing.recordings, args.shard)
    if not recordings:
        raise DataError(f"'{args.root}' holds no recordings of {args.data}: 'zoo info {args.data}' shows its layout.")
    skipped = [Outcome(item.path.name, "skipped", item.reason, item.path) for item in listing.skipped]
    if args.dry_run:
        _show_plan(listing, recordings, args.out / f"{args.data}-{settings.digest}")
        return 0
    with bar(sum(map(_weight, recordings)), f"preparing {args.data}") as advance:
        weights = {recording.name: _weight(recording) for recording in recordings}
        outcomes = prepare_store(
            recordings,
            args.out,
            settings,
            args.workers,
            args.engine,
            args.verify,
            lambda outcome: advance(weights[outcome.name]),
        )
    folder = open_folder(args.out, recordings[0].dataset, settings)
    name = f"report-{args.shard.replace('/', 'of')}.csv" if args.shard else "report.csv"
    write_whole(folder / name, report([*outcomes, *skipped]).encode())
    _show([*outcomes, *skipped], listing.notes, folder, name)
    return int(any(outcome.state == "failed" for outcome in outcomes))


def regions_of(words: Sequence[str]) -> tuple[str, ...] | Grid:
    """The regions that `--regions` names.

    Raises:
        UsageError: an unknown one, or a grid that is none.
    """
    names = [name for word in words for name in word.split(",") if name]
    if names in (["all"], ["none"]):
        return REGIONS if names == ["all"] else ()
    if len(names) == 1 and names[0].startswith("grid:"):
        sides = names[0].removeprefix("grid:").split("x")
        if len(sides) == 2 and all(side.isdigit() and 1 <= int(side) <= 64 for side in sides):
            return Grid(int(sides[0]), int(sides[1]))
        raise UsageError(f"'{names[0]}' is no grid: write grid:HEIGHTxWIDTH, say grid:5x5.")
    if unknown := [name for name in names if name not in REGIONS]:
        raise UsageError(f"There is no region '{unknown[0]}': use all, none, grid:5x5, or of {', '.join(REGIONS)}.")
    return tuple(names)


def report(outcomes: Sequence[Outcome]) -> str:
    """The outcomes as CSV, one line each."""
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(["recording", "state", "reason", "file", "frames", "lost_frames", "lag_s", "lag_r", "notes"])
    for outcome in outcomes:
        facts = outcome.facts
        table.writerow(
            [
                outcome.name,
                outcome.state,
                outcome.reason,
                outcome.path.name,
                *(facts.get(name, "") for name in ("frames", "lost", "lag", "lag_correlation")),
                "; ".join(facts.get("notes", [])),
            ]
        )
    return text.getvalue()


def _weight(recording: Recording) -> float:
    """How long it will take, relatively: the size of the video."""
    return max(float(recording.video.stat().st_size) if recording.video.is_file() else 0.0, 1e5)


def _show_plan(listing: Listing, recordings: Sequence[Recording], folder: Path) -> None:
    there = sum((folder / file_name(recording)).exists() for recording in recordings)
    people = len({recording.person for recording in recordings})
    print(f"{len(recordings)} recordings of {people} people, {there} of them in '{folder}' already.")
    for reason, count in Counter(item.reason for item in listing.skipped).most_common(10):
        print(f"skipped {count}: {reason}")
    for note in listing.notes:
        print(f"note: {note}")


def _show(outcomes: Sequence[Outcome], notes: Sequence[str], folder: Path, name: str) -> None:
    count = Counter(outcome.state for outcome in outcomes)
    made = sum(outcome.made for outcome in outcomes)
    print(f"used {count['used']} ({made} made now), skipped {count['skipped']}, failed {count['failed']}: '{folder}'")
    for note in notes:
        print(f"note: {note}")
    told = [outcome for outcome in outcomes if outcome.reason]
    for outcome in told[:20]:
        print(f"{outcome.state} {outcome.name}: {outcome.reason}")
    if len(told) > 20:
        print(f"and {len(told) - 20} more.")
    print(f"written: {folder / name}")
