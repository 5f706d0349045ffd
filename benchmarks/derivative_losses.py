"""Losses for a network that gives the pulse's derivative frame by frame, as DeepPhys and the CAN pair do.

    python benchmarks/derivative_losses.py [--hard 1.0]

The network is the smallest of that kind: differences of the mean colours of eight regions, 32 tanh units, one output,
each frame for itself; 400 simulated people train it for 500 steps and 100 others test it, in windows of 20 s (protocol
zoo). A row is the mean and the deviation of three seeds.
"""

from __future__ import annotations

import argparse

import numpy as np
import torch
from torch import Tensor, nn

from zoo.datasets.synthetic import windows
from zoo.losses import PULSE, WAVEFORM_LOSSES
from zoo.metrics import statistics
from zoo.metrics.protocol import load_protocol
from zoo.signals.forms import to_form, to_value
from zoo.spec import REGIONS, Traces

FPS, STEPS, BATCH, LR = 30.0, 500, 16, 3e-3
LOSSES = (
    {"mse": 1.0},
    {"negative_pearson": 1.0},
    {"negative_pearson": 1.0, "spectral": 0.2},
    {"band_pearson": 1.0},
    {"band_pearson": 1.0, "spectral": 0.2},
)


class Network(nn.Module):
    """Colours (B, 24, T) to a derivative (B, T)."""

    def __init__(self) -> None:
        super().__init__()
        inner = 3 * len(REGIONS)
        self.layers = nn.Sequential(nn.BatchNorm1d(inner), nn.Conv1d(inner, 32, 1), nn.Tanh(), nn.Conv1d(32, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        return self.layers(nn.functional.pad(100 * (x[..., 1:] - x[..., :-1]), (0, 1)))[:, 0]


def load(split: str, people: int, frames: int, hard: float) -> tuple[Tensor, Tensor]:
    """Colours (n, 24, T) and PPG (n, T)."""
    made = windows(Traces(frames, REGIONS), split, people=people, seed=3, hard=hard)  # type: ignore[arg-type]
    samples = [made[i] for i in range(people)]
    colours, ppg = (
        np.stack(values) for values in zip(*((s["input"], s["waveforms"]["ppg"]) for s in samples), strict=True)
    )
    return torch.from_numpy(colours).flatten(1, 2), torch.from_numpy(ppg)


def train(losses: dict[str, float], seed: int, x: Tensor, y: Tensor) -> Network:
    """A network after `STEPS` steps."""
    torch.manual_seed(seed)
    network = Network()
    optimiser = torch.optim.Adam(network.parameters(), LR)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, LR, total_steps=STEPS)
    known = torch.ones(BATCH, x.shape[-1], dtype=torch.bool)
    for _ in range(STEPS):
        rows = torch.randint(len(x), (BATCH,))
        found, label = network(x[rows]), to_form(y[rows], "derivative")
        terms = [weight * WAVEFORM_LOSSES[name](found, label, known, FPS, PULSE) for name, weight in losses.items()]
        optimiser.zero_grad()
        torch.stack(terms).sum().backward()
        optimiser.step()
        schedule.step()
    return network.eval()


def score(network: Network, x: Tensor, y: Tensor) -> tuple[float, float, float]:
    """MAE in bpm, share within 3 bpm, and the waveform's r."""
    protocol = load_protocol("zoo")
    with torch.no_grad():
        wave = to_value(network(x), "derivative", FPS).numpy()
    rate, truth = protocol.rate(wave, FPS), protocol.truth(y.numpy(), FPS)
    r = float(np.mean(statistics.waveform_errors(wave, y.numpy())["r"]))
    return statistics.mae(rate, truth), statistics.within(rate, truth, 3.0), r


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--hard", type=float, default=1.0, help="of the simulated people's videos, 0 to 1")
    args = parser.parse_args()
    torch.set_num_threads(1)
    training, test = load("train", 400, 180, args.hard), load("test", 100, 600, args.hard)
    print("| loss | MAE bpm | within 3 | waveform r |\n|---|---|---|---|")
    for losses in LOSSES:
        scores = np.array([score(train(losses, seed, *training), *test) for seed in range(3)])
        (mae, near, r), (mae_sd, near_sd, r_sd) = scores.mean(0), scores.std(0)
        name = " + ".join(f"{weight:g} {loss}" for loss, weight in losses.items())
        print(
            f"| {name} | {mae:.2f} ± {mae_sd:.2f} | {100 * near:.0f} ± {100 * near_sd:.0f} % | {r:.3f} ± {r_sd:.3f} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
