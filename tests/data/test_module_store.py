"""The DataModule over recorded people: from memory, from a store, without the data set; nobody in two splits."""

from __future__ import annotations

from pathlib import Path

import lightning as L
import numpy as np
import pytest
import torch

from tests.datasets.test_mcd_rppg import root as mcd_tree
from tests.faces import write_face_clip
from zoo.data.extract import Chunk
from zoo.data.module import VitalsDataModule
from zoo.data.recording import Labels, Recording, Series
from zoo.data.store import Settings, file_name, open_folder, writing
from zoo.errors import DataError, UsageError
from zoo.spec import REGIONS, Clip, Traces

INPUT = Traces(60, REGIONS)


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data")
    for i in range(2):
        write_face_clip(folder / f"p{i}_a.mp4", seconds=3.0, fps=15, size=(240, 180), seed=i)
        rows = "\n".join(f"{t / 30},{np.sin(t / 4)},{40 + i}" for t in range(91))
        (folder / f"p{i}_a.csv").write_text(f"time,ppg,age\n{rows}\n")
    return folder


def batches(data: VitalsDataModule, stage: str = "fit") -> list[dict[str, torch.Tensor]]:
    data.setup(stage)
    return list(data.train_dataloader() if stage == "fit" else data.test_dataloader())


def of(root: Path | None, **options: object) -> VitalsDataModule:
    path = None if root is None else str(root)
    options = {"input": INPUT, "workers": 0, "ratios": [0.5, 0.5, 0.0], "hop": 0.5, "train_hop": 0.5, **options}
    return VitalsDataModule("folder", path, **options)  # type: ignore[arg-type]


def test_a_store_gives_the_windows_that_memory_gives(root: Path, tmp_path: Path) -> None:
    direct = batches(of(root))
    through = batches(of(root, store=str(tmp_path)))
    again = batches(of(None, store=str(tmp_path)))
    assert len(list(tmp_path.rglob("*.h5"))) == 2
    for a, b, c in zip(direct, through, again, strict=True):
        assert torch.allclose(a["input"], b["input"], atol=2e-6) and torch.equal(b["input"], c["input"])
        assert torch.allclose(a["waveforms"]["ppg"], c["waveforms"]["ppg"], atol=1e-5, equal_nan=True)
        assert a["recording"] == b["recording"] == c["recording"]
        assert torch.equal(a["targets"]["age"], c["targets"]["age"])


def test_crops_come_from_the_store_too(root: Path, tmp_path: Path) -> None:
    clip = Clip(30, size=16)
    direct, stored = batches(of(root, input=clip)), batches(of(root, input=clip, store=str(tmp_path)))
    assert torch.equal(direct[0]["input"], stored[0]["input"]) and stored[0]["input"].dtype == torch.uint8
    data = of(root, input=clip)
    assert data.on_after_batch_transfer(stored[0])["input"].equal(direct[0]["input"].float() * (1 / 255))


def test_workers_give_what_this_process_gives(root: Path, tmp_path: Path) -> None:
    settings = {"store": str(tmp_path), "augment": {"time_stretch": 0.2, "amplitude": 0.3}, "batch_size": 2}
    alone, shared = batches(of(root, **settings)), batches(of(root, **settings, workers=2))
    assert len(alone) == len(shared) > 0
    for a, b in zip(alone, shared, strict=True):
        assert type(b) is dict and a.keys() == b.keys() and a["targets"].keys() == b["targets"].keys()
        for name in ("input", "mask", "start"):
            assert torch.equal(a[name], b[name]) and a[name].dtype == b[name].dtype
        assert torch.equal(a["targets"]["age"], b["targets"]["age"]) and a["person"] == b["person"]


