"""What holds for every published architecture, at its smallest size."""

import json

import pytest
import torch

from tests.models.small_models import PINNED, SMALL, build, colours, outputs, pinned
from zoo import registry
from zoo.errors import InputShapeError, UsageError
from zoo.spec import Clip, Traces

NAMES = list(SMALL)
WAVEFORMS = [name for name in NAMES if name != "rhythmnet"]


def test_every_trainable_built_in_is_tested_here():
    trainable = {
        name
        for name, entry in registry.entries("model").items()
        if entry.built_in and registry.model_class(name).trainable
    }
    assert trainable == set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_output_is_pinned(name):
    expected = torch.tensor(json.loads(PINNED.read_text())[name])
    found = torch.tensor(pinned(name))
    assert expected.std() > 0
    assert (found - expected).norm() / expected.norm() < 1e-4


@pytest.mark.parametrize("name", NAMES)
def test_batch_of_one_equals_its_row_of_a_larger_one_and_twice_is_the_same(name):
    module = build(name)
    raw = colours(module, 3)
    together = outputs(module, raw)
    assert torch.equal(together, outputs(module, raw))
    alone = torch.cat([outputs(module, row[None]) for row in raw])
    assert (together - alone).norm() / together.norm() < 1e-5


@pytest.mark.parametrize("name", NAMES)
def test_a_training_step_reaches_every_parameter(name):
    module = build(name, targets=["heart_rate", "age"]).train()
    frames = SMALL[name]["frames"]
    wave = torch.sin(torch.arange(frames) * 0.5).repeat(2, 1)
    batch = {
        "input": colours(module),
        "waveforms": {"ppg": wave, "respiration": wave.flip(1)},
        "targets": {"heart_rate": torch.tensor([60.0, 90.0]), "age": torch.tensor([30.0, 50.0])},
        "mask": torch.ones(2, frames, dtype=torch.bool),
    }
    loss = module.loss(batch)["loss"]
    loss.backward()
    assert torch.isfinite(loss)
    still = [key for key, value in module.named_parameters() if value.grad is None or not value.grad.any()]
    # a bias before a batch norm moves nothing, and its gradient may round to exactly 0
    assert not [key for key in still if not key.endswith(".bias")]


@pytest.mark.parametrize("name", NAMES)
def test_bf16_autocast_changes_little(name):
    module = build(name)
    raw = colours(module)
    full = outputs(module, raw)
    with torch.autocast("cpu", torch.bfloat16):
        low = outputs(module, raw).float()
    assert (low - full).norm() / full.norm() < 0.1


@pytest.mark.full
@pytest.mark.parametrize("name", NAMES)
def test_compiles_whole(name):
    """torch.compile sees one graph from colours to outputs (recurrent layers stay torch's own), and gives the same."""
    torch._dynamo.reset()
    module = build(name)
    raw = colours(module)
    recurrent = any(isinstance(layer, torch.nn.RNNBase) for layer in module.modules())
    compiled = torch.compile(module, fullgraph=not recurrent, backend="eager")
    assert (outputs(compiled, raw) - outputs(module, raw)).norm() / outputs(module, raw).norm() < 1e-5


@pytest.mark.parametrize("name", NAMES)
def test_preparation_ignores_autocast(name):
    module = build(name)
    raw = colours(module)
    seen = []
    module.network.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    features = module.network.features
    module.network.features = lambda x, *rest: (seen.append(x), features(x, *rest))[1]
    outputs(module, raw)
    with torch.autocast("cpu", torch.bfloat16):
        outputs(module, raw)
    assert seen[0].dtype == seen[1].dtype == torch.float32 and torch.equal(seen[0], seen[1])


@pytest.mark.parametrize("name", NAMES)
def test_stages_leave_the_features_alone(name):
    module = build(name)
    x = module.prepare(colours(module))
    with torch.no_grad():
        features, maps = module.features(x, stages=True)
        plain = module.features(x)
    assert (features - plain).norm() / plain.norm() < 1e-5
    assert (
        ("last" in maps or isinstance(module.input, Traces))
        and maps
        and all(torch.isfinite(value).all() for value in maps.values())
    )


@pytest.mark.parametrize("name", [name for name in NAMES if name.startswith("phys")])
def test_stages_lie_on_the_way_to_the_features(name):
    """What `zoo explain --stage` weighs a map by."""
    module = build(name)
    features, maps = module.features(module.prepare(colours(module)), stages=True)
    for gradient in torch.autograd.grad(features.square().sum(), list(maps.values())):
        assert gradient.abs().max() > 0


@pytest.mark.parametrize("name", NAMES)
def test_biomarkers_hang_on_the_features_and_leave_the_waveform_alone(name):
    alone = build(name)
    both = registry.model_class(name)(**{**SMALL[name], "targets": ["heart_rate", "age"]}).eval()
    both.network.load_state_dict(alone.network.state_dict())
    raw = colours(alone)
    with torch.no_grad():
        with_targets, without = both(raw), alone(raw)
    assert set(with_targets.targets) == {"heart_rate", "age"}
    for wave, values in without.waveforms.items():
        assert torch.equal(with_targets.waveforms[wave], values)


@pytest.mark.parametrize("name", WAVEFORMS)
def test_waveform_alone_is_the_network_alone(name):
    module = build(name)
    assert module.head is None
    assert sum(p.numel() for p in module.parameters()) == sum(p.numel() for p in module.network.parameters())


@pytest.mark.parametrize("name", NAMES)
def test_wrong_input_is_refused_in_one_sentence(name):
    module = build(name)
    raw = colours(module)
    time = 2 if isinstance(module.input, Clip) else 3
    wrong = [raw[..., :-1] if time == 2 else raw[:, :-1], raw[:, :, :1], (raw * 255).to(torch.uint8), raw[0]]
    wrong.append(raw.narrow(time, 0, module.input.min_frames - 1))
    for one in wrong:
        with pytest.raises(InputShapeError) as caught:
            module(one)
        assert "eats float RGB 0..1 of shape" in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["tscan", "mtts_can", "physformer"])
def test_frames_between_the_multiples_are_refused(name):
    module = build(name)
    with pytest.raises(InputShapeError, match="in multiples of"):
        module(colours(module).repeat_interleave(2, dim=2)[:, :, : SMALL[name]["frames"] + 1])


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("deepphys", {"size": 9}),
        ("can_student", {"size": 3}),
        ("physnet", {"size": 15}),
        ("physnet_2dcnn", {"size": 15}),
        ("physformer", {"size": 36}),
        ("physformer", {"layers": 4}),
        ("rhythmnet", {"targets": []}),
    ],
)
def test_sizes_that_the_network_cannot_take_are_refused(name, options):
    with pytest.raises((InputShapeError, UsageError)):
        registry.model_class(name)(**{**SMALL[name], **options})
