"""One job in a process of its own: the job as JSON on stdin, its row as JSON on stdout."""

from __future__ import annotations

import contextlib
import json
import os
import sys
from typing import Any


def main() -> None:
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
        job: `task` (`facts`, `timing` or `pipeline`), `threads`, and what that task reads.

    Returns:
        Its result with `state` ok, or `state` failed and the `reason`.
    """
    from zoo.errors import ZooError, first_line

    try:
        return {"state": "ok", **_task(job["task"])(job)}
    except ZooError as error:
        return {"state": "failed", "reason": str(error)}
    except MemoryError:
        return {"state": "failed", "reason": "does not fit in memory: use a machine with more, or a smaller batch"}
    except Exception as error:
        return {"state": "failed", "reason": f"{type(error).__name__}: {first_line(error)[:300]}"}


def _task(name: str) -> Any:
    if name == "facts":
        from zoo.bench.facts import facts

        return facts
    if name == "timing":
        from zoo.bench.timing import timing

        return timing
    from zoo.bench.pipeline import pipeline

    return pipeline


if __name__ == "__main__":
    main()
