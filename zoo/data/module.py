"""The one DataModule: recordings or simulated people in, batches of windows for the model out."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Mapping, Sequence
from itertools import count
from pathlib import Path
from typing import Any, Literal

import lightning as L
import torch
from torch.utils.data import ConcatDataset, DataLoader

from zoo import registry
from zoo.data.augment import Augmented, augmentation, source_input
from zoo.data.balance import StageBalance, balance_of, show_balance
from zoo.data.groups import Groups, groups_of
from zoo.data.order import Order, batches_an_epoch
from zoo.data.prepare import prepare_all
from zoo.data.prepare_store import prepare_store
from zoo.data.recording import Listing, Recording, Skipped
from zoo.data.sources import Source, source_of
from zoo.data.splits import PartOf, Split, SplitBy, Stage, split
from zoo.data.statistics import target_statistics
from zoo.data.store import file_name, find_folder, listed, read, read_settings, settings_for
from zoo.data.windows import Prepared, RecordedWindows, collate
from zoo.errors import DataError, UsageError
from zoo.progress import bar
from zoo.spec import Input


class VitalsDataModule(L.LightningDataModule):
    """Windows of face video for any model: split by person, labels on the frame grid, seeded.

    Small data sets are read into memory; large ones go into a store once (`zoo prepare`, or here with `store`), which
    later runs take their windows from, with or without the data set itself.

    `--data NAME --data.root PATH` is short for a list of one data set.

    Args:
        name: a registered data set.
        root: its folder.
        options: options of its reader.
        datasets: several instead: a list of {name, root, weight, options, use}.
        input: what the model eats; linked from the model.
        batch_size: windows a batch.
        workers: processes that read and load.
        hop: seconds between the windows that validate and test.
        train_hop: seconds between the windows that train; half a window where it is 0.
        split: who goes where: `person`, published `fold`, or `recording` (with a warning).
        ratios: shares of training, validation and test people.
        folds: cross-validation in so many parts, of which `fold` tests; 0 for `ratios`.
        fold: which part tests.
        val_fold: which part validates; the one after it where it is -1.
        test_people: `held_out` tests the test split (of a data set that trains), `all` everybody; `auto` everybody,
            unless the model was trained on the data set.
        max_lost: largest share of a window's frames without a face.
        store: folder of a prepared store; recordings that it lacks are prepared where there is a `root`.
        synchronise: move labels onto the video's clock by the pulse in the video; implausible lags are refused.
        augment: what training windows are changed by, and how much: {time_stretch: 0.2, drift: 0.01}, say; see
            `zoo.data.augment.Augmentation`.
        seed: of the split, of the order of windows, of augmentation and of simulated people.
    """

    def __init__(
        self,
        name: str = "synthetic",
        root: str | None = None,
        options: dict[str, Any] = {},
        datasets: list[dict[str, Any]] = [],
        input: Input | None = None,
        batch_size: int = 16,
        workers: int = 1,
        hop: float = 5.0,
        train_hop: float = 0.0,
        split: SplitBy = "person",
        ratios: list[float] = [0.7, 0.15, 0.15],
        folds: int = 0,
        fold: int = 0,
        val_fold: int = -1,
        test_people: Literal["auto", "held_out", "all"] = "auto",
        max_lost: float = 0.05,
        store: str | None = None,
        synchronise: bool = False,
        augment: dict[str, Any] = {},
        seed: int = 7,
    ) -> None:
        super().__init__()
        if input is None:
            raise UsageError("VitalsDataModule needs the model's input: VitalsDataModule(..., input=model.input).")
        self.input = input
        self.sources = [source_of(entry) for entry in datasets] or [Source(name, root, options=dict(options))]
        self.batch_size, self.workers = batch_size, workers
        self.hop, self.train_hop = hop, train_hop or input.frames / input.fps / 2
        self.by, self.ratios, self.folds, self.fold, self.val_fold = split, ratios, folds, fold, val_fold
        self.test_people, self.max_lost, self.seed = test_people, max_lost, seed
        self.store, self.synchronise = None if store is None else Path(store), synchronise
        self.augment = augmentation(augment, input)
        self.balance: list[StageBalance] = []
        self.statistics: dict[str, tuple[float, float, float]] = {}
        self.failed: list[Skipped] = []
        self.notes: list[str] = []
        self._stages: dict[Stage, list[tuple[Any, float]]] = {}
        self._listings: dict[str, Listing] = {}
        # in memory that the workers share: persistent ones never hear of a new epoch otherwise
        self._epoch = torch.zeros(1, dtype=torch.int64).share_memory_()
        self._batches, self._resumed, self._by_hand = 1, 0, count()

    @property
    def trained_on(self) -> list[str]:
        """Names of the data sets that training takes windows from; what `zoo simulate` wrote is `synthetic`."""
        return self._names("train")

    @property
    def tested_on(self) -> list[str]:
        """Names of the data sets that tests take windows from, likewise."""
        return self._names("test")

    def _names(self, use: str) -> list[str]:
        return sorted({name for one in self.sources if one.use in ("all", use) for name in self._known_as(one)})

    @property
    def division(self) -> dict[str, Any]:
        """What decides who trains, validates and tests."""
        facts = {"split": self.by, "ratios": list(self.ratios), "seed": self.seed}
        return {**facts, "folds": self.folds, "fold": self.fold, "val_fold": self.val_fold}

    def holds_out(self, trained_on: Collection[str], divisions: Mapping[str, Mapping[str, Any]]) -> bool:
        """Whether those who test did not train a model, as far as is known.

        Args:
            trained_on, divisions: of the model; a division that is not known is taken for this one.
        """
        for source in self.sources:
            seen = self._known_as(source).intersection(trained_on) if source.use != "train" else set[str]()
            if seen and self._tests_everybody(source, trained_on):
                return False
            # people who are drawn anew are others in every stage, unless they are divided in folds
            drawn = hasattr(registry.dataset(source.name), "windows")
            for division in (divisions.get(name) for name in seen):
                if drawn and not self.folds and not (division or {}).get("folds"):
                    continue
                if division != self.division and (drawn or division is not None):
                    return False
        return True

    def groups(self, stage: Stage) -> Groups:
        """Labels to report a stage by, {label: {recording: value}}, once it is set up."""
        return groups_of(windows for windows, _ in self._stages.get(stage, []))

    def setup(self, stage: str) -> None:
        needed: dict[str, tuple[Stage, ...]] = {"fit": ("train", "val"), "validate": ("val",), "test": ("test",)}
        for wanted in needed.get(stage, ("test",)):
            if wanted not in self._stages:
                use = "test" if wanted == "test" else "train"
                sources = [source for source in self.sources if source.use in ("all", use)]
                made = [(self._augmented_windows(source, wanted), source) for source in sources]
                self._stages[wanted] = [(windows, source.weight) for windows, source in made if len(windows)]
                self.balance += [balance_of(windows, wanted, source.name) for windows, source in made]
            if not self._stages[wanted]:
                reasons = "; ".join(f"{item.path.name}: {item.reason}" for item in self.failed[:3])
                raise DataError(
                    f"no {wanted} windows of {self.input.frames / self.input.fps:g} s could be made"
                    f"{' (' + reasons + ')' if reasons else ''}: check --data.root, or give more people."
                )
        # told once more where a run goes on
        self._resumed = 0
        if self.by != "recording" and self.test_people != "all":
            self._refuse_shared_people()
        if stage == "fit":
            self.statistics = target_statistics([windows for windows, _ in self._stages["train"]])
            show_balance(self.balance, self.notes, self.failed)

    def _refuse_shared_people(self) -> None:
        """Across entries of a mixture too: one person may train here and test there, under one data set's name."""
        people = {
            stage: {
                (prepared.recording.dataset, prepared.recording.person)
                for windows, _ in sets
                for prepared in getattr(windows, "recordings", ())
            }
            for stage, sets in self._stages.items()
        }
        trained = people.get("train", set()) | people.get("val", set())
        if both := sorted(trained & people.get("test", set())):
            raise DataError(
                f"person {both[0][1]} of {both[0][0]} would both train and test: name each data set once, or use "
                "test_people=held_out."
            )

    def _augmented_windows(self, source: Source, stage: Stage) -> Any:
        changed = stage == "train" and self.augment != type(self.augment)()
        windows = self._windows(source, stage, source_input(self.input, self.augment) if changed else self.input)
        return Augmented(windows, self.input, self.augment, self.seed, self._epoch) if changed else windows

    def _windows(self, source: Source, stage: Stage, input: Input) -> Any:
        reader = registry.dataset(source.name)
        if hasattr(reader, "windows"):
            if not self.folds:
                return reader.windows(input, stage, seed=self.seed, **source.options)
            everybody = reader.windows(input, "train", seed=self.seed, **source.options)
            return PartOf(everybody, stage, self.folds, self.fold, self.val_fold)
        recordings = self._recordings(source, stage)
        prepared = self._from_memory(source, recordings) if self.store is None else self._from_store(source, recordings)
        hop = self.train_hop if stage == "train" else self.hop
        windows = RecordedWindows(prepared, input, hop, self.max_lost)
        if windows.left_out:
            self.notes.append(f"{source.name} ({stage}): {windows.left_out} windows left out, the face was lost there")
        return windows

    def _from_memory(self, source: Source, recordings: Sequence[Recording]) -> list[Prepared]:
        with bar(len(recordings), f"reading {source.name}") as advance:
            prepared, failed = prepare_all(
                recordings, self.input, max(self.workers, 1), self.synchronise, lambda: advance(1)
            )
        self.failed += failed
        return prepared

    def _from_store(self, source: Source, recordings: Sequence[Recording]) -> list[Prepared]:
        """Recordings from the store, which makes those that it lacks where the data set is at hand."""
        assert self.store is not None
        folder = self._folder(source)
        if source.root is None:
            assert folder is not None
            return [read(folder / file_name(recording), recording) for recording in recordings]
        settings = settings_for(self.input, self.synchronise) if folder is None else read_settings(folder)
        with bar(len(recordings), f"preparing {source.name}") as advance:
            outcomes = prepare_store(recordings, self.store, settings, max(self.workers, 1), done=lambda _: advance(1))
        self.failed += [Skipped(outcome.path, outcome.reason) for outcome in outcomes if outcome.state == "failed"]
        known = {recording.name: recording for recording in recordings}
        return [read(outcome.path, known[outcome.name]) for outcome in outcomes if outcome.state == "used"]

    def _folder(self, source: Source) -> Path | None:
        assert self.store is not None
        if source.root is not None and not self.store.is_dir():
            return None
        folder = find_folder(self.store, source.name, self.input, self.synchronise)
        if folder is None and source.root is None:
            raise DataError(
                f"The store '{self.store}' holds nothing of {source.name} that this model can eat: give --data.root, "
                f"or run 'zoo prepare --data {source.name} --out {self.store}' with its regions or --crop."
            )
        return folder

    def _listing(self, source: Source) -> Listing:
        if source.root is None and self.store is not None:
            if source.options:
                raise UsageError(
                    f"Options of {source.name} choose from its folder, not from a store: give --data.root."
                )
            folder = self._folder(source)
            assert folder is not None
            return Listing(tuple(listed(folder)))
        if source.root is None:
            raise UsageError(f"{source.name} needs its folder: --data.root PATH.")
        if not Path(source.root).is_dir():
            raise UsageError(f"There is no folder '{source.root}': check --data.root.")
        listing: Listing = registry.dataset(source.name).read(Path(source.root), **source.options)
        return listing

    def _recordings(self, source: Source, stage: Stage) -> list[Recording]:
        recordings = self._listed(source).recordings
        if not recordings:
            raise DataError(
                f"'{source.root or self.store}' holds no recordings of {source.name}: 'zoo info {source.name}' shows "
                "its layout."
            )
        model = getattr(self.trainer, "lightning_module", None)
        whole = stage == "test" and self._tests_everybody(source, getattr(model, "trained_on", []))
        # one split for all entries of a data set: who trains from the front does not test from the side
        entries = [one for one in self.sources if one.name == source.name and not (whole and one.use == "train")]
        everybody = list(_by_name(recording for one in entries for recording in self._listed(one).recordings).values())
        if whole:
            return list(recordings)
        parts: Split = split(everybody, self.by, self.ratios, self.folds, self.fold, self.seed, self.val_fold)
        names = {recording.name for recording in recordings}
        return [recording for recording in getattr(parts, stage) if recording.name in names]

    def _listed(self, source: Source) -> Listing:
        """The listing of a source, made once."""
        key = f"{source.name}:{source.root}:{sorted(source.options.items())}"
        if key not in self._listings:
            self._listings[key] = self._listing(source)
            self.failed += self._listings[key].skipped
            self.notes += self._listings[key].notes
        return self._listings[key]

    def _known_as(self, source: Source) -> set[str]:
        """The data sets whose people a source holds: its own name, and `synthetic` for those whom the zoo drew."""
        if hasattr(registry.dataset(source.name), "windows"):
            return {source.name}
        recordings = self._listed(source).recordings
        return {"synthetic" if one.simulated else source.name for one in recordings} or {source.name}

    def published_folds(self) -> int:
        """How many published folds the data set has; 0 where it has none.

        Raises:
            UsageError: a mixture, whose sets do not share their folds.
        """
        if len({source.name for source in self.sources}) > 1:
            raise UsageError("published folds are those of one data set: cross-validate a mixture by person.")
        source = self.sources[0]
        if hasattr(registry.dataset(source.name), "windows"):
            return 0
        return len({recording.fold for recording in self._listed(source).recordings} - {None})

    def _tests_everybody(self, source: Source, trained_on: Collection[str]) -> bool:
        """Whether all of a source's people test a model that was trained on these data sets."""
        if source.use == "test":
            return self.test_people != "held_out" or self._known_as(source).isdisjoint(self.trained_on)
        if self.test_people != "auto":
            return self.test_people == "all"
        return self._known_as(source).isdisjoint(trained_on)

    def train_dataloader(self) -> DataLoader[Any]:
        sets = self._stages["train"]
        processes, rank = getattr(self.trainer, "world_size", 1), getattr(self.trainer, "global_rank", 0)
        lengths, weights = [len(windows) for windows, _ in sets], [weight for _, weight in sets]
        order = Order(lengths, weights, self.seed, self._begin_epoch, processes, rank)
        self._batches = len(order) // self.batch_size or 1
        return self._loader("train", sampler=order, drop_last=len(order) >= self.batch_size)

    def _begin_epoch(self) -> tuple[int, int]:
        """Which epoch begins, and how many of its windows an earlier run has seen: by the batches done in all."""
        if self.trainer is None:
            epoch, seen = next(self._by_hand), 0
        else:
            # where a run goes on, workers begin before Lightning knows how far it was
            done = max(self._batches_done(), self._resumed)
            epoch, seen = divmod(done, batches_an_epoch(self._batches, self.trainer))
        self._epoch.fill_(epoch)
        return epoch, seen * self.batch_size

    def _batches_done(self) -> int:
        progress: Any = self.trainer.fit_loop.epoch_loop.batch_progress.total if self.trainer is not None else None
        return int(progress.processed) if progress is not None else 0

    def state_dict(self) -> dict[str, Any]:
        return {"batches": self._batches_done()}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self._resumed = int(state_dict["batches"])

    def val_dataloader(self) -> DataLoader[Any]:
        return self._loader("val")

    def test_dataloader(self) -> DataLoader[Any]:
        return self._loader("test")

    def on_after_batch_transfer(self, batch: dict[str, Any], dataloader_idx: int = 0) -> dict[str, Any]:
        """Bytes to 0..1 on the model's device."""
        if batch["input"].dtype == torch.uint8:
            batch["input"] = batch["input"].float() * (1 / 255)
        return batch

    def _loader(self, stage: Stage, **options: Any) -> DataLoader[Any]:
        return DataLoader(
            ConcatDataset([windows for windows, _ in self._stages[stage]]),
            batch_size=self.batch_size,
            num_workers=min(self.workers, os.cpu_count() or 1),
            collate_fn=collate,
            persistent_workers=self.workers > 0,
            pin_memory=torch.cuda.is_available(),
            **options,
        )


def _by_name(recordings: Iterable[Recording]) -> dict[str, Recording]:
    """Recordings of several entries by their names, which one store and one split know them by.

    Raises:
        DataError: two videos of one name.
    """
    found: dict[str, Recording] = {}
    for recording in recordings:
        other = found.setdefault(recording.name, recording)
        if other.video.resolve() != recording.video.resolve():
            raise DataError(
                f"'{other.video}' and '{recording.video}' have the same name, so that one would be taken for the "
                "other: put both under one folder and give that (or draw people of other numbers, by "
                "'zoo simulate --first-person')."
            )
    return found
