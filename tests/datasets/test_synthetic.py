"""The synthetic data set splits by person."""

from __future__ import annotations

import numpy as np
import pytest

from zoo.datasets.synthetic import DEFAULT_PEOPLE, INFO, SPLITS, windows
from zoo.errors import UsageError
from zoo.spec import TARGETS, WAVEFORMS, Traces

INPUT = Traces(frames=90)


def test_no_person_is_in_two_splits() -> None:
    ages: dict[str, set[float]] = {}
    names: dict[str, set[str]] = {}
    for split in SPLITS:
        samples = [windows(INPUT, split, people=40, seed=seed)[index] for seed in (0, 1) for index in range(40)]
        ages[split] = {sample["targets"]["age"] for sample in samples}
        names[split] = {sample["person"] for sample in samples}
        assert len(names[split]) == len(ages[split]) == 80
    assert not names["train"] & names["val"] and not names["train"] & names["test"] and not names["val"] & names["test"]
    assert not ages["train"] & ages["val"] and not ages["train"] & ages["test"] and not ages["val"] & ages["test"]


@pytest.mark.parametrize("split", SPLITS)
def test_default_sizes(split: str) -> None:
    assert len(windows(INPUT, split)) == DEFAULT_PEOPLE[split]


def test_people_by_split() -> None:
    sizes = {split: len(windows(INPUT, split, people={"train": 9, "test": 5})) for split in SPLITS}
    assert sizes == {"train": 9, "val": DEFAULT_PEOPLE["val"], "test": 5}
    with pytest.raises(UsageError, match="no 'dev'"):
        windows(INPUT, "val", people={"dev": 3})


def test_the_train_split_is_the_same_however_many_people() -> None:
    few, many = (windows(INPUT, "train", people=people)[4] for people in (5, 500))
    assert np.array_equal(few["input"], many["input"])


def test_info_names_what_the_windows_hold() -> None:
    assert INFO.signals == WAVEFORMS and set(INFO.targets) == set(TARGETS)


def test_refusals() -> None:
    with pytest.raises(UsageError, match="train, val, test"):
        windows(INPUT, "dev")
    with pytest.raises(UsageError, match="at most"):
        windows(INPUT, "val", people=10**9)
