"""One door for built-in and third-party models and data sets: entry points, read as metadata, imported when chosen.

Groups: `zoo.models` (name = "package.module:Class") and `zoo.datasets` (name = "package.module"). Built-ins are
declared in this project's own pyproject.toml and come through the same door. Nothing here imports torch.
"""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from importlib.machinery import PathFinder
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from types import ModuleType
from typing import Any, Literal

from zoo.errors import PluginError, UnknownName, first_line

PLUGIN_API = 1
BUILT_IN = "rppg-zoo"

Kind = Literal["model", "dataset"]
GROUPS: dict[Kind, str] = {"model": "zoo.models", "dataset": "zoo.datasets"}


@dataclass(frozen=True)
class Entry:
    """A registered model or data set, as its distribution's metadata declares it; nothing is imported.

    Args:
        name: what a user types: the plain name, or `distribution:name` where another holds the plain one.
        value: import path, `package.module:Class` or `package.module`.
    """

    kind: Kind
    name: str
    value: str
    distribution: str
    version: str

    @property
    def built_in(self) -> bool:
        return self.distribution == BUILT_IN

    @property
    def module(self) -> str:
        return self.value.partition(":")[0]

    @property
    def plain_name(self) -> str:
        return self.name.rpartition(":")[2]


def entries(kind: Kind) -> dict[str, Entry]:
    """Every registered entry by the name that reaches it; a clash leaves the built-in under the plain name."""
    return dict(_entries(kind))


@lru_cache
def _entries(kind: Kind) -> dict[str, Entry]:
    found: dict[str, Entry] = {}
    for point in sorted(entry_points(group=GROUPS[kind]), key=_precedence):
        distribution, version = _origin(point)
        name = point.name if point.name not in found else f"{distribution}:{point.name}"
        found[name] = Entry(kind, name, point.value, distribution, version)
    return dict(sorted(found.items()))


def refresh() -> None:
    """Forget what was read, after a plugin was installed or removed in this process."""
    _entries.cache_clear()


def _origin(point: EntryPoint) -> tuple[str, str]:
    return (point.dist.name, point.dist.version) if point.dist else ("unknown", "0")


def _precedence(point: EntryPoint) -> tuple[bool, str, str]:
    distribution = _origin(point)[0]
    return (distribution != BUILT_IN, distribution, point.name)


def find(kind: Kind, name: str) -> Entry:
    """The entry that a user means; `distribution:name` always works.

    Raises:
        UnknownName: with the closest name there is.
    """
    known = entries(kind)
    if name in known:
        return known[name]
    distribution, _, plain = name.rpartition(":")
    for entry in known.values():
        if distribution and (entry.distribution, entry.plain_name) == (distribution, plain):
            return entry
    hint = f"'zoo list {kind}s' shows all {len(known)}." if known else "Reinstall with 'pip install rppg-zoo'."
    raise UnknownName(kind, name, known, hint)


def load(entry: Entry) -> Any:
    """Import the class or module that an entry names.

    Raises:
        PluginError: it cannot be imported, or is made for another PLUGIN_API; names the distribution.
    """
    try:
        _check_api(entry)
        return EntryPoint(entry.plain_name, entry.value, GROUPS[entry.kind]).load()
    except (KeyboardInterrupt, PluginError):
        raise
    except BaseException as error:  # a plugin may raise anything at all, SystemExit included
        raise PluginError(
            f"{entry.kind} '{entry.name}' of {entry.distribution} {entry.version} cannot be loaded "
            f"({type(error).__name__}: {first_line(error)}). Update or uninstall {entry.distribution}; "
            f"'zoo plugins --check' shows every plugin's state."
        ) from error


