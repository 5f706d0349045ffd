"""The prepared store: what goes in comes out, in any order, from any process, and damage is told."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pytest

from zoo.data import store
from zoo.data.extract import Chunk
from zoo.data.recording import Labels, Recording, Series
from zoo.data.store import Settings, fault, file_name, find_folder, listed, open_folder, read, settings_for, writing
from zoo.data.stored import StoredCrops, StoredTraces
from zoo.data.windows import Prepared, RecordedWindows, cut
from zoo.errors import DataError
from zoo.spec import REGIONS, Clip, Grid, Traces

FRAMES = 700
LOST = slice(350, 360)


def make(path: Path, settings: Settings, seed: int = 0) -> tuple[Prepared, Path]:
    """A recording in memory, and the same in a store's file."""
    rng = np.random.default_rng(seed)
    recording = Recording("folder", "p/1", f"s {seed}", path / "v.mp4", {"age": 30.0}, 2, {"sex": "female"})
    times = np.cumsum(rng.uniform(0.02, 0.05, FRAMES))
    found = np.ones(FRAMES, bool)
    found[LOST] = False
    traces = rng.random((len(settings.regions), 3, FRAMES), dtype=np.float32)
    traces[..., ~found] = np.nan
    size = settings.crop_size
    crops = None if size is None else rng.integers(0, 256, (FRAMES, size, size, 3), dtype=np.uint8)
    labels = Labels({"ppg": Series(np.arange(0, 30, 1 / 60), rng.normal(size=1800).astype(np.float32))})
    folder = open_folder(path, "folder", settings)
    file = folder / file_name(recording)
    with writing(file, recording, settings) as writer:
        for start in range(0, FRAMES, 128):
            part = slice(start, start + 128)
            marks = np.zeros((len(times[part]), 5, 2))
            pictures = None if crops is None else crops[part]
            writer.append(Chunk(times[part], traces[..., part], pictures, found[part], marks))
        writer.finish(labels, {"lost": 10})
    bridged = traces.copy()
    for row in bridged.reshape(-1, FRAMES):
        row[~found] = np.interp(times[~found], times[found], row[found])
    return Prepared(recording, labels, times, found, bridged, crops), file


@pytest.fixture
def both(tmp_path: Path) -> tuple[Prepared, Prepared, Path]:
    memory, file = make(tmp_path, Settings(crop_size=12))
    return memory, read(file), file


def test_what_goes_in_comes_out(both: tuple[Prepared, Prepared, Path]) -> None:
    memory, stored, _ = both
    assert isinstance(stored.traces, StoredTraces) and isinstance(stored.crops, StoredCrops)
    assert stored.traces.shape == (8, 3, FRAMES) and stored.crops.shape == (FRAMES, 12, 12, 3)
    assert stored.times.tolist() == memory.times.tolist() and (stored.found == memory.found).all()
    assert memory.crops is not None
    assert (stored.crops[np.arange(FRAMES)] == memory.crops).all()
    some = np.array([15, 16, 17, 17, 300, 699])
    assert (stored.crops[some] == memory.crops[some]).all()
    assert stored.labels.signals["ppg"].values.tolist() == memory.labels.signals["ppg"].values.tolist()
    known = replace(memory.recording, video=stored.recording.video)
    assert stored.recording == known
    assert listed(both[2].parent) == [known]


@pytest.mark.parametrize("start", [0.0, 3.123, 9.9, 11.0])
def test_a_window_from_the_file_is_the_window_from_memory(both: tuple[Prepared, Prepared, Path], start: float) -> None:
    memory, stored, _ = both
    for input in (Traces(300, REGIONS), Clip(60, size=12)):
        a, b = cut(memory, start, input), cut(stored, start, input)
        assert b["input"] == pytest.approx(a["input"], abs=2e-6) and b["input"].flags["C_CONTIGUOUS"]
        assert (a["mask"] == b["mask"]).all() and np.isfinite(b["input"]).all()
        assert np.array_equal(a["waveforms"]["ppg"], b["waveforms"]["ppg"], equal_nan=True)
        assert b["targets"]["age"] == 30.0


def test_a_model_gets_its_regions_in_its_order(both: tuple[Prepared, Prepared, Path]) -> None:
    memory, stored, _ = both
    assert isinstance(memory.traces, np.ndarray)
    wanted = ("chin", "face")
    windows = RecordedWindows([stored], Traces(120, wanted), hop=2.0, max_lost=1.0)
    part = replace(memory, traces=memory.traces[[REGIONS.index(name) for name in wanted]])
    expected = RecordedWindows([part], Traces(120, wanted), hop=2.0, max_lost=1.0)
    assert windows[3]["input"] == pytest.approx(expected[3]["input"], abs=2e-6)


def test_larger_crops_are_reduced(both: tuple[Prepared, Prepared, Path]) -> None:
    memory, stored, _ = both
    assert memory.crops is not None
    window = cut(stored, 0.0, Clip(2, size=6))
    first = memory.crops[0].reshape(6, 2, 6, 2, 3).mean(axis=(1, 3))
    assert window["input"][:, 0] == pytest.approx(first.transpose(2, 0, 1), abs=0.75)


