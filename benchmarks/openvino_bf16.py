"""Networks in OpenVINO beside the plain published form in eager fp32: same weights, same input, one run, one thread.

    taskset -c 0 python -m benchmarks.openvino_bf16 [--repeats 15] [--json FILE] [NAME ...]

Milliseconds of CPU a second of video (medians of interleaved runs, random weights, batch 1, network alone on prepared
input), how many times faster than plain eager, what peers.md measured for the same network on a processor with AMX
(8.8 = their eager / their OpenVINO bf16), and the waveform's correlation with fp32 (`flat`: random weights left none).
Without AMX, bf16 is no faster than fp32: the first line says whether this processor has it.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import torch

sys.path.insert(0, str(Path(__file__).parents[1]))
from benchmarks.plain import FORMS
from benchmarks.plugins import with_plugins
from zoo import registry
from zoo.export.onnx import quiet
from zoo.export.openvino import Compiled, read_model

# eager over OpenVINO bf16 of the same network, by others' measurement
PEERS = {
    **{"fpn1d_multitask": 0.80 / 0.12, "can_student": 17.6 / 2.0, "can_teacher": 64.5 / 9.6, "deepphys": 363 / 36},
    **{"efficientphys": 226 / 83, "physnet": 126 / 10.4, "physformer": 469 / 60},
}
COLUMNS = ("plain", "ours", "onnx", "openvino", "openvino_bf16")


def measure(name: str, repeats: int, folder: Path) -> dict[str, Any]:
    """One row: every form of a network, interleaved."""
    plain, options = FORMS[name]
    torch.manual_seed(0)
    module = registry.model_class(name)(**options).eval()
    with torch.inference_mode():
        x = module.prepare(module.example_input()).contiguous()
        right = module.network(x).numpy().ravel()
    path = folder / f"{name}.onnx"
    with quiet(), torch.no_grad():
        program = torch.onnx.export(module.network, (x.clone(),), dynamo=True, verbose=False, opset_version=20)
        assert program is not None
        program.save(str(path), external_data=False)
    settings = onnxruntime.SessionOptions()
    settings.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(path, settings, providers=["CPUExecutionProvider"])
    array, entry = x.numpy(), session.get_inputs()[0].name
    lowered = {column: Compiled(read_model(path), precision, 1) for column, precision in
               (("openvino", "fp32"), ("openvino_bf16", "bf16"))}  # fmt: skip
    runs: dict[str, Any] = {
        "plain": lambda: plain(module.network, x),
        "ours": lambda: module.network(x),
        "onnx": lambda: session.run(None, {entry: array}),
        **{column: (lambda run=run: run(array)) for column, run in lowered.items()},
    }
    times: dict[str, list[float]] = {column: [] for column in runs}
    with torch.inference_mode():
        for run in runs.values():
            run()
        for _ in range(repeats):
            for column, run in runs.items():
                start = time.process_time()
                run()
                times[column].append(time.process_time() - start)
    seconds = module.input.frames / module.input.fps
    found = {column: 1e3 * statistics.median(taken) / seconds for column, taken in times.items()}
    # random weights may leave less of a waveform about its mean than bf16 tells apart
    flat = right.std() < 2**-8 * abs(right.mean())
    r = None if flat else float(np.corrcoef(lowered["openvino_bf16"](array)[0].ravel(), right)[0, 1])
    ratio = found["plain"] / found["openvino_bf16"]
    return {"model": name, **found, "times_plain": ratio, "peers": PEERS.get(name), "waveform_r": r}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", help=f"of {', '.join(FORMS)}; those of peers.md by default")
    parser.add_argument("--repeats", type=int, default=15)
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    torch.set_num_threads(1)
    flags = Path("/proc/cpuinfo").read_text().split() if Path("/proc/cpuinfo").is_file() else []
    amx = "amx_bf16" in flags
    print(f"AMX: {'yes' if amx else 'no'}; avx512_bf16: {'yes' if 'avx512_bf16' in flags else 'no'}")
    print(f"{'ms/s of video':<17}" + "".join(f"{column:>14}" for column in (*COLUMNS, "plain/bf16", "peers", "r bf16")))
    if unknown := [name for name in args.names if name not in FORMS]:
        parser.error(f"there is no plain form of {', '.join(unknown)}")
    rows = []
    with tempfile.TemporaryDirectory() as folder, with_plugins():
        for name in args.names or PEERS:
            row = measure(name, args.repeats, Path(folder))
            rows.append(row)
            cells = [*(f"{row[column]:.2f}" for column in COLUMNS), f"{row['times_plain']:.1f}"]
            cells += [
                f"{row['peers']:.1f}" if row["peers"] else "",
                "flat" if row["waveform_r"] is None else f"{row['waveform_r']:.4f}",
            ]
            print(f"{name:<17}" + "".join(f"{cell:>14}" for cell in cells), flush=True)
    by_name = {row["model"]: row for row in rows}
    if {"can_teacher", "can_student"} <= set(by_name):
        teacher, student = (by_name[name]["onnx"] for name in ("can_teacher", "can_student"))
        print(f"teacher over student in ONNX Runtime: {teacher / student:.1f}")
    if args.json:
        args.json.write_text(json.dumps({"amx": amx, "torch": torch.__version__, "rows": rows}, indent=1) + "\n")


if __name__ == "__main__":
    main()
