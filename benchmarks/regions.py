"""Region means beside their definition on real clips: `python benchmarks/regions.py FOLDER [--seconds 30]`.

FOLDER holds videos at any depth. The definition, written out: every frame as floating-point RGB out of the decoder's
own planes (chroma brought to full size by bilinear interpolation), each region's polygon drawn sixteen times finer at
the frame's landmarks, and the mean of the pixels weighed by the area that it covers. Nothing is rounded: a picture
rounded to 8-bit RGB first, as decoders give it, moves the means of small regions by as much as a pulse does, which the
second table shows for the same polygons.

Both sides see the same landmarks. Correlations are of the lowest of the three channels after a 0.7-4 Hz band-pass;
heart rates are those of POS on `face`.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from itertools import islice
from pathlib import Path

import cv2
import numpy as np

sys.path.insert(0, str(Path(__file__).parent))
from extraction import agreement

from zoo.data.align import similarity
from zoo.data.extract import extract
from zoo.data.frame import Frame
from zoo.data.regions import outlines
from zoo.data.video import open_video
from zoo.datasets.folder import SUFFIXES
from zoo.spec import REGIONS

FINE = 16


def definition(clip: Path, landmarks: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Region means (regions, 3, n), 0..1, by the definition, and the same of 8-bit RGB."""
    polygons, transforms = outlines(REGIONS), similarity(landmarks)
    means = np.empty((2, len(polygons), 3, len(landmarks)))
    with open_video(clip) as video:
        for number, frame in enumerate(islice(video, len(landmarks))):
            rgb = floating(frame)
            rounded = np.clip(np.rint(rgb * 255), 0, 255) / 255
            for region, polygon in enumerate(polygons):
                points = polygon @ transforms[number, :, :2].T + transforms[number, :, 2]
                weight, place = covered(points, rgb.shape)
                for side, picture in enumerate((rgb, rounded)):
                    means[side, region, :, number] = np.tensordot(weight, picture[place], 2) / weight.sum()
    return means[0], means[1]


def floating(frame: Frame) -> np.ndarray:
    """(H, W, 3) RGB float32 0..1 of a frame, neither rounded nor clipped."""
    size = (frame.width, frame.height)
    planes = [cv2.resize(plane.astype(np.float32), size, interpolation=cv2.INTER_LINEAR) for plane in frame.planes]
    return np.asarray(np.dstack(planes) @ frame.matrix.T + frame.offset, np.float32)


def covered(points: np.ndarray, shape: tuple[int, ...]) -> tuple[np.ndarray, tuple[slice, slice]]:
    """The share of each pixel that a polygon covers, and where those pixels stand."""
    x0, y0 = np.maximum(points.min(0).astype(int) - 1, 0).tolist()
    x1, y1 = np.minimum(points.max(0).astype(int) + 2, shape[1::-1]).tolist()
    mask = np.zeros((FINE * (y1 - y0), FINE * (x1 - x0)), np.uint8)
    cv2.fillPoly(mask, [np.round(((points - (x0, y0)) * FINE - 0.5) * 256).astype(np.int32)], 1, shift=8)
    return mask.reshape(y1 - y0, FINE, x1 - x0, FINE).mean((1, 3)), (slice(y0, y1), slice(x0, x1))


def measure(clip: Path, seconds: float) -> dict[str, object]:
    """One clip's correlations by region, its heart rates, and what both sides took."""
    start = time.process_time()
    ours = extract(clip)
    between = time.process_time()
    count = int(np.searchsorted(ours.times, seconds))
    times = ours.times[:count]
    exact, rounded = definition(clip, ours.landmarks[:count])
    taken = {"zoo_s": (between - start) * count / len(ours.times), "definition_s": time.process_time() - between}
    found = agreement({"times": times, "traces": ours.traces[..., :count]}, {"times": times, "traces": exact})
    coarse = agreement({"times": times, "traces": rounded}, {"times": times, "traces": exact})
    return {**found, "rounded": coarse["r_by_region"], **taken}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--seconds", type=float, default=30.0, help="of each clip")
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    cv2.setNumThreads(1)
    clips = sorted(path for path in args.folder.rglob("*") if path.suffix.lower() in SUFFIXES)
    results = {str(clip.relative_to(args.folder)): measure(clip, args.seconds) for clip in clips}
    show("r of the zoo's means with the definition", results, "r_by_region")
    for name, found in results.items():
        text = "{:24} heart rate {:.2f}, by the definition {:.2f}; {zoo_s:.2f} and {definition_s:.1f} s of CPU"
        print(text.format(name, *found["heart_rates"], **found))
    show("r of 8-bit RGB under the same polygons with the definition", results, "rounded")
    if args.json:
        args.json.write_text(json.dumps(results, indent=1) + "\n")


def show(title: str, results: dict[str, dict[str, object]], key: str) -> None:
    print(title)
    print(f"{'':24}" + "".join(f"{name.replace('upper_', 'u ').replace('lower_', 'l '):>14}" for name in REGIONS))
    table = np.array([[found[key][name] for name in REGIONS] for found in results.values()])
    for name, row in zip([*results, "lowest"], np.vstack([table, table.min(0)]), strict=True):
        print(f"{name:24}" + "".join(f"{value:14.4f}" for value in row))


if __name__ == "__main__":
    main()
