from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from zoo.data.listing import collect, fold_of, folders, inside, natural, need
from zoo.data.recording import Recording
from zoo.errors import DataError


@pytest.mark.parametrize("name", ["", "/a", "../a", "a/../../a", "C:/a", "\\a", "a\0b"])
def test_paths_out_of_the_root_are_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(DataError, match="is refused"):
        inside(tmp_path, name)


@pytest.mark.parametrize("name", ["a", "a/b.txt", "a/../b", "a\\b.txt"])
def test_paths_in_the_root_are_taken(tmp_path: Path, name: str) -> None:
    assert inside(tmp_path, name) == tmp_path / name.replace("\\", "/")


def test_a_root_that_is_a_link_itself_is_fine_and_links_within_it_too(tmp_path: Path) -> None:
    (tmp_path / "real" / "a").mkdir(parents=True)
    (tmp_path / "root").symlink_to(tmp_path / "real")
    (tmp_path / "real" / "b").symlink_to(tmp_path / "real" / "a")
    (tmp_path / "real" / "c").symlink_to(tmp_path)
    assert inside(tmp_path / "root", "b").is_dir()
    with pytest.raises(DataError, match="leaves the data set's folder"):
        inside(tmp_path / "root", "c")


def test_folds_are_even_and_do_not_depend_on_order() -> None:
    people = [f"p{i}" for i in range(107)]
    folds = fold_of(people, 5)
    assert sorted(np.bincount(list(folds.values()))) == [21, 21, 21, 22, 22]
    assert fold_of(people[::-1] + people, 5) == folds


def test_names_sort_by_their_numbers(tmp_path: Path) -> None:
    for name in ("s10", "s2", "other"):
        (tmp_path / name).mkdir()
    assert [path.name for path in folders(tmp_path, r"s\d+")] == ["s2", "s10"]
    assert sorted(["a10b", "a9b", "a9"], key=natural) == ["a9", "a9b", "a10b"]


def test_a_name_that_comes_twice_is_skipped(tmp_path: Path) -> None:
    def make(place: Path) -> Recording:
        if place.name == "c":
            raise DataError("it is broken")
        return Recording("set", "ann", "1", place)

    listing = collect([tmp_path / name for name in "abc"], make, ["a note"])
    assert [recording.video.name for recording in listing.recordings] == ["a"]
    reasons = [(item.path.name, item.reason) for item in listing.skipped]
    assert reasons == [("b", "set/ann/1 is there twice; the first one is used"), ("c", "it is broken")]
    assert listing.notes == ("a note",)


def test_what_is_missing_is_said(tmp_path: Path) -> None:
    assert need(tmp_path, "the folder") == tmp_path
    with pytest.raises(DataError, match=r"the video is missing \(vid\.avi\)"):
        need(tmp_path / "vid.avi", "the video")
