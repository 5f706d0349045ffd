"""A complete third-party package, installed apart, is listed, trained, run and measured by name."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import venv
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.faces import write_face_clip

ROOT = Path(__file__).parents[1]
PLUGIN = ROOT / "plugins" / "zoo-efficientphys"
SMALL = ["--model.frames", "20", "--model.size", "16"]
BRIEF = """
runtimes: [torch]
warmup: 1
min_runs: 1
max_runs: 1
seconds: 0.1
processes: 1
accuracy: false
lookahead: false
"""
QUICK = ["--data.options", '{"people": 4}', "--data.batch_size", "2", "--data.workers", "0"]

Zoo = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module")
def zoo(tmp_path_factory: pytest.TempPathFactory) -> Zoo:
    """Runs `zoo` in an empty folder, with the plugin installed into a folder of its own."""
    target, work = tmp_path_factory.mktemp("site"), tmp_path_factory.mktemp("work")
    # setuptools leaves its build folder beside the sources
    source = shutil.copytree(PLUGIN, tmp_path_factory.mktemp("source") / "plugin")
    pip = [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--no-build-isolation", "--target", str(target)]
    subprocess.run([*pip, str(source)], check=True)

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        path = os.pathsep.join([str(target), str(ROOT)])
        return subprocess.run(
            [sys.executable, "-m", "zoo", *arguments],
            cwd=work,
            env={**os.environ, "PYTHONPATH": path},
            capture_output=True,
            text=True,
            check=False,
        )

    return run


def test_it_is_listed_and_explained(zoo):
    listed = json.loads(zoo("list", "models", "--json").stdout)["models"]
    (row,) = [row for row in listed if row["name"] == "efficientphys"]
    assert row["distribution"] == "zoo-efficientphys"
    (row,) = [row for row in json.loads(zoo("plugins", "--json").stdout) if row["name"] == "efficientphys"]
    assert row["kind"] == "model"
    found = json.loads(zoo("info", "efficientphys", "--json").stdout)
    assert found["parameters"]["network"] == 2_163_081 and found["recipe"].endswith("efficientphys.yaml")


def test_it_trains_by_name(zoo):
    done = zoo("fit", "--model", "efficientphys", *SMALL, *QUICK, "--trainer.fast_dev_run", "true")
    assert done.returncode == 0, done.stderr
    assert "efficientphys on synthetic (test)" in done.stdout


def test_it_predicts_by_name(zoo, tmp_path):
    clip = write_face_clip(tmp_path / "face.mp4")
    done = zoo("predict", "--model", "efficientphys", str(clip), "--json")
    assert done.returncode == 0, done.stderr
    (found,) = json.loads(done.stdout)
    # its weights are random: that a rate is read, and what kind of weights read it
    assert found["model"] == "efficientphys" and found["heart_rate"]["method"]
    assert any("not trained" in note or "no trained" in note for note in found["notes"])


def test_it_is_measured_by_name(zoo, tmp_path):
    suite = tmp_path / "brief.yaml"
    suite.write_text(BRIEF)
    done = zoo("bench", "--suite", str(suite), "--model", "efficientphys", "--json")
    assert done.returncode == 0, done.stderr
    (row,) = [row for row in json.loads(done.stdout)["rows"] if row["model"] == "efficientphys"]
    assert row["state"] == "ok" and row["parameters"] >= 2_163_081


@pytest.mark.full
def test_it_installs_into_a_fresh_environment(tmp_path):
    """pip, from an environment with nothing but itself, resolves the plugin against the zoo's own wheel."""
    python = fresh_environment(tmp_path / "venv")
    subprocess.run([python, "-m", "pip", "install", "-q", str(ROOT), str(PLUGIN)], check=True)
    done = subprocess.run(
        [python, "-m", "zoo", "plugins", "--check", "--json"], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    (row,) = json.loads(done.stdout)
    assert (row["name"], row["state"]) == ("efficientphys", "works")
    subprocess.run([python, "-m", "pip", "install", "-q", "pytest"], check=True)
    tests = shutil.copytree(PLUGIN / "tests", tmp_path / "tests")
    subprocess.run([python, "-m", "pytest", "-q", str(tests)], cwd=tmp_path, check=True)


def fresh_environment(path: Path) -> str:
    """The Python of a new environment with pip alone."""
    venv.create(path, with_pip=True)
    return str(path / ("Scripts" if os.name == "nt" else "bin") / "python")
