"""Teacher, student alone and student taught by it, over several seeds: what distillation is worth, in one table.

    python benchmarks/distillation.py --data folder=STORE --real ubfc_rppg=PATH --out distillation
    python benchmarks/distillation.py --seeds 2 --steps 40 --people 24 --test-people 12     # a CPU, in a minute or two

STORE is what `zoo prepare --data folder --root DIR --out STORE --regions none --crop 36 --crop-mode first_box_1.6`
makes of any folder of videos, that of `zoo simulate` say; a folder of videos will do too, and without `--data` the
windows are the zoo's own simulated people. Recipes (`can_teacher.yaml`, `can_student.yaml`, `can_student_kd.yaml`) say
how the three are trained; seeds differ in first weights and in the order of windows, never in who trains and who tests.
All windows are read once and lie on the device as bytes, so that it never waits for a file.

Scores are those of `zoo test` (protocol zoo, windows of 20 s). An interval over seeds is Student's t; one over people
is a bootstrap by person of all seeds' errors. Where the teacher beats the student by less than 0.5 bpm there is no gap
to close: the test windows are then given more and more sensor noise, until there is one.
"""

from __future__ import annotations

import argparse
import json
import logging
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import lightning as L
import numpy as np
import torch
import yaml
from scipy.stats import t as student_t
from torch import Tensor
from torch.utils.data import DataLoader, IterableDataset

from zoo import registry
from zoo.data.module import VitalsDataModule
from zoo.data.windows import collate
from zoo.metrics import statistics
from zoo.metrics.protocol import load_protocol
from zoo.metrics.stretches import read_rows, zscored
from zoo.module import VitalsModule
from zoo.spec import Clip
from zoo.training.distillation import Distillation, Lesson

TEACHER, ALONE, TAUGHT = "can_teacher", "can_student", "can_student_kd"
MODELS = (TEACHER, ALONE, TAUGHT)
LEAST_GAP = 0.5
SECONDS = 20.0
NOISES = (0.0, 1.0, 2.0, 4.0, 8.0, 16.0)


@dataclass(frozen=True)
class Windows:
    """Windows of one length on a device: crops (n, 3, T, S, S) uint8, PPG (n, T), mask (n, T), and n people."""

    crops: Tensor
    ppg: Tensor
    mask: Tensor
    people: list[str]

    def __len__(self) -> int:
        return len(self.crops)

    def batch(self, rows: Tensor, noise: float = 0.0, seed: int = 0) -> dict[str, Any]:
        """A batch as `VitalsDataModule` collates it; `noise` in grey levels is added to every pixel and frame."""
        clip = self.crops[rows].float()
        if noise:
            generator = torch.Generator(clip.device).manual_seed(seed)
            clip = clip + noise * torch.randn(clip.shape, generator=generator, device=clip.device)
            clip = clip.round().clamp(0, 255)
        return {"input": clip / 255, "waveforms": {"ppg": self.ppg[rows]}, "targets": {}, "mask": self.mask[rows]}


class Batches(IterableDataset[dict[str, Any]]):
    """Batches of windows in an order of their own for each seed, for ever."""

    def __init__(self, windows: Windows, size: int, seed: int) -> None:
        self.windows, self.size, self.seed = windows, min(size, len(windows)), seed

    def __iter__(self) -> Iterator[dict[str, Any]]:
        generator = torch.Generator().manual_seed(self.seed)
        while True:
            order = torch.randperm(len(self.windows), generator=generator).to(self.windows.crops.device)
            for rows in order.split(self.size):
                if len(rows) == self.size:
                    yield self.windows.batch(rows)


def read(windows: Any, device: torch.device, workers: int) -> Windows:
    """All windows of a data set, read by `workers` processes, as bytes on the device."""
    loader = DataLoader(windows, batch_size=4, num_workers=workers, collate_fn=collate)
    parts: dict[str, list[Any]] = {"crops": [], "ppg": [], "mask": []}
    people: list[str] = []
    for batch in loader:
        parts["crops"].append((batch["input"] * 255).round().to(torch.uint8).to(device))
        parts["ppg"].append(batch["waveforms"]["ppg"].to(device))
        parts["mask"].append(batch["mask"].to(device))
        people += batch["person"]
    return Windows(**{name: torch.cat(values) for name, values in parts.items()}, people=people)


def data_of(where: str, input: Clip, args: argparse.Namespace, **options: Any) -> VitalsDataModule:
    """The data module of NAME or NAME=PATH, a data set's folder or a prepared store."""
    name, _, path = where.partition("=")
    place: dict[str, Any] = {}
    if path:
        place = {"store": path, "root": None} if any(Path(path).glob(f"{name}-*/")) else {"root": path}
    return VitalsDataModule(name, input=input, workers=args.workers, ratios=[0.75, 0.05, 0.2], **place, **options)


