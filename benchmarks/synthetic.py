"""Windows a second that the simulator makes on one core: `python benchmarks/synthetic.py`."""

from __future__ import annotations

import time

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


if __name__ == "__main__":
    main()
