"""Small runs that several tests start, watch and kill."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

# a network of a few thousand numbers on traces, no validation before the first step
TRACES = [
    *("fit", "--model", "fpn1d_multitask", "--model.frames", "128", "--model.targets", "[age]"),
    *("--data", "synthetic", "--data.batch_size", "3", "--data.workers", "0", "--trainer.accelerator", "cpu"),
    *("--trainer.num_sanity_val_steps", "0", "--trainer.log_every_n_steps", "1"),
]


def start(arguments: Sequence[str], log: Path) -> subprocess.Popen[bytes]:
    """`zoo` in a process of its own, which inherits neither locks nor threads; what it says goes to `log`."""
    with log.open("wb") as file:
        return subprocess.Popen([sys.executable, "-m", "zoo", *arguments], stdout=file, stderr=subprocess.STDOUT)


def kill_when(child: subprocess.Popen[bytes], done: Callable[[], bool]) -> bool:
    """Kill -9 as soon as something is so; whether the process was still running."""
    while not done():
        if child.poll() is not None:
            return False
        time.sleep(0.005)
    child.kill()
    child.wait()
    return True


def only(root: Path, pattern: str) -> Path:
    """The one path that matches."""
    (found,) = root.glob(pattern)
    return found
