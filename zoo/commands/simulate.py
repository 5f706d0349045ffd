"""zoo simulate: an ordinary video data set of simulated people, whose pulse, breathing and biomarkers are known.

A video (mp4, or avi for Motion JPEG), a csv of labels beside it, and a json with all that was drawn. The data set
'folder' reads it, and so can anything else. Everything follows from --seed, so a run that was stopped goes on where it
stopped when the same command is given again, and more people are added by a larger --people or another --first-person.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from collections import Counter
from functools import partial
from pathlib import Path

import cv2
from av.error import FFmpegError

from zoo.data.engines import each
from zoo.data.synthetic.faces.codec import CODECS
from zoo.data.synthetic.faces.recordings import Simulation, State, make, open_data_set
from zoo.errors import UsageError
from zoo.progress import bar


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of `zoo simulate`."""
    parser.add_argument("--people", type=int, default=50, metavar="N", help="how many people (default: 50)")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="the data set's folder")
    parser.add_argument("--recordings-per-person", type=int, default=1, metavar="N", help="of each (default: 1)")
    parser.add_argument("--seconds", type=float, default=30.0, help="length of a recording (default: 30)")
    parser.add_argument("--seed", type=int, default=0, help="of everything (default: 0)")
    parser.add_argument("--first-person", type=int, default=0, metavar="K", help="number of the first (default: 0)")
    parser.add_argument("--size", metavar="WxH", help="of the videos in pixels (default: drawn, about 320x240)")
    parser.add_argument("--hard", type=float, default=1.0, help="0 still and clean, to 1 talking, turning, compressed")
    parser.add_argument("--codec", choices=CODECS, help="of all videos (default: drawn, mostly h264)")
    parser.add_argument("--crf", type=int, help="quality of all videos as x264 counts it (default: drawn)")
    parser.add_argument("--workers", type=int, default=_cores(), metavar="N", help="processes (default: one a core)")
    parser.add_argument("--json", action="store_true", help="print what was done as JSON")


def run(args: argparse.Namespace) -> int:
    """Simulate; 1 where a recording failed.

    Raises:
        ZooError: before any work: a wrong setting, or a folder that holds something else.
    """
    if min(args.people, args.recordings_per_person, args.workers) < 1 or min(args.first_person, args.seed) < 0:
        raise UsageError("--people, --recordings-per-person and --workers are at least 1, other numbers at least 0.")
    settings = Simulation(args.seed, args.seconds, args.hard, size_of(args.size), args.codec, args.crf)
    open_data_set(args.out, settings)
    cv2.setNumThreads(1)  # pictures are small, and the other cores have recordings of their own
    people = range(args.first_person, args.first_person + args.people)
    items = [(person, number) for person in people for number in range(args.recordings_per_person)]
    began, found, reasons = time.monotonic(), dict[tuple[int, int], State | str](), list[str]()
    with bar(len(items), "simulating") as advance:
        for wait in (False, True):
            rest = [item for item in items if item not in found]
            for item, state in each(partial(_one, settings, args.out, wait), rest, args.workers):
                if state == "busy":
                    continue
                found[item] = state
                advance(1)
                if state not in ("made", "there"):
                    reasons.append(f"person {item[0]}, recording {item[1]}: {state}")
    count = Counter(state if state in ("made", "there") else "failed" for state in found.values())
    _show(args, count, reasons, time.monotonic() - began)
    return int(bool(reasons))


def size_of(text: str | None) -> tuple[int, int] | None:
    """Width and height that `WxH` says.

    Raises:
        UsageError: not of that form.
    """
    if text is None:
        return None
    width, _, height = text.partition("x")
    if not (width.isdigit() and height.isdigit()):
        raise UsageError(f"'{text}' is no size: write --size 320x240, say.")
    return int(width), int(height)


def _one(settings: Simulation, root: Path, wait: bool, item: tuple[int, int]) -> State | str:
    """A recording's state, or why it failed."""
    try:
        return make(settings, root, *item, wait=wait)
    except (OSError, FFmpegError) as error:
        return f"{type(error).__name__}: {error}"


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _show(args: argparse.Namespace, count: Counter[str], reasons: list[str], seconds: float) -> None:
    following = [
        f"zoo prepare --data folder --root {args.out} --out store",
        f"zoo fit --model fpn1d_multitask --data folder --data.root {args.out}",
    ]
    if args.json:
        states = {state: count[state] for state in ("made", "there", "failed")}
        facts = {**states, "reasons": reasons, "seconds": round(seconds, 1), "folder": str(args.out), "next": following}
        print(json.dumps(facts))
        return
    speed = f" (one every {seconds / count['made']:.2f} s)" if count["made"] else ""
    print(f"made {count['made']}{speed}, there before {count['there']}, failed {count['failed']}: '{args.out}'")
    for reason in reasons[:20]:
        print(f"failed {reason}")
    if len(reasons) > 20:
        print(f"and {len(reasons) - 20} more.")
    if reasons:
        print("The same command again makes what is missing.")
    print("next:", "\n      ".join(following))
