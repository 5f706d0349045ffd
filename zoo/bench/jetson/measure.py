"""One ONNX file on one board: build, time beside tegrastats, fetch, read, clean up."""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zoo.bench.jetson import samples, tegrastats, trtexec
from zoo.bench.jetson.board import Board
from zoo.bench.jetson.remote import Done, Folder, Shell, folder
from zoo.bench.jetson.samples import Times
from zoo.bench.jetson.trtexec import Trtexec
from zoo.bench.rows import noise, timings
from zoo.errors import DeviceError

MOST_TIMES = 64 << 20
MOST_LOG = 1 << 19
MOST_SAMPLES_KEPT = 1000
# trtexec's exit status, behind its last line
_EXIT = re.compile(r"^[\d.]+ zoo-exit (\d{1,3})$", re.MULTILINE)
_STAMPED = re.compile(r"^(\d{1,10}\.\d{1,4}) (.*)$", re.MULTILINE)
_LEAST_POWER_SAMPLES = 3


@dataclass(frozen=True)
class Settings:
    """How long and how often.

    Args:
        runs, seconds: a timed run ends when both are reached.
        warmup_ms: of trtexec, not counted.
        processes: fresh processes of trtexec; their samples are pooled.
        half: compute in fp16, preparation included.
        idle_s: tegrastats alone, before each timed run.
        interval_ms: between samples of tegrastats.
        build_limit_s, run_limit_s: longest that a build (minutes on a Nano) and a run may take.
        profile: time each layer in a run of its own.
    """

    runs: int = 200
    seconds: float = 5.0
    warmup_ms: int = 1000
    processes: int = 1
    half: bool = False
    idle_s: float = 3.0
    interval_ms: int = 100
    build_limit_s: float = 3600.0
    run_limit_s: float = 900.0
    profile: bool = True


@dataclass(frozen=True)
class _Run:
    """A timed run: its samples, and tegrastats' with the spans that they fall into, in seconds of uptime."""

    times: Times
    power: list[tuple[float, tegrastats.Sample]]
    idle: tuple[float, float]
    busy: tuple[float, float] | None


def measure(
    shell: Shell, board: Board, tool: Trtexec, onnx: Path, window_s: float, settings: Settings
) -> dict[str, Any]:
    """Latency, power and energy of one model, one window at a time.

    Args:
        onnx: file of the nano profile: a fixed shape of batch 1.
        window_s: seconds of video in a window.

    Returns:
        A row for `zoo.bench.results`: `state` ok, or failed with its `reason`. What is on the board is removed either
        way; `left_behind` names it where the board could not be reached for that.
    """
    made: Folder | None = None
    try:
        with folder(shell) as made:
            row = {"state": "ok", **_measure(shell, board, tool, onnx, window_s, settings, made)}
    except DeviceError as error:
        row = {"state": "failed", "reason": str(error)}
    if made is not None and made.left:
        row["left_behind"] = f"{shell.name}:{made.left}"
    return row


def _measure(
    shell: Shell, board: Board, tool: Trtexec, onnx: Path, window_s: float, settings: Settings, made: Folder
) -> dict[str, Any]:
    model, engine = made / "model.onnx", made / "model.engine"
    shell.put(onnx, model)
    build = trtexec.build_command(tool, model, engine, settings.half)
    built = _spans(_checked(shell.run(_script(made, build, "", settings), settings.build_limit_s, MOST_LOG), tool))
    runs = [_timed(shell, board, tool, settings, made) for _ in range(settings.processes)]
    row: dict[str, Any] = {
        "precision": _precision(tool, settings),
        "tensorrt": tool.spelled,
        "build_s": round(built[-1] - built[0], 2) if built else None,
        **_latency([run.times for run in runs], window_s),
        **_power(runs),
    }
    if settings.profile:
        command = trtexec.profile_command(tool, engine, made / "profile.json")
        _checked(shell.run(_script(made, command, "", settings), settings.run_limit_s, MOST_LOG), tool)
        row["layers"] = samples.read_profile(shell.get(made / "profile.json"))
    return row


def _timed(shell: Shell, board: Board, tool: Trtexec, settings: Settings, made: Folder) -> _Run:
    target = made / "times.json"
    command = trtexec.time_command(
        tool, made / "model.engine", target, settings.runs, settings.seconds, settings.warmup_ms
    )
    text = _checked(
        shell.run(_script(made, command, board.tegrastats, settings), settings.run_limit_s, MOST_LOG), tool
    ).text
    times = samples.read_times(shell.get(target, MOST_TIMES))
    printed = samples.read_summary(text).get("Latency", {}).get("median")
    median = float(np.median(times.latency))
    if printed is not None and abs(printed - median) > 0.02 * median + 0.01:
        raise DeviceError(
            f"trtexec printed a median of {printed:.3f} ms but wrote samples of {median:.3f} ms: trust neither, and "
            "measure again."
        )
    power = tegrastats.read(shell.get(made / "power.txt").decode("utf-8", "replace")) if board.tegrastats else []
    stamps = _spans(Done(0, text.encode()))
    started = stamps[0] if stamps else 0.0
    # trtexec says this as soon as the last query has ended
    ended = re.search(r"^([\d.]+) .*Timing trace has ", text, re.MULTILINE)
    busy = (float(ended[1]) - times.span_s, float(ended[1])) if ended else None
    return _Run(times, power, (started - settings.idle_s, started), busy)


