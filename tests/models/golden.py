"""Reference arrays of the published networks, and how far ours are from them with the same weights."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from zoo.models import deepphys, fpn1d_multitask, physformer, physnet, tscan
from zoo.models.layers import renamed


@dataclass(frozen=True)
class Golden:
    """One reference.

    Args:
        file: name of the arrays, without suffix.
        network: builds ours at the same size.
        names: our module by published module.
        change: the published input as ours takes it.
    """

    file: str
    network: Callable[[], nn.Module]
    names: Mapping[str, str]
    change: Callable[[Tensor], Tensor] = lambda x: x


# by registered model
CASES: dict[str, Golden] = {
    "deepphys": Golden("deepphys_36", lambda: deepphys.Network(36), deepphys.PUBLISHED_NAMES, lambda x: x[None]),
    "fpn1d_multitask": Golden(
        "scnn_8rois_600", lambda: fpn1d_multitask.Network(regions=8), fpn1d_multitask.PUBLISHED_NAMES
    ),
    "physformer": Golden("physformer_3layers_32x128", lambda: physformer.Network(3), physformer.names_of_published(3)),
    "physnet": Golden("physnet_64x36", physnet.Network, physnet.PUBLISHED_NAMES),
    "tscan": Golden("tscan_36", lambda: tscan.Network(36), deepphys.PUBLISHED_NAMES, lambda x: x[None]),
}


def _efficientphys() -> Golden:
    ours = importlib.import_module("zoo_efficientphys.efficientphys")
    # the published code subtracts frames itself, ours before the network
    return Golden("efficientphys_36", lambda: ours.Network(36), ours.PUBLISHED_NAMES, lambda x: x.diff(dim=0)[None])


# of plugins, once they can be imported
PLUGIN_CASES: dict[str, Callable[[], Golden]] = {"efficientphys": _efficientphys}


def error(folder: Path, case: Golden) -> tuple[float, int, int]:
    """Relative error of our output, our number of parameters and the published one.

    Args:
        folder: of the arrays.
    """
    golden = np.load(folder / f"{case.file}.npz")
    network = case.network().eval()
    weights = {key[8:]: torch.tensor(golden[key]) for key in golden.files if key.startswith("weights/")}
    network.load_state_dict(renamed(weights, case.names))
    with torch.no_grad():
        output = network(case.change(torch.tensor(golden["input_0"].astype(np.float32))))
    expected = torch.tensor(golden["output"]).reshape(output.shape)
    relative = ((output - expected).norm() / expected.norm()).item()
    return relative, sum(p.numel() for p in network.parameters()), int(golden["parameters"])
