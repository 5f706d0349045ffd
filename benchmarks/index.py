"""The whole index of MCD-rPPG, listed by `zoo prepare --dry-run`: `python -m benchmarks.index [--people 600]`.

600 people, before and after, three cameras: 3,600 recordings, as published. Videos and labels are empty files, since to
list them none may be read. Seconds, processor time and peak memory are of the whole command, start-up included, beside
those of one person's index (on Linux).
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.datasets.test_mcd_rppg import VIEWS, index, row

# the system's own high-water mark: rusage would count what this process holds
RUN = """
import sys, time
from zoo.cli import main
if main(sys.argv[1:]):
    sys.exit("zoo prepare failed")
status = dict(line.split(":", 1) for line in open("/proc/self/status"))
print(f"{time.process_time():.2f} s of processor time, peak {int(status['VmHWM'].split()[0]) / 1024:.0f} MB")
"""
FILES = ("video", "ppg_sync", "meta")


def tree(root: Path, people: int) -> Path:
    """A data set of the published shape, whose files are empty."""
    root.mkdir()
    names = [str(1000 + number) for number in range(people)]
    rows = [row(name, step, camera) for name in names for step in ("before", "after") for camera in VIEWS]
    index(root, rows)
    for column in FILES:
        (root / column).mkdir()
        for values in rows:
            (root / values[column]).touch()
    return root


def dry_run(root: Path) -> str:
    """What the command says first, and what it took."""
    command = [sys.executable, "-c", RUN, "prepare", "--data", "mcd_rppg", "--root", str(root), "--dry-run"]
    start = time.perf_counter()
    said = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, cwd=root).stdout.splitlines()
    return f"{said[0]} {time.perf_counter() - start:.2f} s, {said[-1]}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--people", type=int, default=600)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        for people in (1, args.people):
            print(dry_run(tree(Path(temporary) / str(people), people)))


if __name__ == "__main__":
    main()
