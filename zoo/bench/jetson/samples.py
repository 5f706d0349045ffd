"""What trtexec measured: raw samples, layers, and the printed summary.

Raw samples (`--exportTimes`) are alike on TensorRT 8.2, 10 and 11, so every figure comes from them; the printed summary
differs between versions and is held against them.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zoo.bench.jetson.text import plain
from zoo.errors import DeviceError

WITH_TRANSFERS = "copy to the GPU, compute, copy back"
COMPUTE_ONLY = "compute alone, nothing copied"
MOST_SAMPLES = 1_000_000
_FIELDS = ("latencyMs", "computeMs", "h2dMs", "d2hMs")
_SUMMARY = re.compile(r"(?:\[I\] )?([A-Z][A-Za-z0-9 -]{0,40}): (min = [^\n]{1,500})")
_FIGURE = re.compile(
    r"(min|max|mean|median|percentile\(\d{1,3}(?:\.\d{1,3})?%\)) = (\d{1,12}(?:\.\d{1,12})?(?:e-?\d\d?)?) ms"
)
_THROUGHPUT = re.compile(r"Throughput: (\d{1,12}(?:\.\d{1,12})?(?:e[+-]?\d\d?)?) qps")


@dataclass(frozen=True)
class Times:
    """Raw samples of a timed run, in milliseconds.

    Args:
        latency: copy to the GPU, compute and copy back.
        compute, h2d, d2h: its parts.
        end_to_end: from the start of enqueueing, waiting for earlier queries included (TensorRT 8.2 alone).
        span_s: seconds from the first query's start to the last one's end.
    """

    latency: NDArray[np.float64]
    compute: NDArray[np.float64]
    h2d: NDArray[np.float64]
    d2h: NDArray[np.float64]
    end_to_end: NDArray[np.float64] | None
    span_s: float

    @property
    def includes(self) -> str:
        """What the latency includes."""
        return WITH_TRANSFERS if bool(np.any(self.h2d > 0) or np.any(self.d2h > 0)) else COMPUTE_ONLY


def read_times(content: bytes) -> Times:
    """Raw samples out of the file that `--exportTimes` wrote.

    Raises:
        DeviceError: it is not such a file.
    """
    rows = _array(content, "--exportTimes")
    if not rows or len(rows) > MOST_SAMPLES:
        raise DeviceError(f"trtexec wrote {len(rows)} samples: expected 1 to {MOST_SAMPLES}.")
    columns = {name: _column(rows, name) for name in _FIELDS}
    # of the GPU's own clock; enqueueing is told by the processor's
    starts = [_column(rows, name, least=-1e12).min() for name in ("startH2dMs", "startComputeMs")]
    ends = [_column(rows, name, least=-1e12).max() for name in ("endComputeMs", "endD2hMs")]
    span = float(max(ends) - min(starts)) / 1e3
    end_to_end = _column(rows, "endToEndMs") if "endToEndMs" in rows[0] else None
    if span <= 0 or not columns["latencyMs"].any():
        raise DeviceError("The samples that trtexec wrote take no time at all: measure again.")
    latency, compute, h2d, d2h = (columns[name] for name in _FIELDS)
    return Times(latency, compute, h2d, d2h, end_to_end, span)


def read_profile(content: bytes, most: int = 10) -> list[dict[str, Any]]:
    """The slowest layers out of the file that `--exportProfile` wrote: `name`, `average_ms`, `percentage`.

    Raises:
        DeviceError: it is not such a file.
    """
    rows = [row for row in _array(content, "--exportProfile") if "count" not in row or "name" in row]
    average, share = _column(rows, "averageMs"), _column(rows, "percentage")
    order = np.argsort(-average, kind="stable")[:most]
    return [
        {
            "name": plain(str(rows[i].get("name", "")))[:120],
            "average_ms": float(average[i]),
            "percentage": float(share[i]),
        }
        for i in order
    ]


def read_summary(text: str) -> dict[str, dict[str, float]]:
    """The printed summary: for each of its lines (`Latency`, `GPU Compute Time`, ...) its figures in milliseconds.

    Keys are `min`, `max`, `mean`, `median`, and `p99` for `percentile(99%)`; `Throughput` has `qps`.
    """
    summary: dict[str, dict[str, float]] = {}
    for name, rest in _SUMMARY.findall(text):
        figures = {key: float(value) for key, value in _FIGURE.findall(rest)}
        summary[name] = {re.sub(r"percentile\((.+)%\)", r"p\1", key): value for key, value in figures.items()}
    if found := _THROUGHPUT.search(text):
        summary["Throughput"] = {"qps": float(found[1])}
    return summary


def percentiles(samples: NDArray[np.float64]) -> dict[str, float]:
    """`p50_ms`, `p90_ms`, `p99_ms` of samples."""
    values = np.percentile(samples, [50, 90, 99])
    return {f"p{p}_ms": float(value) for p, value in zip((50, 90, 99), values, strict=True)}


def _array(content: bytes, what: str) -> list[dict[str, Any]]:
    try:
        rows = json.loads(content.decode("utf-8", "replace"))
    except (ValueError, RecursionError) as error:
        raise DeviceError(
            f"What trtexec wrote for {what} is not JSON ({plain(str(error))[:80]}): "
            "look whether the board's disk is full."
        ) from error
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise DeviceError(f"What trtexec wrote for {what} is not a list of samples: measure again.")
    return rows


def _column(rows: list[dict[str, Any]], name: str, least: float = 0.0) -> NDArray[np.float64]:
    values = [row.get(name) for row in rows]
    if any(isinstance(value, bool) or not isinstance(value, (int, float)) for value in values):
        raise DeviceError(f"trtexec's samples have no '{name}': the board's TensorRT is not known to the zoo.")
    try:
        column = np.array(values, dtype=np.float64)
    except OverflowError:
        column = np.array([np.inf])
    if not np.all(np.isfinite(column)) or np.any(column < least) or np.any(column > 1e12):
        raise DeviceError(f"trtexec's '{name}' holds values that are no times: measure again.")
    return column
