"""Weights of other projects become checkpoints that compute the same, or are refused with what does not fit."""

from __future__ import annotations

import json
import pickle
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from zoo import checkpoints, registry
from zoo.cli import main
from zoo.errors import CheckpointError, UsageError
from zoo.weights_of_others import fill, import_weights, read_weights

SMALL = {
    "physnet": {"size": 16, "frames": 32},
    "deepphys": {"size": 16, "frames": 20},
    "tscan": {"size": 16, "frames": 20},
    "physformer": {"size": 32, "frames": 8, "layers": 3},
    "rtrppg": {"size": 8, "frames": 16},
    "fpn1d_multitask": {"frames": 64, "normalise": "standard"},
}


def published(model: str, prefix: str = "") -> tuple[dict[str, torch.Tensor], torch.nn.Module]:
    """A network with weights of its own, and its state dict as the published code names it."""
    torch.manual_seed(5)
    module = registry.model_class(model)(targets=[], **SMALL[model])
    for buffer in (value for name, value in module.network.named_buffers() if name.endswith(("mean", "var"))):
        buffer.uniform_(0.5, 1.5)
    theirs = {ours: name for name, ours in module.published_names.items()}
    names = {name: name.rpartition(".") for name in module.network.state_dict()}
    state = {
        f"{prefix}{theirs[part]}.{leaf}": module.network.state_dict()[name] for name, (part, _, leaf) in names.items()
    }
    return state, module.eval()


@pytest.mark.parametrize("model", SMALL)
def test_a_state_dict_with_published_names_computes_the_same(model: str, tmp_path: Path) -> None:
    state, module = published(model, prefix="module.")
    torch.save(state, tmp_path / "theirs.pth")
    found = import_weights(tmp_path / "theirs.pth", model, settings=SMALL[model], trained_on=("pure",))
    loaded = checkpoints.load(found.card.resolve())
    raw = module.example_input(1)
    with torch.no_grad():
        assert torch.equal(module(raw).waveforms["ppg"], loaded(raw).waveforms["ppg"])
    assert loaded.trained_on == ["pure"]
    assert found.parameters == sum(p.numel() for p in module.parameters())


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize("kind", ["pth", "wrapped.ckpt", "safetensors", "npz", "golden.npz"])
def test_every_kind_of_file_gives_the_same_weights(kind: str, tmp_path: Path) -> None:
    state, _ = published("physnet")
    path = tmp_path / f"theirs.{kind}"
    if kind.endswith("npz"):
        prefix = "weights/" if kind == "golden.npz" else ""
        extra = {"output": np.zeros(3)} if prefix else {}
        np.savez(path, **{prefix + name: value.numpy() for name, value in state.items()}, **extra)
    elif kind == "safetensors":
        save_file(state, path)
    else:
        torch.save({"epoch": 3, "state_dict": state} if kind == "wrapped.ckpt" else state, path)
    read, _ = read_weights(path)
    assert set(read) == set(state)
    assert all(torch.equal(read[name], state[name]) for name in state)


def test_the_card_claims_only_what_was_told(tmp_path: Path) -> None:
    state, _ = published("physnet")
    torch.save(state, "theirs.pth")
    options = ["theirs.pth", "--from", "rppg-toolbox", "--model", "physnet", "--size", "16", "--frames", "32"]
    assert main(["import", *options, "--name", "silent"]) == 0
    facts = json.loads(Path("silent.json").read_text())
    assert facts["trained_on"] == ["unknown"] and facts["licence"] == "unknown" and facts["results"] == []
    assert main(["import", *options, "--name", "told", "--licence", "MIT", "--trained-on", "pure", "ubfc_rppg"]) == 0
    facts = json.loads(Path("told.json").read_text())
    assert facts["trained_on"] == ["pure", "ubfc_rppg"] and facts["licence"] == "MIT"
    assert "rPPG-Toolbox" in facts["origin"] and "theirs.pth" in facts["origin"]


