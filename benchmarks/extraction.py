"""Traces from a face video: the zoo's extraction beside the published way, on the same clip in the same run.

    python benchmarks/extraction.py [CLIP]       (a drawn face of 30 s, 640x480, if none is given)

The published way, written out: every frame as RGB in memory, and for each frame and region a polygon drawn as a mask
and the mean under it. It is given the zoo's landmarks for nothing, so that its means are the definition that the
zoo's are held against, and its time is decoding and masks alone; the zoo's holds everything, finding the face too.
Whole-pixel masks jump at their edges as the head moves, so that the two agree only roughly; benchmarks/regions.py holds
the means against the definition without that noise, by area.
Both run in processes of their own, one thread each; pin them to a core with `taskset -c 0`.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

THREADS = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
BAND = (0.7, 4.0)
FPS = 30.0


def ours(clip: Path, out: Path, crop_size: int | None) -> None:
    """Child: extract with the zoo."""
    import cv2

    from zoo.data.extract import extract

    cv2.setNumThreads(1)
    start, cpu = time.perf_counter(), time.process_time()
    result = extract(clip, crop_size=crop_size)
    np.savez(
        out,
        times=result.times,
        traces=result.traces,
        landmarks=result.landmarks,
        report=json.dumps(_report(start, cpu, result.times[-1]) | {"stages_s": result.seconds}),
    )


def masks(clip: Path, out: Path, placed: Path) -> None:
    """Child: the published way, at the landmarks of `placed`."""
    import av
    import cv2

    from zoo.data.align import similarity
    from zoo.data.regions import outlines
    from zoo.spec import REGIONS

    cv2.setNumThreads(1)
    known = np.load(placed)
    polygons = outlines(REGIONS)
    start, cpu = time.perf_counter(), time.process_time()
    with av.open(str(clip)) as container:
        container.streams.video[0].thread_count = 1
        frames = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
    traces = np.empty((len(polygons), 3, len(frames)))
    for number, (frame, transform) in enumerate(zip(frames, similarity(known["landmarks"]), strict=True)):
        for region, polygon in enumerate(polygons):
            points = polygon @ transform[:, :2].T + transform[:, 2]
            traces[region, :, number] = _mean(frame, points) / 255
    np.savez(out, times=known["times"], traces=traces, report=json.dumps(_report(start, cpu, known["times"][-1])))


def _mean(frame: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Mean RGB under a polygon."""
    import cv2

    mask = np.zeros(frame.shape[:2], np.uint8)
    cv2.fillPoly(mask, [np.round((points - 0.5) * 16).astype(np.int32)], 1, shift=4)
    return frame[mask == 1].mean(axis=0)


def _report(start: float, cpu: float, seconds: float) -> dict[str, float]:
    wall, used = time.perf_counter() - start, time.process_time() - cpu
    # The peak of this process alone; ru_maxrss is inherited from the parent.
    status = Path("/proc/self/status")
    peak = int(status.read_text().split("VmHWM:")[1].split()[0]) / 1024 if status.exists() else float("nan")
    return {
        "wall_s": wall,
        "cpu_s": used,
        "times_real_time": seconds / wall,
        "times_cpu": seconds / used,
        "peak_mb": peak,
    }


def agreement(one: dict[str, np.ndarray], other: dict[str, np.ndarray]) -> dict[str, object]:
    """Correlation of band-passed region means, and the heart rates that POS finds in both."""
    from scipy import signal

    from zoo.signals.classical import pos
    from zoo.signals.rate import heart_rate
    from zoo.spec import REGIONS

    grid = np.arange(0, one["times"][-1], 1 / FPS)
    passes = signal.butter(2, BAND, "band", fs=FPS, output="sos")
    means = [
        np.apply_along_axis(lambda row, t=run["times"]: np.interp(grid, t, row), -1, run["traces"].astype(np.float64))
        for run in (one, other)
    ]
    waves = [signal.sosfiltfilt(passes, mean, axis=-1) for mean in means]
    waves = [wave - wave.mean(-1, keepdims=True) for wave in waves]
    r = np.sum(waves[0] * waves[1], -1) / np.sqrt(np.sum(waves[0] ** 2, -1) * np.sum(waves[1] ** 2, -1))
    rates = [heart_rate(pos(mean[0], FPS), FPS) for mean in means]
    return {
        "r_by_region": {name: float(np.min(row)) for name, row in zip(REGIONS, r, strict=True)},
        "r_lowest": float(r.min()),
        "heart_rates": [float(rate) for rate in rates],
    }


def child(role: str, *arguments: object) -> dict[str, np.ndarray]:
    """Run one side in a process of its own and read what it wrote."""
    command = [sys.executable, str(Path(__file__).resolve()), "--role", role, *map(str, arguments)]
    subprocess.run(command, check=True, env={**os.environ, **THREADS})
    return dict(np.load(str(arguments[1])))


def main() -> None:
    """Measure, print a table, and the same as JSON on request."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clip", nargs="?", type=Path)
    parser.add_argument("--repeats", type=int, default=3, help="runs a side; the fastest counts")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        clip = options.clip or _drawn(Path(folder))
        best: dict[str, dict[str, np.ndarray]] = {}
        for _ in range(options.repeats):
            for name, role, extra in (
                ("traces", "ours", 0),
                ("traces + crops 72x72", "ours", 72),
                ("polygon masks", "masks", None),
            ):
                argument = Path(folder) / "traces.npz" if extra is None else extra
                out = Path(folder) / f"{name.replace('+', '').replace(' ', '_')}.npz"
                run = child(role, clip, out, argument)
                run["report"] = json.loads(str(run["report"]))
                if name not in best or run["report"]["wall_s"] < best[name]["report"]["wall_s"]:
                    best[name] = run
        reports = {name: run["report"] for name, run in best.items()}
        result = {"clip": str(clip), **reports}
        result["against polygon masks"] = agreement(best["traces"], best["polygon masks"])
    result["speed_ratio"] = reports["polygon masks"]["wall_s"] / reports["traces"]["wall_s"]
    if options.json:
        print(json.dumps(result, indent=2))
        return
    print(f"{'':24}{'x real time':>12}{'x of CPU time':>15}{'peak MB':>10}")
    for name, report in reports.items():
        print(f"{name:24}{report['times_real_time']:12.1f}{report['times_cpu']:15.1f}{report['peak_mb']:10.0f}")
    stages = ", ".join(f"{stage} {seconds:.2f} s" for stage, seconds in reports["traces"]["stages_s"].items())
    print(f"stages of the first row: {stages}")
    print(f"traces are {result['speed_ratio']:.1f} times as fast as polygon masks")
    found = result["against polygon masks"]
    listed = ", ".join(f"{region} {r:.4f}" for region, r in found["r_by_region"].items())
    print(f"against polygon masks: r of the lowest channel, {BAND[0]}-{BAND[1]} Hz: {listed}")
    print("    heart rate by POS on 'face', zoo and masks: {:.2f} and {:.2f} per minute".format(*found["heart_rates"]))


def _drawn(folder: Path) -> Path:
    sys.path.insert(0, str(Path(__file__).parents[1]))
    from tests.faces import write_face_clip

    return write_face_clip(folder / "drawn.mp4", seconds=30, size=(640, 480), crf=23)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--role"]:
        role, source, target, extra = sys.argv[2:]
        if role == "ours":
            ours(Path(source), Path(target), int(extra) or None)
        else:
            masks(Path(source), Path(target), Path(extra))
    else:
        main()
