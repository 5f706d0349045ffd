"""Plugins for tests: a distribution's metadata and modules in a folder, which on sys.path is an installed package."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from zoo import registry

MODEL = '''
from zoo.models.pos import POS


class Mine(POS):
    """POS under another name."""
'''


def write_plugin(
    folder: Path,
    distribution: str,
    modules: Mapping[str, str],
    models: Mapping[str, str] | None = None,
    datasets: Mapping[str, str] | None = None,
) -> Path:
    """Write a distribution as pip would leave it.

    Args:
        folder: becomes importable.
        modules: source text by path in the folder.
        models, datasets: entry points, value by name.
    """
    for path, text in modules.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text)
    metadata = folder / f"{distribution.replace('-', '_')}-1.2.dist-info"
    metadata.mkdir(parents=True)
    (metadata / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 1.2\n")
    groups = {"zoo.models": models or {}, "zoo.datasets": datasets or {}}
    lines = [
        line
        for group, points in groups.items()
        for line in (f"[{group}]", *(f"{name} = {value}" for name, value in points.items()), "")
    ]
    (metadata / "entry_points.txt").write_text("\n".join(lines))
    return folder


@contextmanager
def installed(*folders: Path) -> Iterator[None]:
    """The folders on sys.path, the registry read anew; all is forgotten behind it."""
    before = set(sys.modules)
    sys.path[:0] = [str(folder) for folder in folders]
    importlib.invalidate_caches()
    registry.refresh()
    try:
        yield
    finally:
        for folder in folders:
            sys.path.remove(str(folder))
        for name in set(sys.modules) - before:
            origin = getattr(sys.modules[name], "__file__", None) or ""
            if any(origin.startswith(str(folder)) for folder in folders):
                del sys.modules[name]
        registry.refresh()
