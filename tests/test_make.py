"""`checkpoints/make.py`: its recipes can be read, the people that they name can be drawn, and stages are averaged."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from types import ModuleType

import pytest
import torch
import yaml

from zoo import checkpoints
from zoo.cli import main

FOLDER = Path(__file__).parents[1] / "checkpoints"
RECIPES = sorted((FOLDER / "recipes").glob("*.yaml"))


@pytest.fixture(scope="module")
def make() -> ModuleType:
    spec = importlib.util.spec_from_file_location("make", FOLDER / "make.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda path: path.name)
def test_each_recipe_is_understood(
    recipe: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as stopped:
        main(["fit", "--config", str(recipe), "--print_config"])
    assert stopped.value.code == 0
    printed, given = yaml.safe_load(capsys.readouterr().out), yaml.safe_load(recipe.read_text())
    assert printed["trainer"]["max_steps"] == given["trainer"]["max_steps"]
    assert printed["model"]["class_path"] == given["model"]["class_path"]
    assert printed["model"]["init_args"]["losses"] == given["model"]["init_args"]["losses"]


def test_each_shipped_checkpoint_has_its_stages_and_each_stage_its_people(make: ModuleType) -> None:
    stages = make.recipes()
    assert sorted(stages) == sorted(checkpoints.cards())
    assert [path.name for path in stages["fpn1d_multitask"]] == [
        f"fpn1d_multitask{end}.yaml" for end in ("", ".finish1", ".finish2", ".finish3")
    ]
    known = [*make.PEOPLE, *make.PASSED_ON]
    for name in stages:
        for root in make.roots(name):
            assert any(Path(one).is_relative_to(root) for one in known), (name, root)
    # nobody is drawn twice, and those who test were never drawn to train
    numbers = []
    for words in make.PEOPLE.values():
        first = int(words[words.index("--first-person") + 1]) if "--first-person" in words else 0
        numbers += [
            (words[words.index("--seed") + 1], first + i) for i in range(int(words[words.index("--people") + 1]))
        ]
    assert len(numbers) == len(set(numbers))


def test_people_are_drawn_and_their_videos_passed_on(
    make: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    people = ["--people", "1", "--seconds", "2", "--seed", "3", "--size", "96x96"]
    monkeypatch.setattr(make, "PEOPLE", {"more/clear": people, "other": people})
    monkeypatch.setattr(make, "PASSED_ON", {"twice/poor": ("more/clear", 40)})
    make.simulate(["twice"], tmp_path, workers=1)
    (first,), (second,) = (sorted((tmp_path / one).rglob("*.mp4")) for one in ("more", "twice"))
    assert second.stat().st_size < first.stat().st_size and not (tmp_path / "other").exists()
    assert json.loads((tmp_path / "twice" / "poor" / "simulation.json").read_text())["seed"] == 3


def test_the_mean_of_stages(make: ModuleType, tmp_path: Path) -> None:
    ends = []
    for value in (1.0, 4.0):
        state = {"weight": torch.full((2,), value), "seen": torch.tensor(7)}
        ends.append(tmp_path / f"{value}.ckpt")
        torch.save({"state_dict": state, "zoo": {"model": "physnet"}}, ends[-1])
    found = torch.load(make.mean_of(ends, tmp_path / "mean.ckpt"), weights_only=True)
    assert found["state_dict"]["weight"].tolist() == [2.5, 2.5] and found["state_dict"]["seen"] == 7
    assert found["zoo"] == {"model": "physnet"}