def test_augmentation_changes_from_epoch_to_epoch_in_workers_too() -> None:
    class Listener(L.LightningModule):
        def __init__(self) -> None:
            super().__init__()
            self.seen: list[torch.Tensor] = []
            self.weight = torch.nn.Parameter(torch.zeros(()))

        def training_step(self, batch: dict[str, torch.Tensor], index: int) -> torch.Tensor:
            order = np.argsort(batch["recording"])
            self.seen.append(batch["input"][torch.as_tensor(order)].clone())
            return self.weight * 0

        def configure_optimizers(self) -> torch.optim.Optimizer:
            return torch.optim.SGD(self.parameters(), lr=0.1)

    def seen(**augment: float) -> list[torch.Tensor]:
        data = VitalsDataModule(
            "synthetic", options={"people": 4}, input=INPUT, batch_size=4, workers=1, augment=dict(augment)
        )
        quiet = {"logger": False, "enable_checkpointing": False, "enable_progress_bar": False}
        model = Listener()
        options = {**quiet, "enable_model_summary": False, "limit_val_batches": 0}
        L.Trainer(max_epochs=2, accelerator="cpu", **options).fit(model, data)
        return model.seen

    plain, changed = seen(), seen(amplitude=0.5)
    assert torch.equal(plain[0], plain[1]) and not torch.equal(changed[0], changed[1])
    assert not torch.equal(plain[0], changed[0]) and torch.equal(changed[0], seen(amplitude=0.5)[0])


