"""The multitask head: units, statistics, any length."""

import math

import pytest
import torch

from zoo.head import MultitaskHead

STATISTICS = {"systolic": (120.0, 15.0, 119.0), "age": (40.0, 12.0, 38.0), "sex": (0.4, 0.49, 0.0)}


@pytest.fixture
def head() -> MultitaskHead:
    torch.manual_seed(0)
    head = MultitaskHead(8, ["systolic", "age", "sex"])
    head.set_statistics(STATISTICS)
    return head


def test_a_fresh_head_says_the_training_mean(head):
    values = head.physical(head(torch.randn(4, 8, 50)))
    assert values["systolic"].tolist() == pytest.approx([120.0] * 4)
    assert values["age"].tolist() == pytest.approx([40.0] * 4)
    assert values["sex"].tolist() == pytest.approx([0.5] * 4)


def test_standardise_inverts_physical(head):
    raw = torch.tensor([[1.0, -2.0, 0.7]])
    values = head.physical(raw)
    assert head.standardise("systolic", values["systolic"]).item() == pytest.approx(1.0, abs=1e-5)
    assert head.standardise("age", values["age"]).item() == pytest.approx(-2.0, abs=1e-5)
    assert values["sex"].item() == pytest.approx(1 / (1 + math.exp(-0.7)), abs=1e-6)


def test_statistics_travel_with_the_weights(head):
    other = MultitaskHead(8, ["systolic", "age", "sex"])
    other.load_state_dict(head.state_dict())
    assert other.mean.tolist() == pytest.approx([120.0, 40.0, 0.0])


def test_any_length_is_taken(head):
    assert head(torch.randn(2, 8, 1)).isfinite().all()
    assert head(torch.randn(2, 8, 999)).shape == (2, 3)
