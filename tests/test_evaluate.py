"""`zoo evaluate` on waveforms whose rates are known, and on a published model's real output."""

from __future__ import annotations

import argparse
import csv
import json
from pathlib import Path

import numpy as np
import pytest

from zoo.errors import UnknownName, UsageError
from zoo.evaluate import add_arguments, changed, evaluate, run
from zoo.metrics import load_protocol
from zoo.metrics.files import Waveforms, read_waveforms

FPS = 30.0


def arguments(*words: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    return parser.parse_args(words)


def pulse(rate: float, seconds: float = 40.0) -> np.ndarray:
    angle = 2 * np.pi * rate / 60 * np.arange(round(seconds * FPS)) / FPS
    return np.sin(angle) + 0.3 * np.sin(2 * angle + 0.5)


@pytest.fixture
def waves() -> Waveforms:
    return Waveforms(
        predictions={"a": pulse(63), "b": pulse(80), "c": pulse(98)},
        labels={"a": pulse(60), "b": pulse(80), "c": pulse(100)},
        fps=FPS,
    )


def test_known_rates(waves: Waveforms) -> None:
    found = evaluate(waves, "spectral")
    scores = found.report.scores
    assert (found.report.people, found.report.windows) == (3, 15)
    assert scores["heart_rate_mae"] == pytest.approx(5 / 3, abs=0.02)
    assert scores["heart_rate_within_3"] == pytest.approx(2 / 3, abs=0.34)
    assert scores["heart_rate_naive_mae"] == pytest.approx((30 + 0 + 30) / 3, abs=0.05)
    assert scores["heart_rate_floor_mae"] < 0.05
    assert scores["heart_rate_mae_low"] <= scores["heart_rate_mae"] <= scores["heart_rate_mae_high"]
    assert [row["person"] for row in found.rows()][::5] == ["a", "b", "c"]
    assert found.rows()[0]["error"] == pytest.approx(3.0, abs=0.05)


def test_a_derivative_is_summed_first(waves: Waveforms) -> None:
    def differences(parts: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        return {name: np.append(np.diff(wave), 0.0) for name, wave in parts.items()}

    as_differences = Waveforms(differences(waves.predictions), differences(waves.labels), FPS, "derivative")
    of_values = evaluate(Waveforms(waves.predictions, waves.labels, FPS, "value"), "zoo")
    for protocol in ("zoo", "toolbox"):
        of_values = evaluate(Waveforms(waves.predictions, waves.labels, FPS, "value"), protocol)
        of_differences = evaluate(as_differences, protocol)
        np.testing.assert_allclose(of_differences.columns["estimate"], of_values.columns["estimate"], atol=0.1)
        np.testing.assert_allclose(of_differences.columns["truth"], of_values.columns["truth"], atol=0.1)


def test_protocols_that_average(waves: Waveforms) -> None:
    waves = Waveforms(waves.predictions, waves.labels, FPS, "value")
    assert evaluate(waves, "system_b").report.windows == 3
    # 40 s are 13 windows of 3 s, four runs of three
    assert evaluate(waves, "system_c").report.windows == 12


def test_a_dead_waveform_costs_coverage(waves: Waveforms) -> None:
    dead = Waveforms({**waves.predictions, "b": np.zeros(1200)}, waves.labels, FPS, "value")
    scores = evaluate(dead, "zoo").report.scores
    assert scores["heart_rate_coverage"] == pytest.approx(2 / 3)
    assert scores["heart_rate_dropped"] == 5


def test_command_line(waves: Waveforms, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arrays = {f"predictions/{name}": wave for name, wave in waves.predictions.items()}
    arrays |= {f"labels/{name}": wave for name, wave in waves.labels.items()}
    path = tmp_path / "model.npz"
    np.savez(path, fps=FPS, form="value", **arrays)
    groups = tmp_path / "groups.csv"
    groups.write_text("person,light\na,dim\nb,bright\nc,bright\n")
    words = ("--predictions", str(path), "--protocol", "spectral", "--groups", str(groups))
    assert run(arguments(*words, "--out", str(tmp_path / "out"))) == 0
    printed = capsys.readouterr().out
    assert "protocol spectral: 42-192 bpm" in printed
    assert "protocol zoo: " in printed
    assert "light bright: MAE 1.0" in printed
    with (tmp_path / "out" / "model-spectral-windows.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 15
    assert float(rows[0]["truth"]) == pytest.approx(60, abs=0.05)
    assert (tmp_path / "out" / "model-zoo-bland-altman.png").is_file()

    assert run(arguments(*words, "--json", "--band", "0.8", "3", "--window", "10")) == 0
    result = json.loads(capsys.readouterr().out)["results"][0]
    assert result["protocol"] == "spectral, changed (low, high, bandpass, window, hop)"
    assert len(result["windows"]) == 12
    assert result["groups"]["light"]["dim"]["n"] == 4


def test_models_are_compared_over_people(waves: Waveforms, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    names = [str(i) for i in range(6)]
    paths = []
    for shift, file in ((0.5, "good"), (2.0, "fair"), (6.0, "poor")):
        arrays = {f"predictions/{name}": pulse(60 + 8 * i + shift, 20) for i, name in enumerate(names)}
        arrays |= {f"labels/{name}": pulse(60 + 8 * i, 20) for i, name in enumerate(names)}
        paths.append(str(tmp_path / f"{file}.npz"))
        np.savez(paths[-1], fps=FPS, form="value", **arrays)
    run(arguments("--predictions", *paths[:2]))
    assert "Wilcoxon p = 0.0312 over 6 people" in capsys.readouterr().out
    run(arguments("--predictions", *paths))
    printed = capsys.readouterr().out
    assert "good.npz 1.00" in printed
    assert "poor.npz 3.00" in printed


def test_wrong_words(waves: Waveforms) -> None:
    with pytest.raises(UnknownName, match="Did you mean toolbox"):
        run(arguments("--predictions", "x.npz", "--protocol", "tolbox"))
    with pytest.raises(UsageError, match="NAME=VALUE"):
        run(arguments("--predictions", "x.npz", "--option", "nonsense"))


@pytest.mark.shared
@pytest.mark.parametrize(
    ("words", "mae", "rmse", "mape", "r"),
    [
        ((), 0.984, 2.647, 1.125, 0.990),
        (("--no-bandpass",), 1.277, 3.119, 1.385, 0.986),
        (("--option", "next_power_of_two=false"), 0.851, 1.977, 1.011, 0.995),
        (("--method", "toolbox_peaks"), 1.627, 3.355, 1.695, 0.975),
        (("--band", "0.6", "3.3"), 2.658, 11.168, 2.625, 0.831),
        (("--window", "10", "--remainder"), 1.525, 7.456, 1.484, 0.910),
    ],
)
def test_a_published_models_output_scores_as_published(
    shared: Path, words: tuple[str, ...], mae: float, rmse: float, mape: float, r: float
) -> None:
    path = shared / "data" / "outputs" / "ubfc_rppg_deepphys_pure.npz"
    options = arguments("--predictions", str(path), *words)
    scores = evaluate(read_waveforms(path), changed(load_protocol("toolbox"), options)).report.scores
    found = [scores[f"heart_rate_{name}"] for name in ("mae", "rmse", "mape", "r")]
    assert found == pytest.approx([mae, rmse, mape, r], abs=0.00051)
    if not words:
        assert scores["ppg_snr"] == pytest.approx(0.64, abs=0.0051)
        assert scores["ppg_macc"] == pytest.approx(0.839, abs=0.00051)


@pytest.mark.shared
def test_the_command_prints_the_published_row_and_the_zoos_own(
    shared: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = shared / "data" / "outputs" / "ubfc_rppg_deepphys_pure.npz"
    assert run(arguments("--predictions", str(path), "--protocol", "toolbox")) == 0
    printed = capsys.readouterr().out
    row, beside = (line for line in printed.splitlines() if line.startswith("heart_rate  model"))
    for number in ("0.984", "2.647", "1.125", "0.990"):
        assert number in row
    assert "0.64  0.839" in printed
    assert "waveforms read as derivative" in printed
    assert "protocol zoo: 42-192 bpm; 20 s windows, hop 5 s" in printed
    assert beside != row
