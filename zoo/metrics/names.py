"""Names as tensors, so that devices can exchange whose window is whose."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

BYTES = 96


def encode_names(*columns: Sequence[str]) -> Tensor:
    """(n, columns, BYTES) uint8 of equally long lists of names; a name too long keeps its start and gets a digest."""
    texts = np.zeros((len(columns[0]), len(columns), BYTES), np.uint8)
    for j, column in enumerate(columns):
        for i, name in enumerate(column):
            data = name.encode()
            if len(data) > BYTES:
                data = data[: BYTES - 17] + b"~" + hashlib.blake2b(data, digest_size=8).hexdigest().encode()
            texts[i, j, : len(data)] = np.frombuffer(data, np.uint8)
    return torch.from_numpy(texts)


def decode_names(texts: Tensor) -> list[list[str]]:
    """The columns that `encode_names` was given."""
    rows = texts.cpu().numpy()
    return [
        [bytes(row).rstrip(b"\0").decode(errors="replace") for row in rows[:, column]]
        for column in range(rows.shape[1])
    ]