def model_class(name: str) -> Any:
    """The VitalsModule subclass registered under `name`.

    Raises:
        UnknownName, PluginError: not registered, cannot be loaded, or something else than a VitalsModule.
    """
    entry = find("model", name)
    loaded = load(entry)
    from zoo.module import VitalsModule

    if not (isinstance(loaded, type) and issubclass(loaded, VitalsModule)):
        raise PluginError(
            f"model '{entry.name}' of {entry.distribution} is {entry.value}, which is no subclass of VitalsModule: "
            f"update or uninstall {entry.distribution}."
        )
    return loaded


def dataset(name: str) -> ModuleType:
    """The reader module registered under `name`; it has INFO and `read`, or `windows` where it simulates.

    Raises:
        UnknownName, PluginError: not registered, cannot be loaded, or something else than a reader.
    """
    entry = find("dataset", name)
    module: ModuleType = load(entry)
    if not (hasattr(module, "INFO") and (hasattr(module, "read") or hasattr(module, "windows"))):
        raise PluginError(
            f"dataset '{entry.name}' of {entry.distribution} is {entry.value}, which has no INFO, or neither read nor "
            f"windows: update or uninstall {entry.distribution}."
        )
    return module


def is_simulated(name: str) -> bool:
    """Whether a data set's people are simulated; one that is not registered here is taken for real."""
    try:
        reader = dataset(name)
    except UnknownName:
        return False
    return hasattr(reader, "windows") or getattr(reader.INFO, "simulated", False)


def source(entry: Entry) -> Path | None:
    """The file that an entry's module would be imported from; None where there is none. Nothing is imported."""
    name, *rest = entry.module.split(".")
    try:
        spec = importlib.util.find_spec(name)
    except (ImportError, ValueError):
        return None
    for part in rest:
        if spec is None or spec.submodule_search_locations is None:
            return None
        name = f"{name}.{part}"
        spec = PathFinder.find_spec(name, spec.submodule_search_locations)
    return Path(spec.origin) if spec is not None and spec.origin else None


def recipe(name: str) -> Path | None:
    """The recipe `<name>.yaml` beside a model, in whatever package that is; None where it has none."""
    entry = find("model", name)
    module = source(entry)
    path = module.parent / f"{entry.plain_name}.yaml" if module else None
    return path if path is not None and path.is_file() else None


def recipes() -> dict[str, Path]:
    """Every recipe beside a registered model, by the name that `zoo fit --config` takes: its file's, less `.yaml`."""
    folders = {module.parent for entry in _entries("model").values() if (module := source(entry))}
    found = [path for folder in sorted(folders) for path in sorted(folder.glob("*.yaml"))]
    # of two of one name the zoo's own wins
    found.sort(key=lambda path: path.parent != Path(__file__).parent / "models")
    return {path.stem: path for path in reversed(found)}


def config(name: str) -> Path:
    """The configuration that a user means: a file, or a recipe by name.

    Raises:
        UnknownName: neither.
    """
    if Path(name).suffix in (".yaml", ".yml", ".json") or Path(name).is_file():
        return Path(name)
    known = recipes()
    if name not in known:
        raise UnknownName("file or recipe", name, known, "Recipes lie beside the models; a file ends in .yaml.")
    return known[name]


def matching(names: Iterable[str], pattern: str | None) -> list[str]:
    """Names that a shell pattern or a plain part of a name fits, in their order."""
    import fnmatch

    if not pattern:
        return list(names)
    wild = pattern if any(sign in pattern for sign in "*?[") else f"*{pattern}*"
    return [name for name in names if fnmatch.fnmatchcase(name, wild)]


def _check_api(entry: Entry) -> None:
    if entry.built_in:
        return
    top = importlib.import_module(entry.module.partition(".")[0])
    api = getattr(top, "PLUGIN_API", None)
    if api != PLUGIN_API:
        made_for = f"PLUGIN_API {api}" if api is not None else "no PLUGIN_API"
        raise PluginError(
            f"{entry.distribution} {entry.version} declares {made_for}, this zoo has PLUGIN_API {PLUGIN_API}: "
            f"install a version of {entry.distribution} made for it."
        )
