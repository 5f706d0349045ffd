"""The wheel holds all that the program needs: built, installed, and run from an empty folder."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.faces import write_face_clip

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    pip = [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "--no-build-isolation", "-w", str(folder)]
    subprocess.run([*pip, str(ROOT)], check=True)
    (path,) = folder.glob("rppg_zoo-*.whl")
    return path


@pytest.fixture(scope="module")
def site(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, installed into a folder of its own."""
    target = tmp_path_factory.mktemp("site")
    pip = [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--target", str(target)]
    subprocess.run([*pip, str(wheel)], check=True)
    return target


def run(site: Path, folder: Path, *arguments: str) -> str:
    """`zoo` of the wheel, in a folder without a checkout: its standard output."""
    done = subprocess.run(
        [sys.executable, "-m", "zoo", *arguments],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(site)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_wheel_holds_package_checkpoints_and_suites(wheel):
    names = zipfile.ZipFile(wheel).namelist()
    modules = {path.relative_to(ROOT).as_posix() for path in (ROOT / "zoo").rglob("*.py")}
    assert modules <= set(names) and "zoo/py.typed" in names and "zoo/models/fpn1d_multitask.yaml" in names
    for folder, pattern in (
        ("checkpoints", "*.json"),
        ("checkpoints", "*.safetensors"),
        ("checkpoints", "*.onnx"),
        ("benchmarks/suites", "*.yaml"),
    ):
        inside = "zoo/_shipped/" + folder.removeprefix("benchmarks/")
        assert {f"{inside}/{path.name}" for path in (ROOT / folder).glob(pattern)} <= set(names)
    assert not [name for name in names if name.startswith(("tests/", "plugins/"))]


def test_the_wheel_runs_from_an_empty_folder(site, tmp_path):
    code = "import zoo, zoo.bench.suite as s; print(zoo.__file__); print(sorted(s.suites()))"
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(site)},
        capture_output=True,
        text=True,
        check=True,
    )
    where, suites = done.stdout.strip().splitlines()
    assert Path(where).is_relative_to(site) and "quick" in suites
    assert "pos" in run(site, tmp_path, "list", "models")
    clip = write_face_clip(tmp_path / "face.mp4")
    (found,) = json.loads(run(site, tmp_path, "predict", str(clip), "--json"))
    assert abs(found["heart_rate"]["value"] - 72.0) < 3.0


def test_the_checkpoints_of_the_wheel_load(site, tmp_path):
    listed = json.loads(run(site, tmp_path, "list", "checkpoints", "--json"))["checkpoints"]
    assert {row["name"] for row in listed} == {path.stem for path in (ROOT / "checkpoints").glob("*.json")}
    code = "import sys, zoo\nfor name in sys.argv[1:]:\n    zoo.load(name)"
    subprocess.run(
        [sys.executable, "-c", code, *(row["name"] for row in listed)],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(site)},
        check=True,
    )
