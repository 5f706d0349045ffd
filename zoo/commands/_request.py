"""What a `fit`, `validate` or `test` command line asks for, understood and checked before torch is imported."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from zoo import registry
from zoo.checkpoints import cards, read_card
from zoo.commands._options import check_options
from zoo.errors import UnknownName, UsageError

WEIGHTS = (".ckpt", ".json", ".safetensors")
FLAGS = ("--json", "--help", "-h", "--print_config")


@dataclass
class Request:
    """A checked command line.

    Args:
        command: `fit`, `validate` or `test`.
        model: the registered model; None only where help is all that was asked for.
        weights: what `zoo.checkpoints.load` takes, where a checkpoint was named instead of a model.
        arguments: for the parser; short names replaced by full ones.
        configured: a `--config` was given.
        ckpt_path: as given.
        json: print JSON; csv: write the table into this file; plots: draw the result into this folder.
        cv: cross-validate: a number of folds, or `published`.
        quiet: print no table.
    """

    command: str
    model: registry.Entry | None = None
    weights: str | None = None
    arguments: list[str] = field(default_factory=list)
    configured: bool = False
    ckpt_path: str | None = None
    json: bool = False
    csv: Path | None = None
    plots: Path | None = None
    cv: str | None = None
    quiet: bool = False

    @property
    def prints_only(self) -> bool:
        """Help or the configuration is printed, and nothing runs."""
        heads = [argument.partition("=")[0] for argument in self.arguments]
        return any(head in FLAGS or head.endswith(".help") for head in heads)


def understand(command: str, argv: list[str]) -> Request:
    """Read a command line.

    Raises:
        UsageError, UnknownName: a setting, a model or a data set that there is not; says what was probably meant.
    """
    request = Request(command)
    keys: list[str] = []
    for key, value in _tokens(command, argv):
        _take(request, key, value, keys)
    check_options(command, keys, request.model)
    if request.ckpt_path and request.model is None and request.weights is None and request.ckpt_path.endswith(".ckpt"):
        request.weights = request.ckpt_path
    if request.model is None and request.weights is None and not request.prints_only:
        example = "fpn1d_multitask" if command == "fit" else "pos"
        raise UsageError(f"Say which model: 'zoo {command} --model {example}'; 'zoo list models' shows all.")
    return request


def _tokens(command: str, argv: list[str]) -> Iterator[tuple[str, str | None]]:
    """Options and their values: `--key value`, `--key=value`, and flags without one."""
    rest = list(argv)
    while rest:
        word = rest.pop(0)
        if not word.startswith("-") or word == "-":
            meant = f" Did you mean --model {word}?" if word in registry.entries("model") else ""
            raise UsageError(f"'{word}' stands behind no option of 'zoo {command}'.{meant}")
        key, equals, value = word.partition("=")
        if equals:
            yield key, value
        elif key in FLAGS or not rest or rest[0].startswith("--"):
            yield key, None
        else:
            yield key, rest.pop(0)


def _take(request: Request, key: str, value: str | None, keys: list[str]) -> None:
    # --early-stopping is --early_stopping
    key = "--" + key[2:].replace("-", "_") if key.startswith("--") else key
    name = "config" if key == "-c" else "help" if key == "-h" else key.removeprefix("--").rstrip("+")
    keys.append(name)
    plain = value is not None and not value.lstrip().startswith("{")
    if name in ("model", "model.class_path", "model.help") and value is not None and plain:
        path = resolve_model(request, value)
        request.arguments += [key, path] if path else []
    elif name == "data" and value is not None and plain and not value.endswith((".yaml", ".json")):
        registry.find("dataset", value)
        request.arguments += ["--data.name", value]
    elif name == "json" and value is None:
        request.json = True
    elif name in ("csv", "plots", "ckpt_path", "protocol", "config", "teacher", "cv") and value is None:
        raise UsageError(f"{key} needs a value.")
    elif name in ("csv", "plots"):
        setattr(request, name, Path(str(value)))
    elif name == "cv":
        request.cv = _folds(request.command, str(value))
    elif name == "ckpt_path":
        request.ckpt_path = None if value == "null" else value
    elif name == "teacher":
        request.arguments += [f"--distillation.teacher={value}"]
    elif name == "protocol":
        request.arguments += ["--model.protocol", str(value)]
    else:
        if name == "data.name" and value is not None:
            registry.find("dataset", value)
        if name == "config":
            value = str(registry.config(str(value)))
            _take_config(request, Path(value), keys)
        request.arguments += [key] if value is None else [f"{key}={value}"]


def _folds(command: str, value: str) -> str:
    if command != "fit":
        raise UsageError(f"'zoo {command}' takes no --cv: 'zoo fit --cv 5' trains and tests each fold.")
    if value != "published" and not (value.isdigit() and int(value) > 2):
        raise UsageError(
            "--cv is a number of folds from 3 (to train, validate and test), or published (the data set's own folds), "
            f"not '{value}'."
        )
    return value


def _take_config(request: Request, path: Path, keys: list[str]) -> None:
    import yaml

    request.configured = True
    try:
        config = yaml.safe_load(path.read_text("utf-8"))
    except OSError as error:
        raise UsageError(f"The configuration '{path}' cannot be read ({error.strerror}): check the path.") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        mark = getattr(error, "problem_mark", None)
        where = f" line {mark.line + 1}" if mark else ""
        raise UsageError(f"'{path}' is not YAML{where}: 'zoo fit --model NAME --print_config' shows how.") from error
    if not isinstance(config, Mapping):
        raise UsageError(f"'{path}' is no configuration: 'zoo fit --model NAME --print_config' shows one.")
    if config.get("ckpt_path") and request.ckpt_path is None:
        request.ckpt_path = str(config["ckpt_path"])
    model = config.get("model")
    name = model.get("class_path") if isinstance(model, Mapping) else model
    if isinstance(name, str):
        resolve_model(request, name)
    data = config.get("data")
    for source in _sources(data):
        registry.find("dataset", source)
    keys += _dotted(config)


def _sources(data: Any) -> list[str]:
    if isinstance(data, str):
        return [data]
    if not isinstance(data, Mapping):
        return []
    several = data.get("datasets") or []
    named = [one.get("name") for one in several if isinstance(one, Mapping)] if isinstance(several, list) else []
    return [name for name in (data.get("name"), *named) if isinstance(name, str)]


def _dotted(config: Mapping[str, Any]) -> list[str]:
    found = []
    for section, values in config.items():
        found.append(str(section))
        inner = values.get("init_args", values) if isinstance(values, Mapping) else None
        if isinstance(inner, Mapping):
            found += [f"{section}.{name}" for name in inner]
    return found


def resolve_model(request: Request, name: str) -> str | None:
    """Note which model is meant, and give its import path for the parser; None where a checkpoint is to say it.

    Raises:
        UnknownName: neither a model, a checkpoint, nor the import path of a registered model.
    """
    entries = registry.entries("model")
    by_path = {import_path(entry): entry for entry in entries.values()}
    if name in by_path:
        request.model = by_path[name]
    elif Path(name).suffix in WEIGHTS or (name in cards() and name not in entries):
        request.weights = name
        if Path(name).suffix != ".ckpt":
            card = read_card(cards()[name] if name in cards() else Path(name).with_suffix(".json"))
            request.model = registry.find("model", card.model)
        return None
    elif name in entries or ":" in name:
        request.model = registry.find("model", name)
    else:
        raise UnknownName("model", name, [*entries, *cards()], "'zoo list models' shows all.")
    return import_path(request.model)


def import_path(entry: registry.Entry) -> str:
    """`package.module.Class`, as a configuration names a class."""
    return entry.value.replace(":", ".")
