"""A data set's videos encoded once more, harder: `python benchmarks/reencode.py --data ubfc_rppg PATH OUT --crf 33`.

Writes the same folders to OUT, whole frames through libx264 (its defaults otherwise: preset medium, keyint 250), each
frame kept with its time stamp, and every other file copied, so that the same reader lists both. A video keeps its name
with the suffix .mp4. Files that are already there are kept, so an interrupted run goes on.
"""

from __future__ import annotations

import argparse
import shutil
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any, cast

from zoo import registry


def reencode(source: Path, target: Path, crf: int, preset: str = "medium") -> None:
    """One video to H.264 at `crf` (0..51); it appears whole or not at all."""
    import av

    part = target.with_name(f".{target.name}.part")
    with av.open(str(source)) as read, av.open(str(part), "w", format="mp4") as write:
        shown = read.streams.video[0]
        options = {"crf": str(crf), "preset": preset, "threads": "1"}
        made = cast(Any, write.add_stream("libx264", rate=shown.average_rate, options=options))
        made.width, made.height, made.pix_fmt = shown.width, shown.height, "yuv420p"
        made.codec_context.time_base = shown.time_base
        for frame in read.decode(shown):
            # the encoder chooses its own frame types, not those of the old file
            frame.pict_type = 0
            write.mux(made.encode(frame.reformat(format="yuv420p")))
        write.mux(made.encode(None))
    part.replace(target)


def tree(data: str, root: Path, out: Path, crf: int, preset: str, workers: int) -> list[Path]:
    """Copy a data set with its videos encoded anew; the paths of those."""
    videos = sorted({recording.video for recording in registry.dataset(data).read(root).recordings})
    others = [path for path in sorted(root.rglob("*")) if path.is_file() and path not in videos]
    for path in others:
        place = out / path.relative_to(root)
        place.parent.mkdir(parents=True, exist_ok=True)
        if not place.exists():
            shutil.copyfile(path, place)
    targets = [(out / path.relative_to(root)).with_suffix(".mp4") for path in videos]
    missing = [(one, to) for one, to in zip(videos, targets, strict=True) if not to.exists()]
    for _, to in missing:
        to.parent.mkdir(parents=True, exist_ok=True)
    with ProcessPoolExecutor(workers) as pool:
        list(pool.map(partial(_one, crf=crf, preset=preset), missing))
    return targets


def _one(pair: tuple[Path, Path], crf: int, preset: str) -> None:
    reencode(*pair, crf, preset)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("root", type=Path, metavar="PATH")
    parser.add_argument("out", type=Path, metavar="OUT")
    parser.add_argument("--data", required=True, metavar="NAME", help="a registered data set")
    parser.add_argument("--crf", type=int, required=True, help="0..51; 23 is the encoder's default, 33 is poor")
    parser.add_argument("--preset", default="medium")
    parser.add_argument("--workers", type=int, default=1)
    args = parser.parse_args()
    for path in tree(args.data, args.root, args.out, args.crf, args.preset, args.workers):
        print(f"{path}: {path.stat().st_size / 1e6:.2f} MB")


if __name__ == "__main__":
    main()
