"""Which processor cores a measurement has for itself, and how much of them others took meanwhile."""

from __future__ import annotations

import os
import time
from pathlib import Path

STAT = Path("/proc/stat")
# a share of the cores that others may take before figures are doubtful
LARGEST_SHARE = 0.05
FEWEST_TICKS = 20


def pin(threads: int) -> list[int]:
    """Bind this process to its idlest `threads` cores; returns them, none where the system cannot."""
    if not hasattr(os, "sched_setaffinity"):
        return []
    allowed = sorted(os.sched_getaffinity(0))
    before = _busy()
    time.sleep(0.05)
    after = _busy()
    # the last of equals: interrupts mostly go to the first core
    cores = sorted(allowed, key=lambda core: (after.get(core, 0.0) - before.get(core, 0.0), -core))[:threads]
    os.sched_setaffinity(0, cores)
    return sorted(cores)


class Watch:
    """Others' share of some cores from now on.

    Args:
        cores: those that this process is bound to; all where there are none.
    """

    def __init__(self, cores: list[int]) -> None:
        self.cores = cores
        self._start, self._own, self._busy = time.perf_counter(), time.process_time(), _busy()

    def others(self) -> float | None:
        """Share 0..1 of the cores' time that was not ours; None where it cannot be told, or the time was too short."""
        wall, own = time.perf_counter() - self._start, time.process_time() - self._own
        now = _busy()
        cores = [core for core in self.cores or now if core in now and core in self._busy]
        # the system counts in ticks: over a few of them the share is a guess
        if not cores or wall * os.sysconf("SC_CLK_TCK") < FEWEST_TICKS:
            return None
        busy = sum(now[core] - self._busy[core] for core in cores)
        return min(max((busy - own) / (wall * len(cores)), 0.0), 1.0)


def _busy() -> dict[int, float]:
    """Seconds that each core has worked, stolen time included."""
    try:
        lines = STAT.read_text().splitlines()
    except OSError:
        return {}
    tick = os.sysconf("SC_CLK_TCK")
    found = {}
    for line in lines:
        name, *values = line.split()
        if name.startswith("cpu") and name[3:].isdigit():
            user, nice, system, _idle, _wait, irq, soft, steal = map(int, values[:8])
            found[int(name[3:])] = (user + nice + system + irq + soft + steal) / tick
    return found


def probe() -> float:
    """Milliseconds of a fixed piece of work that has nothing to do with the zoo: how fast the machine is now."""
    import numpy as np

    rng = np.random.default_rng(0)
    left, right = rng.random((2, 256, 256), dtype=np.float32)
    block = rng.random(500_000)
    times = []
    for _ in range(15):
        start = time.perf_counter()
        left @ right
        block.copy().sum()
        times.append(time.perf_counter() - start)
    return 1e3 * float(np.median(times))
