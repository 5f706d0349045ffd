"""Settings that no model can have are refused in one sentence when it is built, and legal ones are let through."""

from typing import Any, Literal

import pytest

from tests.models.small_models import SMALL
from zoo import registry, settings
from zoo.cli import main
from zoo.errors import UsageError
from zoo.spec import Clip, Grid, Traces, input_from_dict, input_to_dict


class Parent:
    def __init__(self, losses: dict[str, float], lr: float = 1.0, name: str | None = None) -> None: ...


class Child(Parent):
    def __init__(
        self, names: list[str], size: int = 3, deep: bool = False, how: Literal["a", "b"] = "a", **training: Any
    ) -> None: ...


@pytest.mark.parametrize(
    "values",
    [
        {"size": 4, "deep": True, "how": "b", "names": ["x"]},
        {"lr": 1, "losses": {"mse": 1.0, "spectral": 2}, "name": None},
        {"names": ("x", "y"), "name": "z", "unheard_of": object()},
    ],
)
def test_what_the_annotations_say_is_let_through(values):
    settings.check(Child, values)


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("size", 4.5, "size must be a whole number, not 4.5."),
        ("size", True, "size must be a whole number, not True."),
        ("deep", 1, "deep must be true or false, not 1."),
        ("how", "c", "how must be one of 'a', 'b', not 'c'."),
        ("names", "x", "names must be a list, each text, not 'x'."),
        ("names", [3], "names must be a list, each text, not [3]."),
        ("lr", "fast", "lr must be a number, not 'fast'."),
        ("losses", {"mse": "1"}, "losses must be a mapping of names, each to a number, not {'mse': '1'}."),
        ("name", 3, "name must be text or null, not 3."),
    ],
)
def test_everything_else_is_refused_by_name(name, value, said):
    with pytest.raises(UsageError) as refused:
        settings.check(Child, {name: value})
    assert str(refused.value) == said


@pytest.mark.parametrize("name", SMALL)
def test_the_small_models_are_legal_settings(name):
    settings.check(registry.model_class(name), SMALL[name])


@pytest.mark.parametrize(
    ("model", "wrong", "said"),
    [
        ("physnet", {"form": "x"}, "form must be one of"),
        ("physnet", {"crop": "foo"}, "crop must be one of"),
        ("physnet", {"normalise": "bogus"}, "normalise must be one of"),
        ("physnet", {"optimizer": "magic"}, "optimizer must be one of"),
        ("physnet", {"schedule": "magic"}, "schedule must be one of"),
        ("physnet", {"lr": -1.0}, "lr must be above 0"),
        ("physnet", {"lr": float("nan")}, "lr must be above 0"),
        ("physnet", {"weight_decay": -1.0}, "weight_decay must be 0 or more"),
        ("physnet", {"protocol": "zo"}, "no protocol called 'zo'"),
        ("physnet", {"losses": {}}, "losses must name at least one"),
        ("physnet", {"targets": ["age", "age"]}, "targets names a biomarker twice"),
        ("physnet", {"frames": 1}, "frames must be at least 4, not 1"),
        ("fpn1d_multitask", {"regions": ["nope"]}, "no region called 'nope'"),
        ("fpn1d_multitask", {"regions": []}, "the number of regions must be above 0, not 0"),
        ("pos", {"regions": ["nope"]}, "no region called 'nope'"),
        ("classical_fusion", {"regions": ["nope"]}, "no region called 'nope'"),
        ("rtrppg", {"size": 0}, "size must be above 0, not 0"),
        ("rtrppg", {"size": -1}, "size must be above 0, not -1"),
        ("resnet18", {"size": -1}, "size must be above 0, not -1"),
        ("resnet18", {"frames": -180}, "frames must be above 0, not -180"),
        ("resnet18", {"fps": 0.0}, "fps must be above 0, not 0.0"),
        ("rhythmnet", {"rows": 0}, "rows must be above 0, not 0"),
        ("rhythmnet", {"rows": -1, "columns": -1}, "rows must be above 0, not -1"),
        ("rhythmnet", {"step": 0}, "step must be above 0, not 0"),
        ("rhythmnet", {"clip": 0}, "clip must be above 0, not 0"),
        ("rhythmnet", {"frames": 125}, "frames must be at least 300 and a multiple of 15, not 125"),
        ("tscan", {"depth": 0}, "depth must be above 0, not 0"),
        ("tscan", {"frames": 125}, "frames must be at least 10 and a multiple of 10, not 125"),
        ("mtts_can", {"depth": 0}, "depth must be above 0, not 0"),
        ("mobilenet_attention", {"step": 0}, "step must be above 0, not 0"),
    ],
)
def test_a_model_with_such_settings_is_not_built(model, wrong, said):
    with pytest.raises(UsageError, match=said):
        registry.model_class(model)(**wrong)


@pytest.mark.parametrize(
    ("setting", "value", "said"),
    [
        ("size", "0", "size must be above 0, not 0."),
        ("targets", "[agee]", "There is no biomarker called 'agee'. Did you mean age?"),
        ("crop", "foo", "model.crop must be one of 'aligned', 'tracked_box', 'first_box_1.6', 'whole', not 'foo'."),
    ],
)
def test_training_tells_a_wrong_setting_in_one_line(setting, value, said, capsys):
    assert main(["fit", "--model", "resnet18", f"--model.{setting}", value, "--data", "synthetic"]) == 2
    assert capsys.readouterr().err == f"zoo: {said}\n"


@pytest.mark.parametrize("input", [Clip(40, 36, multiple_of=4), Traces(60, Grid(2, 3)), Traces(60, ("nose", "chin"))])
def test_an_input_is_read_back_and_a_damaged_one_is_not(input):
    plain = input_to_dict(input)
    assert input_from_dict(plain) == input
    with pytest.raises(ValueError, match="fps must be above 0, not 0"):
        input_from_dict({**plain, "fps": 0})
