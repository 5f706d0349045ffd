"""One job in a process of its own: the job as JSON on stdin, its row as JSON on stdout."""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import sys
from typing import Any


def main() -> None:
    if sys.argv[1:] == ["--warm"]:
        from zoo.bench.workers import serve

        return serve()
    job = json.load(sys.stdin)
    for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        os.environ[name] = str(job["threads"])
    # whatever a model prints must not end up in the row
    with contextlib.redirect_stdout(sys.stderr):
        row = run(job)
    print(json.dumps(row))


def run(job: dict[str, Any]) -> dict[str, Any]:
    """Do a job.

    Args:
        job: `task` (`facts`, `timing`, `worth` or `pipeline`), `threads`, and what that task reads.

    Returns:
        Its result with `state` ok, or `state` failed and the `reason`.
    """
    from zoo.errors import ZooError, first_line

    try:
        return {"state": "ok", **_task(job["task"])(job)}
    except ZooError as error:
        return {"state": "failed", "reason": str(error)}
    except Exception as error:
        if out_of_memory(error):
            return {"state": "failed", "reason": "does not fit in memory: use a machine with more, or a smaller batch"}
        return {"state": "failed", "reason": f"{type(error).__name__}: {first_line(error)[:300]}"}


def out_of_memory(error: Exception) -> bool:
    """Whether an exception means that: runtimes say it in words of their own."""
    said = str(error).lower()
    return isinstance(error, MemoryError) or any(phrase in said for phrase in _NO_MEMORY)


_NO_MEMORY = ("out of memory", "not enough memory", "can't allocate memory", "failed to allocate", "bad_alloc")


def _task(name: str) -> Any:
    """The function of the same name in the module of the same name."""
    if name not in ("facts", "timing", "worth", "pipeline"):
        raise ValueError(f"there is no task '{name}'")
    return getattr(importlib.import_module(f"zoo.bench.{name}"), name)


if __name__ == "__main__":
    main()
