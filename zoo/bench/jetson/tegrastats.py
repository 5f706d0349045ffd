"""tegrastats: one line a sample, in the forms of every Jetson from the Nano to the Thor.

Traps in its lines: `RAM 2147/7620MB` looks like a power rail, `NC` rails are not connected, a sensor at -256 degrees
is off, PMIC's temperature is a constant, a core can be `off`, and the Nano gives power without a unit (milliwatts).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

LONGEST_LINE = 4096
# a rail measured at the board's input, or rails that add up to it
TOTALS: tuple[tuple[str, ...], ...] = (
    ("POM_5V_IN",),
    ("VDD_IN",),
    ("VIN",),
    ("VDD_GPU_SOC", "VDD_CPU_CV", "VIN_SYS_5V0"),
)
_NOT_RAILS = {"RAM", "SWAP", "IRAM", "NC"}
_SENSOR_OFF = -200.0
_UNITS = {"kB": 1e-3, "MB": 1.0, "GB": 1e3}
_RAM = re.compile(r"(?<!\S)RAM (\d{1,9})/(\d{1,9})(kB|MB|GB)")
_CPU = re.compile(r"(?<!\S)CPU \[([^\]]{0,1000})\]")
_GPU = re.compile(r"(?<!\S)GR3D(?:_FREQ)? (?:(\d{1,3})%)?(?:@\[?([\d,]{1,100})\]?)?")
_TEMPERATURE = re.compile(r"(?<!\S)([A-Za-z][\w-]{0,30})@(-?\d{1,4}(?:\.\d{1,4})?)C(?!\S)")
_RAIL = re.compile(r"(?<!\S)([A-Z][A-Z0-9_]{1,40}) (-?\d{1,9})(?:mW)?(?:/-?\d{1,9}(?:mW)?){1,2}(?!\S)")


@dataclass(frozen=True)
class Sample:
    """What one line says.

    Args:
        ram_mb, ram_total_mb: memory in use and installed, shared by processor and GPU.
        gpu_load: per cent; None where the board does not tell (Thor).
        gpu_mhz: clock of each GPU cluster.
        cpu_load: per cent of each core; None for a core that is off.
        temperatures: degrees Celsius by sensor.
        rails: milliwatts now, by power rail.
    """

    ram_mb: float | None = None
    ram_total_mb: float | None = None
    gpu_load: float | None = None
    gpu_mhz: tuple[float, ...] = ()
    cpu_load: tuple[float | None, ...] = ()
    temperatures: dict[str, float] = field(default_factory=dict)
    rails: dict[str, float] = field(default_factory=dict)

    @property
    def total_mw(self) -> float | None:
        """Power of the whole board in milliwatts; None where its rails do not add up to it."""
        for names in TOTALS:
            if all(name in self.rails for name in names):
                return sum(self.rails[name] for name in names)
        return None


@dataclass(frozen=True)
class Energy:
    """Power and energy of a timed run.

    Args:
        idle_w, run_w: mean power of the whole board before and during the run.
        idle_rails_w, rails_w: the same by rail.
        joule_per_window: above idle: (run - idle) x time / windows.
        joule_per_window_total: idle included.
        samples: lines in the run.
    """

    idle_w: float | None
    run_w: float | None
    idle_rails_w: dict[str, float]
    rails_w: dict[str, float]
    joule_per_window: float | None
    joule_per_window_total: float | None
    samples: int


def parse(line: str) -> Sample | None:
    """Read one line; None where it is not one of tegrastats."""
    if len(line) > LONGEST_LINE:
        return None
    ram, cpu, gpu = _RAM.search(line), _CPU.search(line), _GPU.search(line)
    rails = {name: float(now) for name, now in _RAIL.findall(line) if name not in _NOT_RAILS}
    if ram is None and cpu is None and not rails:
        return None
    temperatures = {
        name: float(value)
        for name, value in _TEMPERATURE.findall(line)
        if name.upper() != "PMIC" and float(value) > _SENSOR_OFF
    }
    unit = _UNITS[ram[3]] if ram else 1.0
    return Sample(
        ram_mb=float(ram[1]) * unit if ram else None,
        ram_total_mb=float(ram[2]) * unit if ram else None,
        gpu_load=float(gpu[1]) if gpu and gpu[1] else None,
        gpu_mhz=tuple(float(part) for part in (gpu[2] or "").split(",") if part) if gpu else (),
        cpu_load=tuple(_core(part) for part in cpu[1].split(",")) if cpu and cpu[1] else (),
        temperatures=temperatures,
        rails=rails,
    )


def read(text: str) -> list[tuple[float, Sample]]:
    """Read stamped lines (`SECONDS LINE`); lines that are cut or foreign are left out."""
    samples = []
    for line in text.splitlines():
        stamp, _, rest = line.partition(" ")
        if re.fullmatch(r"\d{1,10}(\.\d{1,9})?", stamp) and (sample := parse(rest)) is not None:
            samples.append((float(stamp), sample))
    return samples


def energy(
    samples: Sequence[tuple[float, Sample]],
    idle: tuple[float, float],
    run: tuple[float, float],
    windows: int,
) -> Energy:
    """Energy of each window from power x time above idle.

    Args:
        samples: stamped, in the clock of the spans.
        idle, run: from and to, in seconds.
        windows: how many were computed in the run.
    """
    still, busy = ([sample for at, sample in samples if low <= at <= high] for low, high in (idle, run))
    idle_w, run_w = _mean([s.total_mw for s in still]), _mean([s.total_mw for s in busy])
    seconds = (run[1] - run[0]) / windows if windows else None
    known = run_w is not None and seconds is not None
    return Energy(
        idle_w=idle_w,
        run_w=run_w,
        idle_rails_w=_rails(still),
        rails_w=_rails(busy),
        joule_per_window=(run_w - idle_w) * seconds if known and idle_w is not None else None,  # type: ignore[operator]
        joule_per_window_total=run_w * seconds if known else None,  # type: ignore[operator]
        samples=len(busy),
    )


def _core(text: str) -> float | None:
    found = re.match(r"\s*(\d{1,3})%", text)
    return float(found[1]) if found else None


def _mean(milliwatts: Sequence[float | None]) -> float | None:
    values = [value for value in milliwatts if value is not None]
    return float(np.mean(values)) / 1e3 if values else None


def _rails(samples: Sequence[Sample]) -> dict[str, float]:
    names = dict.fromkeys(name for sample in samples for name in sample.rails)
    return {name: float(np.mean([s.rails[name] for s in samples if name in s.rails])) / 1e3 for name in names}
