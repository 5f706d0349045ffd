"""The processes that jobs run in: a fresh one for all that is timed, forks of a warm one for all that is not."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import SimpleQueue
from typing import Any

OUT_OF_MEMORY = 9
# forks after such imports are safe on Linux alone
FORKS = sys.platform == "linux"
# each holds torch and a model
MOST_LANES = 8

Job = dict[str, Any]


class Running:
    """Fresh processes under way. An interrupt meets the main thread alone: it ends those that other threads wait for.

    A process has a session of its own, so that whatever it started ends with it.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._processes: set[subprocess.Popen[str]] = set()
        self._ended = False

    def run(self, job: Job, limit_s: float) -> dict[str, Any]:
        """Do a job of `zoo.bench.worker`; a crash is a result."""
        with self._lock:
            if self._ended:
                return _INTERRUPTED
            born = time.time()
            process = _start(_worker(), job["threads"], subprocess.PIPE)
            self._processes.add(process)
        try:
            answer, said = process.communicate(json.dumps({**job, "born": born}), limit_s)
        except subprocess.TimeoutExpired:
            return _late(limit_s)
        finally:
            _kill(process)
            with self._lock:
                self._processes.discard(process)
        return _INTERRUPTED if self._ended else _result(answer, process.returncode, said)

    def end(self) -> None:
        """Kill what runs, and start nothing more."""
        with self._lock:
            self._ended = True
            for process in self._processes:
                _signal(process)


def run_job(job: Job, limit_s: float) -> dict[str, Any]:
    """Do a job of `zoo.bench.worker` in a fresh process; a crash is a result."""
    return Running().run(job, limit_s)


def run_untimed(jobs: Sequence[Job], limit_s: float, each: Callable[[], None] = lambda: None) -> list[dict[str, Any]]:
    """Do jobs that nothing times, several at once.

    Torch and lightning take seconds to import: where a lane does several jobs, a warm process does it once and forks
    for every job, so that a crash still is a result.

    Args:
        jobs: of `zoo.bench.worker`, with the same `threads`.
        limit_s: seconds that each may take.
        each: called as each ends.
    """
    if not jobs:
        return []
    threads, lanes = jobs[0]["threads"], lanes_for(jobs)
    # CUDA does not survive a fork
    forks = FORKS and len(jobs) > lanes and not _on_card(jobs)
    with contextlib.ExitStack() as stack:
        running = Running()
        stack.callback(running.end)
        idle: SimpleQueue[Warm | None] = SimpleQueue()
        for _ in range(lanes):
            idle.put(stack.enter_context(Warm(threads, running)) if forks else None)

        def work(job: Job) -> dict[str, Any]:
            warm = idle.get()
            try:
                return (warm or running).run(job, limit_s)
            finally:
                idle.put(warm)
                each()

        pool = ThreadPoolExecutor(lanes)
        try:
            return list(pool.map(work, jobs))
        finally:
            # after Ctrl-C the processes are ended next: no lane waits for its job, nor Python for the lane as it exits
            pool.shutdown(wait=False, cancel_futures=True)


def lanes_for(jobs: Sequence[Job]) -> int:
    """How many jobs run at once: by the cores, and one on a card, whose memory they would share."""
    if _on_card(jobs):
        return 1
    return min(max((os.cpu_count() or 1) // jobs[0]["threads"], 1), len(jobs), MOST_LANES)


class Warm:
    """A process that forks for each job; Ctrl-C in a terminal does not reach it.

    Args:
        threads: processor threads that a job may use.
        running: does a job where this process is gone.
    """

    def __init__(self, threads: int, running: Running | None = None) -> None:
        self._closed = False
        self._running = running or Running()
        self._process = _start(_worker("--warm"), threads, subprocess.DEVNULL)

    def __enter__(self) -> Warm:
        return self

    def __exit__(self, *_: object) -> None:
        self._closed = True
        _kill(self._process)

    def run(self, job: Job, limit_s: float) -> dict[str, Any]:
        """Do one job; one at a time."""
        assert self._process.stdin is not None and self._process.stdout is not None
        with tempfile.TemporaryDirectory(prefix="zoo-bench-") as folder:
            answer, said = Path(folder, "answer"), Path(folder, "said")
            order = {"job": {**job, "born": time.time()}, "answer": str(answer), "said": str(said), "limit_s": limit_s}
            try:
                self._process.stdin.write(json.dumps(order) + "\n")
                self._process.stdin.flush()
                code = self._process.stdout.readline().strip()
            except (BrokenPipeError, ValueError):
                code = ""
            if self._closed:
                return _INTERRUPTED
            if not code:
                # the warm process itself could not start here, or is gone: nothing is lost but its speed
                return self._running.run(job, limit_s)
            if int(code) == -signal.SIGALRM:
                return _late(limit_s)
            return _result(_text(answer), int(code), _text(said))


def serve() -> None:
    """What a warm process does: an order a line on stdin, its fork's exit code a line on stdout."""
    import lightning  # noqa: F401
    import torch  # noqa: F401

    from zoo.bench import worker

    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            order = json.loads(line)
            with Path(order["said"]).open("w") as said:
                os.dup2(said.fileno(), 1)
                os.dup2(said.fileno(), 2)
            # ends the process by its default action, whatever it hangs in
            signal.alarm(max(int(order["limit_s"] + 0.999), 1))
            row = worker.run(order["job"])
            signal.alarm(0)
            Path(order["answer"]).write_text(json.dumps(row), "utf-8")
            os._exit(0)
        _, status = os.waitpid(child, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)


def _on_card(jobs: Sequence[Job]) -> bool:
    return any(job.get("device", "cpu").startswith("cuda") for job in jobs)


def _start(command: list[str], threads: int, stderr: int) -> subprocess.Popen[str]:
    return subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=stderr,
        text=True,
        env=_environ(threads),
        start_new_session=True,
    )


def _signal(process: subprocess.Popen[str]) -> None:
    """Kill a process with all that it started, unless it has ended by itself."""
    if process.poll() is not None:
        return
    with contextlib.suppress(OSError):
        if hasattr(os, "killpg"):
            os.killpg(process.pid, signal.SIGKILL)
        else:
            process.kill()


def _kill(process: subprocess.Popen[str]) -> None:
    """The same, and wait until it is gone; its pipes are closed."""
    _signal(process)
    process.wait()
    for pipe in (process.stdin, process.stdout, process.stderr):
        if pipe is not None:
            with contextlib.suppress(OSError):
                pipe.close()


def _worker(*options: str) -> list[str]:
    return [sys.executable, "-W", "ignore", "-m", "zoo.bench.worker", *options]


def _environ(threads: int) -> dict[str, str]:
    names = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
    return {**os.environ, **dict.fromkeys(names, str(threads))}


_INTERRUPTED = {"state": "failed", "reason": "interrupted"}


def _text(path: Path) -> str:
    return path.read_text("utf-8", "replace") if path.is_file() else ""


def _late(limit_s: float) -> dict[str, Any]:
    return {"state": "failed", "reason": f"took longer than {limit_s:.0f} s"}


def _result(answer: str, code: int, said: str) -> dict[str, Any]:
    try:
        row: dict[str, Any] = json.loads(answer)
    except ValueError:
        return {"state": "failed", "reason": _death(code, said)}
    return row


def _death(code: int, said: str) -> str:
    lines = said.strip().splitlines()
    if code < 0:
        hint = " (out of memory?)" if -code == OUT_OF_MEMORY else ""
        died = f"was killed by signal {-code}{hint}"
    else:
        died = f"ended with {code}"
    return f"its process {died}: {lines[-1] if lines else 'it said nothing'}"