def sets(args: argparse.Namespace, input: Clip, device: torch.device) -> tuple[Windows, dict[str, Windows]]:
    """Training windows, and test windows by name."""
    simulated = args.data == "synthetic"
    people, test_people = ({"options": {"people": n}} if simulated else {} for n in (args.people, args.test_people))
    long = replace(input, frames=round(SECONDS * input.fps))
    stages = {
        "train": ("train", data_of(args.data, input, args, **people)),
        "simulated": ("test", data_of(args.data, long, args, test_people="held_out", **test_people)),
        **{f"real {one.partition('=')[0]}": ("test", data_of(one, long, args, test_people="all")) for one in args.real},
    }
    found = {}
    for name, (stage, data) in stages.items():
        started = time.monotonic()
        data.setup("fit" if stage == "train" else "test")
        (windows,) = (each for each, _ in data._stages[stage])  # type: ignore[index]
        found[name] = read(windows, device, args.workers)
        print(
            f"{name}: {len(found[name])} windows of {len(set(found[name].people))} people, "
            f"{found[name].crops.nbytes / 1e6:.0f} MB, {time.monotonic() - started:.0f} s",
            flush=True,
        )
    return found.pop("train"), found


def settings_of(name: str, args: argparse.Namespace) -> dict[str, Any]:
    """A recipe, with what the command line changes of it."""
    settings: dict[str, Any] = yaml.safe_load(registry.config(name).read_text())
    settings["model"]["init_args"] |= {"frames": args.frames, **({"losses": args.losses} if args.losses else {})}
    if "distillation" in settings:
        settings["distillation"] |= {k: v for k in ("output", "maps", "orientation", "grid") if (v := getattr(args, k))}
    return settings


def train(name: str, seed: int, teacher: VitalsModule | None, windows: Windows, args: argparse.Namespace) -> Any:
    """One model, trained by its recipe for `args.steps` steps."""
    settings = settings_of(name, args)
    L.seed_everything(seed, verbose=False)
    module = registry.model_class(settings["model"]["class_path"])(**settings["model"]["init_args"])
    if "distillation" in settings:
        assert teacher is not None
        module.lesson = Lesson(teacher, module, Distillation(**settings["distillation"]))
    trainer = L.Trainer(
        accelerator=args.accelerator,
        devices=1,
        max_steps=args.steps,
        max_epochs=-1,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        precision=args.precision,
        gradient_clip_val=settings["trainer"]["gradient_clip_val"],
        benchmark=True,
    )
    trainer.fit(module, DataLoader(Batches(windows, args.batch, seed), batch_size=None))
    return module.eval()


def score(module: VitalsModule, windows: Windows, noise: float = 0.0, size: int = 16) -> dict[str, np.ndarray]:
    """Rate (1/min), its truth and the waveform's r of each window."""
    protocol, fps = load_protocol("zoo"), module.input.fps
    module.to(windows.crops.device)
    waves = []
    with torch.inference_mode():
        for rows in torch.arange(len(windows), device=windows.crops.device).split(size):
            batch = windows.batch(rows, noise, seed=int(rows[0]))
            waves.append(module.values(module(batch["input"]).waveforms)["ppg"].cpu())
    wave, label, mask = torch.cat(waves).numpy(), windows.ppg.cpu().numpy(), windows.mask.cpu().numpy()
    both = np.isfinite(label) & mask
    return {
        "rate": read_rows(partial(protocol.rate, fps=fps), wave, mask),
        "truth": read_rows(partial(protocol.truth, fps=fps), label, mask, 0.8),
        "r": statistics.waveform_errors(zscored(wave, both), zscored(label, both))["r"],
    }


def figures(found: Mapping[str, np.ndarray]) -> dict[str, float]:
    """What one seed's windows score."""
    rate, truth = found["rate"], found["truth"]
    return {
        "mae": statistics.mae(rate, truth),
        "rmse": statistics.rmse(rate, truth),
        "within_3": statistics.within(rate, truth, 3.0),
        "r": float(np.nanmean(found["r"])),
    }


def over_seeds(values: list[float]) -> tuple[float, float]:
    """Mean and the half width of Student's 95 % interval; NaN with one seed."""
    n = len(values)
    half = student_t.ppf(0.975, n - 1) * np.std(values, ddof=1) / np.sqrt(n) if n > 1 else np.nan
    return float(np.mean(values)), float(half)


def row(runs: list[dict[str, np.ndarray]], people: list[str]) -> dict[str, Any]:
    """One model on one test set, over its seeds."""
    seeds = [figures(run) for run in runs]
    found: dict[str, Any] = {name: over_seeds([one[name] for one in seeds]) for name in seeds[0]}
    rate, truth = (np.concatenate([run[name] for run in runs]) for name in ("rate", "truth"))
    found["mae_people"] = statistics.bootstrap(statistics.mae, rate, truth, people * len(runs))
    return {**found, "seeds": seeds}


def gap(rows: Mapping[str, Any]) -> dict[str, float]:
    """How much of the teacher's lead distillation gives the student, by the MAE over all seeds."""
    errors = {name: np.array([one["mae"] for one in rows[name]["seeds"]]) for name in MODELS}
    lead, gained = errors[ALONE] - errors[TEACHER], errors[ALONE] - errors[TAUGHT]
    mean, half = over_seeds(list(gained))
    share = float(gained.mean() / lead.mean()) if lead.mean() > 0 else float("nan")
    return {"lead": float(lead.mean()), "gained": mean, "gained_half": half, "share": share}


