"""The scores of a run by the labels of its recordings."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from zoo.metrics import statistics as stats
from zoo.metrics.names import decode_names, encode_names
from zoo.metrics.vitals import Scored

RATE = "heart_rate"
Table = dict[str, dict[str, dict[str, float]]]
"""{label: {value: scores}}, the scores those of `zoo.metrics.statistics.describe` and `people`."""


def group_values(scored: Scored, groups: Mapping[str, Mapping[str, str]]) -> dict[str, list[str]]:
    """The value of each label for each scored row, `unknown` where there is none; only labels with several values.

    Args:
        scored: rows of a run.
        groups: {label: {recording: value}}.
    """
    values = {}
    for label, known in groups.items():
        # long names come back from the exchange between devices cut, with a digest
        names = decode_names(encode_names(list(known)))[0] if known else []
        of_recording = dict(zip(names, known.values(), strict=True))
        row_values = [of_recording.get(one) or "unknown" for one in scored.recordings]
        if len(set(row_values)) > 1:
            values[label] = row_values
    return values


def by_labels(scored: Scored, groups: Mapping[str, Mapping[str, str]], rate: str = RATE) -> Table:
    """Scores of a rate by each label that has several values in a run; empty where the rate has no truth."""
    if rate not in scored.columns or not np.isfinite(scored.columns[f"{rate}_truth"]).any():
        return {}
    people = np.asarray(scored.people)
    tables: Table = {}
    for label, values in group_values(scored, groups).items():
        table = stats.by_group(scored.columns[rate], scored.columns[f"{rate}_truth"], values)
        for value, row in table.items():
            row["people"] = float(len(np.unique(people[np.asarray(values) == value])))
        tables[label] = table
    return tables
