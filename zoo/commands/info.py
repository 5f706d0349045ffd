"""All about one model, data set or checkpoint; a model is imported and built for it."""

from __future__ import annotations

import argparse
import dataclasses
import inspect
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from zoo import registry
from zoo.checkpoints import cards, read_card
from zoo.errors import UnknownName
from zoo.spec import TARGETS, Signal, input_to_dict

KINDS = ("model", "dataset", "checkpoint")
BESIDE = {"naive": "heart_rate_naive_mae", "floor": "heart_rate_floor_mae"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of `zoo info`."""
    parser.add_argument("name", help="a model, a data set, a checkpoint, or a card (.json)")
    parser.add_argument("--kind", choices=KINDS, help="which, where several bear the name (default: in this order)")
    parser.add_argument("--json", action="store_true", help="print JSON and nothing else")


def run(args: argparse.Namespace) -> int:
    """Print what is known.

    Raises:
        UnknownName: nothing bears the name; PluginError, CheckpointError: it cannot be read.
    """
    facts = about(args.name, args.kind)
    print(json.dumps(facts, indent=1, ensure_ascii=False) if args.json else _text(facts))
    return 0


def about(name: str, kind: str | None = None) -> dict[str, Any]:
    """What `zoo info` shows, as plain values."""
    if Path(name).suffix == ".json" and kind in (None, "checkpoint"):
        return _checkpoint(Path(name))
    known: dict[str, Any] = {
        "model": registry.entries("model"),
        "dataset": registry.entries("dataset"),
        "checkpoint": cards(),
    }
    for one in KINDS if kind is None else (kind,):
        if name in known[one] or (one != "checkpoint" and ":" in name):
            if one == "checkpoint":
                return _checkpoint(known[one][name])
            return _model(name) if one == "model" else _dataset(name)
    raise UnknownName(
        kind or "model, data set or checkpoint",
        name,
        [each for one in KINDS if kind in (None, one) for each in known[one]],
        "'zoo list' shows all.",
    )


def _model(name: str) -> dict[str, Any]:
    entry = registry.find("model", name)
    cls = registry.model_class(name)
    module = cls()
    recipe = registry.recipe(name)
    return {
        "kind": "model",
        "name": entry.name,
        "about": _documented(cls),
        "paper": module.paper,
        "licence": module.licence,
        "trainable": module.trainable,
        "input": input_to_dict(module.input),
        "outputs": {key: _output(output) for key, output in module.outputs.items()},
        "parameters": {
            "network": sum(parameter.numel() for parameter in module.network.parameters()),
            "all": sum(parameter.numel() for parameter in module.parameters()),
        },
        "hyper_parameters": dict(module.hparams),
        "recipe": str(recipe) if recipe else None,
        "checkpoints": [card for card, path in cards().items() if read_card(path).model == entry.name],
        "distribution": f"{entry.distribution} {entry.version}",
        "class": entry.value,
    }


def _documented(cls: type) -> str:
    """What a class says of itself, and of its arguments where it inherits its constructor."""
    about = inspect.getdoc(cls) or ""
    owner = next(base for base in cls.__mro__ if "__init__" in vars(base))
    arguments = (inspect.getdoc(owner) or "").partition("\nArgs:\n")[2].partition("\n\n")[0]
    return f"{about}\n\nArgs:\n{arguments}" if owner is not cls and arguments else about


def _output(output: Any) -> dict[str, Any]:
    if isinstance(output, Signal):
        return {"kind": "waveform", "form": output.form}
    return {"kind": output.kind, "unit": output.unit, "range": [output.low, output.high]}


def _dataset(name: str) -> dict[str, Any]:
    entry = registry.find("dataset", name)
    module = registry.dataset(name)
    reader = getattr(module, "read", None) or module.windows
    options = [
        str(parameter)
        for parameter in inspect.signature(reader).parameters.values()
        if parameter.kind is parameter.KEYWORD_ONLY and parameter.name != "seed"
    ]
    return {
        "kind": "dataset",
        "name": entry.name,
        **dataclasses.asdict(module.INFO),
        "about": inspect.getdoc(module),
        "options": options,
        "distribution": f"{entry.distribution} {entry.version}",
        "module": entry.value,
    }


def _checkpoint(path: Path) -> dict[str, Any]:
    return {"kind": "checkpoint", **dataclasses.asdict(read_card(path)), "card": str(path)}


def _text(facts: dict[str, Any]) -> str:
    lines = [f"{facts['name']} ({facts['kind']})"]
    if about := facts.get("about"):
        lines += ["", *about.splitlines(), ""]
    for key, value in facts.items():
        if key in ("name", "kind", "about", "schema", "statistics") or value in (None, "", [], {}, ()):
            continue
        lines += _lines(key.replace("_", " "), value)
    return "\n".join(lines)


def _lines(key: str, value: Any) -> list[str]:
    label = f"{key}:".ljust(18)
    if key == "outputs":
        return [label.rstrip(), *(f"  {name:<18}{_described(name, output)}" for name, output in value.items())]
    if key == "results":
        return [label.rstrip(), *(line for result in value for line in _result(result))]
    if key == "confidence":
        return [label + _confidence(value)]
    if isinstance(value, dict):
        return [label + ", ".join(f"{name} {_plain(one)}" for name, one in value.items())]
    return [label + _plain(value)]


def _confidence(known: Mapping[str, Any]) -> str:
    """Where a checkpoint's readings are refused, and what that did on the windows that it was learned from."""
    share = {name: f"{100 * value:.0f} %" for name, value in known.get("measured", {}).items()}
    told = ""
    if {"refused_of_wrong", "kept_of_right"} <= set(share):
        told = f": {share['refused_of_wrong']} of the wrong windows go, {share['kept_of_right']} of the right ones stay"
    return f"refused below {known['threshold']:.2f}{told} ({known.get('fitted_on', '?')}; {known.get('command', '?')})"


def _result(result: Mapping[str, Any]) -> list[str]:
    """A measured result of a card: its command, the heart rate beside naive and floor, skills; all are in --json."""
    metrics = result.get("metrics", {})
    if not metrics:
        return [f"  {json.dumps(result, ensure_ascii=False)}"]
    lines = [f"  {result['command']}"]
    if "heart_rate_mae" in metrics:
        beside = [f"{name} {metrics[key]:.2f}" for name, key in BESIDE.items() if key in metrics]
        lines.append(
            f"    heart rate: MAE {metrics['heart_rate_mae']:.2f} bpm ({', '.join(beside)}), "
            f"{100 * metrics['heart_rate_within_3']:.0f} % within 3 bpm"
        )
    if "ppg_r" in metrics:
        inside = f" ({metrics['ppg_band_r']:.2f} in the band of the pulse)" if "ppg_band_r" in metrics else ""
        lines.append(f"    waveform: r {metrics['ppg_r']:.2f}{inside}")
    skills = [f"{key.removesuffix('_skill')} {value:+.2f}" for key, value in metrics.items() if _is_skill(key)]
    if skills:
        simulated = " (simulated people: no evidence about real ones)" if _on_simulated(result) else ""
        lines.append(f"    skill over the naive guess{simulated}: {', '.join(skills)}")
    return lines


def _on_simulated(result: Mapping[str, Any]) -> bool:
    return result.get("data") == "synthetic" or "people" in result


def _is_skill(key: str) -> bool:
    return key.endswith("_skill") and not key.startswith(("heart_rate", "ppg"))


def _described(name: str, output: Any) -> str:
    if isinstance(output, str):
        return output
    if output["kind"] == "waveform":
        return f"waveform ({output['form'].replace('_', ' ')})"
    if output["kind"] == "class":
        return f"class ({' or '.join(TARGETS[name].classes)})"
    return str(output["unit"])


def _plain(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, (list, tuple)):
        return ", ".join(map(str, value)) if value else "none"
    return f"{value:,}" if isinstance(value, int) else str(value)
