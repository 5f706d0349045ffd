"""Exports one model in a process of its own: a job as JSON on stdin, the host's part of its row on stdout."""

from __future__ import annotations

import contextlib
import json
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any


def main() -> None:
    job = json.load(sys.stdin)
    # whatever a model prints must not end up in the row
    with contextlib.redirect_stdout(sys.stderr):
        row = run(job)
    print(json.dumps(row))


def run(job: dict[str, Any]) -> dict[str, Any]:
    """Write the nano profile and count what needs no board.

    Args:
        job: `model` and the `path` of the file to write.
    """
    from zoo.errors import ZooError, first_line

    try:
        export = _copy if job["model"].endswith(".onnx") else _export
        return {"state": "ok", **export(job["model"], Path(job["path"]))}
    except ZooError as error:
        return {"state": "failed", "reason": str(error)}
    except Exception as error:
        return {"state": "failed", "reason": f"{type(error).__name__}: {first_line(error)}"}


def _export(name: str, path: Path) -> dict[str, Any]:
    import torch

    from zoo import checkpoints
    from zoo.bench import cost
    from zoo.export.onnx import export_onnx

    torch.manual_seed(0)
    module = checkpoints.load(name)
    counted = cost.operations(module, module.example_input(1))
    report = export_onnx(module, path, name, "nano")
    return {
        "trained": bool(module.trained_on) or not module.trainable,
        "trained_on": list(module.trained_on),
        "parameters": cost.parameters(module),
        "network_parameters": cost.parameters(module.network),
        "macs": counted.macs,
        "flops": counted.flops,
        "uncounted": counted.uncounted,
        "size_bytes": cost.size_bytes(module),
        "file_bytes": report.bytes,
        "parity": report.parity,
        "input": list(module.input.shape(1)),
        "window_s": module.input.frames / module.input.fps,
    }


def _copy(name: str, path: Path) -> dict[str, Any]:
    """An exported file goes as it is, where its shape is fixed."""
    from zoo.bench.facts import facts
    from zoo.errors import UsageError

    with tempfile.TemporaryDirectory(prefix="zoo-bench-") as folder:
        found = facts({"model": name, "folder": folder})
    if found["free"]:
        raise UsageError(f"'{name}' has no fixed shape: export it again with 'zoo export --profile nano'.")
    shutil.copyfile(name, path)
    kept = {key: value for key, value in found.items() if key not in ("forms", "free", "not_exported")}
    return {**kept, "file_bytes": path.stat().st_size}


if __name__ == "__main__":
    main()
