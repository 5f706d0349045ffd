"""A run that diverges stops before it spoils its weights, and says where."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import lightning as L
import torch
import torch.distributed
from lightning.pytorch.callbacks import Callback
from torch import Tensor

from zoo.errors import TrainingError, few

EXPLODED = 1000.0
SHOWN = 8


class StopDiverging(Callback):
    """Stops a run whose loss is infinite, no number, or far larger than at its start, before the optimiser takes it.

    Weights are therefore those of the step before. Gradients are looked at too, except where the precision scales the
    loss, which skips such steps by itself.

    Args:
        kept: where the last good state is, for the message.
        factor: how much larger than the first loss (1 at least) a loss may be.
    """

    def __init__(self, kept: Path | None = None, factor: float = EXPLODED) -> None:
        self.kept, self.factor = kept, factor
        self.limit: float | None = None
        self._batch: Any = None
        # loss, number and recordings of each batch since the optimiser's last step
        self._seen: list[tuple[Tensor, int, Sequence[Any]]] = []

    def state_dict(self) -> dict[str, Any]:
        return {"limit": self.limit}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.limit = state_dict["limit"]

    def on_train_batch_start(
        self, trainer: L.Trainer, pl_module: L.LightningModule, batch: Any, batch_idx: int
    ) -> None:
        self._batch = batch

    def on_before_backward(self, trainer: L.Trainer, pl_module: L.LightningModule, loss: Tensor) -> None:
        number, recordings = trainer.fit_loop.epoch_loop.batch_idx, self._batch.get("recording", ())
        self._seen.append((loss.detach().float(), number, recordings))

    def on_before_optimizer_step(self, trainer: L.Trainer, pl_module: L.LightningModule, optimizer: Any) -> None:
        if not self._seen:
            return
        losses, batches, recordings = zip(*self._seen, strict=True)
        self._seen = []
        gradients = [p.grad for p in pl_module.parameters() if p.grad is not None]
        scaler = getattr(trainer.precision_plugin, "scaler", None)
        norm = torch.zeros_like(losses[0])
        if gradients and scaler is None:
            norm = torch.stack(torch._foreach_norm(gradients)).float().sum()
        # one look at the device a step
        *found, norm_value = torch.stack([*losses, norm]).tolist()
        # what comes here is a share of what was accumulated, and scaled where the precision needs it
        share = trainer.accumulate_grad_batches / (1.0 if scaler is None else scaler.get_scale())
        worst = max(range(len(found)), key=lambda i: abs(found[i]) if found[i] == found[i] else float("inf"))
        loss = found[worst] * share
        if self.limit is None and abs(loss) < float("inf"):
            self.limit = self.factor * max(abs(loss), 1.0)
        what = _what(loss, norm_value, self.limit)
        names = sorted({str(name) for name in recordings[worst]}) if what else []
        if trainer.world_size > 1:
            what, names = _of_all(what, names, trainer)
        if what:
            raise TrainingError(self._sentence(what, batches[worst], names, trainer))

    def _sentence(self, what: str, batch: int, names: Sequence[str], trainer: L.Trainer) -> str:
        of = f" (recordings {few(names, SHOWN)})" if names else ""
        there = self.kept is not None and self.kept.is_file()
        kept = f"the last good state is in {self.kept}" if there else "no state was kept yet"
        return (
            f"training diverged at step {trainer.global_step}: {what} on batch {batch} "
            f"of epoch {trainer.current_epoch}{of}; {kept}. Lower --model.lr, or look at those recordings' labels."
        )


def _what(loss: float, norm: float, limit: float | None) -> str:
    if not abs(loss) < float("inf"):
        return f"the loss is {loss}"
    if not norm < float("inf"):
        return f"the gradients are not finite at a loss of {loss:.3g}"
    if limit is not None and abs(loss) > limit:
        return f"the loss is {loss:.3g}, over {limit:.3g}"
    return ""


def _of_all(what: str, names: list[str], trainer: L.Trainer) -> tuple[str, list[str]]:
    """Of several processes, so that all stop together; the names only travel where one has something to say."""
    flag = torch.tensor(float(bool(what)), device=trainer.strategy.root_device)
    torch.distributed.all_reduce(flag)
    if not flag.item():
        return what, names
    parts: list[Any] = [None] * trainer.world_size
    torch.distributed.all_gather_object(parts, (what, names))
    said = [part for part in parts if part[0]]
    return said[0][0], sorted({name for part in said for name in part[1]})
