"""Load one registered entry in a process of its own, since a plugin may raise, print, hang or exit."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

from zoo import registry
from zoo.errors import ZooError

TIMEOUT = 90.0
MARK = "zoo-probe:"


def probe(kind: registry.Kind, name: str, timeout: float = TIMEOUT) -> dict[str, Any]:
    """How loading an entry ends.

    Args:
        kind: `model` or `dataset`.
        name: as registered.
        timeout: seconds that it may take.

    Returns:
        `state` (works, broken, timed out), `reason` (one sentence, empty where it works) and `api`, the PLUGIN_API
        that its package declares, or None.
    """
    command = [sys.executable, "-m", "zoo.commands._probe", kind, name]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=timeout, check=False)
    except subprocess.TimeoutExpired:
        return {"state": "timed out", "reason": f"it did not load within {timeout:g} s", "api": None}
    for line in reversed(done.stdout.splitlines()):
        if line.startswith(MARK):
            found: dict[str, Any] = json.loads(line.removeprefix(MARK))
            return found
    return {"state": "broken", "reason": f"loading it ended the process (exit code {done.returncode})", "api": None}


def _load(kind: registry.Kind, name: str) -> dict[str, Any]:
    entry = registry.find(kind, name)
    state, reason = "works", ""
    try:
        registry.model_class(name) if kind == "model" else registry.dataset(name)
    except ZooError as error:
        state, reason = "broken", str(error)
    top = sys.modules.get(entry.module.partition(".")[0])
    api = registry.PLUGIN_API if entry.built_in else getattr(top, "PLUGIN_API", None)
    return {"state": state, "reason": reason, "api": api}


if __name__ == "__main__":
    print(f"\n{MARK}{json.dumps(_load('model' if sys.argv[1] == 'model' else 'dataset', sys.argv[2]), default=str)}")
