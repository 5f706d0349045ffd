"""The data sets of a mixture, as a recipe or the command line names them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

from zoo.errors import UsageError


@dataclass(frozen=True)
class Source:
    """One data set of a mixture.

    Args:
        name: registered name.
        root: its folder; None where it simulates.
        weight: how often its windows are drawn in training, relative to the other sets'.
        options: the reader's own options.
        use: `all` stages, or only `train` (and validation) or `test`: train on some sets, test on others.
    """

    name: str
    root: str | None = None
    weight: float = 1.0
    options: dict[str, Any] = field(default_factory=dict)
    use: Literal["all", "train", "test"] = "all"


def source_of(entry: dict[str, Any]) -> Source:
    """One entry of a recipe.

    Raises:
        UsageError: another key than those of `Source`, or a weight that is not above 0.
    """
    try:
        source = Source(**entry)
    except TypeError as error:
        raise UsageError(f"an entry of data.datasets has name, root, weight, options and use ({error}).") from error
    if source.weight <= 0:
        raise UsageError(f"data set {source.name} has weight {source.weight}: it must be above 0.")
    return source
