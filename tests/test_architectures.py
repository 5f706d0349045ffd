"""The table of architectures: its figures are those of the published networks, and it knows every model."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks.architectures import main, published, table


def test_the_student_is_the_published_one(tmp_path: Path) -> None:
    main(["can_student", "--data", "synthetic", "--people", "1", "--onnx", "--out", str(tmp_path / "table.md")])
    row = json.loads((tmp_path / "table.json").read_text())["rows"][0]
    assert row["parameters_published"] == f"{row['parameters']:,}" == "24,769"
    assert row["window"] == "180 x 36 x 36"
    # two 3x3 convolutions, the second at half the side, and the dense layer, of 180 frames; batch norms come on top
    least = 180 * (36**2 * 27 * 32 + 18**2 * 288 * 64 + 5184)
    assert least < row["macs"] < 1.05 * least
    assert row["batch"] < 1e-4 and row["onnx"] < 1e-4
    assert 0.99 < row["bf16_r"][0] < 1.0 and row["bf16_rate"][0] < 0.5 and row["golden"] is None
    text = (tmp_path / "table.md").read_text()
    assert "| can_student | 180 x 36 x 36 | 24,769 | 24,769 |" in text and str(Path.home()) not in text


@pytest.mark.shared
def test_the_golden_error_is_in_the_table(shared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ZOO_SHARED", str(shared))
    main(["fpn1d_multitask", "--data", "synthetic", "--people", "1", "--out", str(tmp_path / "table.md")])
    row = json.loads((tmp_path / "table.json").read_text())["rows"][0]
    assert 0.0 < row["golden"] < 1e-4
    assert row["parameters_published"] == f"{row['parameters']:,}" == "792,769"


def test_published_figures_come_with_their_window_and_reason() -> None:
    row, options = published("tscan")
    assert row["parameters_published"] == "2.23 M" and row["macs_published"] == "40.89"
    assert options == {"frames": 180, "size": 72}
    assert all("system D" in note for note in row["notes"])


def test_what_was_not_measured_is_a_dash() -> None:
    row = {"model": "one", "parameters": 12, "bf16_r": [], "bf16_rate": [None], "notes": ["why"]}
    text = table([row], "simulated", "command")
    assert "| one | - | - | 12 | - | - | - | - | - | - | - | - |" in text and "- `one`: why." in text
