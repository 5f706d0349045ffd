"""The part of each window that is known: padding and gaps are cut away, and equal cuts go through together."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

Array = np.ndarray


def stretches(valid: Array, asked: Array, least: float = 0.0) -> Iterator[tuple[Array, slice]]:
    """Each row's longest stretch of valid samples, rows with the same stretch together.

    Args:
        valid: (B, T) bool, samples that are known.
        asked: (B, T) bool, samples that belong to the window.
        least: rows whose stretch is shorter than this share of what was asked for are left out.

    Yields:
        rows (n,) and the slice of time that they share; at least two samples.
    """
    valid = valid & asked
    needed = np.maximum(least * asked.sum(-1), 2)
    groups: dict[tuple[int, int], list[int]] = {}
    for i, row in enumerate(valid):
        first, last = (0, row.size) if row.all() else _longest(row)
        if last - first >= needed[i]:
            groups.setdefault((first, last), []).append(i)
    for (first, last), rows in groups.items():
        yield np.asarray(rows), slice(first, last)


def read_rows(read: Callable[[Array], Array], wave: Array, asked: Array, least: float = 0.0) -> Array:
    """`read` (n, t) to (n,) of each row's known stretch: (B, T) to (B,), NaN where there is none."""
    result = np.full(len(wave), np.nan)
    for rows, cut in stretches(np.isfinite(wave), asked, least):
        result[rows] = read(wave[rows, cut].astype(np.float64))
    return result


def zscored(wave: Array, known: Array) -> Array:
    """(B, T) with zero mean and unit deviation over the known samples; NaN elsewhere and where nothing moves."""
    wave = np.where(known, wave, np.nan).astype(np.float64)
    n = np.maximum(known.sum(-1, keepdims=True), 1)
    centred = wave - np.nansum(wave, -1, keepdims=True) / n
    std = np.sqrt(np.nansum(centred**2, -1, keepdims=True) / n)
    return centred / np.where(std > 1e-12, std, np.nan)


def _longest(row: Array) -> tuple[int, int]:
    edges = np.flatnonzero(np.diff(np.concatenate([[0], row.astype(np.int8), [0]])))
    if not edges.size:
        return 0, 0
    best = int((edges[1::2] - edges[::2]).argmax())
    return int(edges[2 * best]), int(edges[2 * best + 1])
