"""`zoo predict`: heart rate, respiration, biomarkers and a picture of each video."""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from zoo.checkpoints import write_whole
from zoo.errors import UsageError, ZooError
from zoo.prediction.inputs import expand
from zoo.prediction.output import name_in, to_csv, to_json
from zoo.prediction.result import VideoResult
from zoo.prediction.runner import DEFAULT, Runner, open_runner
from zoo.prediction.video import predict


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of `zoo predict`."""
    parser.add_argument("videos", nargs="*", metavar="VIDEO", help="a video, or a folder of videos; 10 s or more each")
    parser.add_argument(
        "--model",
        default=DEFAULT,
        metavar="NAME",
        help=f"a model, a checkpoint's name, its card, a .ckpt, an .onnx or OpenVINO's .xml (default: {DEFAULT})",
    )
    parser.add_argument("--out", type=Path, metavar="DIR", help="draw a picture of each video into this folder")
    parser.add_argument("--no-face", action="store_true", help="leave the face out of the picture")
    parser.add_argument("--json", action="store_true", help="print JSON and nothing else")
    parser.add_argument(
        "--csv", nargs="?", const="-", metavar="FILE", help="write a row a video to this .csv file, or print it"
    )


def run(args: argparse.Namespace) -> int:
    """Predict, print, draw; 0, or 1 where a video could not be used.

    Raises:
        ZooError: before any work: no such model, a folder or file that cannot be written, a wrong combination.
    """
    names, table = list(args.videos), args.csv
    if table not in (None, "-") and Path(table).suffix.lower() != ".csv":
        # argparse gives --csv the word behind it, which is a video where no FILE was meant
        names, table = [table, *names], "-"
    if not names:
        raise UsageError("Give at least one video: zoo predict clip.mp4.")
    if args.json and table == "-":
        raise UsageError("--json and --csv would both print here: give --csv a file.")
    videos = expand(names)
    runner = open_runner(args.model)
    for folder in {args.out, Path(table).parent if table not in (None, "-") else None} - {None}:
        _check_writable(folder)

    pictures = [args.out / f"{name}.png" for name in name_in(videos)] if args.out else [None] * len(videos)
    results = list(_results(videos, runner, pictures, not args.no_face))
    if table not in (None, "-"):
        write_whole(Path(table), to_csv(results).encode())
    if args.json:
        print(to_json(results))
    elif table == "-":
        print(to_csv(results), end="")
    else:
        from zoo.prediction.tables import show

        show(results)
    return 1 if any(result.error for result in results) else 0


def _results(
    videos: Sequence[str], runner: Runner, pictures: Sequence[Path | None], face: bool
) -> Iterator[VideoResult]:
    for i, (video, picture) in enumerate(zip(videos, pictures, strict=True)):
        many = f" ({i + 1} of {len(videos)})" if len(videos) > 1 else ""
        try:
            with _progress(f"{Path(video).name}{many}") as progress:
                result = predict(video, runner, progress=progress)
                if picture is not None:
                    result = _drawn(result, picture, face)
        except ZooError as error:
            result = VideoResult(video=video, model=runner.name, error=str(error))
        # many results are kept: not their waveforms and faces
        yield replace(result, waveforms={}, preview=None)


def _drawn(result: VideoResult, path: Path, face: bool) -> VideoResult:
    from time import perf_counter

    from zoo.prediction.picture import draw

    began = perf_counter()
    write_whole(path, draw(result, face))
    return replace(result, picture=str(path), seconds={**result.seconds, "picture": perf_counter() - began})


@contextmanager
def _progress(what: str) -> Iterator[Callable[[int, int | None], None] | None]:
    """A bar for the video that is being read, where somebody is looking."""
    if not sys.stderr.isatty():
        yield None
        return
    from zoo.progress import bar

    with bar(1.0, what) as advance:
        shown = 0.0

        def report(done: int, total: int | None) -> None:
            nonlocal shown
            share = min(done / total, 1.0) if total else 0.0
            advance(share - shown)
            shown = share

        yield report


def _check_writable(folder: Path) -> None:
    """Refuse a folder before any work is done for it.

    Raises:
        ZooError: it cannot be made or written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise ZooError(f"The folder '{folder}' cannot be written ({reason}): choose another one.") from error
