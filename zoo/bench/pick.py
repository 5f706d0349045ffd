"""The best model under a budget, and why each of the others is not it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Budget:
    """What a model may cost at most, and how right it is at least; None asks nothing.

    Args:
        ms: milliseconds of one window (p50).
        ms_per_second: milliseconds a second of video.
        mb: of its weights or file.
        memory_mb: peak memory of its process.
        within_3: share 0..1 of windows whose heart rate is within 3/min.
        mae: mean absolute error of the heart rate, 1/min.
        runtime, device: only this one.
    """

    ms: float | None = None
    ms_per_second: float | None = None
    mb: float | None = None
    memory_mb: float | None = None
    within_3: float | None = None
    mae: float | None = None
    runtime: str | None = None
    device: str | None = None


@dataclass(frozen=True)
class Choice:
    """A row, and why it does not fit (empty: it does)."""

    row: dict[str, Any]
    against: tuple[str, ...]


def pick(rows: list[dict[str, Any]], budget: Budget) -> tuple[Choice | None, list[Choice]]:
    """The fitting row with the lowest heart-rate error, and all rows judged; the fastest of equals.

    A row without accuracy (an untrained model) never fits, whatever it costs.
    """
    judged = [Choice(row, tuple(_against(row, budget))) for row in rows]
    fitting = [choice for choice in judged if not choice.against]
    best = min(
        fitting,
        key=lambda choice: (choice.row["worth"]["heart_rate_mae"], choice.row["p50_ms"]),
        default=None,
    )
    return best, judged


def _against(row: dict[str, Any], budget: Budget) -> list[str]:
    if row["state"] != "ok":
        return [f"did not run: {row.get('reason', '')}"]
    for key, wanted in (("runtime", budget.runtime), ("device", budget.device)):
        if wanted is not None and row.get(key) != wanted:
            return [f"{key} {row.get(key)}"]
    worth = row.get("worth", {})
    if "heart_rate_mae" not in worth:
        return ["untrained" if not row.get("trained", True) else "its accuracy was not measured"]
    size = row.get("file_bytes") or row.get("size_bytes")
    memory = row.get("peak_memory_bytes")
    figures = (
        (row.get("p50_ms"), budget.ms, "ms"),
        (row.get("ms_per_second"), budget.ms_per_second, "ms a second of video"),
        (None if size is None else size / 1e6, budget.mb, "MB"),
        (None if memory is None else memory / 1e6, budget.memory_mb, "MB of memory"),
        (worth["heart_rate_mae"], budget.mae, "1/min error"),
    )
    found = [
        f"{figure:.4g} {unit}, over {most:g}" if figure is not None else f"{unit} unknown"
        for figure, most, unit in figures
        if most is not None and (figure is None or figure > most)
    ]
    within = worth.get("heart_rate_within_3")
    if budget.within_3 is not None and (within is None or within < budget.within_3):
        found.append(f"{'unknown' if within is None else f'{within:.2f}'} within 3, under {budget.within_3:g}")
    return found
