"""Every recipe beside a model names settings that the model, the data and the trainer have."""

import inspect

import lightning as L
import pytest
import yaml

from tests.models.small_models import SMALL
from zoo import registry
from zoo.data.module import VitalsDataModule
from zoo.module import VitalsModule


@pytest.mark.parametrize("variant", ["", ".quick"])
@pytest.mark.parametrize("name", SMALL)
def test_recipe_builds_its_model(name, variant):
    published = registry.recipe(name)
    assert published is not None
    settings = yaml.safe_load(published.with_name(f"{name}{variant}.yaml").read_text())
    assert settings["model"]["class_path"] == name
    init = settings["model"]["init_args"]
    kind = registry.model_class(name)
    typed = {*inspect.signature(kind).parameters, *inspect.signature(VitalsModule).parameters}
    assert set(init) <= typed
    module = kind(**init)
    assert module.input.frames % module.input.multiple_of == 0
    assert set(settings["data"]) <= set(inspect.signature(VitalsDataModule).parameters)
    assert set(settings["trainer"]) <= set(inspect.signature(L.Trainer).parameters)
    assert isinstance(init["lr"], float) and init["lr"] > 0
