"""In which order training sees its windows: a function of seed and epoch alone, so that a run can go on inside one."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import torch
from torch.utils.data import DistributedSampler


class Order(DistributedSampler[int]):
    """Indices of one process, in batches that it shares out with the others.

    It is a DistributedSampler so that Lightning leaves it as it is: the windows of step n are the same however many
    processes share them, if the batches together are as large.

    Args:
        lengths: windows of each set; one set is drawn without replacement, so an epoch sees every window once.
        weights: how often each set is drawn, relative to the others.
        seed: of the order.
        skipped: windows of this process at the epoch's start that are not drawn again.
        begin: called when an epoch begins; gives its number and how many windows of this process are `skipped`.
        processes, rank: how many share the order, and which of them this is.
    """

    def __init__(
        self,
        lengths: Sequence[int],
        weights: Sequence[float],
        seed: int,
        begin: Callable[[], tuple[int, int]],
        processes: int = 1,
        rank: int = 0,
    ) -> None:
        self.lengths, self.weights, self.begin = list(lengths), list(weights), begin
        super().__init__(range(sum(lengths)), processes, rank, seed=seed, drop_last=True)  # type: ignore[arg-type]

    def __len__(self) -> int:
        return max(sum(self.lengths) // self.num_replicas, 1)

    def __iter__(self) -> Iterator[int]:
        epoch, skipped = self.begin()
        order = self.epoch_order(epoch)
        yield from order[self.rank :: self.num_replicas][skipped : len(self)]

    def epoch_order(self, epoch: int) -> list[int]:
        """All indices of an epoch, of all processes."""
        state = np.random.SeedSequence(self.seed, spawn_key=(epoch,)).generate_state(1, np.uint64)
        generator = torch.Generator().manual_seed(int(state[0]))
        total = sum(self.lengths)
        if len(self.lengths) == 1:
            return torch.randperm(total, generator=generator).tolist()
        pairs = zip(self.lengths, self.weights, strict=True)
        each = torch.cat([torch.full((length,), weight / length) for length, weight in pairs])
        return torch.multinomial(each, total, replacement=True, generator=generator).tolist()


def batches_an_epoch(batches: int, trainer: Any) -> int:
    """How many of an epoch's batches a trainer takes: `limit_train_batches` as a number or a share."""
    limit = getattr(trainer, "limit_train_batches", 1.0)
    taken = min(batches, limit) if isinstance(limit, int) else int(batches * limit)
    return max(taken, 1)
