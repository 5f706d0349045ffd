"""Scores by label: each window counted under its own recording's value."""

from __future__ import annotations

import numpy as np
import pytest

from zoo.metrics.groups import by_labels, group_values
from zoo.metrics.names import decode_names, encode_names
from zoo.metrics.vitals import Scored

LONG = "recording/" + 120 * "x"
# as names come back from the exchange between devices
SCORED = Scored(
    {"heart_rate": np.array([61.0, 63.0, 90.0, 80.0]), "heart_rate_truth": np.array([60.0, 60.0, 80.0, 80.0])},
    ["a", "a", "a", "b"],
    decode_names(encode_names(["r1", "r1", LONG, "r3"]))[0],
)
GROUPS = {"motion": {"r1": "still", LONG: "talking"}, "sex": {"r1": "male", LONG: "male", "r3": "male"}}


def test_values() -> None:
    assert group_values(SCORED, GROUPS) == {"motion": ["still", "still", "talking", "unknown"]}


def test_scores() -> None:
    table = by_labels(SCORED, GROUPS)["motion"]
    assert {value: row["mae"] for value, row in table.items()} == pytest.approx(
        {"still": 2.0, "talking": 10.0, "unknown": 0.0}
    )
    assert [(row["n"], row["people"]) for row in table.values()] == [(2, 1), (1, 1), (1, 1)]


def test_no_truth_no_table() -> None:
    nothing = SCORED._replace(columns={**SCORED.columns, "heart_rate_truth": np.full(4, np.nan)})
    assert by_labels(nothing, GROUPS) == {}