def test_the_balance_is_told(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = of(root)
    data.setup("fit")
    rows = {row.stage: row for row in data.balance}
    assert rows["train"].people == rows["val"].people == 1 and rows["train"].windows == 3
    assert {rows["train"].targets["age"], rows["val"].targets["age"]} == {40.0, 41.0}
    assert "train" in capsys.readouterr().err
    mean = data.statistics["age"][0]
    assert mean == rows["train"].targets["age"]


def test_train_on_one_set_and_test_on_another(root: Path, tmp_path: Path) -> None:
    store(tmp_path, "pure", people=3)
    entries = [{"name": "folder", "root": str(root), "use": "train"}, {"name": "pure", "use": "test"}]
    data = VitalsDataModule(
        datasets=entries, input=INPUT, workers=0, ratios=[0.5, 0.5, 0.0], store=str(tmp_path), hop=1.0
    )
    assert {p.split("/")[0] for b in batches(data) for p in b["person"]} == {"folder"}
    tested = {p for b in batches(data, "test") for p in b["person"]}
    assert tested == {"pure/p0", "pure/p1", "pure/p2"} and data.trained_on == ["folder"]


def test_one_person_in_two_splits_is_refused(root: Path, tmp_path: Path) -> None:
    entries = [{"name": "folder", "root": str(root), "use": use} for use in ("train", "test")]
    data = VitalsDataModule(datasets=entries, input=INPUT, workers=0, ratios=[0.5, 0.5, 0.0], store=str(tmp_path))
    data.setup("fit")
    with pytest.raises(DataError, match="would both train and test"):
        data.setup("test")


def test_train_on_the_front_and_test_other_people_on_the_side(tmp_path: Path) -> None:
    tree = mcd_tree.__wrapped__(tmp_path)
    entries = [
        {"name": "mcd_rppg", "root": str(tree), "use": use, "options": {"views": views}}
        for use, views in (("train", ["front"]), ("test", ["left", "right"]))
    ]
    data = VitalsDataModule(datasets=entries, input=INPUT, ratios=[0.5, 0.0, 0.5], test_people="held_out")
    front, side = data._recordings(data.sources[0], "train"), data._recordings(data.sources[1], "test")
    assert {r.groups["view"] for r in front} == {"front"} and {r.groups["view"] for r in side} == {"left", "right"}
    assert len({r.person for r in front} | {r.person for r in side}) == len({r.person for r in front}) + 1 == 2


def test_what_a_store_lacks_is_said(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="zoo prepare"):
        of(None, store=str(tmp_path / "none")).setup("fit")
    store(tmp_path, "folder", people=2)
    with pytest.raises(DataError, match="--crop"):
        of(None, store=str(tmp_path), input=Clip(10, size=8)).setup("fit")
    with pytest.raises(UsageError, match="from a store"):
        of(None, store=str(tmp_path), options={"person": "file"}).setup("fit")
    with pytest.raises(UsageError, match="needs its folder"):
        of(None).setup("fit")


def store(path: Path, dataset: str, people: int) -> None:
    """A store of noise, of a data set that is not there."""
    folder = open_folder(path, dataset, Settings())
    times = np.arange(90) / 30
    for i in range(people):
        recording = Recording(dataset, f"p{i}", "1", Path("gone.mp4"))
        traces = np.random.default_rng(i).random((len(REGIONS), 3, 90), dtype=np.float32)
        with writing(folder / file_name(recording), recording, Settings()) as writer:
            writer.append(Chunk(times, traces, None, np.ones(90, bool), np.zeros((90, 5, 2))))
            writer.finish(Labels({"ppg": Series(times, np.sin(times))}), {})


def test_sets_are_mixed_by_their_weights(tmp_path: Path) -> None:
    store(tmp_path, "pure", people=6)
    store(tmp_path, "folder", people=6)
    entries = [{"name": "pure", "weight": 3.0}, {"name": "folder"}]
    settings = {"train_hop": 0.05, "augment": {"amplitude": 0.2}, "batch_size": 32, "ratios": [0.6, 0.2, 0.2]}
    data = VitalsDataModule(datasets=entries, input=INPUT, workers=0, store=str(tmp_path), **settings)  # type: ignore[arg-type]
    names = [person.split("/")[0] for batch in batches(data) for person in batch["person"]]
    assert len(names) > 100 and names.count("pure") / len(names) == pytest.approx(0.75, abs=0.1)
    rows = {(row.dataset, row.stage): row.people for row in data.balance}
    assert rows["pure", "train"] == rows["folder", "train"] == 4 and rows["pure", "val"] == 1


def test_a_split_by_recording_is_warned_of(tmp_path: Path) -> None:
    store(tmp_path, "folder", people=3)
    with pytest.warns(UserWarning, match="Split by recording"):
        of(None, store=str(tmp_path), split="recording").setup("fit")


def test_simulated_people_count_as_simulated_wherever_they_lie(tmp_path: Path) -> None:
    for name in ("drawn", "filmed"):
        (folder := tmp_path / "videos" / name / "p1").mkdir(parents=True)
        write_face_clip(folder / f"{name}.mp4", seconds=3.0, fps=15, size=(240, 180))
    (tmp_path / "videos" / "drawn" / "simulation.json").write_text("{}")
    both = of(tmp_path / "videos", store=str(tmp_path / "store"))
    assert both.trained_on == both.tested_on == ["folder", "synthetic"]
    assert of(tmp_path / "videos" / "drawn").trained_on == ["synthetic"]
    assert of(tmp_path / "videos" / "filmed").trained_on == ["folder"]
    assert not both.failed
    batches(both)
    # the store knows it, once the videos are gone
    assert of(None, store=str(tmp_path / "store")).trained_on == ["folder", "synthetic"]


def test_two_videos_of_one_name_are_refused(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "p1_1.mp4").write_bytes(name.encode())
    entries = [{"name": "folder", "root": str(tmp_path / name)} for name in ("a", "b")]
    with pytest.raises(DataError, match="have the same name, so that one would be taken for the other"):
        VitalsDataModule(datasets=entries, input=INPUT, workers=0, store=str(tmp_path / "s")).setup("fit")
    with pytest.raises(DataError, match="have the same name"):
        VitalsDataModule(datasets=entries, input=INPUT, workers=0, test_people="all").setup("test")


def test_people_are_held_out_only_by_the_division_that_trained(root: Path, tmp_path: Path) -> None:
    data = of(root)
    by = {"folder": data.division}
    assert data.holds_out(["folder"], by) and data.holds_out(["folder"], {}) and data.holds_out(["pure"], {})
    for other in (of(root, seed=8), of(root, ratios=[0.6, 0.2, 0.2]), of(root, test_people="all")):
        assert not other.holds_out(["folder"], by)
    # who only tests is tested whole
    only = VitalsDataModule(datasets=[{"name": "folder", "root": str(root), "use": "test"}], input=INPUT)
    assert not only.holds_out(["folder"], {"folder": only.division}) and only.holds_out(["pure"], {})
    # drawn people are others in every stage, but not in folds of those who train
    drawn = {"synthetic": VitalsDataModule(input=INPUT).division}
    assert VitalsDataModule(input=INPUT, seed=8).holds_out(["synthetic"], drawn)
    assert not VitalsDataModule(input=INPUT, folds=5).holds_out(["synthetic"], drawn)
