"""What the runtimes of one model need on disk: the whole graph, or preparation and network apart."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from zoo.bench.runtimes import NETWORK, PREPARE, WHOLE
from zoo.errors import ZooError, first_line

if TYPE_CHECKING:
    from zoo.module import VitalsModule


class _Prepare(nn.Module):
    def __init__(self, module: VitalsModule) -> None:
        super().__init__()
        self.module = module
        self.eval()

    def forward(self, raw: Tensor) -> Tensor:
        return self.module.prepare(raw)


class _Network(nn.Module):
    """All behind the preparation."""

    def __init__(self, module: VitalsModule) -> None:
        super().__init__()
        self.module = module
        self.eval()

    def forward(self, prepared: Tensor) -> tuple[Tensor, ...]:
        features = self.module.features(prepared)
        waveforms = tuple(self.module.waveforms(features).values())
        if self.module.head is None:
            return waveforms
        raw = self.module.head(self.module.biomarker_features(features))
        return (*waveforms, *self.module.head.physical(raw).values())


def export(
    module: VitalsModule, name: str, kinds: set[str], example: Tensor, folder: Path
) -> tuple[dict[str, str], list[str]]:
    """Write the files that runtimes ask for.

    Args:
        kinds: `whole`, `parts`.
        example: RGB 0..1 of the shape that is measured.

    Returns:
        For each kind that could not be written, why; and the axes of the whole file that may have any length.
    """
    failed, free = {}, []
    for kind in sorted(kinds):
        try:
            if kind == "whole":
                from zoo.export.onnx import export_onnx

                free = list(export_onnx(module, folder / WHOLE, name).free)
            else:
                _parts(module, example, folder)
        except ZooError as error:
            failed[kind] = str(error)
        except Exception as error:
            failed[kind] = f"no ONNX form ({type(error).__name__}: {first_line(error)[:200]})"
    return failed, free


def _parts(module: VitalsModule, example: Tensor, folder: Path) -> None:
    from zoo.module import VitalsModule

    prepared = example
    if type(module).prepare is not VitalsModule.prepare:
        with torch.no_grad():
            prepared = module.prepare(example)
        _write(_Prepare(module), example, folder / PREPARE)
    _write(_Network(module), prepared, folder / NETWORK)


def _write(part: nn.Module, example: Tensor, path: Path) -> None:
    from zoo.export.onnx import quiet

    with warnings.catch_warnings(), quiet(), torch.no_grad():
        warnings.simplefilter("ignore")
        program = torch.onnx.export(part, (example,), dynamo=True, verbose=False, input_names=["input"])
        assert program is not None
        program.save(str(path), external_data=False)
