"""What the runtimes of one model need on disk: the whole graph in fp32, and with its network in int8."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from zoo.bench.runtimes import INT8, WHOLE
from zoo.errors import ZooError, first_line
from zoo.export.formats import Settings, export

if TYPE_CHECKING:
    from zoo.module import VitalsModule


def write(module: VitalsModule, name: str, kinds: set[str], folder: Path) -> tuple[dict[str, str], list[str]]:
    """Write the files that runtimes ask for.

    Args:
        kinds: `whole`, `int8`.

    Returns:
        For each kind that could not be written, why; and the axes of the files that may have any length.
    """
    failed, free = {}, []
    for kind in sorted(kinds):
        # what int8 has lost stands in the row, as parity
        settings = Settings() if kind == "whole" else Settings(precision="int8", force=True)
        try:
            free = list(export(module, folder / {"whole": WHOLE, "int8": INT8}[kind], name, "onnx", settings).free)
        except ZooError as error:
            failed[kind] = str(error)
        except Exception as error:
            failed[kind] = f"no ONNX form ({type(error).__name__}: {first_line(error)[:200]})"
    return failed, free
