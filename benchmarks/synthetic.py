"""What the simulator makes on one core, windows a second and rendered videos: `python benchmarks/synthetic.py`."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

import cv2
import numpy as np

from zoo.data.synthetic.faces.codec import write_video
from zoo.data.synthetic.faces.recordings import Simulation, draw, frames_of
from zoo.datasets.synthetic import windows
from zoo.spec import REGIONS, Clip, Grid, Input, Traces

INPUTS: dict[str, Input] = {
    "traces, 8 regions x 600 frames": Traces(frames=600, regions=REGIONS),
    "traces, 5 x 5 grid x 300 frames": Traces(frames=300, regions=Grid(5, 5)),
    "clip, 36 x 36 x 180": Clip(frames=180, size=36),
    "clip, 72 x 72 x 128": Clip(frames=128, size=72),
    "clip, 128 x 128 x 128": Clip(frames=128, size=128),
}


def main(seconds: float = 3.0) -> None:
    """Prints one line an input: windows a second of processor time."""
    for name, input in INPUTS.items():
        data = windows(input, "train")
        data[0]
        made, start = 0, time.process_time()
        while time.process_time() - start < seconds:
            made += 1
            data[made]
        print(f"{name:34s} {made / (time.process_time() - start):7.1f} windows/s")
    videos()


def videos(people: int = 6) -> None:
    """Prints the processor time that 20 s of 320 x 240 at 30 fps take: drawn by `zoo simulate`, and encoded."""
    cv2.setNumThreads(1)
    spent = []
    for person in range(people):
        drawn = draw(Simulation(seconds=20.0, size=(320, 240)), person, 0)
        start = time.process_time()
        frames = list(frames_of(drawn))
        rendered = time.process_time()
        with tempfile.TemporaryDirectory() as folder:
            write_video(Path(folder) / "x", frames, drawn.times, drawn.scene.fps, drawn.scene.size, drawn.codec)
        spent.append(np.array([rendered - start, time.process_time() - rendered]) * 600 / len(frames))
    drawing, encoding = np.mean(spent, axis=0)
    print(
        f"video, 20 s of 320 x 240 at 30 fps: {drawing:.2f} s rendering + {encoding:.2f} s encoding ({people} people)"
    )


if __name__ == "__main__":
    main()
