from __future__ import annotations

import subprocess
import sys

CODE = """
import importlib, pkgutil, sys
import numpy as np
import zoo.signals
for module in pkgutil.iter_modules(zoo.signals.__path__):
    importlib.import_module(f"zoo.signals.{module.name}")
from zoo.signals.classical import METHODS
from zoo.signals.calibrator import default
from zoo.signals.confidence import confidence
from zoo.signals.rate import measure
trace = 0.5 + 0.01 * np.random.default_rng(0).normal(size=(1, 3, 300))
for method in METHODS.values():
    measure(method(trace, 30.0)[0], 30.0)
confidence(default(), trace[0, :1], 30.0)
assert "torch" not in sys.modules, "signals must run without torch"
"""


def test_signals_never_import_torch():
    result = subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
