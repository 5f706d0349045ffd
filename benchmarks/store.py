"""Random windows a second from a prepared store: `python benchmarks/store.py [--recordings 1000] [--minutes 3]`.

Makes a store of simulated traces (8 regions, 30 frames a second, PPG labels at 60 Hz) under --folder, then draws random
20 s windows through the DataModule's loader, batches, labels and masks included.
"""

from __future__ import annotations

import argparse
import gc
import resource
import tempfile
import time
from pathlib import Path

import numpy as np
import torch

from zoo.data.extract import Chunk
from zoo.data.module import VitalsDataModule
from zoo.data.recording import Labels, Recording, Series
from zoo.data.store import Settings, file_name, open_folder, writing
from zoo.spec import REGIONS, Traces


def make(folder: Path, count: int, minutes: float) -> None:
    """A store of so many recordings; the traces of all are the same noise, shifted."""
    rng = np.random.default_rng(0)
    frames = int(minutes * 60 * 30)
    times = np.arange(frames) / 30
    noise = (0.5 + 0.01 * rng.standard_normal((len(REGIONS), 3, frames))).astype(np.float32)
    label = Series(np.arange(0, minutes * 60, 1 / 60), rng.standard_normal(int(minutes * 3600)))
    settings = Settings()
    place = open_folder(folder, "folder", settings)
    for i in range(count):
        recording = Recording("folder", f"p{i // 2}", f"s{i}", Path("none.mp4"), {"age": 20.0 + i % 50})
        with writing(place / file_name(recording), recording, settings) as writer:
            for start in range(0, frames, 3000):
                part = slice(start, start + 3000)
                size = len(times[part])
                traces = np.roll(noise, i, axis=-1)[..., part]
                writer.append(Chunk(times[part], traces, None, np.ones(size, bool), np.zeros((size, 5, 2), np.float32)))
            writer.finish(Labels({"ppg": label}), {})


def measure(folder: Path, workers: int, batch: int, seconds: float) -> tuple[float, float, float]:
    """Windows a second after a first batch; microseconds of processor time a window, workers and this process
    together; seconds that setting up took."""
    start = time.perf_counter()
    data = VitalsDataModule(
        "folder", store=str(folder), input=Traces(600, REGIONS), workers=workers, batch_size=batch, train_hop=1.0
    )
    data.setup("fit")
    loader = data.train_dataloader()
    ready = time.perf_counter() - start
    used = processor()
    iterator = iter(loader)
    next(iterator)
    start, windows = time.perf_counter(), 0
    while time.perf_counter() - start < seconds:
        windows += len(next(iterator)["input"])
    rate = windows / (time.perf_counter() - start)
    # workers are counted when they have ended; what they made ahead was made too
    ahead = batch * loader.prefetch_factor * workers
    del iterator, loader
    gc.collect()
    return rate, 1e6 * (processor() - used) / (windows + batch + ahead), ready


def processor() -> float:
    """Seconds of processor time of this process and of its children that have ended."""
    both = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(usage.ru_utime + usage.ru_stime for usage in both)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--recordings", type=int, default=1000)
    parser.add_argument("--minutes", type=float, default=3.0)
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--seconds", type=float, default=8.0)
    args = parser.parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as temporary:
        folder = args.folder or Path(temporary)
        if not any(folder.glob("folder-*/*.h5")):
            start = time.perf_counter()
            make(folder, args.recordings, args.minutes)
            print(f"made {args.recordings} recordings in {time.perf_counter() - start:.1f} s")
        for workers in (1, 2):
            for batch in (16, 64):
                rate, cost, ready = measure(folder, workers, batch, args.seconds)
                print(
                    f"{workers} workers, batches of {batch}: {rate:8.0f} windows/s, {cost:.0f} us of processor time "
                    f"each, ready after {ready:.1f} s"
                )
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"peak memory of the main process {memory:.0f} MB")


if __name__ == "__main__":
    main()