def _script(made: Folder, command: Sequence[str], watcher: str, settings: Settings) -> str:
    """Run trtexec with every line stamped by the board's uptime, tegrastats beside it where there is one."""
    watch = f"""
mkfifo power && {{ stamp < power > power.txt 2>/dev/null & }}
{shlex.quote(watcher)} --interval {settings.interval_ms} > power 2>/dev/null < /dev/null &
watcher=$!; echo $watcher >> pids
sleep {settings.idle_s:.2f}"""
    return f"""
cd {shlex.quote(made.path)} || exit 90
rm -f power power.txt times.json pids
stamp() {{ while IFS= read -r line; do read -r now rest < /proc/uptime; printf '%s %s\\n' "$now" "$line"; done; }}
{watch if watcher else ""}
{{ echo zoo-start
{shlex.join(command)} 2>&1 < /dev/null &
echo $! >> pids; wait $!; echo "
zoo-exit $?"; }} | stamp
{"kill -9 $watcher; wait" if watcher else ""} 2>/dev/null
exit 0"""


def _checked(done: Done, tool: Trtexec) -> Done:
    """Raise DeviceError unless trtexec passed."""
    codes = _EXIT.findall(done.text)
    ended = trtexec.outcome(done.text, int(codes[-1]) if codes else None, tool.spelled)
    if ended.state != "passed" or not codes:
        raise DeviceError(ended.reason or "trtexec's output ends too early: measure again.")
    return done


def _spans(done: Done) -> list[float]:
    """Uptime of the first and last line."""
    stamps = [float(stamp) for stamp, _ in _STAMPED.findall(done.text)]
    return [stamps[0], stamps[-1]] if stamps else []


def _precision(tool: Trtexec, settings: Settings) -> str:
    if settings.half:
        return "fp16, preparation included"
    return "fp32" if "noTF32" in tool.options else "fp32, TF32 where TensorRT chooses it"


def _latency(times: Sequence[Times], window_s: float) -> dict[str, Any]:
    latencies = [item.latency.tolist() for item in times]
    row: dict[str, Any] = timings(latencies) | noise([None] * len(times), latencies)
    row["samples_ms"] = [_thinned(item.latency) for item in times]
    row |= {
        "includes": times[0].includes,
        "ms_per_second": row["p50_ms"] / window_s,
        # a window must have been seen whole, then computed
        "first_reading_s": window_s + row["p50_ms"] / 1e3,
        "windows_per_second": sum(len(item.latency) for item in times) / sum(item.span_s for item in times),
        "compute": samples.percentiles(np.concatenate([item.compute for item in times])),
        "copy_to_gpu": samples.percentiles(np.concatenate([item.h2d for item in times])),
        "copy_back": samples.percentiles(np.concatenate([item.d2h for item in times])),
    }
    waiting = [item.end_to_end for item in times if item.end_to_end is not None]
    if waiting:
        row["end_to_end"] = samples.percentiles(np.concatenate(waiting))
    return row


def _thinned(values: NDArray[np.float64]) -> list[float]:
    """Evenly over the run, since a fast model has a hundred thousand."""
    kept = np.linspace(0, len(values) - 1, min(len(values), MOST_SAMPLES_KEPT)).astype(int)
    return [round(float(value), 4) for value in values[kept]]


def _power(runs: Sequence[_Run]) -> dict[str, Any]:
    """Power, temperature, load and memory of the first run whose span is known."""
    run = next((run for run in runs if run.busy is not None), None)
    if run is None or run.busy is None or not run.power:
        return {"power": None, "power_reason": "the board has no tegrastats" if run else "trtexec's log has no times"}
    busy = [sample for at, sample in run.power if run.busy[0] <= at <= run.busy[1]]
    if len(busy) < _LEAST_POWER_SAMPLES:
        return {"power": None, "power_reason": f"only {len(busy)} samples of tegrastats in the run: give it longer"}
    still = [sample for at, sample in run.power if run.idle[0] <= at <= run.idle[1]]
    energy = tegrastats.energy(run.power, run.idle, run.busy, len(run.times.latency))
    row: dict[str, Any] = {"power": asdict(energy)}
    if energy.joule_per_window is not None:
        row["energy_j"] = energy.joule_per_window
    sensors = dict.fromkeys(name for sample in busy for name in sample.temperatures)
    row["temperature_c"] = {name: max(sample.temperatures.get(name, -np.inf) for sample in busy) for name in sensors}
    loads = [sample.gpu_load for sample in busy if sample.gpu_load is not None]
    if loads:
        row["gpu_load_percent"] = float(np.mean(loads))
    memory = [[s.ram_mb for s in part if s.ram_mb is not None] for part in (still, busy)]
    if all(memory):
        # processor and GPU share it, so this is the peak of both
        row["peak_memory_bytes"] = max(0, int(1e6 * (max(memory[1]) - float(np.median(memory[0])))))
    return row
