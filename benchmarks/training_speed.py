"""What a training step costs: precision and memory layout, side by side on one device.

    python -m benchmarks.training_speed [--model physnet] [--batch 4] [--device cuda] [--seconds 10] [--json FILE]

Forward, loss, backward and optimiser step of one model on batches that are already on the device, fp32 and bf16
autocast, each with convolution weights and input as they are and as channels-last; variants are interleaved, a row says
the median milliseconds a step (wall time on a GPU, CPU time on a CPU), windows a second, and the loss after the same
number of steps, by which a variant that computes something else would be seen.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import torch

from zoo import registry
from zoo.spec import Clip

VARIANTS = [(precision, layout) for precision in ("fp32", "bf16") for layout in ("plain", "channels_last")]
LEAST = 5


class Variant:
    """One way to train a model, from the same first weights."""

    def __init__(
        self, name: str, batch: int, device: torch.device, precision: str, layout: str, **options: Any
    ) -> None:
        torch.manual_seed(0)
        self.module = registry.model_class(name)(**options).to(device).train()
        self.row: dict[str, Any] = {"model": name, "device": str(device), "precision": precision, "layout": layout}
        raw = self.module.example_input(batch).to(device)
        if layout == "channels_last":
            self.module.to(memory_format=torch.channels_last_3d)  # type: ignore[call-overload]
            raw = raw.to(memory_format=torch.channels_last_3d)
        length = raw.shape[2]
        wave = torch.sin(2 * torch.pi * 1.2 * torch.arange(length, device=device) / self.module.input.fps)
        self.batch = {
            "input": raw,
            "waveforms": {"ppg": wave.repeat(batch, 1)},
            "targets": {},
            "mask": torch.ones(batch, length, dtype=torch.bool, device=device),
        }
        self.optimizer = torch.optim.AdamW(self.module.parameters(), lr=1e-4)
        self.autocast = precision == "bf16"
        self.times: list[float] = []
        self.losses: list[float] = []

    def step(self) -> None:
        """One training step, timed."""
        device = self.batch["input"].device
        cuda = device.type == "cuda"
        clock = time.perf_counter if cuda else time.process_time
        start = clock()
        with torch.autocast(device.type, torch.bfloat16) if self.autocast else nullcontext():
            loss = self.module.loss(self.batch)["loss"]
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        self.optimizer.step()
        if cuda:
            torch.cuda.synchronize()
        self.times.append(clock() - start)
        self.losses.append(float(loss.detach()))


def measure(name: str, batch: int, device: torch.device, seconds: float, **options: Any) -> list[dict[str, Any]]:
    """A row a variant.

    Args:
        seconds: of all variants together.
        options: hyper-parameters of the model.
    """
    variants = [Variant(name, batch, device, *variant, **options) for variant in VARIANTS]
    if not isinstance(variants[0].module.input, Clip):
        variants = [one for one in variants if one.row["layout"] == "plain"]
    end = time.perf_counter() + seconds
    while len(variants[0].times) < LEAST or time.perf_counter() < end:
        for one in variants:
            one.step()
    rows = []
    for one in variants:
        # the first steps choose algorithms and warm caches
        middle = statistics.median(one.times[2:])
        figures = {"ms": 1000 * middle, "windows_a_second": batch / middle, "steps": len(one.times)}
        rows.append({**one.row, **figures, "batch": batch, "loss_after": one.losses[LEAST - 1]})
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="physnet")
    parser.add_argument("--batch", type=int, default=4)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--size", type=int, help="side of the crops (default: the model's own)")
    parser.add_argument("--frames", type=int, help="length of a window (default: the model's own)")
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    options = {name: value for name in ("size", "frames") if (value := getattr(args, name)) is not None}
    rows = measure(args.model, args.batch, torch.device(args.device), args.seconds, **options)
    for row in rows:
        print(
            f"{row['model']:<16}{row['precision']:<6}{row['layout']:<15}{row['ms']:9.1f} ms a step"
            f"{row['windows_a_second']:9.1f} windows/s   loss {row['loss_after']:.5f}"
        )
    if args.json:
        args.json.write_text(json.dumps(rows, indent=1) + "\n")


if __name__ == "__main__":
    main()
