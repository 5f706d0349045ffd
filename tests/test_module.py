"""VitalsModule: what it refuses, and that all models share one loss and one scoring."""

import pytest
import torch

from zoo.errors import InputShapeError, UnknownName, UsageError
from zoo.models.fpn1d_multitask import FPN1DMultitask
from zoo.models.pos import POS


@pytest.fixture(scope="module")
def module() -> FPN1DMultitask:
    torch.manual_seed(0)
    return FPN1DMultitask(frames=128, regions=["face"], targets=["age", "sex"]).eval()


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        (torch.zeros(1, 2, 3, 128), r"\(n, 1, 3, 128\), not \(1, 2, 3, 128\)"),
        (torch.zeros(1, 1, 3, 20), "at least 64 frames, not 20"),
        (torch.zeros(0, 1, 3, 128), "not an empty batch"),
        (torch.zeros(1, 3, 128), "not \\(1, 3, 128\\)"),
        (torch.zeros(1, 1, 3, 128, dtype=torch.uint8), "divide 8-bit colours by 255"),
    ],
)
def test_wrong_input_is_refused_with_the_expected_shape(module, raw, message):
    with pytest.raises(InputShapeError, match=message):
        module(raw)


def test_unknown_names_are_refused():
    with pytest.raises(UnknownName, match="Did you mean systolic"):
        FPN1DMultitask(targets=["sistolic"])
    with pytest.raises(UnknownName, match="Did you mean negative_pearson"):
        FPN1DMultitask(losses={"negative_person": 1.0})
    with pytest.raises(UsageError, match="loss_weights names no output"):
        FPN1DMultitask(targets=[], loss_weights={"age": 1.0})


def batch_for(module, size=2):
    raw = module.example_input(size)
    wave = torch.sin(torch.arange(128) * 0.25).repeat(size, 1)
    targets = {"age": torch.tensor([30.0, float("nan")]), "sex": torch.tensor([1.0, 0.0])}
    mask = torch.ones(size, 128, dtype=torch.bool)
    return {"input": raw, "waveforms": {"ppg": wave}, "targets": targets, "mask": mask, "person": ["a", "b"]}


def test_loss_is_the_weighted_sum_of_its_parts(module):
    losses = module.loss(batch_for(module))
    expected = losses["ppg"] + 0.1 * losses["age"] + 0.1 * losses["sex"]
    assert losses["loss"].item() == pytest.approx(expected.item(), rel=1e-6)


def test_labels_that_are_not_known_cost_nothing(module):
    batch = batch_for(module)
    batch["waveforms"]["ppg"][0] = float("nan")
    batch["targets"]["sex"][:] = float("nan")
    losses = module.loss(batch)
    assert losses["sex"] == 0 and losses["ppg"] > 0 and losses["age"] > 0
    batch["waveforms"]["ppg"][:] = float("nan")
    batch["targets"]["age"][:] = float("nan")
    losses = module.loss(batch)
    assert losses["loss"] == 0
    module.zero_grad()
    losses["loss"].backward()
    assert all(p.grad is None or bool(p.grad.isfinite().all()) for p in module.parameters())


def test_infinite_labels_are_not_known(module):
    unknown, infinite = batch_for(module), batch_for(module)
    unknown["waveforms"]["ppg"][0, 3], infinite["waveforms"]["ppg"][0, 3] = torch.nan, torch.inf
    unknown["targets"]["age"][0], infinite["targets"]["age"][0] = torch.nan, -torch.inf
    unknown["targets"]["sex"][0], infinite["targets"]["sex"][0] = torch.nan, torch.inf
    assert module.loss(infinite) == module.loss(unknown)
    assert module.loss(infinite)["ppg"] > 0 and all(value.isfinite() for value in module.loss(infinite).values())


def test_learned_weights_start_equal_and_are_not_the_networks():
    torch.manual_seed(0)
    fixed = FPN1DMultitask(frames=128, regions=["face"], targets=["age"]).eval()
    torch.manual_seed(0)
    learned = FPN1DMultitask(frames=128, regions=["face"], targets=["age"], learn_loss_weights=True).eval()
    batch = batch_for(fixed)
    assert learned.loss(batch)["loss"].item() == pytest.approx(fixed.loss(batch)["loss"].item(), rel=1e-6)
    learned.loss(batch)["loss"].backward()
    assert learned.log_variance["ppg"].grad is not None
    assert all("log_variance" not in name for name, _ in learned.network.named_parameters())


def test_preparation_stays_in_fp32_under_autocast(module):
    raw = module.example_input(1)
    seen = []
    original = module.network.features
    module.network.features = lambda x, *a: (seen.append(x), original(x, *a))[1]
    try:
        with torch.no_grad(), torch.autocast("cpu", dtype=torch.bfloat16):
            module(raw)
    finally:
        module.network.features = original
    assert seen[0].dtype == torch.float32
    assert torch.equal(seen[0], module.prepare(raw)[..., : seen[0].shape[-1]])


def test_classical_methods_have_nothing_to_train():
    with pytest.raises(UsageError, match="nothing to train"):
        POS().configure_optimizers()
