"""No torch where none is needed: serving and listing start in a moment."""

from __future__ import annotations

import pkgutil
import subprocess
import sys

import pytest

import zoo.data
import zoo.datasets
import zoo.metrics
import zoo.signals

# every module of these packages, and these modules, import without torch and lightning
PACKAGES = (zoo.signals, zoo.datasets)
MODULES = (
    *("zoo", "zoo.spec", "zoo.errors", "zoo.registry", "zoo.checkpoints", "zoo.cli", "zoo.metrics"),
    *("zoo.data.recording", "zoo.data.video", "zoo.data.face", "zoo.data.regions", "zoo.data.extract"),
    *("zoo.prediction.command", "zoo.commands.fit", "zoo.commands._options", "zoo.commands.doctor"),
    *("zoo.commands.list", "zoo.commands.info", "zoo.commands.plugins", "zoo.commands.simulate"),
)
TORCH = "[name for name in ('torch', 'lightning', 'timm', 'albumentations', 'matplotlib') if name in sys.modules]"


def loaded(code: str, names: str = TORCH) -> str:
    done = subprocess.run(
        [sys.executable, "-c", f"import sys\n{code}\nprint({names})"], capture_output=True, text=True, check=True
    )
    return done.stdout.strip().splitlines()[-1]


def modules() -> list[str]:
    found = [f"{package.__name__}.{one.name}" for package in PACKAGES for one in pkgutil.iter_modules(package.__path__)]
    return [*MODULES, *found]


def test_nothing_heavy_is_imported():
    code = "\n".join(f"import {name}" for name in modules())
    assert loaded(code) == "[]"


@pytest.mark.parametrize("name", MODULES)
def test_each_imports_alone(name):
    # imported first, so that no circle of imports hides behind an earlier one
    assert loaded(f"import {name}") == "[]"


@pytest.mark.parametrize("command", [["--help"], ["list"], ["plugins"]])
def test_the_quick_commands_need_not_even_numpy(command):
    names = "[name for name in ('numpy', 'torch', 'lightning', 'yaml', 'rich') if name in sys.modules]"
    assert loaded(f"from zoo.cli import main\nmain({command!r})", names) == "[]"


def test_an_exported_file_is_read_without_scipy():
    # whose signal package takes a second, which every process of the bench and of a server would pay
    assert (
        loaded("import zoo.export.runtime", "[name for name in ('scipy.signal', 'torch') if name in sys.modules]")
        == "[]"
    )


def test_a_worker_that_prepares_begins_without_scipy():
    # every worker would pay for it, also where there is no label to find beats in
    assert loaded("import zoo.commands.prepare", "[name for name in ('scipy', 'torch') if name in sys.modules]") == "[]"


def test_a_wrong_setting_is_told_without_torch():
    arguments = ["fit", "--model", "fpn1d_multitask", "--model.lrr", "1"]
    assert loaded(f"from zoo.cli import main\nassert main({arguments!r}) == 2") == "[]"