def test_settings_keep_files_apart_and_say_what_they_give(tmp_path: Path) -> None:
    settings = [Settings(), Settings(crop_size=72), Settings(regions=Grid(2, 2)), Settings(synchronise=True)]
    assert len({s.digest for s in settings}) == 4
    assert Settings(crop="whole").digest == Settings().digest
    folders = [open_folder(tmp_path, "folder", s) for s in settings]
    assert [store.read_settings(folder) for folder in folders] == settings
    assert find_folder(tmp_path, "folder", Clip(10, size=36)) == folders[1]
    assert find_folder(tmp_path, "folder", Traces(10, Grid(2, 2))) == folders[2]
    assert find_folder(tmp_path, "folder", Traces(10), synchronise=True) == folders[3]
    assert find_folder(tmp_path, "folder", Clip(10, size=72, crop="whole")) is None
    assert find_folder(tmp_path, "pure", Traces(10)) is None
    for input in (Traces(10, ("nose",)), Traces(10, Grid(3, 3)), Clip(9, size=20, crop="tracked_box")):
        assert settings_for(input).give(input)


def test_files_of_other_settings_are_told_even_where_they_were_moved(tmp_path: Path) -> None:
    memory, file = make(tmp_path, Settings())
    other = open_folder(tmp_path, "folder", Settings(crop_size=12)) / file.name
    file.rename(other)
    assert fault(other, memory.recording, Settings(crop_size=12)) == "it was made with other settings"
    (other.parent / "settings.json").write_text((file.parent / "settings.json").read_text())
    with pytest.raises(DataError, match="other settings than its name says"):
        open_folder(tmp_path, "folder", Settings(crop_size=12))


def test_another_version_is_refused_and_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _, file = make(tmp_path, Settings())
    monkeypatch.setattr(store.settings, "VERSION", 99)
    with pytest.raises(DataError, match=r"store version 3.*reads version 99: prepare into a new folder"):
        read(file)
    with pytest.raises(DataError, match="prepare into a new folder"):
        find_folder(tmp_path, "folder", Traces(10))


def test_damage_is_found(tmp_path: Path) -> None:
    memory, file = make(tmp_path, Settings(crop_size=12))
    settings = Settings(crop_size=12)
    assert fault(file, memory.recording, settings, thorough=True) is None
    content = file.read_bytes()

    def damaged(change: bytes, thorough: bool = False) -> str | None:
        file.write_bytes(change)
        return fault(file, memory.recording, settings, thorough)

    assert damaged(content[:-1000]) == "it is damaged"
    assert damaged(b"not HDF5") == "it is damaged"
    assert damaged(b"") == "it is damaged"
    with h5py.File(file.with_suffix(".copy"), "w"):
        pass
    assert damaged(file.with_suffix(".copy").read_bytes()) == "it is damaged"
    file.write_bytes(content)
    with h5py.File(file) as opened:
        inside = opened["traces"].id.get_offset() + 5000
        crop = opened["crop_steps"].id.get_chunk_info(3).byte_offset + 100
    assert damaged(content[:inside] + b"\x55\xaa" + content[inside + 2 :]) == "it is damaged"
    flipped = bytes(byte ^ 0xFF for byte in content[crop : crop + 4])
    assert damaged(content[:crop] + flipped + content[crop + 4 :], thorough=True) == "it is damaged"
    with pytest.raises(DataError, match="zoo prepare"):
        crops = read(file).crops
        assert crops is not None
        crops[np.arange(40, 60)]


def test_a_change_of_the_person_or_the_video_is_noticed(tmp_path: Path) -> None:
    memory, file = make(tmp_path, Settings())
    older = replace(memory.recording, targets={"age": 31.0})
    assert "has changed" in (fault(file, older, Settings()) or "")
    memory.recording.video.write_bytes(b"now it is there")
    assert "has changed" in (fault(file, memory.recording, Settings()) or "")


def test_an_error_leaves_no_file(tmp_path: Path) -> None:
    _, file = make(tmp_path, Settings())
    before = file.read_bytes()
    with pytest.raises(RuntimeError), writing(file, read(file).recording, Settings()):
        raise RuntimeError("stopped")
    assert file.read_bytes() == before and not list(file.parent.glob(".*"))


def test_settings_are_plain_json(tmp_path: Path) -> None:
    folder = open_folder(tmp_path, "mcd_rppg", Settings(regions=Grid(4, 5)))
    facts = json.loads((folder / "settings.json").read_text())
    assert facts["settings"]["regions"] == {"height": 4, "width": 5} and facts["version"] == store.VERSION
    (folder / "settings.json").write_text("{")
    with pytest.raises(DataError, match="damaged"):
        store.read_settings(folder)
    with pytest.raises(DataError, match="zoo prepare"):
        find_folder(tmp_path / "nowhere", "mcd_rppg", Traces(3))
