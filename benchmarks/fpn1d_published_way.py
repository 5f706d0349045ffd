"""From decoded frames to pulse and biomarkers of 20 s: the zoo beside the published way, in one run, on one core.

    taskset -c 0 python benchmarks/fpn1d_published_way.py [CLIP]     (a drawn face of 20 s, 640x480, if none is given)

The published way, written out: a polygon mask for each of eight regions on every RGB frame, POS as a loop over windows
for each region, the plain network in eager fp32. The zoo: region means on the codec's planes, preparation and network,
biomarkers included, in one ONNX file. Decoding and finding the face are left out on both sides; both get the same
landmarks. The two sides take turns, so that the machine's moods meet both alike.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import onnxruntime
import torch

sys.path.insert(0, str(Path(__file__).parents[1]))
from benchmarks.plain import PlainNetwork
from benchmarks.signals import plain_pos
from zoo import registry
from zoo.data.align import similarity
from zoo.data.extract import extract
from zoo.data.regions import outlines, region_means, samples_for
from zoo.data.synthetic.videos import write_face_clip
from zoo.data.video import open_video
from zoo.export.onnx import export_onnx
from zoo.export.runtime import OnnxRunner
from zoo.spec import REGIONS

FRAMES, FPS = 600, 30.0


def published_features(frames: list[np.ndarray], places: np.ndarray) -> np.ndarray:
    """Mean colours (regions, 3, T) of RGB frames, a mask a region and frame."""
    polygons = outlines(REGIONS)
    traces = np.empty((len(polygons), 3, len(frames)))
    for number, (frame, place) in enumerate(zip(frames, places, strict=True)):
        for region, polygon in enumerate(polygons):
            mask = np.zeros(frame.shape[:2], np.uint8)
            points = polygon @ place[:, :2].T + place[:, 2] - 0.5
            cv2.fillPoly(mask, [np.round(points * 16).astype(np.int32)], 1, shift=4)
            traces[region, :, number] = frame[mask == 1].mean(axis=0) / 255
    return traces


def published_input(traces: np.ndarray) -> torch.Tensor:
    """Standardised colours and POS (1, T, regions * 4)."""
    pulses = plain_pos(traces, FPS)
    channels = np.concatenate([traces, pulses[:, None]], axis=1)
    channels = (channels - channels.mean(-1, keepdims=True)) / channels.std(-1, keepdims=True)
    return torch.from_numpy(channels.reshape(-1, channels.shape[-1]).T[None].astype(np.float32))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clip", nargs="?", type=Path)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    with tempfile.TemporaryDirectory() as folder:
        clip = options.clip or write_face_clip(Path(folder) / "drawn.mp4", seconds=20, size=(640, 480), crf=23)
        result = measure(clip, Path(folder), options.repeats)
    if options.json:
        print(json.dumps(result, indent=1))
        return
    print(f"{'CPU ms for 20 s':<22}{'published way':>14}{'zoo':>10}{'ratio':>8}")
    for stage in ("features", "model", "both"):
        slow, fast = result["published_ms"][stage], result["zoo_ms"][stage]
        print(f"{stage:<22}{slow:>14.1f}{fast:>10.1f}{slow / fast:>8.1f}")
    print(f"features included, the zoo is {result['ratio']:.1f} times as fast as the published way (goal: 10)")
    print(f"zoo's model alone / plain published network in ONNX Runtime: {result['over_plain_onnx']:.2f}")


def measure(clip: Path, folder: Path, repeats: int) -> dict[str, Any]:
    """Median CPU milliseconds of both sides, by stage."""
    landmarks = extract(clip).landmarks[:FRAMES]
    places = similarity(landmarks)
    with open_video(clip) as video:
        frames = [frame for frame, _ in zip(video, places, strict=False)]
    pictures = [frame.rgb() for frame in frames]
    torch.manual_seed(0)
    plain = registry.model_class("fpn1d_multitask")(targets=[]).eval()
    export_onnx(registry.model_class("fpn1d_multitask")().eval(), folder / "ours.onnx", "fpn1d_multitask")
    runner = OnnxRunner(folder / "ours.onnx", threads=1)
    traces = published_features(pictures[:8], places[:8])
    prepared = torch.zeros(1, FRAMES, 32).normal_()
    torch.onnx.export(
        PlainNetwork("fpn1d_multitask", plain.network),
        (prepared,),
        str(folder / "plain.onnx"),
        dynamo=True,
        verbose=False,
    )
    settings = onnxruntime.SessionOptions()
    settings.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(folder / "plain.onnx", settings, providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    samples = samples_for(places[0])
    timed: dict[str, dict[str, list[float]]] = {
        side: {"features": [], "model": []} for side in ("published", "zoo", "plain_onnx")
    }

    def clocked(side: str, stage: str, run: Any) -> Any:
        start = time.process_time()
        found = run()
        timed[side][stage].append(1e3 * (time.process_time() - start))
        return found

    for _ in range(repeats):
        traces = clocked("published", "features", lambda: published_features(pictures, places))
        with torch.inference_mode():
            # POS belongs to the published features
            x = clocked("published", "features", lambda traces=traces: published_input(traces))
            clocked("published", "model", lambda x=x: plain.network(x))
        ours = clocked("zoo", "features", lambda: _zoo_features(frames, places, samples))
        clocked("zoo", "model", lambda ours=ours: runner(ours))
        clocked("plain_onnx", "model", lambda x=x: session.run(None, {name: x.numpy()}))
    return _summary(clip, timed, repeats)


def _zoo_features(frames: list[Any], places: np.ndarray, samples: int) -> np.ndarray:
    rows = [region_means(frame, place, REGIONS, samples) for frame, place in zip(frames, places, strict=True)]
    return np.stack(rows, axis=-1).astype(np.float32)[None]


def _summary(clip: Path, timed: dict[str, dict[str, list[float]]], repeats: int) -> dict[str, Any]:
    masks, loops = timed["published"]["features"][::2], timed["published"]["features"][1::2]
    timed["published"]["features"] = [sum(pair) for pair in zip(masks, loops, strict=True)]
    found: dict[str, Any] = {"clip": clip.name, "repeats": repeats}
    for side in ("published", "zoo"):
        stages = {stage: statistics.median(times) for stage, times in timed[side].items()}
        found[f"{side}_ms"] = {**stages, "both": sum(stages.values())}
    found["plain_onnx_ms"] = statistics.median(timed["plain_onnx"]["model"])
    found["over_plain_onnx"] = found["zoo_ms"]["model"] / found["plain_onnx_ms"]
    found["ratio"] = found["published_ms"]["both"] / found["zoo_ms"]["both"]
    return found


if __name__ == "__main__":
    main()
