"""Speed, memory and size of `zoo prepare` on one video: `python benchmarks/prepare.py VIDEO [--copies 24]`.

Each measurement is a whole command in a process of its own, start-up included, so there must be some minutes of video
(copies of the one) for the speed of two workers to show. One worker is held to one core, two are to two. Beside them
stands what the machine itself gives: two commands of one worker each, held to a core each, that share the work by
`--shard`; two workers cannot be faster than those.
Memory is the peak of the process and its children, of the video as it is and of one `--longer` times as long (its
packets repeated, nothing is encoded anew). Size is compared with float64 arrays of the same crops, as toolboxes store
them.
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import h5py

RUN = "import sys; from zoo.cli import main; sys.exit(main(sys.argv[1:]))"


def begin(data: Path, out: Path, workers: int, cores: list[int], *more: str) -> subprocess.Popen[bytes]:
    """Start `zoo prepare` on some cores."""
    command = [sys.executable, "-c", RUN, "prepare", "--data", "folder", "--root", str(data), "--out", str(out)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    process = subprocess.Popen([*command, "--workers", str(workers), *more], stdout=subprocess.DEVNULL, env=environment)
    os.sched_setaffinity(process.pid, cores)
    return process


def prepare(data: Path, out: Path, workers: int, *more: str) -> tuple[float, float, float]:
    """Seconds, seconds of processor time, and peak resident MB of the largest process; as many cores as workers."""
    start = time.perf_counter()
    process = begin(data, out, workers, sorted(os.sched_getaffinity(0))[:workers], *more)
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise SystemExit("zoo prepare failed")
    peak = max(usage.ru_maxrss, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
    return time.perf_counter() - start, usage.ru_utime + usage.ru_stime, peak / 1024


def side_by_side(data: Path, out: Path, *more: str) -> float:
    """Seconds of two commands that share the work, one worker and one core each."""
    start = time.perf_counter()
    cores = sorted(os.sched_getaffinity(0))
    both = [begin(data, out, 1, [cores[i]], "--shard", f"{i + 1}/2", *more) for i in range(2)]
    states = [process.wait() for process in both]
    if any(states):
        raise SystemExit("zoo prepare failed")
    return time.perf_counter() - start


def repeat(video: Path, path: Path, times: int) -> Path:
    """The video's packets so many times over, in one file."""
    import av

    with av.open(str(video)) as source, av.open(str(path), "w") as target:
        stream = source.streams.video[0]
        copy = target.add_stream_from_template(stream)
        packets = [packet for packet in source.demux(stream) if packet.dts is not None]
        length = max(p.pts + p.duration for p in packets) - min(p.dts for p in packets)
        for round_ in range(times):
            with av.open(str(video)) as again:
                for packet in again.demux(again.streams.video[0]):
                    if packet.dts is None:
                        continue
                    packet.pts, packet.dts = packet.pts + round_ * length, packet.dts + round_ * length
                    packet.stream = copy
                    target.mux(packet)
    return path


def seconds_of(out: Path) -> float:
    """Seconds of video in a store."""
    total = 0.0
    for path in out.glob("*/*.h5"):
        with h5py.File(path) as file:
            total += float(file["times"][-1])
    return total


def folder(place: Path, video: Path, copies: int) -> Path:
    """A data set of copies of one video."""
    place.mkdir()
    for i in range(copies):
        (place / f"p{i}_{video.name}").write_bytes(video.read_bytes())
    return place


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("video", type=Path)
    parser.add_argument("--copies", type=int, default=24)
    parser.add_argument("--longer", type=int, default=4)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        place = Path(temporary)
        if len(os.sched_getaffinity(0)) < 2:
            raise SystemExit("this measurement needs two cores")
        data = folder(place / "data", args.video, args.copies)
        for name, more in {"traces": (), "crops 72x72": ("--regions", "none", "--crop", "72")}.items():
            taken = {}
            for workers in (1, 2):
                out = place / f"{name}{workers}"
                taken[workers], processor, memory = prepare(data, out, workers, *more)
                length = seconds_of(out)
                print(
                    f"{name}, {workers} worker(s) on {workers} core(s): {taken[workers]:.1f} s, "
                    f"{length / taken[workers]:.1f} x real time ({length / processor:.1f} a second of processor "
                    f"time), peak {memory:.0f} MB"
                )
            limit = taken[1] / side_by_side(data, place / f"{name} both", *more)
            print(
                f"{name}: 2 workers are {taken[1] / taken[2]:.2f} times as fast as 1; two commands side by side are "
                f"{limit:.2f} times"
            )
            if "crop" in name:
                show_size(place / f"{name}1")
        long = folder(place / "long", repeat(args.video, place / "long.mp4", args.longer), 1)
        for name, one in {"as it is": folder(place / "short", args.video, 1), f"{args.longer} x": long}.items():
            out = place / f"memory {name}"
            print(f"video {name}: peak {memory_of(one, out):.0f} MB for {seconds_of(out):.0f} s of video")


def memory_of(data: Path, out: Path) -> float:
    """Peak resident MB of a process that prepares traces."""
    told = (
        "import resource, sys; from zoo.cli import main; main(sys.argv[1:]); "
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)"
    )
    command = [sys.executable, "-c", told, "prepare", "--data", "folder", "--root", str(data), "--out", str(out)]
    return int(subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()[-1]) / 1024


def show_size(out: Path) -> None:
    """How much smaller the crops are than the same in float64."""
    stored = plain = 0
    for path in out.glob("*/*.h5"):
        with h5py.File(path) as file:
            stored += path.stat().st_size
            plain += 8 * file["crop_steps"].size
    print(f"crops 72x72: {stored / 2**20:.1f} MB on disk, {plain / stored:.1f} times smaller than float64")


if __name__ == "__main__":
    main()
