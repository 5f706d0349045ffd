"""Teacher, student alone and student taught by it, over several seeds: what distillation is worth, in one table.

    python benchmarks/distillation.py --data folder=STORE --real ubfc_rppg=PATH --choose --out distillation
    python benchmarks/distillation.py --data folder=STORE --keep models         # keeps the weights
    python benchmarks/distillation.py --real ubfc_rppg=PATH --keep models       # tests them elsewhere, trains none
    python benchmarks/distillation.py --seeds 2 --steps 40 --batch 2 --people 24 --test-people 12   # to try, on a CPU

STORE is what `zoo prepare --data folder --root DIR --out STORE --regions none --crop 36 --crop-mode first_box_1.6`
makes of any folder of videos, that of `zoo simulate` say; a folder of videos will do too, and without `--data` the
windows are the zoo's own simulated people. Recipes (`can_teacher.yaml`, `can_student.yaml`, `can_student_kd.yaml`) say
how the three are trained; `--choose` first tries a few losses, and a few ways to teach, on people who validate. Seeds
differ in first weights and in the order of windows, never in who trains and who tests. All windows are read once and
lie on the device as bytes, so that it never waits for a file.

Scores are those of `zoo evaluate` (protocol zoo, windows of 20 s; r in the protocol's band). An interval over seeds is
Student's t; one over people is a bootstrap by person of all seeds' errors. Where the teacher beats the student by less
than 0.5 bpm there is no gap to close: the test windows are then given more and more sensor noise, until there is one.
"""

from __future__ import annotations

import argparse
import json
import logging
import time
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from functools import cache, partial
from itertools import product
from pathlib import Path
from typing import Any

import lightning as L
import numpy as np
import torch
import yaml
from scipy.stats import t as student_t
from torch import Tensor
from torch.utils.data import DataLoader, IterableDataset

from zoo import checkpoints, registry
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
PROTOCOL = load_protocol("zoo")
TRIAL_SEED = 100
# models that lay there, by the digest of their weights
KEPT: dict[str, VitalsModule] = {}
# what --choose tries
LOSSES = ({"mse": 1.0}, {"negative_pearson": 1.0, "spectral": 0.2}, {"band_pearson": 1.0, "spectral": 0.2})
LESSONS = [
    {"loss": loss, "orientation": orientation, "maps": maps}
    for loss, orientation, maps in product(("mse", "band_pearson"), ("target", "printed"), (0.1, 1.0))
]


@dataclass(frozen=True, eq=False)
class Windows:
    """Windows of one length on a device: crops (n, 3, T, S, S) uint8, PPG (n, T), mask (n, T), n people, n rates.

    `known_as` are the data sets that they count as, by which a model that is trained on them is marked.
    """

    crops: Tensor
    ppg: Tensor
    mask: Tensor
    people: list[str]
    truth: np.ndarray
    known_as: list[str]

    def __len__(self) -> int:
        return len(self.crops)

    def batch(self, rows: Tensor, noise: float = 0.0) -> dict[str, Any]:
        """A batch as `VitalsDataModule` gives it; `noise` in grey levels is added to every pixel and frame."""
        clip = self.crops[rows].float()
        if noise:
            generator = torch.Generator(clip.device).manual_seed(int(rows[0]))
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


def read(windows: Any, fps: float, device: torch.device, workers: int, known_as: list[str]) -> Windows:
    """All windows of a data set, read by `workers` processes, as bytes on the device."""
    parts: dict[str, list[Any]] = {"crops": [], "ppg": [], "mask": []}
    people: list[str] = []
    for batch in DataLoader(windows, batch_size=4, num_workers=workers, collate_fn=collate):
        clip = batch["input"]
        parts["crops"].append((clip if clip.dtype == torch.uint8 else (clip * 255).round().to(torch.uint8)).to(device))
        parts["ppg"].append(batch["waveforms"]["ppg"].to(device))
        parts["mask"].append(batch["mask"].to(device))
        people += batch["person"]
    found = {name: torch.cat(values) for name, values in parts.items()}
    label, mask = found["ppg"].cpu().numpy(), found["mask"].cpu().numpy()
    truth = read_rows(partial(PROTOCOL.truth, fps=fps), label, mask, 0.8)
    return Windows(**found, people=people, truth=truth, known_as=known_as)


def data_of(where: str, input: Clip, args: argparse.Namespace, **options: Any) -> VitalsDataModule:
    """The data module of NAME or NAME=PATH, a data set's folder or a prepared store."""
    name, _, path = where.partition("=")
    place: dict[str, Any] = {}
    if path:
        place = {"store": path, "root": None} if any(Path(path).glob(f"{name}-*/")) else {"root": path}
    return VitalsDataModule(name, input=input, workers=args.workers, ratios=[0.7, 0.1, 0.2], **place, **options)


