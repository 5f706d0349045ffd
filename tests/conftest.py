"""Fixtures that all tests share."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of reference arrays and real clips; tests that need it are skipped where it is absent."""
    path = Path(os.environ.get("ZOO_SHARED", ROOT.parent / "shared"))
    if not (path / "golden").is_dir():
        pytest.skip("the shared reference data is not beside this checkout (set ZOO_SHARED)")
    return path
