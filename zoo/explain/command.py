"""zoo explain: where on the face, or in which region, a model's signal came from; --rank-regions ranks the skin.

Networks on face crops give a map by gradients (or the activation map of a --stage), networks on traces give shares of
their regions, classical methods the signal-to-noise ratio of each region.
"""

from __future__ import annotations

import argparse
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zoo import registry
from zoo.checkpoints import write_whole
from zoo.commands._arguments import named_values
from zoo.commands._table import columns
from zoo.data.recording import Recording
from zoo.errors import DataError, UsageError, ZooError
from zoo.prediction.inputs import expand
from zoo.prediction.output import name_in
from zoo.prediction.runner import ClassicalRunner, open_runner
from zoo.spec import Grid

if TYPE_CHECKING:
    from zoo.explain.explanation import Explanation
    from zoo.explain.ranking import Ranking


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of `zoo explain`."""
    parser.add_argument("videos", nargs="*", metavar="VIDEO", help="a video, or a folder of videos; 10 s or more each")
    parser.add_argument(
        "--model", default="pos", metavar="NAME", help="a model, a checkpoint or its card (default: pos)"
    )
    parser.add_argument("--out", type=Path, default=Path("explained"), metavar="DIR", help="folder of the pictures")
    parser.add_argument("--rate", type=float, metavar="BPM", help="heart rate to explain, where it is known better")
    parser.add_argument("--stage", metavar="NAME", help="draw the activation map of this stage of the network")
    parser.add_argument("--no-face", action="store_true", help="draw a schematic face instead of the person's")
    parser.add_argument("--json", action="store_true", help="print JSON and nothing else")
    parser.add_argument("--rank-regions", action="store_true", help="rank skin regions by their pulse instead")
    parser.add_argument("--data", metavar="NAME", help="rank over this data set, by its contact signal")
    parser.add_argument("--root", type=Path, metavar="PATH", help="its folder")
    parser.add_argument("--option", action="append", default=[], metavar="NAME=VALUE", help="an option of its reader")
    parser.add_argument("--grid", default="6x6", metavar="HxW", help="cells ranked beside the named regions")


def run(args: argparse.Namespace) -> int:
    """Explain or rank, draw, print; 1 where a video could not be used.

    Raises:
        ZooError: before any work: no such model or data set, a wrong combination.
    """
    if args.rank_regions:
        return _rank(args)
    if args.data or args.root or args.option:
        raise UsageError("--data ranks regions over a data set: add --rank-regions, or give a VIDEO.")
    if not args.videos:
        raise UsageError("Give at least one video: zoo explain --model physnet clip.mp4.")
    if args.rate is not None and not 20 <= args.rate <= 300:
        raise UsageError("--rate is beats per minute, from 20 to 300.")
    from zoo.explain.explanation import explain
    from zoo.explain.picture import draw

    videos = expand(args.videos)
    # a wrong model is refused before a video is read
    open_runner(args.model, gradients=True)
    found: list[dict[str, Any]] = []
    for video, name in zip(videos, name_in(videos), strict=True):
        try:
            explanation = explain(video, args.model, rate=args.rate, stage=args.stage)
            picture = _write(args.out / f"{name}.png", draw(explanation, not args.no_face))
            found.append(to_dict(explanation, picture))
        except UsageError:
            raise
        except ZooError as error:
            found.append({"video": video, "error": str(error)})
    print(json.dumps(found, indent=1, ensure_ascii=False, allow_nan=False) if args.json else _said(found))
    return int(any(one["error"] for one in found))


def to_dict(explanation: Explanation, picture: Path) -> dict[str, Any]:
    """Plain values for JSON; the map as rows of numbers from the top, None for no map or cell."""
    heat = explanation.heat
    return {
        "video": explanation.result.video,
        "model": explanation.result.model,
        "method": explanation.method,
        "heart_rate": round(explanation.rate, 2),
        "unit": explanation.unit,
        "regions": _rounded(explanation.values),
        "also": {method: _rounded(values) for method, values in explanation.also.items()},
        "map": None if heat is None else [[_number(value) for value in row] for row in heat.tolist()],
        "windows": explanation.windows,
        "notes": list(explanation.result.notes),
        "picture": str(picture),
        "error": None,
    }


def _said(found: Sequence[Mapping[str, Any]]) -> str:
    blocks = []
    for one in found:
        if one["error"]:
            blocks.append(f"{one['video']}: {one['error']}")
            continue
        lines = [f"{one['video']}: {one['method']} of {one['model']} at {one['heart_rate']:.1f} 1/min"]
        ranked = sorted(
            one["regions"].items(), key=lambda item: -math.inf if item[1] is None else item[1], reverse=True
        )
        if ranked:
            lines.append(columns(["region", one["unit"]], [[name, _cell(value)] for name, value in ranked[:12]]))
        lines += [f"note: {note}" for note in one["notes"]]
        blocks.append("\n".join([*lines, f"picture: {one['picture']}"]))
    return "\n\n".join(blocks)


def _rank(args: argparse.Namespace) -> int:
    from zoo.explain.picture import draw_ranking
    from zoo.explain.ranking import rank_regions
    from zoo.progress import bar

    if args.stage or args.rate is not None:
        raise UsageError("--rank-regions takes neither --stage nor --rate.")
    runner = open_runner(args.model)
    if not isinstance(runner, ClassicalRunner):
        raise UsageError(f"Regions are ranked by a classical method, not by {runner.name}: --model pos, say.")
    videos = _recordings(args) if args.data else expand(args.videos)
    if not videos:
        raise UsageError("Say what to rank over: --data NAME --root PATH, or videos.")
    with bar(len(videos), "ranking regions") as advance:
        ranking = rank_regions(videos, runner.method, _grid(args.grid), lambda _name: advance(1))
    what = f"{args.data or 'videos'}, by {runner.name}"
    picture = _write(args.out / f"regions-{args.data or 'videos'}.png", draw_ranking(ranking, what))
    if args.json:
        found = {**_ranked(ranking), "method": runner.name, "picture": str(picture)}
        print(json.dumps(found, indent=1, ensure_ascii=False, allow_nan=False))
    else:
        rows = [
            [str(i + 1), one.region, f"{one.snr:.2f}", f"{100 * one.close:.0f} %", str(one.windows), str(one.videos)]
            for i, one in enumerate(ranking.scores)
        ]
        print(columns(["rank", "region", "SNR dB", "rate within 3", "windows", "videos"], rows))
        for name, reason in ranking.failed.items():
            print(f"failed {name}: {reason}")
        if "video" in ranking.truth.values():
            print("note: where no contact signal was there, the heart rate is that of the face and cheeks together")
        print(f"picture: {picture}")
    return int(bool(ranking.failed))


def _ranked(ranking: Ranking) -> dict[str, Any]:
    scores = [{**asdict(one), "snr": _number(one.snr), "close": _number(one.close)} for one in ranking.scores]
    return {"regions": scores, "truth": dict(ranking.truth), "failed": dict(ranking.failed)}


def _recordings(args: argparse.Namespace) -> Sequence[Recording]:
    if args.videos:
        raise UsageError("Give either --data or videos, not both.")
    reader = registry.dataset(args.data)
    if not hasattr(reader, "read"):
        raise UsageError(f"{args.data} has no videos: rank over a data set of real ones.")
    if args.root is None or not args.root.is_dir():
        raise UsageError(f"There is no folder '{args.root or ''}': give the data set's by --root.")
    listing = reader.read(args.root, **named_values(args.option, "--option part=2"))
    if not listing.recordings:
        raise DataError(f"'{args.root}' holds no recordings of {args.data}: 'zoo info {args.data}' shows its layout.")
    recordings: Sequence[Recording] = listing.recordings
    return recordings


def _grid(text: str) -> Grid:
    height, _, width = text.partition("x")
    if not (height.isdigit() and width.isdigit() and 1 <= int(height) <= 32 and 1 <= int(width) <= 32):
        raise UsageError(f"'{text}' is no grid: write HEIGHTxWIDTH, say 6x6.")
    return Grid(int(height), int(width))


def _write(path: Path, content: bytes) -> Path:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, content)
    except OSError as error:
        raise UsageError(f"'{path}' cannot be written ({error.strerror}): choose another --out.") from error
    return path


def _rounded(values: Mapping[str, float]) -> dict[str, float | None]:
    return {name: _number(value) for name, value in values.items()}


def _number(value: float) -> float | None:
    return float(f"{value:.4g}") if math.isfinite(value) else None


def _cell(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"
