"""Pictures: each is drawn, shows what it was given, and needs no window system."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from zoo.metrics import plots
from zoo.metrics.protocol import load_protocol

TRUTH = np.linspace(60, 110, 12)
ESTIMATE = TRUTH + np.where(np.arange(12) % 4 == 0, 9.0, 0.5)
PEOPLE = [f"person{i // 2}" for i in range(12)]


@pytest.mark.parametrize("ending", ["png", "svg"])
def test_each_kind(tmp_path: Path, ending: str) -> None:
    error, confidence = np.abs(ESTIMATE - TRUTH), np.linspace(1, 0, 12)
    t = np.arange(600) / 30
    wave = np.sin(2 * np.pi * 1.2 * t)
    made = [
        plots.bland_altman_plot(ESTIMATE, TRUTH, PEOPLE, tmp_path / f"b.{ending}"),
        plots.scatter_plot(ESTIMATE, TRUTH, tmp_path / f"s.{ending}"),
        plots.person_errors_plot(ESTIMATE, TRUTH, PEOPLE, tmp_path / f"p.{ending}"),
        plots.risk_coverage_plot(error, confidence, tmp_path / f"r.{ending}"),
        plots.calibration_plot(error < 3, confidence, tmp_path / f"c.{ending}", threshold=0.5),
        plots.group_errors_plot(ESTIMATE, TRUTH, ["dark"] * 6 + ["light"] * 6, tmp_path / f"g.{ending}", "skin tone"),
        plots.overlay_plot([("good", wave, wave, 72.0, 72.0)], 30.0, tmp_path / f"o.{ending}"),
    ]
    start = b"\x89PNG" if ending == "png" else b"<?xml"
    for path in made:
        assert path.read_bytes().startswith(start)


def test_nothing_known_still_draws(tmp_path: Path) -> None:
    nothing = np.full(3, np.nan)
    people = ["a", "b", "c"]
    plots.bland_altman_plot(nothing, nothing, people, tmp_path / "b.png")
    plots.scatter_plot(nothing, nothing, tmp_path / "s.png")
    plots.person_errors_plot(nothing, nothing, people, tmp_path / "p.png")
    plots.risk_coverage_plot(nothing, nothing, tmp_path / "r.png")
    assert len(list(tmp_path.iterdir())) == 4


def test_all_pictures_of_an_evaluation(tmp_path: Path) -> None:
    wave = np.sin(2 * np.pi * 1.2 * np.arange(1200) / 30)
    columns = {
        "estimate": np.array([72.0, np.nan, 80.0]),
        "truth": np.array([72.0, 72.0, 72.0]),
        "confidence": np.array([0.9, 0.0, 0.2]),
        "start": np.array([0.0, 5.0, 0.0]),
    }
    values = {"a": (wave, wave), "b": (wave, wave)}
    made = plots.evaluation_pictures(columns, ["a", "a", "b"], values, 30.0, load_protocol("zoo"), tmp_path / "x")
    assert sorted(path.name for path in made) == sorted(path.name for path in tmp_path.iterdir())
    assert "x-overlays.png" in {path.name for path in made}


def test_no_window_system_is_touched() -> None:
    import subprocess
    import sys

    code = (
        "import sys, zoo.evaluate, zoo.metrics.plots; sys.exit('matplotlib' in sys.modules or 'torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
