"""Pickles of strangers: read without running anything in them, and what they would run."""

from __future__ import annotations

import io
import pickletools
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

# of a pickle that torch did not write, so many bytes are looked at
LOOKED_AT = 1 << 20
# what every state dict names
HARMLESS = ("torch.", "collections.OrderedDict")


def load(path: Path, run_code: bool = False) -> Any:
    """What `torch.save` wrote, on the CPU; only tensors and plain values are read, unless `run_code`."""
    import torch

    with warnings.catch_warnings():
        # of pickles by other programs; what does not work is an error besides
        warnings.filterwarnings("ignore", "Detected pickle protocol", UserWarning)
        return torch.load(path, map_location="cpu", weights_only=not run_code)


def code_in(path: Path) -> str:
    """Why a pickle is not read, told without running it: the functions that it would call, or that it is damaged."""
    import torch

    try:
        names = set(torch.serialization.get_unsafe_globals_in_checkpoint(path))
    except Exception:
        names = {name for name in _named_in(path) if not name.startswith(HARMLESS)}
    if not names:
        return "it is damaged, or holds code, which is refused"
    return f"it holds code, which is refused ({', '.join(sorted(names)[:4])} would run)"


def _named_in(path: Path) -> Iterator[str]:
    """Functions and classes that the pickles at the start of a file name, as far as they can be followed."""
    with path.open("rb") as file:
        content = io.BytesIO(file.read(LOOKED_AT))
    texts: list[str] = []
    memo: list[str] = []
    try:
        # older files of torch are several pickles, one behind the other
        while content.tell() < LOOKED_AT:
            for operation, argument, _ in pickletools.genops(content):
                if operation.name == "GLOBAL":
                    yield str(argument).replace(" ", ".")
                elif operation.name == "STACK_GLOBAL" and len(texts) > 1:
                    yield ".".join(texts[-2:])
                elif operation.name == "MEMOIZE":
                    memo.append(texts[-1] if texts else "")
                elif "GET" in operation.name and isinstance(argument, int) and argument < len(memo):
                    texts.append(memo[argument])
                elif isinstance(argument, str):
                    texts.append(argument)
    except ValueError:
        return
