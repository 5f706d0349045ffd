"""One door for built-ins and plugins: a broken plugin disturbs nothing but its own use."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.plugins import MODEL, installed, write_plugin
from zoo import registry
from zoo.commands.doctor import stale_entries
from zoo.errors import PluginError, UnknownName


def good(folder: Path, distribution: str = "zoo-good", name: str = "good", package: str = "good_plugin") -> Path:
    modules = {f"{package}/__init__.py": "PLUGIN_API = 1\n", f"{package}/model.py": MODEL}
    return write_plugin(folder, distribution, modules, {name: f"{package}.model:Mine"})


def test_built_ins_come_through_the_same_door():
    entry = registry.find("model", "fpn1d_multitask")
    assert entry.built_in and entry.value == "zoo.models.fpn1d_multitask:FPN1DMultitask"
    assert {"ubfc_rppg", "folder", "synthetic"} <= set(registry.entries("dataset"))


def test_a_plugin_is_found_and_loaded_by_name(tmp_path):
    with installed(good(tmp_path)):
        entry = registry.find("model", "good")
        assert (entry.distribution, entry.version, entry.built_in) == ("zoo-good", "1.2", False)
        assert registry.model_class("good").__name__ == "Mine"
    assert "good" not in registry.entries("model")


def test_nothing_is_imported_before_it_is_chosen(tmp_path):
    with installed(good(tmp_path)):
        assert registry.source(registry.find("model", "good")) == tmp_path / "good_plugin" / "model.py"
        assert registry.recipe("good") is None
        assert not any(name.startswith("good_plugin") for name in sys.modules)


def test_a_recipe_is_found_in_the_plugin(tmp_path):
    good(tmp_path)
    recipe = tmp_path / "good_plugin" / "good.yaml"
    recipe.write_text("model: good\n")
    with installed(tmp_path):
        assert registry.recipe("good") == recipe


@pytest.mark.parametrize(
    ("top", "model", "says"),
    [
        ("PLUGIN_API = 1\n", "raise RuntimeError('the moon is full')\n", "RuntimeError: the moon is full"),
        ("PLUGIN_API = 1\n", "import a_module_that_is_not_there\n", "a_module_that_is_not_there"),
        ("PLUGIN_API = 1\n", "raise SystemExit(3)\n", "SystemExit"),
        ("PLUGIN_API = 1\n", "x = 1\n", "Mine"),
        ("PLUGIN_API = 1\n", "class Mine:\n    pass\n", "no subclass of VitalsModule"),
        ("PLUGIN_API = 2\n", MODEL, "declares PLUGIN_API 2, this zoo has PLUGIN_API 1"),
        ("", MODEL, "declares no PLUGIN_API, this zoo has PLUGIN_API 1"),
    ],
)
def test_a_broken_plugin_names_its_distribution_and_disturbs_nothing_else(tmp_path, top, model, says):
    modules = {"broken_plugin/__init__.py": top, "broken_plugin/model.py": model}
    write_plugin(tmp_path, "zoo-broken", modules, {"broken": "broken_plugin.model:Mine"})
    with installed(tmp_path):
        assert registry.model_class("pos").__name__ == "POS"
        assert {"broken", "pos"} <= set(registry.entries("model"))
        with pytest.raises(PluginError, match="zoo-broken") as caught:
            registry.model_class("broken")
    assert says in str(caught.value) and "\n" not in str(caught.value)


def test_a_data_set_that_is_no_reader_is_refused(tmp_path):
    write_plugin(tmp_path, "zoo-data", {"data_plugin.py": "PLUGIN_API = 1\n"}, datasets={"mine": "data_plugin"})
    with installed(tmp_path), pytest.raises(PluginError, match=r"zoo-data.*no INFO"):
        registry.dataset("mine")


def test_a_clash_leaves_the_built_in_in_place(tmp_path):
    first, second = tmp_path / "a", tmp_path / "b"
    good(first, "zoo-first", "pos", "first_plugin")
    good(second, "zoo-second", "both", "second_plugin")
    good(tmp_path / "c", "zoo-third", "both", "third_plugin")
    with installed(first, second, tmp_path / "c"):
        assert registry.find("model", "pos").built_in
        assert registry.model_class("zoo-first:pos").__module__ == "first_plugin.model"
        assert registry.find("model", "both").distribution == "zoo-second"
        assert registry.find("model", "zoo-second:both").distribution == "zoo-second"
        assert registry.find("model", "zoo-third:both").distribution == "zoo-third"
        assert {"pos", "zoo-first:pos", "zoo-third:both"} <= set(registry.entries("model"))


def test_a_wrong_name_says_what_was_meant():
    with pytest.raises(UnknownName, match="Did you mean fpn1d_multitask"):
        registry.find("model", "fpn1d_multitaks")
    with pytest.raises(UnknownName, match="zoo list datasets"):
        registry.find("dataset", "no_such_thing_at_all")


def test_stale_entry_points_are_told(tmp_path):
    write_plugin(tmp_path / "gone", "zoo-gone", {}, {"gone": "gone_plugin.model:Mine"})
    stale = good(tmp_path / "stale", "zoo-stale", "old", "stale_plugin")
    (stale / "pyproject.toml").write_text('[project.entry-points."zoo.models"]\nnew = "stale_plugin.model:Mine"\n')
    origin = {"url": stale.as_uri(), "dir_info": {"editable": True}}
    (stale / "zoo_stale-1.2.dist-info" / "direct_url.json").write_text(json.dumps(origin))
    with installed(tmp_path / "gone", stale):
        problems = stale_entries()
    assert any("zoo-gone" in one and "gone_plugin.model, which is not there" in one for one in problems)
    assert any("zoo-stale was changed" in one and "new, old" in one for one in problems)


def test_plugins_lists_by_metadata_and_checks_each_apart(tmp_path):
    good(tmp_path)
    modules = {"deadly/__init__.py": "PLUGIN_API = 1\n", "deadly/model.py": "import os\nos._exit(7)\n"}
    write_plugin(tmp_path, "zoo-deadly", modules, {"deadly": "deadly.model:Mine"})
    modules = {"other/__init__.py": "PLUGIN_API = 9\n", "other/model.py": MODEL}
    write_plugin(tmp_path, "zoo-other", modules, {"other": "other.model:Mine"})

    def plugins(*arguments: str) -> tuple[int, list[dict[str, object]]]:
        path = os.pathsep.join([str(tmp_path), str(Path(__file__).parents[1])])
        command = [sys.executable, "-m", "zoo", "plugins", "--json", *arguments]
        done = subprocess.run(
            command, env={**os.environ, "PYTHONPATH": path}, capture_output=True, text=True, check=False
        )
        rows = [row for row in json.loads(done.stdout) if str(row["distribution"]).startswith("zoo-")]
        return done.returncode, [row for row in rows if row["name"] in ("good", "deadly", "other")]

    code, rows = plugins()
    assert code == 0 and {row["name"] for row in rows} == {"good", "deadly", "other"}
    assert all("state" not in row for row in rows)

    code, rows = plugins("--check")
    states = {row["name"]: row for row in rows}
    assert code == 1
    assert (states["good"]["state"], states["good"]["api"], states["good"]["reason"]) == ("works", 1, "")
    assert states["deadly"]["state"] == "broken" and "exit code 7" in str(states["deadly"]["reason"])
    assert states["other"]["api"] == 9 and "PLUGIN_API 9" in str(states["other"]["reason"])
