"""What bf16 does to a network's pulse: the waveform and its heart rate, window by window, beside all in fp32.

A network with random weights has no pulse that rounding could spoil, so where none was trained its readout is solved
for: one linear map, by least squares, from what random layers make of simulated people. It then says what rounding does
to such a network at work.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from zoo import registry
from zoo.bench.facts import load
from zoo.data.prepare import prepare
from zoo.data.synthetic import SyntheticWindows
from zoo.data.windows import Prepared, cut
from zoo.models.layers import renamed
from zoo.module import VitalsModule
from zoo.signals.forms import to_form
from zoo.signals.rate import heart_rate
from zoo.spec import Clip, Input

SECONDS = 20.0
START = 10.0
# simulated people whom a readout is solved from, and how much its weights are held down
TAUGHT_BY, RIDGE = 8, 1e-3
# weights that others trained, by our model: a reference array
PEERS = {"physnet": "peer_physnet_pure"}


class Effect(NamedTuple):
    """Of each window: correlation of the two waveforms, and change of the heart rate (1/min; None: undecidable)."""

    r: list[float]
    rate: list[float | None]


class Windows:
    """One window of each person.

    Args:
        data: name of a data set; `synthetic` needs no folder.
        root: its folder.
        people: how many.
    """

    def __init__(self, data: str, root: Path | None, people: int) -> None:
        self.data, self.people = data, people
        listed = [] if root is None else registry.dataset(data).read(root).recordings
        self.recordings = sorted(listed, key=lambda one: one.name)[:people]

    def of(self, input: Input) -> list[Tensor]:
        """Windows (1, ...) of about 20 s, as long as the model takes them."""
        frames = int(SECONDS * input.fps) // input.multiple_of * input.multiple_of
        long = replace(input, frames=frames)
        if not self.recordings:
            simulated = SyntheticWindows(long, people=self.people, seed=1, hard=0.3)
            found = [simulated[i]["input"] for i in range(self.people)]
        else:
            found = [cut(one, one.times[0] + START, long)["input"] for one in self._read(coarse(input))]
        return [batch_of(one) for one in found]

    @cache  # noqa: B019 (one instance a run)
    def _read(self, input: Input) -> list[Prepared]:
        return [prepare(recording, input) for recording in self.recordings]


def batch_of(window: np.ndarray) -> Tensor:
    """A window as a batch of one, float RGB 0..1."""
    scale = 1 / 255 if window.dtype == np.uint8 else 1.0
    return torch.from_numpy(np.asarray(window, np.float32) * np.float32(scale))[None]


def coarse(input: Input) -> Input:
    """What a video is read for: crops of one size, from which smaller ones are made, so that it is read once."""
    wanted = replace(input, frames=2, multiple_of=1, min_frames=2)
    return replace(wanted, size=max(128, input.size)) if isinstance(wanted, Clip) else wanted


def ready(name: str, golden: Path) -> tuple[VitalsModule, str]:
    """A model that finds a pulse, and where its weights come from."""
    module = load(name, {})
    if module.trained_on:
        return module, "trained"
    if name in PEERS and (file := golden / f"{PEERS[name]}.npz").is_file():
        arrays = np.load(file)
        names: dict[str, str] = module.published_names  # type: ignore[assignment]
        weights = {
            key.removeprefix("weights/").removeprefix("module."): torch.tensor(arrays[key])
            for key in arrays.files
            if key.startswith("weights/")
        }
        module.network.load_state_dict(renamed(weights, names))
        return module, "a peer's"
    solve_readout(module)
    return module, "readout"


def solve_readout(module: VitalsModule, people: int = TAUGHT_BY) -> None:
    """Give a network with random weights statistics of its own, and the readout that finds the pulse best."""
    simulated = SyntheticWindows(module.input, people=people, seed=2, hard=0.0)
    windows = [simulated[i] for i in range(people)]
    inputs = [batch_of(one["input"]) for one in windows]
    if "ppg" not in module.signals:
        rates = torch.tensor([one["targets"]["heart_rate"] for one in windows])
        assert module.head is not None
        module.head.set_statistics({"heart_rate": (float(rates.mean()), float(rates.std()), 0.0)})
        module.head.out.reset_parameters()
        return
    _settle(module, inputs)
    seen: list[Tensor] = []
    out: Any = module.network.out
    hook = out.register_forward_pre_hook(lambda _, given: seen.append(_rows(out, given[0])))
    with torch.inference_mode():
        for one in inputs:
            module(one)
    hook.remove()
    form = module.signals["ppg"].form
    labels = [torch.from_numpy(np.asarray(one["waveforms"]["ppg"]))[None] for one in windows]
    wanted = torch.cat([to_form(label, form)[0] for label in labels]).double()
    features = torch.cat(seen).double()
    mean = features.mean(0)
    centred = features - mean
    products = centred @ centred.T
    products += RIDGE * products.diagonal().mean() * torch.eye(len(products), dtype=products.dtype)
    weight = centred.T @ torch.linalg.solve(products, wanted - wanted.mean())
    with torch.no_grad():
        out.weight.copy_(weight.reshape(out.weight.shape))
        out.bias.fill_(float(wanted.mean() - mean @ weight))


def _rows(out: nn.Module, given: Tensor) -> Tensor:
    """What a readout is given, one row a sample of time."""
    return (given if isinstance(out, nn.Linear) else given.flatten(2).transpose(1, 2)).flatten(0, 1)


def _settle(module: VitalsModule, inputs: Iterable[Tensor]) -> None:
    """Batch norms take their statistics from the windows."""
    norms = [one for one in module.network.modules() if isinstance(one, nn.modules.batchnorm._BatchNorm)]
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None
        norm.train()
    with torch.no_grad():
        for one in inputs:
            module(one)
    module.eval()


def effect(module: VitalsModule, windows: Sequence[Tensor]) -> Effect:
    """The network under bf16 autocast beside fp32; preparation is in fp32 both times."""
    found = Effect([], [])
    for window in windows:
        with torch.inference_mode():
            full = module(window)
            with torch.autocast("cpu", torch.bfloat16):
                low = module(window)
        if "ppg" in full.waveforms:
            pair = [module.values(one.waveforms)["ppg"][0].double().numpy() for one in (full, low)]
            found.r.append(float(np.corrcoef(*pair)[0, 1]))
            rates = [float(heart_rate(wave, module.input.fps)) for wave in pair]
        else:
            rates = [float(one.targets["heart_rate"][0]) for one in (full, low)]
        change = abs(rates[1] - rates[0])
        found.rate.append(change if np.isfinite(change) else None)
    return found
