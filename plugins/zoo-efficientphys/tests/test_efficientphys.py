"""The package keeps the zoo's promises, and its network is the published one."""

import zoo_efficientphys
from zoo_efficientphys.efficientphys import EfficientPhys, Network

from zoo import registry
from zoo.testing import check_model


def test_keeps_every_promise_of_a_model():
    found = check_model("efficientphys", frames=20, size=16)
    assert found.distribution.startswith("zoo-efficientphys")


def test_is_made_for_this_interface():
    assert zoo_efficientphys.PLUGIN_API == registry.PLUGIN_API


def test_has_the_published_parameters():
    assert sum(p.numel() for p in Network(72).parameters()) == 2_163_081


def test_the_last_difference_is_zero():
    module = EfficientPhys(frames=20, size=16)
    prepared = module.prepare(module.example_input(2))
    assert prepared.shape == (2, 20, 3, 16, 16)
    assert not prepared[:, -1].any() and prepared[:, :-1].any()


def test_brings_its_recipe():
    recipe = registry.recipe("efficientphys")
    assert recipe is not None and recipe.name == "efficientphys.yaml"
