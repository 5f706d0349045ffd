"""Splits: by person, reproducible, and refused where a person would be in two stages."""

from pathlib import Path

import pytest

from zoo.data.recording import Recording
from zoo.data.splits import Split, refuse_shared_people, split
from zoo.errors import DataError, UsageError


def people(count: int, sessions: int = 2, folds: int | None = None) -> list[Recording]:
    return [
        Recording("made", f"p{i}", f"s{j}", Path(f"{i}{j}.mp4"), fold=None if folds is None else i % folds)
        for i in range(count)
        for j in range(sessions)
    ]


def persons(stage):
    return {r.person for r in stage}


def test_by_person_nobody_is_in_two_stages_and_nobody_is_lost():
    parts = split(people(20), seed=3)
    assert persons(parts.train) | persons(parts.val) | persons(parts.test) == {f"p{i}" for i in range(20)}
    assert (len(persons(parts.train)), len(persons(parts.val)), len(persons(parts.test))) == (14, 3, 3)
    assert not persons(parts.train) & persons(parts.test) and not persons(parts.val) & persons(parts.test)


def test_the_seed_alone_decides():
    listing = people(12)
    assert split(listing, seed=1) == split(list(listing), seed=1)
    assert persons(split(listing, seed=1).test) == persons(split(listing[::-1], seed=1).test)
    assert len({frozenset(persons(split(listing, seed=s).test)) for s in range(8)}) > 1


def test_folds_test_everybody_exactly_once():
    tested = [p for fold in range(5) for p in persons(split(people(11), folds=5, fold=fold).test)]
    assert sorted(tested) == sorted(f"p{i}" for i in range(11))


def test_published_folds():
    parts = split(people(10, folds=5), by="fold", fold=2)
    assert {r.fold for r in parts.test} == {2} and {r.fold for r in parts.val} == {3}
    with pytest.raises(DataError, match="no published folds"):
        split(people(4), by="fold")
    with pytest.raises(UsageError, match="fold 7"):
        split(people(10, folds=5), by="fold", fold=7)


def test_by_recording_warns():
    with pytest.warns(UserWarning, match="same person"):
        parts = split(people(10), by="recording")
    assert len(parts.train) + len(parts.val) + len(parts.test) == 20


def test_shared_people_are_refused():
    a, b = people(1)
    with pytest.raises(DataError, match="p0 would be in two splits"):
        refuse_shared_people(Split([a], [], [b]))


@pytest.mark.parametrize("ratios", [[1.0, 0.0], [0.0, 0.0, 0.0], [1.0, -0.1, 0.1]])
def test_shares_that_make_no_split_are_refused(ratios):
    with pytest.raises(UsageError, match="three shares"):
        split(people(4), ratios=ratios)


def test_too_many_folds_are_refused():
    with pytest.raises(UsageError, match="cannot make 9 folds"):
        split(people(4), folds=9)
