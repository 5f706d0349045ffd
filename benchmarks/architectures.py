"""The architectures of the zoo beside the published ones; from the checkout's root:

    python -m benchmarks.architectures [--onnx] [--data NAME --root PATH] [--out docs/architectures.md] [NAME ...]

Writes a table and, beside it, the same as JSON. Every figure of ours is measured here; the golden error needs the
reference arrays (`ZOO_SHARED`, or `shared` beside the checkout), and '-' stands where they are not.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
from collections.abc import Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import torch

from tests.models.golden import CASES, error
from tests.models.small_models import SMALL, build, fill
from zoo import registry
from zoo.bench import cost
from zoo.bench.facts import load
from zoo.bench.published import TABLE
from zoo.data.module import VitalsDataModule
from zoo.errors import ZooError
from zoo.export.onnx import export_onnx
from zoo.module import VitalsModule
from zoo.signals.rate import heart_rate
from zoo.spec import Clip
from zoo.testing import batch_errors

ROOT = Path(__file__).parents[1]
# parameters counted in published code, where no table of cost gives them, and the settings that they hold at
IN_CODE: dict[str, tuple[int, dict[str, Any]]] = {
    "deepphys": (2_228_643, {"size": 72}),
    "efficientphys": (2_163_081, {"size": 72}),
    "fpn1d_multitask": (792_769, {"targets": []}),
    "physnet": (768_577, {}),
}
SMALL_TOO: dict[str, dict[str, Any]] = {
    "efficientphys": {"frames": 20, "size": 12},
    "fpn1d_multitask": {"frames": 64, "targets": []},
}
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


def small(name: str) -> VitalsModule:
    """The model at its smallest size, its parameters by formula."""
    if name in SMALL:
        return build(name)
    module: VitalsModule = registry.model_class(name)(**SMALL_TOO.get(name, {}))
    fill(module)
    return module.eval()


def published(name: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """What is published of a model's parameters and operations, and the settings that it holds at."""
    found: dict[str, Any] = {"notes": []}
    count, options = IN_CODE.get(name, (None, {}))
    if count is not None:
        found["parameters_published"] = f"{count:,}"
        found["notes"].append("parameters: counted in the published code")
    for entry in TABLE:
        key = {"network_parameters": "parameters_published", "macs": "macs_published"}.get(entry.key)
        if entry.model == name and key:
            options = {**options, **entry.options}
            found[key] = f"{entry.value:,} {entry.unit}".replace(" GMAC", "").strip()
            what = "parameters" if key == "parameters_published" else "operations"
            found["notes"].append(f"{what}: published as {entry.what} (system {entry.system}); {entry.why}")
    return found, options


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
            return export_onnx(small(name), Path(folder) / "model.onnx", name).parity
        except ZooError as failure:
            return f"failed: {failure}"


def bf16_effect(name: str, data: str, root: str | None, people: int, most: int) -> dict[str, Any]:
    """The network under bf16 autocast beside fp32, window by window: correlation of waveforms, change of the rate."""
    module = load(name, {})
    options = {"people": people, "hard": 0.3} if data == "synthetic" else {}
    source = VitalsDataModule(
        data, root, options=options, input=module.input, batch_size=1, workers=0, test_people="all"
    )
    source.setup("test")
    batches = [source.on_after_batch_transfer(batch) for batch in islice(source.test_dataloader(), most)]
    if module.head is not None and not module.trained_on:
        # a fresh readout is zero, which no rounding could change
        rates_true = torch.cat([batch["targets"]["heart_rate"] for batch in batches])
        module.head.out.reset_parameters()
        module.head.set_statistics({"heart_rate": (float(rates_true.mean()), float(rates_true.std()), 0.0)})
    correlations: list[float] = []
    changes: list[float | None] = []
    for batch in batches:
        with torch.inference_mode():
            full = module(batch["input"])
            with torch.autocast("cpu", torch.bfloat16):
                low = module(batch["input"])
        waves = [module.values(one.waveforms).get("ppg") for one in (full, low)]
        if waves[0] is not None and waves[1] is not None:
            pair = [wave[0].double().numpy() for wave in waves if wave is not None]
            correlations.append(float(np.corrcoef(*pair)[0, 1]))
            rates = [float(heart_rate(wave, module.input.fps)) for wave in pair]
        else:
            rates = [float(one.targets["heart_rate"][0]) for one in (full, low)]
        change = abs(rates[1] - rates[0])
        changes.append(change if np.isfinite(change) else None)
    weights = "trained" if module.trained_on else "random"
    return {"weights": weights, "windows": len(changes), "bf16_r": correlations, "bf16_rate": changes}


def measure(name: str, args: argparse.Namespace) -> dict[str, Any]:
    """One row, and its notes."""
    known, options = published(name)
    count = counted(name, options)
    golden = None
    if name in CASES and (args.shared / "golden").is_dir():
        golden, _, _ = error(args.shared / "golden", CASES[name])
    return {
        "model": name,
        **known,
        **count,
        "notes": [*known["notes"], *count["notes"]],
        "golden": golden,
        "onnx": onnx_error(name) if args.onnx else None,
        "batch": float(np.max(list(batch_errors(small(name)).values()))),
        **bf16_effect(name, args.data, args.root, args.windows, args.windows),
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
        f"- bf16: the network under bf16 autocast, preparation in fp32, against all in fp32, on {data} windows at the",
        "  model's default size. With random weights this says what rounding does to such a network, not what a",
        "  trained one loses; a fresh readout of biomarkers, which is zero, is drawn for it. A heart rate that either",
        "  run could not decide is left out.",
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
    parser.add_argument("--data", default="synthetic", help="data set whose windows bf16 is judged on")
    parser.add_argument("--root", help="its folder")
    parser.add_argument("--windows", type=int, default=4, help="how many windows at most")
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "architectures.md")
    args = parser.parse_args(arguments)
    args.shared = Path(os.environ.get("ZOO_SHARED", ROOT.parent / "shared"))
    torch.set_num_threads(1)
    names = args.names or [name for name in registry.entries("model") if registry.model_class(name).trainable]
    rows = []
    for name in names:
        rows.append(measure(name, args))
        print("  ".join(cell(rows[-1], key) for key in COLUMNS), flush=True)
    data = "simulated" if args.data == "synthetic" else f"real ({args.data})"
    command = "python -m benchmarks.architectures" + (" --onnx" if args.onnx else "")
    command += f" --data {args.data} --root FOLDER" if args.root else ""
    args.out.parent.mkdir(parents=True, exist_ok=True)
    args.out.write_text(table(rows, data, command))
    report = {"torch": torch.__version__, "data": args.data, "windows": args.windows, "rows": rows}
    args.out.with_suffix(".json").write_text(json.dumps(report, indent=1) + "\n")


if __name__ == "__main__":
    main()