def sets(args: argparse.Namespace, input: Clip, device: torch.device, given_only: bool) -> dict[str, Windows]:
    """Windows that train (`train`), that choose (`val`), and those of each test."""
    simulated = args.data == "synthetic"
    train_people, test_people = (
        {"options": {"people": n}} if simulated else {} for n in (args.people, args.test_people)
    )
    long = replace(input, frames=round(SECONDS * input.fps))
    own = {
        "train": ("train", data_of(args.data, input, args, **train_people)),
        "val": ("val", data_of(args.data, long, args, **test_people)),
        "simulated": ("test", data_of(args.data, long, args, test_people="held_out", **test_people)),
    }
    others = {"real": args.real, "unseen": args.unseen}
    given = {
        f"{kind} {one.partition('=')[0]}": ("test", data_of(one, long, args, test_people="all"))
        for kind, entries in others.items()
        for one in entries
    }
    found = {}
    for name, (stage, data) in (given if given_only else own | given).items():
        started = time.monotonic()
        data.setup({"train": "fit", "val": "validate", "test": "test"}[stage])
        windows = getattr(data, f"{stage}_dataloader")().dataset
        found[name] = read(windows, input.fps, device, args.workers, data.trained_on)
        print(
            f"{name}: {len(found[name])} windows of {len(set(found[name].people))} people, "
            f"{found[name].crops.nbytes / 1e6:.0f} MB, {time.monotonic() - started:.0f} s",
            flush=True,
        )
    return found


