"""What holds for the reader of every data set that is registered."""

from __future__ import annotations

import inspect
import json
import typing
from pathlib import Path

import pytest

from tests.datasets.counts import PINNED, READERS, counts
from zoo import registry
from zoo.data.recording import DatasetInfo, Listing
from zoo.errors import DataError
from zoo.spec import TARGETS, WAVEFORMS


def test_all_public_sets_are_registered() -> None:
    expected = "bp4d cohface folder ibvp lgi_ppgi mcd_rppg mmpd pure scamps ubfc_phys ubfc_rppg v4v vipl_hr"
    assert expected.split() == READERS


@pytest.mark.parametrize("name", READERS)
def test_info_is_complete_and_speaks_of_known_quantities(name: str) -> None:
    info = registry.dataset(name).INFO
    assert isinstance(info, DatasetInfo)
    assert all([info.title, info.licence, info.access, info.protocol, info.citation, info.signals])
    assert set(info.signals) <= set(WAVEFORMS) and set(info.targets) <= set(TARGETS)


@pytest.mark.parametrize("name", READERS)
def test_options_are_typed_and_optional(name: str) -> None:
    read = registry.dataset(name).read
    hints = typing.get_type_hints(read)
    assert hints["return"] is Listing
    root, *options = inspect.signature(read).parameters.values()
    assert hints[root.name] is Path
    for option in options:
        assert option.kind is inspect.Parameter.KEYWORD_ONLY and option.default is not inspect.Parameter.empty
        assert option.name in hints


@pytest.mark.parametrize("name", READERS)
def test_an_empty_folder_holds_nothing(name: str, tmp_path: Path) -> None:
    try:
        listing = registry.dataset(name).read(tmp_path)
    except DataError as error:
        assert "missing" in str(error)
    else:
        assert not listing.recordings and not listing.skipped


@pytest.mark.parametrize("name", READERS)
def test_counts_and_checksums_of_the_fixture_trees(name: str, tmp_path: Path) -> None:
    assert counts(name, tmp_path.resolve()) == json.loads(PINNED.read_text())[name]
