"""The plugins of this checkout, found by name without being installed."""

from __future__ import annotations

import importlib
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

from zoo import registry

PLUGINS = Path(__file__).parents[1] / "plugins"


@contextmanager
def with_plugins() -> Iterator[None]:
    """Every folder of `plugins/` on sys.path as pip would leave it, with its entry points."""
    with tempfile.TemporaryDirectory() as site:
        sources = [str(_describe(file, Path(site))) for file in sorted(PLUGINS.glob("*/pyproject.toml"))]
        before = list(sys.path)
        sys.path[:0] = [*sources, site]
        importlib.invalidate_caches()
        registry.refresh()
        try:
            yield
        finally:
            sys.path[:] = before
            registry.refresh()


def _describe(file: Path, site: Path) -> Path:
    """Write a plugin's metadata; where its source is."""
    project = tomllib.loads(file.read_text(encoding="utf-8"))["project"]
    folder = site / f"{project['name'].replace('-', '_')}-{project['version']}.dist-info"
    folder.mkdir()
    (folder / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n")
    lines = [
        line
        for group, points in project["entry-points"].items()
        for line in (f"[{group}]", *(f"{name} = {value}" for name, value in points.items()))
    ]
    (folder / "entry_points.txt").write_text("\n".join(lines) + "\n")
    return file.parent / "src"
