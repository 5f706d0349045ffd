from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pytest

from tests.datasets import trees
from zoo.datasets import cohface
from zoo.errors import DataError

LISTS = {"train": ("1",), "dev": ("2",), "test": ("10",)}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for person in ("1", "2", "10"):
        for session in "0123":
            trees.video(tmp_path / person / session / "data.avi", count=40, fps=20)
            with h5py.File(tmp_path / person / session / "data.hdf5", "w") as file:
                file["pulse"] = trees.pulse(512, 256)
                file["respiration"] = trees.pulse(512, 2560)
    for protocol, sessions in (("all", "0123"), ("clean", "01"), ("natural", "23")):
        for part, people in LISTS.items():
            lines = "".join(f"{person}/{session}/data\n" for person in people for session in sessions)
            trees.write(tmp_path / "protocols" / protocol / f"{part}.txt", lines)
    return tmp_path


def test_lists_recordings_with_the_published_split(root: Path) -> None:
    listing = cohface.read(root)
    assert len(listing.recordings) == 12 and not listing.skipped and not listing.notes
    assert {r.person: r.fold for r in listing.recordings} == {"1": 2, "2": 1, "10": 0}
    assert [r.groups["light"] for r in listing.recordings[:4]] == ["studio", "studio", "natural", "natural"]


def test_a_protocol_leaves_out_the_other_light(root: Path) -> None:
    listing = cohface.read(root, protocol="clean")
    assert {r.groups["light"] for r in listing.recordings} == {"studio"} and len(listing.recordings) == 6
    assert {item.reason for item in listing.skipped} == {"it is not in the lists of the protocol"}


def test_without_lists_there_are_no_folds_and_a_note(root: Path) -> None:
    (root / "protocols" / "all" / "dev.txt").unlink()
    listing = cohface.read(root)
    assert {r.fold for r in listing.recordings} == {None} and "there are no published folds" in listing.notes[0]


def test_signals_have_256_samples_a_second(root: Path) -> None:
    found = cohface.read(root).recordings[0].load()
    assert set(found.signals) == {"ppg", "respiration"}
    np.testing.assert_allclose(found.signals["ppg"].times, np.arange(512) / 256)
    np.testing.assert_array_equal(found.signals["ppg"].values, trees.pulse(512, 256))


def test_bad_signal_files_are_refused(root: Path) -> None:
    recording = cohface.read(root).recordings[0]
    truth = recording.video.parent / "data.hdf5"
    truth.write_bytes(truth.read_bytes()[:600])
    with pytest.raises(DataError, match="is damaged or not HDF5"):
        recording.load()
    with h5py.File(truth, "w") as file:
        file["other"] = [1.0]
    with pytest.raises(DataError, match="has no dataset 'pulse'"):
        recording.load()
    with h5py.File(truth, "w") as file:
        file["pulse"] = h5py.ExternalLink(str(root / "2" / "0" / "data.hdf5"), "pulse")
    with pytest.raises(DataError, match="it is refused"):
        recording.load()
