"""The processes that jobs run in: a fresh one for all that is timed, forks of a warm one for all that is not."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
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


def run_job(job: Job, limit_s: float) -> dict[str, Any]:
    """Do a job of `zoo.bench.worker` in a fresh process; a crash is a result."""
    try:
        done = subprocess.run(
            _worker(),
            input=json.dumps({**job, "born": time.time()}),
            capture_output=True,
            text=True,
            env=_environ(job["threads"]),
            timeout=limit_s,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return _late(limit_s)
    return _result(done.stdout, done.returncode, done.stderr)


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
    threads = jobs[0]["threads"]
    lanes = min(max((os.cpu_count() or 1) // threads, 1), len(jobs), MOST_LANES)
    # CUDA does not survive a fork
    forks = FORKS and len(jobs) > lanes and not any(job.get("device", "cpu").startswith("cuda") for job in jobs)
    with contextlib.ExitStack() as stack:
        idle: SimpleQueue[Warm | None] = SimpleQueue()
        for _ in range(lanes):
            idle.put(stack.enter_context(Warm(threads)) if forks else None)

        def work(job: Job) -> dict[str, Any]:
            warm = idle.get()
            try:
                return warm.run(job, limit_s) if warm else run_job(job, limit_s)
            finally:
                idle.put(warm)
                each()

        pool = ThreadPoolExecutor(lanes)
        try:
            return list(pool.map(work, jobs))
        finally:
            # after Ctrl-C the warm processes are ended first, so that no lane waits for its job
            pool.shutdown(wait=False, cancel_futures=True)


class Warm:
    """A process that forks for each job; Ctrl-C in a terminal does not reach it.

    Args:
        threads: processor threads that a job may use.
    """

    def __init__(self, threads: int) -> None:
        self._closed = False
        self._process = subprocess.Popen(
            _worker("--warm"),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env=_environ(threads),
            start_new_session=True,
        )

    def __enter__(self) -> Warm:
        return self

    def __exit__(self, *_: object) -> None:
        self._closed = True
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            with contextlib.suppress(OSError):
                pipe.close()  # type: ignore[union-attr]

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
                return {"state": "failed", "reason": "interrupted"}
            if not code:
                # the warm process itself could not start here, or is gone: nothing is lost but its speed
                return run_job(job, limit_s)
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


def _worker(*options: str) -> list[str]:
    return [sys.executable, "-W", "ignore", "-m", "zoo.bench.worker", *options]


def _environ(threads: int) -> dict[str, str]:
    names = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
    return {**os.environ, **dict.fromkeys(names, str(threads))}


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
