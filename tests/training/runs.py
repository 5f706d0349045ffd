"""Small runs that several tests start, watch and kill."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from zoo.cli import main

needs_fork = pytest.mark.skipif(sys.platform == "win32", reason="needs fork and kill -9")
# a network of a few thousand numbers on traces, no validation before the first step
TRACES = [
    *("fit", "--model", "fpn1d_multitask", "--model.frames", "128", "--model.targets", "[age]"),
    *("--data", "synthetic", "--data.batch_size", "3", "--data.workers", "0", "--trainer.accelerator", "cpu"),
    *("--trainer.num_sanity_val_steps", "0", "--trainer.log_every_n_steps", "1"),
]


def start(arguments: Sequence[str]) -> int:
    """`zoo` in a process of its own, which is forked: nothing is imported anew. Its number."""
    child = os.fork()
    if child:
        return child
    silent = os.open(os.devnull, os.O_WRONLY)
    os.dup2(silent, 1)
    os.dup2(silent, 2)
    code = 1
    try:
        code = main(list(arguments))
    finally:
        os._exit(code)


def kill_when(child: int, done: Callable[[], bool]) -> bool:
    """Kill -9 as soon as something is so; whether the process was still running."""
    while not done():
        if os.waitpid(child, os.WNOHANG)[0]:
            return False
        time.sleep(0.005)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return True


def only(root: Path, pattern: str) -> Path:
    """The one path that matches."""
    (found,) = root.glob(pattern)
    return found