def table(results: Mapping[str, Mapping[str, Any]]) -> str:
    """Markdown of all test sets."""
    lines = [
        "| test windows | model | MAE bpm (± over seeds) | by person, 95 % | RMSE bpm | within 3 | waveform r |",
        "|---|---|---|---|---|---|---|",
    ]
    for name, rows in results.items():
        for model in MODELS:
            one = rows[model]
            (mae, mae_half), (rmse, rmse_half), (near, near_half), (r, r_half) = (
                one[key] for key in ("mae", "rmse", "within_3", "r")
            )
            low, high = one["mae_people"]
            lines.append(
                f"| {name} | {model} | {mae:.2f} ± {mae_half:.2f} | {low:.2f} to {high:.2f} | {rmse:.2f} ± "
                f"{rmse_half:.2f} | {100 * near:.0f} ± {100 * near_half:.0f} % | {r:.3f} ± {r_half:.3f} |"
            )
    lines.append("")
    for name, rows in results.items():
        found = gap(rows)
        says = f"{name}: the teacher leads the student by {found['lead']:.2f} bpm; distillation gives it "
        says += f"{found['gained']:.2f} ± {found['gained_half']:.2f} bpm"
        if found["lead"] < LEAST_GAP:
            lines.append(f"- {says}. That is less than {LEAST_GAP} bpm: there is no gap to close here.")
        else:
            lines.append(f"- {says}, {100 * found['share']:.0f} % of the gap.")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", default="synthetic", metavar="NAME=PATH", help="to train and test on")
    parser.add_argument("--real", action="append", default=[], metavar="NAME=PATH", help="to test on too")
    parser.add_argument("--people", type=int, default=400, help="simulated people who train, without a PATH")
    parser.add_argument("--test-people", type=int, default=100, help="simulated people who test, without a PATH")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=1000)
    parser.add_argument("--batch", type=int, default=8, help="windows a step")
    parser.add_argument("--frames", type=int, default=180, help="of a training window")
    parser.add_argument("--losses", type=json.loads, help="of all three, as JSON, instead of the recipes'")
    parser.add_argument("--output", type=float, help="weight of the output's loss, instead of the recipe's")
    parser.add_argument("--maps", type=float, help="weight of each pair of maps, instead of the recipe's")
    parser.add_argument("--orientation", choices=("target", "printed"), help="of the maps' product")
    parser.add_argument("--grid", type=int, help="positions a side that maps are averaged to")
    parser.add_argument("--accelerator", default="auto")
    parser.add_argument("--precision", default="32-true")
    parser.add_argument("--workers", type=int, default=4, help="processes that read")
    parser.add_argument("--out", type=Path, default=Path("distillation"), help="of .md and .json")
    args = parser.parse_args()

    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
    gpu = args.accelerator in ("auto", "gpu", "cuda") and torch.cuda.is_available()
    device = torch.device("cuda" if gpu else "cpu")
    args.accelerator = "gpu" if gpu else "cpu"
    if gpu:
        torch.set_float32_matmul_precision("high")
    input = registry.model_class(ALONE)(frames=args.frames).input
    training, tests = sets(args, input, device)

    models: list[dict[str, VitalsModule]] = []
    for seed in range(args.seeds):
        trained: dict[str, VitalsModule] = {}
        for name in MODELS:
            started = time.monotonic()
            trained[name] = train(name, seed, trained.get(TEACHER), training, args)
            shown = {test: round(figures(score(trained[name], windows))["mae"], 2) for test, windows in tests.items()}
            print(f"seed {seed} {name}: {time.monotonic() - started:.0f} s, MAE {shown}", flush=True)
        models.append(trained)

    results = {}
    for name, windows in tests.items():
        for noise in NOISES:
            found = compared(models, windows, noise)
            results[f"{name} + noise {noise:g}" if noise else name] = found
            if gap(found)["lead"] >= LEAST_GAP:
                break
    facts = {
        "device": torch.cuda.get_device_name() if gpu else f"cpu, {torch.get_num_threads()} threads",
        "torch": torch.__version__,
        "settings": {key: str(value) if isinstance(value, Path) else value for key, value in vars(args).items()},
        "recipes": {name: settings_of(name, args) for name in MODELS},
    }
    text = table(results)
    print(f"\n{text}")
    args.out.with_suffix(".md").write_text(text + "\n")
    report = {**facts, "results": {name: {**rows, "gap": gap(rows)} for name, rows in results.items()}}
    args.out.with_suffix(".json").write_text(json.dumps(report, indent=1) + "\n")


def compared(models: list[dict[str, VitalsModule]], windows: Windows, noise: float = 0.0) -> dict[str, Any]:
    """All three models on one test set, over their seeds."""
    return {name: row([score(one[name], windows, noise) for one in models], windows.people) for name in MODELS}


if __name__ == "__main__":
    main()
