"""The metric of a run against hand-computed scores, masks, and the sum over two processes."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import Tensor

from zoo.metrics import VitalsMetrics
from zoo.spec import TARGETS, Signal

FPS = 30.0
NAN = float("nan")


def wave(rates: list[float], seconds: float = 20.0, phase: float = 0.0) -> Tensor:
    """Pulse-like waves of those rates (1/min), a row each."""
    t = torch.arange(round(seconds * FPS)) / FPS
    angle = 2 * torch.pi * torch.tensor(rates)[:, None] / 60 * t + phase
    return torch.sin(angle) + 0.3 * torch.sin(2 * angle)


def outputs(*names: str) -> dict[str, Any]:
    return {name: Signal() if name in ("ppg", "respiration") else TARGETS[name] for name in names}


def batch(people: list[str], ppg: Tensor | None = None, **targets: list[float]) -> dict[str, Any]:
    return {
        "waveforms": {} if ppg is None else {"ppg": ppg},
        "targets": {name: torch.tensor(values) for name, values in targets.items()},
        "person": people,
    }


def scores(metric: VitalsMetrics) -> dict[str, float]:
    return {name: value.item() for name, value in metric.compute().items()}


def test_heart_rate_from_the_waveform() -> None:
    metric = VitalsMetrics(outputs("ppg"), FPS, "spectral", {"heart_rate": (70.0, 5.0, 72.0)})
    metric.update({"ppg": wave([61.0, 84.0, 100.0])}, {}, batch(["a", "b", "c"], wave([60.0, 80.0, 100.0])))
    result = scores(metric)
    assert result["heart_rate_mae"] == pytest.approx((1 + 4 + 0) / 3, abs=0.02)
    assert result["heart_rate_rmse"] == pytest.approx(math.sqrt(17 / 3), abs=0.02)
    assert result["heart_rate_mape"] == pytest.approx(100 * (1 / 60 + 4 / 80) / 3, abs=0.05)
    assert result["heart_rate_within_3"] == pytest.approx(2 / 3)
    assert result["heart_rate_within_5"] == 1.0
    assert result["heart_rate_coverage"] == 1.0
    assert result["heart_rate_naive_mae"] == pytest.approx((12 + 8 + 28) / 3, abs=0.02)
    assert result["heart_rate_skill"] == pytest.approx(1 - 5 / 48, abs=0.002)
    assert result["heart_rate_floor_mae"] < 0.02
    assert metric.naive["heart_rate"] == "training median"
    assert metric.sources["heart_rate"] == "waveform"


def test_without_training_data_the_naive_value_is_that_of_other_people() -> None:
    metric = VitalsMetrics(outputs("age"), FPS)
    metric.update({}, {"age": torch.tensor([21.0, 40.0, 59.0])}, batch(["a", "b", "c"], age=[20.0, 40.0, 60.0]))
    result = scores(metric)
    assert result["age_mae"] == pytest.approx(2 / 3)
    assert result["age_naive_mae"] == pytest.approx((30 + 0 + 30) / 3)
    assert metric.naive == {"age": "other people's median"}


def test_a_rate_by_head_and_by_waveform_are_told_apart() -> None:
    both = VitalsMetrics(outputs("ppg", "heart_rate"), FPS, "spectral")
    truth = batch(["a", "b"], wave([60.0, 90.0]))
    both.update({"ppg": wave([60.0, 90.0])}, {"heart_rate": torch.tensor([65.0, 95.0])}, truth)
    assert scores(both)["heart_rate_mae"] < 0.05
    assert scores(both)["heart_rate_head_mae"] == pytest.approx(5.0, abs=0.02)
    head = VitalsMetrics(outputs("heart_rate"), FPS, "spectral")
    head.update({}, {"heart_rate": torch.tensor([65.0, 95.0])}, truth)
    assert scores(head)["heart_rate_mae"] == pytest.approx(5.0, abs=0.02)
    assert head.sources == {"heart_rate": "head"}
    assert "heart_rate_head_mae" not in scores(head)


def test_a_rate_known_as_a_number_only() -> None:
    metric = VitalsMetrics(outputs("ppg"), FPS, "spectral")
    metric.update({"ppg": wave([66.0, 90.0])}, {}, batch(["a", "b"], heart_rate=[60.0, NAN]))
    result = scores(metric)
    assert result["heart_rate_mae"] == pytest.approx(6.0, abs=0.02)
    assert not any(name.startswith("ppg_") or "floor" in name for name in result)


def test_what_no_label_knows_has_no_key() -> None:
    metric = VitalsMetrics(outputs("ppg", "age"), FPS)
    metric.update({"ppg": wave([66.0])}, {"age": torch.tensor([30.0])}, batch(["a"], age=[NAN]))
    assert scores(metric) == {}
    with pytest.warns(UserWarning, match="before"):
        assert VitalsMetrics(outputs("ppg"), FPS).compute() == {}


def test_padding_and_unknown_samples_do_not_count() -> None:
    predicted, label = wave([60.0, 75.0]), wave([60.0, 75.0])
    clean = VitalsMetrics(outputs("ppg"), FPS, "spectral")
    clean.update({"ppg": predicted[:, :450]}, {}, batch(["a", "b"], label[:, :450]))
    padded = VitalsMetrics(outputs("ppg"), FPS, "spectral")
    mask = torch.ones(2, 600, dtype=torch.bool)
    mask[:, 450:] = False
    predicted[:, 450:] = 100.0
    label[:, 450:] = NAN
    padded.update({"ppg": predicted}, {}, {**batch(["a", "b"], label), "mask": mask})
    assert scores(padded) == pytest.approx(scores(clean))


def test_a_window_with_half_its_label_missing_has_no_true_rate() -> None:
    label = wave([60.0, 90.0])
    label[1, :300] = NAN
    metric = VitalsMetrics(outputs("ppg"), FPS, "spectral")
    metric.update({"ppg": wave([60.0, 50.0])}, {}, batch(["a", "b"], label))
    assert scores(metric)["heart_rate_mae"] < 0.05


def test_a_waveform_that_says_nothing_costs_coverage_not_silence() -> None:
    flat = wave([60.0, 90.0])
    flat[1] = 0.0
    metric = VitalsMetrics(outputs("ppg"), FPS, "spectral")
    metric.update({"ppg": flat}, {}, batch(["a", "b"], wave([60.0, 90.0])))
    assert scores(metric)["heart_rate_coverage"] == 0.5
    lost = VitalsMetrics(outputs("ppg"), FPS, "spectral")
    lost.update({"ppg": torch.zeros(2, 600)}, {}, batch(["a", "b"], wave([60.0, 90.0])))
    assert math.isnan(scores(lost)["heart_rate_mae"])
    assert scores(lost)["heart_rate_coverage"] == 0.0


def test_the_waveform_itself() -> None:
    metric = VitalsMetrics(outputs("ppg"), FPS, "spectral")
    t = torch.arange(600) / FPS
    truth = torch.sin(2 * torch.pi * t)[None]
    metric.update({"ppg": 3 * torch.cos(2 * torch.pi * t)[None] + 1}, {}, batch(["a"], truth))
    result = scores(metric)
    assert result["ppg_r"] == pytest.approx(0.0, abs=1e-5)
    # z-scored sine and cosine: the difference is a sine of amplitude 2, mean |.| 4 / pi
    assert result["ppg_mae"] == pytest.approx(4 / math.pi, abs=1e-3)
    assert result["ppg_rmse"] == pytest.approx(math.sqrt(2), abs=1e-5)


def test_a_wandering_baseline_costs_the_waveform_but_not_its_band() -> None:
    metric = VitalsMetrics(outputs("ppg"), FPS)
    t = torch.arange(600) / FPS
    pulse, wander = torch.sin(2 * torch.pi * 1.2 * t), 3 * torch.sin(2 * torch.pi * 0.05 * t)
    metric.update({"ppg": pulse[None]}, {}, batch(["a"], (pulse + wander)[None]))
    result = scores(metric)
    assert result["ppg_r"] < 0.5
    assert result["ppg_band_r"] > 0.95


def test_the_pulse_of_a_delayed_copy() -> None:
    metric = VitalsMetrics(outputs("ppg"), FPS, "spectral")
    metric.update({"ppg": wave([66.0, 90.0], phase=0.6)}, {}, batch(["a", "b"], wave([60.0, 90.0])))
    result = scores(metric)
    table, _ = metric.windows()
    # 66 against 60 beats a minute: 909 against 1000 ms; a delay does not count for intervals nor for MACC
    assert table["ibi"].tolist() == pytest.approx([60_000 / 66, 60_000 / 90], abs=3)
    assert result["ibi_mae"] == pytest.approx((1000 - 60_000 / 66) / 2, abs=4)
    assert table["ppg_macc"][1] > 0.97
    assert table["ppg_macc"][0] < 0.5
    # the first wave's power lies 6 bpm beside the true rate, the second's on it
    assert table["ppg_snr"][1] > 10 > table["ppg_snr"][0]
    assert (table["confidence"] > 0.8).all()


def test_breathing_is_a_rate_of_its_own() -> None:
    metric = VitalsMetrics(outputs("respiration", "respiration_rate"), FPS)
    label = {**batch(["a", "b"]), "waveforms": {"respiration": wave([12.0, 18.0])}}
    metric.update({"respiration": wave([12.0, 20.0])}, {"respiration_rate": torch.tensor([13.0, 19.0])}, label)
    result = scores(metric)
    assert result["respiration_rate_mae"] == pytest.approx(1.0, abs=0.1)
    assert result["respiration_rate_head_mae"] == pytest.approx(1.0, abs=0.1)
    assert result["respiration_r"] < 1.0
    assert not any(name.startswith(("ppg", "heart_rate", "ibi")) for name in result)


def test_breathing_out_of_the_pulse() -> None:
    t = torch.arange(900) / FPS
    breath = torch.sin(2 * torch.pi * torch.tensor([[0.2], [0.3]]) * t)
    pulse = (1 + 0.3 * breath) * wave([70.0, 80.0], 30.0) + 0.3 * breath
    metric = VitalsMetrics(outputs("ppg"), FPS, "spectral")
    label = {"waveforms": {"ppg": pulse, "respiration": breath}, "person": ["a", "b"]}
    metric.update({"ppg": pulse}, {}, label)
    result = scores(metric)
    assert metric.sources["respiration_rate"] == "pulse"
    assert result["respiration_rate_mae"] < 0.5
    assert result["respiration_rate_floor_mae"] < 0.5
    assert result["respiration_rate_naive_mae"] == pytest.approx(6.0, abs=0.2)


def test_a_protocol_that_averages_recordings() -> None:
    metric = VitalsMetrics(outputs("ppg"), FPS, "system_b")
    guess, truth = wave([62.0, 58.0, 90.0], 10.0), wave([60.0, 60.0, 80.0], 10.0)
    windows = {"recording": ["r", "r", "s"], "start": torch.tensor([0.0, 10.0, 0.0])}
    metric.update({"ppg": guess}, {}, {**batch(["a", "a", "b"], truth), **windows})
    # bins of 30 / 512 Hz are 3.5 bpm wide; the first recording's two errors cancel but for a bin's rounding
    assert scores(metric)["heart_rate_mae"] == pytest.approx((0 + 10) / 2, abs=1.8)
    assert len(metric.windows()[1]) == 3
    alone = VitalsMetrics(outputs("ppg"), FPS, "system_b")
    alone.update({"ppg": guess}, {}, batch(["a", "a", "b"], truth))
    assert scores(alone)["heart_rate_mae"] == pytest.approx((2 + 2 + 10) / 3, abs=1.8)


def test_sex_is_a_class() -> None:
    metric = VitalsMetrics(outputs("sex"), FPS, statistics={"sex": (0.6, 0.5, 1.0)})
    metric.update({}, {"sex": torch.tensor([0.1, 0.6, 0.7, 0.9])}, batch(list("abcd"), sex=[0.0, 0.0, 1.0, 1.0]))
    result = scores(metric)
    assert result["sex_auroc"] == 1.0
    assert result["sex_accuracy"] == 0.75
    assert result["sex_naive_accuracy"] == 0.5
    assert result["sex_skill"] == 0.5


def test_pressures_carry_their_grades() -> None:
    metric = VitalsMetrics(outputs("systolic"), FPS)
    metric.update({}, {"systolic": torch.tensor([123.0, 141.0])}, batch(["a", "b"], systolic=[120.0, 130.0]))
    result = scores(metric)
    assert result["systolic_bias"] == 7.0
    assert result["systolic_error_std"] == pytest.approx(math.sqrt(32))
    assert result["systolic_within_5"] == 0.5
    assert result["systolic_iso_criterion_1"] == 0.0


def test_a_window_handed_out_twice_counts_once() -> None:
    metric = VitalsMetrics(outputs("age"), FPS)
    window = {**batch(["a", "b"], age=[20.0, 40.0]), "recording": ["r", "s"], "start": torch.tensor([0.0, 5.0])}
    metric.update({}, {"age": torch.tensor([21.0, 40.0])}, window)
    metric.update({}, {"age": torch.tensor([21.0, 40.0])}, window)
    assert scores(metric)["age_mae"] == 0.5
    table, people = metric.windows()
    assert people == ["a", "b"]
    assert table["age"].tolist() == [21.0, 40.0]


def test_long_names_stay_apart() -> None:
    metric = VitalsMetrics(outputs("age"), FPS)
    people = ["x" * 200 + "1", "x" * 200 + "2", "Zoë"]
    metric.update({}, {"age": torch.tensor([1.0, 2.0, 3.0])}, batch(people, age=[1.0, 2.0, 3.0]))
    names = metric.windows()[1]
    assert len(set(names)) == 3
    assert names[2] == "Zoë"


def filled(rows: slice) -> VitalsMetrics:
    """A metric that has seen those of ten windows of five people."""
    generator = torch.Generator().manual_seed(0)
    truth = torch.linspace(55, 120, 10).tolist()
    guess = [rate + float(torch.randn((), generator=generator)) * 3 for rate in truth]
    metric = VitalsMetrics(outputs("ppg", "age", "sex"), FPS, "spectral")
    if len(truth[rows]):
        metric.update(
            {"ppg": wave(guess)[rows]},
            {"age": torch.linspace(22, 58, 10)[rows], "sex": torch.linspace(0, 1, 10)[rows]},
            {
                "waveforms": {"ppg": wave(truth)[rows]},
                "targets": {"age": torch.linspace(20, 60, 10)[rows], "sex": (torch.arange(10) % 2)[rows].float()},
                "person": [f"p{i // 2}" for i in range(10)][rows],
            },
        )
    return metric


def _rank(rank: int, first_share: int, port: int, queue: Any) -> None:
    import os

    import torch.distributed as dist

    os.environ.update(MASTER_ADDR="127.0.0.1", MASTER_PORT=str(port))
    torch.set_num_threads(1)
    dist.init_process_group("gloo", rank=rank, world_size=2)
    metric = filled(slice(0, first_share) if rank == 0 else slice(first_share, 10))
    queue.put((rank, scores(metric)))
    dist.barrier()
    dist.destroy_process_group()


@pytest.mark.full
@pytest.mark.parametrize("first_share", [7, 10])
def test_two_processes_give_what_one_gives(first_share: int) -> None:
    import socket

    from torch import multiprocessing

    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    context = multiprocessing.get_context("spawn")
    queue = context.Queue()
    processes = [context.Process(target=_rank, args=(rank, first_share, port, queue)) for rank in (0, 1)]
    for process in processes:
        process.start()
    results = dict(queue.get(timeout=120) for _ in processes)
    for process in processes:
        process.join(60)
    alone = scores(filled(slice(0, 10)))
    assert results[0] == pytest.approx(alone)
    assert results[1] == pytest.approx(alone)
