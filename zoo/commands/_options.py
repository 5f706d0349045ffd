"""Names of settings, read from source text: a misspelt one is told in a moment, before anything heavy is imported."""

from __future__ import annotations

import ast
import importlib.util
from collections.abc import Iterable
from functools import cache
from pathlib import Path

from zoo import registry
from zoo.commands._arguments import did_you_mean
from zoo.errors import UsageError

PACKAGE = Path(registry.__file__).parent
TOP = (
    *("help", "config", "print_config", "seed_everything", "trainer", "model", "data", "ckpt_path"),
    *("early_stopping", "average_weights", "logger", "distillation"),
)
SHORT = ("json", "csv", "plots", "protocol", "teacher", "cv", "debug")
SUBCLASS_KEYS = frozenset({"class_path", "init_args", "dict_kwargs", "help"})


def check_options(command: str, keys: Iterable[str], model: registry.Entry | None) -> None:
    """Refuse settings that do not exist.

    Args:
        keys: dotted names, as `trainer.max_steps` or `model.init_args.lr`.
        model: the model that is to run; None where a checkpoint is to say it, and any setting of it passes.

    Raises:
        UsageError: names the first that does not exist and the closest that does.
    """
    sections = {
        "trainer": _trainer(),
        "data": _named(PACKAGE / "data" / "module.py", "VitalsDataModule", inherits=False),
        "model": _of_model(model) if model is not None else None,
        "distillation": _fields(PACKAGE / "training" / "distillation.py", "Distillation"),
    }
    for key in keys:
        section, _, rest = key.partition(".")
        if section not in TOP + SHORT:
            known = [*TOP, *SHORT, *(f"{name}.{one}" for name, names in sections.items() for one in names or ())]
            raise UsageError(f"'zoo {command}' has no setting '{key}'.{did_you_mean(key, known)}")
        rest = rest.removeprefix("init_args.")
        name = rest.partition(".")[0]
        known_names = sections.get(section)
        if not name or known_names is None or name == "help" or (section == "model" and name in SUBCLASS_KEYS):
            continue
        if name not in known_names:
            meant = did_you_mean(f"{section}.{name}", [f"{section}.{one}" for one in known_names])
            which = f"model {model.name}" if model is not None and section == "model" else f"'zoo {command}'"
            raise UsageError(f"{which} has no setting '{section}.{name}'.{meant}")


@cache
def _trainer() -> frozenset[str] | None:
    spec = importlib.util.find_spec("lightning")
    if spec is None or spec.origin is None:
        return None
    path = Path(spec.origin).parent / "pytorch" / "trainer" / "trainer.py"
    return _named(path, "Trainer", inherits=False) if path.is_file() else None


def _of_model(model: registry.Entry) -> frozenset[str] | None:
    path = registry.source(model)
    return _named(path, model.value.rpartition(":")[2], inherits=True) if path else None


@cache
def _fields(path: Path, name: str) -> frozenset[str]:
    """Fields of a dataclass as its file says."""
    (found,) = [n for n in ast.parse(path.read_text("utf-8")).body if isinstance(n, ast.ClassDef) and n.name == name]
    return frozenset(n.target.id for n in found.body if isinstance(n, ast.AnnAssign) and isinstance(n.target, ast.Name))


def _named(path: Path, name: str, inherits: bool) -> frozenset[str] | None:
    """Parameters of a class's `__init__` as its file says; None where the file does not tell all of them."""
    try:
        tree = ast.parse(path.read_text("utf-8"))
    except (OSError, SyntaxError, ValueError):
        return None
    classes = {node.name: node for node in tree.body if isinstance(node, ast.ClassDef)}
    if name not in classes:
        return None
    found: set[str] = set()
    while True:
        init = next((n for n in classes[name].body if isinstance(n, ast.FunctionDef) and n.name == "__init__"), None)
        if init is not None:
            arguments = init.args
            found |= {one.arg for one in (*arguments.args, *arguments.kwonlyargs)} - {"self"}
            if arguments.kwarg is None or not inherits:
                return frozenset(found)
        bases = [base.id for base in classes[name].bases if isinstance(base, ast.Name)]
        if bases == ["VitalsModule"]:
            base = _named(PACKAGE / "module.py", "VitalsModule", inherits=False)
            return None if base is None else frozenset(found | (base - {"input", "signals", "width"}))
        if len(bases) != 1:
            return None
        name = bases[0]
        if name not in classes:
            file = _file_of(name, tree)
            shared = _named(file, name, inherits) if file is not None else None
            return None if shared is None else frozenset(found | shared)


def _file_of(name: str, tree: ast.Module) -> Path | None:
    """The file of the zoo that a module imports a name from; None where another package's code would say it."""
    for node in tree.body:
        if isinstance(node, ast.ImportFrom) and node.module and any(one.name == name for one in node.names):
            top, *parts = node.module.split(".")
            return PACKAGE.joinpath(*parts).with_suffix(".py") if top == PACKAGE.name else None
    return None
