"""The architectures of the zoo beside the published ones; from the checkout's root:

    python -m benchmarks.architectures [--onnx] [--data NAME --root PATH] [--out docs/architectures.md] [NAME ...]

Writes a table and, beside it, the same as JSON; with names, only their rows anew. Every figure of ours is measured
here. The golden error needs the reference arrays, and the effect of bf16 is judged on the real clips where they are
(`ZOO_SHARED`, or `shared` beside the checkout); elsewhere '-' stands for the one, and simulated people are taken for
the other.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks.bf16 import Windows, effect, ready
from benchmarks.plugins import with_plugins
from tests.models.golden import CASES, PLUGIN_CASES, error
from tests.models.small_models import build
from zoo import registry
from zoo.bench import cost, published_peers, published_systems
from zoo.errors import ZooError
from zoo.export.onnx import export_onnx
from zoo.module import VitalsModule
from zoo.spec import Clip
from zoo.testing import batch_errors

ROOT = Path(__file__).parents[1]
KEYS = {"network_parameters": "parameters_published", "macs": "macs_published"}
COLUMNS = {
    "model": "model",
    "window": "window (T x H x W)",
    "parameters_published": "parameters, published",
    "parameters": "ours",
    "macs_published": "GMAC, published",
    "gmac": "ours",
    "golden": "golden error",
    "onnx": "ONNX error",
    "batch": "batch error",
    "weights": "weights",
    "bf16_r": "bf16: waveform r, median (lowest)",
    "bf16_rate": "heart rate change, median (largest), 1/min",
}


def published(name: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """What is published of a model's parameters and operations, and the settings that it holds at.

    A paper's own figure goes before what others counted in its code.
    """
    found: dict[str, Any] = {}
    why: dict[str, str] = {}
    options: dict[str, Any] = {}
    for entry in (*published_peers.TABLE, *published_systems.TABLE):
        key = KEYS.get(entry.key)
        if entry.model != name or key is None:
            continue
        options |= entry.options
        number = f"{entry.value:,}" if entry.unit != "GMAC" else f"{entry.value:g}"
        found[key] = f"{number} {entry.unit}".replace(" GMAC", "").strip()
        source = (
            "counted by others" if entry.system == "peers" else f"published as {entry.what} (system {entry.system})"
        )
        why[key] = f"{'parameters' if key == 'parameters_published' else 'operations'}: {source}; {entry.why}"
    return {**found, "notes": list(why.values())}, options


def counted(name: str, options: dict[str, Any]) -> dict[str, Any]:
    """Parameters of the network and multiply-accumulates of a window, preparation included."""
    torch.manual_seed(0)
    module: VitalsModule = registry.model_class(name)(**options).eval()
    eaten = module.input
    shape = eaten.shape(1)
    window = " x ".join(map(str, shape[2:])) if isinstance(eaten, Clip) else f"{shape[3]} x {shape[1]} regions"
    operations = cost.operations(module, module.example_input())
    found = {"window": window, "parameters": cost.parameters(module.network), "macs": operations.macs}
    notes = [f"not counted: {', '.join(sorted(operations.uncounted))}"] if operations.uncounted else []
    if cost.parameters(module) != found["parameters"]:
        extra = cost.parameters(module) - cost.parameters(module.network)
        notes.append(f"what hangs on its features has {extra:,} parameters more")
    return {**found, "gmac": operations.macs / 1e9, "notes": notes}


def onnx_error(name: str) -> float | str:
    """Largest relative difference of ONNX Runtime from torch."""
    with tempfile.TemporaryDirectory() as folder:
        try:
            return export_onnx(build(name), Path(folder) / "model.onnx", name).parity
        except ZooError as failure:
            return f"failed: {failure}"


def measure(name: str, args: argparse.Namespace, windows: Windows) -> dict[str, Any]:
    """One row, and its notes."""
    known, options = published(name)
    count = counted(name, options)
    golden = None
    module, weights = ready(name, args.shared / "golden")
    low = effect(module, windows.of(module.input))
    case = CASES.get(name) or (PLUGIN_CASES[name]() if name in PLUGIN_CASES else None)
    if case and (args.shared / "golden").is_dir():
        golden, _, _ = error(args.shared / "golden", case)
    return {
        "model": name,
        **known,
        **count,
        "notes": [*known["notes"], *count["notes"]],
        "golden": golden,
        "onnx": onnx_error(name) if args.onnx else None,
        "batch": float(np.max(list(batch_errors(build(name)).values()))),
        "weights": weights,
        "bf16_r": low.r,
        "bf16_rate": low.rate,
    }


def cell(row: dict[str, Any], key: str) -> str:
    value = row.get(key)
    if key in ("bf16_r", "bf16_rate"):
        values = [one for one in value or [] if one is not None]
        worst, digits = (min, ".4f") if key == "bf16_r" else (max, ".3g")
        return f"{np.median(values):{digits}} ({worst(values):{digits}})" if values else "-"
    if key in ("golden", "batch", "onnx") and isinstance(value, float):
        return f"{value:.1e}"
    if isinstance(value, float):
        return f"{value:.4g}"
    return "-" if value is None else f"{value:,}" if isinstance(value, int) else str(value)


def table(rows: Sequence[dict[str, Any]], data: str, command: str) -> str:
    """The rows as Markdown, with what must be known to read them."""
    lines = [
        "# Architectures",
        "",
        f"Written by `{command}`; '-' is: nothing published, no reference, or not measured.",
        "",
        "- Parameters are the network's; multiply-accumulates (GMAC) are those of one window, preparation included, by",
        "  fvcore with attention and recurrent layers added. Both at the window shown: the published one, where",
        "  a figure is published.",
        "- Golden error: relative error (2-norm) against the output of the published network with the same weights.",
        "- ONNX error: ONNX Runtime against torch, relative; batch error: a window alone against the same among three,",
        "  relative. Both at the smallest size of the model, parameters by formula.",
        "- bf16: the network under bf16 autocast, preparation in fp32, against all in fp32, at the default size",
        f"  on {data}, 20 s of each. Weights: trained (shipped), a peer's (trained on real people), or random with the",
        "  last layer solved for by least squares on eight simulated people (readout; a heart rate alone: drawn). A",
        "  heart rate that either run could not decide is left out.",
        "",
        "| " + " | ".join(COLUMNS.values()) + " |",
        "|" + "---|" * len(COLUMNS),
        *("| " + " | ".join(cell(row, key) for key in COLUMNS) + " |" for row in rows),
        "",
        "## Where they differ, and why",
        "",
        *(f"- `{row['model']}`: {note}." for row in rows for note in row["notes"]),
    ]
    return "\n".join(lines) + "\n"


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description="The architectures beside the published ones.")
    parser.add_argument("names", nargs="*", help="registered models; all that are trained by default")
    parser.add_argument("--onnx", action="store_true", help="export each, too (slow)")
    parser.add_argument("--data", help="data set that bf16 is judged on (default: the real clips, else synthetic)")
    parser.add_argument("--root", type=Path, help="its folder")
    parser.add_argument("--people", type=int, default=8, help="how many of its people, at most")
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "architectures.md")
    args = parser.parse_args(arguments)
    args.shared = Path(os.environ.get("ZOO_SHARED", ROOT.parent / "shared"))
    torch.set_num_threads(1)
    real = args.shared / "data" / "ubfc_rppg"
    if args.data is None:
        args.data, args.root = ("ubfc_rppg", real) if real.is_dir() else ("synthetic", None)
    windows = Windows(args.data, args.root, args.people)
    whom = f"{args.people} simulated" if args.root is None else f"{len(windows.recordings)} real"
    command = "python -m benchmarks.architectures" + (" --onnx" if args.onnx else "")
    report = args.out.with_suffix(".json")
    # of some models alone, the others' rows stay
    kept = json.loads(report.read_text())["rows"] if args.names and report.exists() else []
    rows = {row["model"]: row for row in kept}
    args.out.parent.mkdir(parents=True, exist_ok=True)
    with with_plugins():
        trained = [name for name in registry.entries("model") if registry.model_class(name).trainable]
        for name in args.names or trained:
            rows[name] = measure(name, args, windows)
            print("  ".join(cell(rows[name], key) for key in COLUMNS), flush=True)
            # as it stands, should the rest be interrupted
            listed = [rows[name] for name in sorted(rows)]
            args.out.write_text(table(listed, f"{whom} people ({args.data})", command))
            facts = {"torch": torch.__version__, "data": args.data, "people": args.people, "rows": listed}
            report.write_text(json.dumps(facts, indent=1) + "\n")


if __name__ == "__main__":
    main()
