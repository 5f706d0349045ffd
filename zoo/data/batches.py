"""A batch in one piece of memory, which a worker shares with the process that it works for.

torch hands over each tensor by a file descriptor of its own, which for a batch of small labels takes longer than to
make it; and what is stacked first and shared afterwards is copied once more than needed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch

ALIGNMENT = 16
Path = tuple[str, ...]
Layout = list[tuple[Path, torch.dtype, tuple[int, ...], int]]


class PackedBatch(dict[str, Any]):
    """A batch that is pickled as one tensor, and arrives as a plain dictionary."""

    packing: tuple[torch.Tensor, Layout, Mapping[Path, Any]]

    def __reduce__(self) -> tuple[Callable[..., dict[str, Any]], tuple[Any, ...]]:
        return _unpacked, self.packing


def pack(columns: Mapping[Path, Sequence[np.ndarray] | np.ndarray], rest: Mapping[Path, Any]) -> dict[str, Any]:
    """A batch of tensors.

    Args:
        columns: by their place in the batch, `("waveforms", "ppg")` say: the rows to stack, alike in shape and type.
        rest: what else the batch holds, as it is.
    """
    layout: Layout = []
    size = 0
    for path, rows in columns.items():
        shape, kind = (len(rows), *rows[0].shape), torch.from_numpy(np.empty(0, rows[0].dtype)).dtype
        layout.append((path, kind, shape, size))
        size += -(-kind.itemsize * torch.Size(shape).numel() // ALIGNMENT) * ALIGNMENT
    working = torch.utils.data.get_worker_info() is not None
    # as torch's own collate does: `share_memory_` would copy it there
    memory = torch.empty(0, dtype=torch.uint8)
    memory = memory.set_(torch.UntypedStorage._new_shared(size)) if working else torch.empty(size, dtype=torch.uint8)
    for (_, kind, shape, start), rows in zip(layout, columns.values(), strict=True):
        np.stack(list(rows), out=_view(memory, kind, shape, start).numpy())
    batch = _unpacked(memory, layout, rest)
    if not working:
        return batch
    packed = PackedBatch(batch)
    packed.packing = (memory, layout, rest)
    return packed


def _view(memory: torch.Tensor, kind: torch.dtype, shape: tuple[int, ...], start: int) -> torch.Tensor:
    return memory[start : start + kind.itemsize * torch.Size(shape).numel()].view(kind).view(shape)


def _unpacked(memory: torch.Tensor, layout: Layout, rest: Mapping[Path, Any]) -> dict[str, Any]:
    batch: dict[str, Any] = {}
    for path, kind, shape, start in layout:
        _put(batch, path, _view(memory, kind, shape, start))
    for path, value in rest.items():
        _put(batch, path, value)
    return batch


def _put(batch: dict[str, Any], path: Path, value: Any) -> None:
    for name in path[:-1]:
        batch = batch.setdefault(name, {})
    batch[path[-1]] = value
