"""A batch on its way from a worker: all of its tensors in one piece of shared memory.

torch hands over each tensor by a file descriptor of its own, which for a batch of small labels takes longer than to
make it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import torch

ALIGNMENT = 16


class PackedBatch(dict[str, Any]):
    """A batch that is pickled in one piece, and arrives as a plain dictionary."""

    def __reduce__(self) -> tuple[Callable[..., dict[str, Any]], tuple[Any, ...]]:
        layout: list[tuple[tuple[str, ...], torch.dtype, tuple[int, ...], int]] = []
        rest: list[tuple[tuple[str, ...], Any]] = []
        pieces: list[tuple[int, torch.Tensor]] = []
        size = 0
        for path, value in _leaves(self):
            if not isinstance(value, torch.Tensor):
                rest.append((path, value))
                continue
            layout.append((path, value.dtype, tuple(value.shape), size))
            pieces.append((size, value))
            size += -(-value.numel() * value.element_size() // ALIGNMENT) * ALIGNMENT
        memory = torch.empty(size, dtype=torch.uint8)
        if size:
            memory = memory.share_memory_()
        for start, value in pieces:
            length = value.numel() * value.element_size()
            memory[start : start + length].view(value.dtype).view(value.shape).copy_(value)
        return _unpacked, (memory, layout, rest)


def _leaves(batch: Mapping[str, Any], path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    for name, value in batch.items():
        if isinstance(value, Mapping) and value:
            yield from _leaves(value, (*path, name))
        else:
            yield (*path, name), value


def _unpacked(memory: torch.Tensor, layout: list[Any], rest: list[Any]) -> dict[str, Any]:
    batch: dict[str, Any] = {}
    for path, kind, shape, start in layout:
        length = kind.itemsize * torch.Size(shape).numel()
        _put(batch, path, memory[start : start + length].view(kind).view(shape))
    for path, value in rest:
        _put(batch, path, value)
    return batch


def _put(batch: dict[str, Any], path: tuple[str, ...], value: Any) -> None:
    for name in path[:-1]:
        batch = batch.setdefault(name, {})
    batch[path[-1]] = value