def recipes(args: argparse.Namespace, chosen: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """The three recipes, with what is to be changed of them: `losses`, `lr`, and settings of the lesson."""
    found = {name: yaml.safe_load(registry.config(name).read_text()) for name in MODELS}
    for settings in found.values():
        settings["model"]["init_args"] |= {"frames": args.frames, "crop": args.crop}
        settings["model"]["init_args"] |= {name: value for name, value in chosen.items() if name in ("losses", "lr")}
    lesson = {field.name for field in fields(Distillation)}
    found[TAUGHT]["distillation"] |= {name: value for name, value in chosen.items() if name in lesson}
    return found


def train(
    recipe: dict[str, Any], seed: int, teacher: VitalsModule | None, windows: Windows, args: Any, steps: int
) -> VitalsModule:
    """A model trained by a recipe for so many steps."""
    L.seed_everything(seed, verbose=False)
    module: VitalsModule = registry.model_class(recipe["model"]["class_path"])(**recipe["model"]["init_args"])
    if "distillation" in recipe:
        assert teacher is not None
        module.lesson = Lesson(teacher, module, Distillation(**recipe["distillation"]))
    trainer = L.Trainer(
        accelerator=args.accelerator,
        devices=1,
        max_steps=steps,
        max_epochs=-1,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        precision=args.precision,
        gradient_clip_val=recipe["trainer"]["gradient_clip_val"],
        benchmark=True,
    )
    trainer.fit(module, DataLoader(Batches(windows, args.batch, seed), batch_size=None))
    module.lesson = None
    return module.to(windows.crops.device).eval()


def kept_card(args: argparse.Namespace, seed: int, name: str) -> Path | None:
    """The card of a seed's model, where it was kept before."""
    card = None if args.keep is None else args.keep / f"seed{seed}" / f"{name}.json"
    return card if card is not None and card.is_file() else None


def trained_or_kept(
    recipe: dict[str, Any], seed: int, teacher: VitalsModule | None, data: Mapping[str, Windows], args: Any, name: str
) -> VitalsModule:
    """A seed's model: trained, and kept where that is wanted, or as it was kept before."""
    if (card := kept_card(args, seed, name)) is not None:
        # one teacher of all seeds is one model, which is scored once
        weights = checkpoints.read_card(card).sha256
        if weights not in KEPT:
            KEPT[weights] = checkpoints.load_card(card).to("cuda" if args.accelerator == "gpu" else "cpu")
        return KEPT[weights]
    module = train(recipe, seed, teacher, data["train"], args, args.steps)
    if args.keep is not None:
        module.trained_on = sorted({*data["train"].known_as, *(teacher.trained_on if "distillation" in recipe else ())})
        checkpoints.save(module, name, args.keep / f"seed{seed}", [])
    return module


@cache
def score(module: VitalsModule, windows: Windows, noise: float = 0.0, size: int = 16) -> dict[str, np.ndarray]:
    """Rate (1/min) and its truth, and the waveform's r, of each window; found once for the same model and windows."""
    waves = []
    with torch.inference_mode():
        for rows in torch.arange(len(windows), device=windows.crops.device).split(size):
            waves.append(module.values(module(windows.batch(rows, noise)["input"]).waveforms)["ppg"].cpu())
    wave, label, mask = torch.cat(waves).numpy(), windows.ppg.cpu().numpy(), windows.mask.cpu().numpy()
    both = np.isfinite(label) & mask
    # sums of a derivative drift: the pair's pulse is what is left of them in the band
    found, wanted = (PROTOCOL.filtered(np.nan_to_num(x), module.input.fps) for x in (wave, label))
    return {
        "rate": read_rows(partial(PROTOCOL.rate, fps=module.input.fps), wave, mask),
        "truth": windows.truth,
        "r": statistics.waveform_errors(zscored(found, both), zscored(wanted, both))["r"],
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


def choose(data: Mapping[str, Windows], args: argparse.Namespace) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """The losses by which teacher and student alone do best on people who validate, then the best lesson; all tried.

    Half the steps each.
    """
    steps = max(args.steps // 2, 1)
    tried: list[dict[str, Any]] = []
    teachers = {}
    for losses in LOSSES:
        recipe = recipes(args, {"losses": losses})
        models = {name: train(recipe[name], TRIAL_SEED, None, data["train"], args, steps) for name in (TEACHER, ALONE)}
        maes = {name: figures(score(model, data["val"])) for name, model in models.items()}
        tried.append({"losses": losses, **{name: maes[name] for name in maes}})
        teachers[json.dumps(losses)] = models[TEACHER]
        print(f"tried {losses}: " + ", ".join(f"{name} {one['mae']:.2f}" for name, one in maes.items()), flush=True)
    best = min(tried, key=lambda one: one[TEACHER]["mae"] + one[ALONE]["mae"])["losses"]
    taught = []
    for lesson in LESSONS:
        recipe = recipes(args, {"losses": best, **lesson})
        model = train(recipe[TAUGHT], TRIAL_SEED, teachers[json.dumps(best)], data["train"], args, steps)
        taught.append({**lesson, TAUGHT: figures(score(model, data["val"]))})
        print(f"tried {lesson}: {taught[-1][TAUGHT]['mae']:.2f}", flush=True)
    lesson = min(taught, key=lambda one: one[TAUGHT]["mae"])
    return {"losses": best, **{name: lesson[name] for name in LESSONS[0]}}, [*tried, *taught]


def over_seeds(values: list[float]) -> tuple[float, float]:
    """Mean and the half width of Student's 95 % interval; NaN with one seed."""
    n = len(values)
    half = student_t.ppf(0.975, n - 1) * np.std(values, ddof=1) / np.sqrt(n) if n > 1 else np.nan
    return float(np.mean(values)), float(half)


def compared(models: list[dict[str, VitalsModule]], windows: Windows, noise: float = 0.0) -> dict[str, Any]:
    """All three models on one test set, over their seeds."""
    rows = {}
    for name in MODELS:
        runs = [score(one[name], windows, noise) for one in models]
        seeds = [figures(run) for run in runs]
        rate, truth = (np.concatenate([run[column] for run in runs]) for column in ("rate", "truth"))
        rows[name] = {
            **{key: over_seeds([one[key] for one in seeds]) for key in seeds[0]},
            "mae_people": statistics.bootstrap(statistics.mae, rate, truth, windows.people * len(runs)),
            "seeds": seeds,
        }
    return {**rows, "gap": gap(rows)}


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
        found = rows["gap"]
        says = f"- {name}: the teacher leads the student by {found['lead']:.2f} bpm, distillation gives the student "
        says += f"{found['gained']:.2f} ± {found['gained_half']:.2f} bpm"
        small = f". That lead is under {LEAST_GAP} bpm: there is no gap to close here."
        lines.append(says + (small if found["lead"] < LEAST_GAP else f", {100 * found['share']:.0f} % of the gap."))
    return "\n".join(lines)


def arguments() -> argparse.Namespace:
    """What was asked for, and in `kept` whether all models are there already."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", default="synthetic", metavar="NAME=PATH", help="to train and test on")
    parser.add_argument("--real", action="append", default=[], metavar="NAME=PATH", help="to test on too")
    parser.add_argument("--unseen", action="append", default=[], metavar="NAME=PATH", help="simulated people, likewise")
    parser.add_argument("--people", type=int, default=400, help="simulated people who train, without a PATH")
    parser.add_argument("--test-people", type=int, default=100, help="simulated people who test, without a PATH")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=1000)
    parser.add_argument("--batch", type=int, default=8, help="windows a step")
    parser.add_argument("--frames", type=int, default=180, help="of a training window")
    parser.add_argument("--crop", default="first_box_1.6", help="of the store, if not the published one")
    parser.add_argument("--noises", type=float, nargs="+", default=NOISES, help="grey levels, where there is no gap")
    parser.add_argument("--choose", action="store_true", help="try losses and lessons first")
    parser.add_argument("--change", type=json.loads, default={}, help='of the recipes: {"losses": {...}, "maps": 0.3}')
    parser.add_argument("--accelerator", default="auto")
    parser.add_argument("--precision", default="32-true")
    parser.add_argument("--workers", type=int, default=4, help="processes that read")
    parser.add_argument(
        "--keep", type=Path, metavar="DIR", help="of each seed's weights: those there are taken as they are"
    )
    parser.add_argument("--out", type=Path, default=Path("distillation"), help="of .md and .json")
    args = parser.parse_args()
    args.kept = all(kept_card(args, seed, name) for seed in range(args.seeds) for name in MODELS)
    if args.kept and args.choose:
        parser.error("--choose trains, but all models lie in --keep: leave one of the two away.")
    return args


def main() -> None:
    args = arguments()
    began = time.monotonic()
    warnings.filterwarnings("ignore", module="lightning")
    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
    gpu = args.accelerator in ("auto", "gpu", "cuda") and torch.cuda.is_available()
    args.accelerator = "gpu" if gpu else "cpu"
    if gpu:
        torch.set_float32_matmul_precision("high")
    input = registry.model_class(ALONE)(frames=args.frames, crop=args.crop).input
    given_only = args.kept and bool(args.real or args.unseen)
    data = sets(args, input, torch.device("cuda" if gpu else "cpu"), given_only)
    tests = {name: windows for name, windows in data.items() if name not in ("train", "val")}
    chosen, tried = choose(data, args) if args.choose else (args.change, [])
    recipe = recipes(args, chosen)

    models: list[dict[str, VitalsModule]] = []
    # taken as they lay there, whatever recipe they were trained by
    taken: list[str] = []
    for seed in range(args.seeds):
        trained: dict[str, VitalsModule] = {}
        for name in MODELS:
            started = time.monotonic()
            if kept_card(args, seed, name) is not None:
                taken.append(f"seed{seed}/{name}")
            trained[name] = trained_or_kept(recipe[name], seed, trained.get(TEACHER), data, args, name)
            seconds = time.monotonic() - started
            scores = {test: figures(score(trained[name], windows, 0.0)) for test, windows in tests.items()}
            shown = ", ".join(f"{test} {one['mae']:.2f}" for test, one in scores.items())
            print(f"seed {seed} {name}: trained in {seconds:.0f} s, MAE {shown}", flush=True)
        models.append(trained)
        # what there is so far stays, if the run is cut off
        results = tested(models, tests, args.noises if seed + 1 == args.seeds else args.noises[:1])
        facts = {"tried": tried, "recipes": recipe, "taken": taken, "seconds": round(time.monotonic() - began)}
        write(args, results, facts)
    print(f"\n{table(results)}\n{time.monotonic() - began:.0f} s in all")


def tested(models: list[dict[str, VitalsModule]], tests: Mapping[str, Windows], noises: Sequence[float]) -> Any:
    """Every test set, and where the teacher hardly leads also under noise, up to where it does."""
    results = {}
    for name, windows in tests.items():
        for noise in noises:
            found = results[f"{name} + noise {noise:g}" if noise else name] = compared(models, windows, noise)
            if found["gap"]["lead"] >= LEAST_GAP:
                break
    return results


def without_place(value: Any) -> Any:
    """A setting without where its files lie on this machine."""
    if isinstance(value, list):
        return [without_place(one) for one in value]
    if isinstance(value, Path):
        return value.name
    name, given, path = value.partition("=") if isinstance(value, str) else (value, "", "")
    return f"{name}={Path(path).name}" if given else value


def write(args: argparse.Namespace, results: Mapping[str, Any], facts: Mapping[str, Any]) -> None:
    """The table as Markdown, and all of it as JSON."""
    report = {
        "device": torch.cuda.get_device_name() if args.accelerator == "gpu" else "cpu",
        "torch": torch.__version__,
        "settings": {key: without_place(value) for key, value in vars(args).items()},
        **facts,
        "results": results,
    }
    args.out.with_suffix(".json").write_text(json.dumps(report, indent=1) + "\n")
    args.out.with_suffix(".md").write_text(table(results) + "\n")


if __name__ == "__main__":
    main()
