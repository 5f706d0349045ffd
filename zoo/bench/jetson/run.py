"""A suite on a Jetson: every model exported here, measured there, one row each."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from zoo.bench.jetson.board import Board, find_trtexec, look
from zoo.bench.jetson.measure import Settings, measure
from zoo.bench.jetson.remote import Shell, connected
from zoo.bench.jetson.trtexec import Trtexec
from zoo.bench.run import choose, doubts, new_report
from zoo.bench.suite import Suite
from zoo.errors import DeviceError

EXPORT_LIMIT_S = 600.0


def run_jetson(
    suite: Suite,
    name: str,
    shell: Shell,
    settings: Settings | None = None,
    each: Callable[[dict[str, Any]], None] = lambda row: None,
) -> dict[str, Any]:
    """Measure every model of a suite on a board.

    Args:
        shell: the board; this machine where it has no host.
        settings: by the suite's counts unless given.
        each: called with every finished row.

    Returns:
        A report as of `zoo.bench.run.run_suite`; `environment` is the board's, with this machine's under `host`.
        `device` is `cuda` where the machine is no Jetson but has a trtexec. Ctrl-C ends it early with the rows that
        were finished and `interrupted` true.

    Raises:
        DeviceError: no way to the board, no trtexec on it, or this machine is no Jetson and has none.
    """
    models = choose(suite.models)
    with connected(shell) as held:
        return _run(suite, name, models, held, settings or from_suite(suite), each)


def _run(
    suite: Suite,
    name: str,
    models: list[str],
    shell: Shell,
    settings: Settings,
    each: Callable[[dict[str, Any]], None],
) -> dict[str, Any]:
    board = look(shell)
    if shell.host is None and not board.is_jetson and not board.trtexec:
        raise DeviceError(
            "This machine is not a Jetson: name one with --host user@board. (An NVIDIA card here is measured too, "
            "once TensorRT's trtexec is on the PATH.)"
        )
    tool = find_trtexec(shell, board)
    report = _report(suite, name, shell, board, tool, settings)
    try:
        for model in models:
            row: dict[str, Any] = {"model": model, "runtime": "tensorrt", "device": board.device}
            with tempfile.TemporaryDirectory(prefix="zoo-bench-") as temporary:
                path = Path(temporary) / "model.onnx"
                row.update(_export(model, path))
                if row["state"] == "ok":
                    row.update(measure(shell, board, tool, path, row["window_s"], settings))
            report["rows"].append(row)
            each(row)
    except KeyboardInterrupt:
        report["interrupted"] = True
    report["doubts"] = list(doubts(report["rows"]))
    return report


def _report(suite: Suite, name: str, shell: Shell, board: Board, tool: Trtexec, settings: Settings) -> dict[str, Any]:
    """A report without rows; its environment is that of the machine that is measured."""
    report = new_report(suite, name, "jetson", 1)
    here = report["environment"]
    report["settings"]["jetson"] = asdict(settings)
    return report | {
        "device": board.device,
        "data": {"name": "no data: a board measures cost alone"},
        "environment": {
            **({"gpu": board.gpu} if board.gpu and not board.is_jetson else {}),
            "cpu": here["cpu"] if shell.host is None and not board.is_jetson else board.name,
            "load_1min": board.load,
            "governor": board.governor,
            "system": board.system,
            "board": board.to_dict(),
            "versions": {"tensorrt": tool.spelled},
            "host": here,
        },
    }


def from_suite(suite: Suite, half: bool = False) -> Settings:
    """Settings by a suite's counts; power and p99 want at least five seconds and 200 runs."""
    return Settings(
        runs=max(suite.min_runs, 200), seconds=max(suite.seconds, 5.0), processes=suite.processes, half=half
    )


def _export(model: str, path: Path) -> dict[str, Any]:
    """Export in a fresh process, so that a crash or an out-of-memory is a row and not the end."""
    try:
        done = subprocess.run(
            [sys.executable, "-W", "ignore", "-m", "zoo.bench.jetson.worker"],
            input=json.dumps({"model": model, "path": str(path)}),
            capture_output=True,
            text=True,
            timeout=EXPORT_LIMIT_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return {"state": "failed", "reason": f"its export took longer than {EXPORT_LIMIT_S:.0f} s"}
    try:
        row: dict[str, Any] = json.loads(done.stdout)
    except ValueError:
        lines = done.stderr.strip().splitlines()
        died = f"was killed by signal {-done.returncode}" if done.returncode < 0 else f"ended with {done.returncode}"
        return {"state": "failed", "reason": f"its export {died}: {lines[-1] if lines else 'it said nothing'}"}
    return row