def test_settings_reach_the_model(capsys: pytest.CaptureFixture[str]) -> None:
    state, _ = published("physnet")
    torch.save(state, "theirs.pth")
    options = ["--normalise", "standard", "--size", "16", "--set", "form=value", "--set", "crop=whole", "--json"]
    assert main(["import", "--from", "rppg-toolbox", "theirs.pth", "--model", "physnet", *options]) == 0
    loaded = checkpoints.load(json.loads(capsys.readouterr().out)["card"])
    assert loaded.hparams["normalise"] == "standard" and loaded.signals["ppg"].form == "value"
    assert loaded.input.crop == "whole"


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ("form=x", "form must be one of 'value', 'derivative', not 'x'"),
        ("crop=foo", "crop must be one of 'aligned'"),
        ("fps=0", "fps must be above 0, not 0"),
        ("frames=-3", "frames must be above 0, not -3"),
        ("frames=2", "frames must be at least 4, not 2"),
        ("normalise=x", "normalise must be one of 'difference'"),
        ("size=abc", "size must be a whole number, not 'abc'"),
        ("targets=age", "targets must be a list, each text, not 'age'"),
        ("targets=[agee]", "no biomarker called 'agee'"),
        ("training=3", "no setting 'training'"),
    ],
)
def test_settings_that_the_model_cannot_have_write_nothing(
    setting: str, said: str, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    torch.save(published("physnet")[0], "theirs.pth")
    arguments = ["theirs.pth", "--from", "rppg-toolbox", "--model", "physnet", "--set", "size=16", "--set", setting]
    assert main(["import", *arguments]) == 2
    told = capsys.readouterr().err
    assert said in told and told.count("\n") == 1
    assert [path.name for path in tmp_path.iterdir()] == ["theirs.pth"]


def test_older_files_without_counters_fit() -> None:
    state, module = published("physnet")
    fill(module, {name: value for name, value in state.items() if not name.endswith("num_batches_tracked")}, "old")


def test_what_does_not_fit_is_listed(tmp_path: Path) -> None:
    state, _ = published("deepphys")
    state["stranger.weight"] = state.pop("motion_conv1.bias")
    state["motion_conv2.bias"] = torch.full_like(state["motion_conv2.bias"], torch.nan)
    torch.save(state, "theirs.pth")
    with pytest.raises(CheckpointError) as refused:
        import_weights(tmp_path / "theirs.pth", "deepphys", settings={"size": 36})
    for fault in (
        "motion_conv1.bias is missing",
        "stranger.weight is not of this network",
        "final_dense_1.weight is 128x256 instead of 128x3136",
        "motion_conv2.bias holds values that are no finite numbers",
    ):
        assert fault in str(refused.value)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["theirs.pth"]


class Evil:
    def __reduce__(self):
        return (exec, ("import pathlib; pathlib.Path('owned').touch()",))


def test_nothing_in_a_file_is_run(tmp_path: Path) -> None:
    torch.save({"ConvBlock1.0.weight": Evil()}, "evil.pth")
    Path("plain.pt").write_bytes(pickle.dumps(Evil()))
    np.savez("evil.npz", **{"weights/x": np.array([Evil()], dtype=object)})
    Path("evil.safetensors").write_bytes(b"\xff" * 64)
    for name in ("evil.pth", "plain.pt", "evil.npz", "evil.safetensors"):
        with pytest.raises(CheckpointError, match=r"safely|not a safetensors"):
            import_weights(tmp_path / name, "physnet", name="good")
    assert not Path("owned").exists()


@pytest.mark.parametrize(
    ("content", "message"),
    [([1, 2], "holds a list"), ({}, "no parameters"), ({"epoch": 3}, "no parameters")],
)
def test_files_without_weights_are_refused(content: object, message: str) -> None:
    torch.save(content, "empty.pth")
    with pytest.raises(CheckpointError, match=message):
        import_weights(Path("empty.pth"), "physnet")


def test_wrong_commands_say_what_to_do(capsys: pytest.CaptureFixture[str]) -> None:
    state, _ = published("physnet")
    torch.save(state, "theirs.pth")
    with pytest.raises(UsageError, match="published weights"):
        import_weights(Path("theirs.pth"), "pos")
    with pytest.raises(UsageError, match="no setting 'depth'"):
        import_weights(Path("theirs.pth"), "physnet", settings={"depth": 3})
    with pytest.raises(CheckpointError, match="check the path"):
        import_weights(Path("none.pth"), "physnet")
    with pytest.raises(CheckpointError, match="give one of"):
        import_weights(Path("theirs.bin"), "physnet")
    import_weights(Path("theirs.pth"), "physnet", settings={"size": 16}, name="twice")
    with pytest.raises(CheckpointError, match="there already"):
        import_weights(Path("theirs.pth"), "physnet", settings={"size": 16}, name="twice")
    assert main(["import", "--from", "rppg-toolbox", "theirs.pth", "--model", "physnett"]) == 2
    assert "Did you mean physnet" in capsys.readouterr().err


@pytest.mark.shared
@pytest.mark.parametrize("name", ["peer_physnet_pure", "peer_physnet_scamps"])
def test_a_peers_trained_physnet_gives_its_published_output(name: str, shared: Path) -> None:
    path = shared / "golden" / f"{name}.npz"
    found = import_weights(path, "physnet", settings={"normalise": "difference"})
    golden = np.load(path)
    network = checkpoints.load(found.card.resolve()).network
    with torch.no_grad():
        output = network(torch.tensor(golden["input_0"].astype(np.float32)))
    expected = torch.tensor(golden["output"])
    assert (output - expected).norm() / expected.norm() < 1e-4
