"""Checkpoints: a round trip, and every way in which a stranger's file is refused."""

import hashlib
import json
import pickle

import pytest
import torch

from zoo import checkpoints, registry
from zoo.cli import main
from zoo.errors import CheckpointError, UnknownName, UsageError
from zoo.models.fpn1d_multitask import FPN1DMultitask
from zoo.signals.calibrator import default


@pytest.fixture
def card(tmp_path):
    torch.manual_seed(3)
    module = FPN1DMultitask(frames=128, regions=["face", "nose"], targets=["age", "sex"])
    module.statistics = {"age": (40.0, 10.0, 39.0)}
    module.head.set_statistics(module.statistics)
    module.trained_on = ["synthetic"]
    module.calibrator = default("classical_fusion")
    path = checkpoints.save(module, "small", tmp_path, [{"command": "zoo test", "heart_rate_mae": 1.0}])
    return path, module.eval()


def test_round_trip(card):
    path, module = card
    loaded = checkpoints.load(path)
    raw = module.example_input(2)
    with torch.no_grad():
        expected, given = module(raw), loaded(raw)
    assert torch.equal(expected.waveforms["ppg"], given.waveforms["ppg"])
    assert torch.equal(expected.targets["age"], given.targets["age"])
    assert loaded.trained_on == ["synthetic"] and loaded.statistics == module.statistics
    assert dict(loaded.hparams) == dict(module.hparams)
    assert not loaded.training
    assert loaded.confidence == module.calibrator


def test_nothing_is_left_half_written(card, tmp_path):
    assert sorted(p.name for p in tmp_path.iterdir()) == ["small.json", "small.safetensors"]


def test_a_card_without_a_confidence_gets_that_of_any_waveform(card):
    data = json.loads(card[0].read_text())
    del data["confidence"]
    card[0].write_text(json.dumps(data))
    assert checkpoints.load(card[0]).confidence == default()


def test_a_damaged_confidence_is_refused(card):
    data = json.loads(card[0].read_text())
    data["confidence"]["weights"] = ["much"]
    card[0].write_text(json.dumps(data))
    with pytest.raises(CheckpointError, match="zoo calibrate"):
        checkpoints.load(card[0])


def test_changed_weights_are_refused(card):
    weights = card[0].with_suffix(".safetensors")
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(bytes(content))
    with pytest.raises(CheckpointError, match="sha256"):
        checkpoints.load(card[0])


def test_weights_of_another_model_are_refused_by_name(card):
    data = json.loads(card[0].read_text())
    data["hyper_parameters"]["targets"] = ["age", "sex", "bmi"]
    card[0].write_text(json.dumps(data))
    with pytest.raises(CheckpointError, match=r"does not fit its model: head\.deviation"):
        checkpoints.load(card[0])


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"model": "os:system"}, UnknownName, "no model called"),
        ({"schema": 99}, CheckpointError, "schema 99"),
        ({"extra": 1}, CheckpointError, "not a card"),
        ({"hyper_parameters": {"frames": 128, "evil": 1}}, CheckpointError, "evil"),
        ({"hyper_parameters": {"normalise": "bogus"}}, CheckpointError, "normalise must be one of 'pulse', 'standard'"),
        ({"hyper_parameters": {"frames": "128"}}, CheckpointError, "frames must be a whole number, not '128'"),
        ({"hyper_parameters": {"frames": -128}}, CheckpointError, "frames must be above 0, not -128"),
    ],
)
def test_a_strangers_card_is_refused(card, change, error, message):
    data = json.loads(card[0].read_text())
    card[0].write_text(json.dumps({**data, **change}))
    with pytest.raises(error, match=message):
        checkpoints.load(card[0])


class Evil:
    def __reduce__(self):
        return (exec, ("import pathlib; pathlib.Path('owned').touch()",))


def test_a_pickled_checkpoint_runs_nothing(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    torch.save({"state_dict": {}, "zoo": Evil()}, "evil.ckpt")
    with pytest.raises(CheckpointError, match=r"holds code, which is refused \(builtins.exec would run\)"):
        checkpoints.load("evil.ckpt")
    assert not (tmp_path / "owned").exists()


@pytest.mark.parametrize("protocol", range(6))
def test_a_pickle_of_any_program_is_refused_with_what_it_would_run(protocol, tmp_path, monkeypatch, recwarn):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "plain.ckpt").write_bytes(pickle.dumps({"weights": [Evil(), Evil()]}, protocol))
    with pytest.raises(CheckpointError, match=r"holds code, which is refused \(\w+\.exec would run\)"):
        checkpoints.load("plain.ckpt")
    assert not recwarn.list and not (tmp_path / "owned").exists()


def test_a_pickle_in_torchs_older_form_is_looked_through(tmp_path):
    weights = {"w": torch.zeros(3), "evil": Evil()}
    torch.save(weights, tmp_path / "old.ckpt", _use_new_zipfile_serialization=False)
    with pytest.raises(CheckpointError, match=r"\(\w+\.exec would run\)"):
        checkpoints.load(tmp_path / "old.ckpt")


@pytest.mark.parametrize("content", [b"", b"\x80", b"cos\nsystem", b"\x80\x04\x8d" + b"\xff" * 8, b"\x93."])
def test_a_damaged_pickle_is_refused(content, tmp_path):
    (tmp_path / "cut.ckpt").write_bytes(content)
    with pytest.raises(CheckpointError, match="cannot be read safely: it is damaged"):
        checkpoints.load(tmp_path / "cut.ckpt")


def test_missing_files_and_names(tmp_path):
    with pytest.raises(CheckpointError, match="check the path"):
        checkpoints.load(tmp_path / "none.ckpt")
    with pytest.raises(CheckpointError, match="check the path"):
        checkpoints.load(tmp_path / "none.json")
    with pytest.raises(UnknownName, match="Did you mean fpn1d_multitask"):
        checkpoints.load("fpn1d_multitsk")


@pytest.mark.parametrize("name", checkpoints.cards())
def test_every_shipped_checkpoint_loads_and_says_how_it_was_made(name):
    card = checkpoints.read_card(checkpoints.cards()[name])
    assert card.name == name and card.trained_on and "make.py" in card.origin
    assert card.results and all(result["command"].startswith("zoo test") for result in card.results)
    for suffix, sha256 in ((".safetensors", card.sha256), (".onnx", card.onnx_sha256)):
        content = (checkpoints.shipped() / f"{name}{suffix}").read_bytes()
        assert len(content) < 8e6 and hashlib.sha256(content).hexdigest() == sha256
    module = checkpoints.load(name)
    with torch.no_grad():
        prediction = module(module.example_input())
    assert all(wave.isfinite().all() for wave in prediction.waveforms.values())
    assert module.trained_on == card.trained_on


@pytest.mark.parametrize(
    ("part", "broken", "says"),
    [
        ("zoo", ["physnet"], "does not name its model"),
        ("hyper_parameters", ["frames"], "is damaged"),
        ("state_dict", None, "is damaged"),
        ("statistics", {"age": [40.0]}, "label statistics .* are damaged"),
        ("statistics", [40.0], "label statistics .* are damaged"),
        ("trained_on", "synthetic", "no list of names"),
        ("divisions", {"synthetic": 7}, "no table"),
    ],
)
def test_a_checkpoint_of_the_wrong_shape_is_one_sentence(card, tmp_path, part, broken, says):
    _, module = card
    known = {"model": "fpn1d_multitask", "statistics": {}, "trained_on": []}
    state = {"zoo": known, "hyper_parameters": dict(module.hparams), "state_dict": module.state_dict()}
    (state if part in state else known)[part] = broken
    torch.save(state, tmp_path / "odd.ckpt")
    with pytest.raises(CheckpointError, match=says):
        checkpoints.load(tmp_path / "odd.ckpt")


def test_weights_that_are_no_tensors_are_one_sentence(card, tmp_path):
    _, module = card
    state = {"zoo": {"model": "fpn1d_multitask"}, "hyper_parameters": dict(module.hparams)}
    for odd in ({7: torch.ones(1)}, {"head.mean": "much"}):
        torch.save({**state, "state_dict": {**module.state_dict(), **odd}}, tmp_path / "odd.ckpt")
        with pytest.raises(CheckpointError, match="not all of its weights are tensors"):
            checkpoints.load(tmp_path / "odd.ckpt")


@pytest.mark.parametrize(
    ("part", "broken", "says"),
    [
        ("statistics", {"age": [40.0]}, "label statistics"),
        ("trained_on", 5, "no list of names"),
        ("hyper_parameters", [], "hyper-parameters"),
    ],
)
def test_a_card_of_the_wrong_shape_is_one_sentence(card, part, broken, says):
    data = json.loads(card[0].read_text())
    data[part] = broken
    card[0].write_text(json.dumps(data))
    with pytest.raises(CheckpointError, match=says):
        checkpoints.load(card[0])


def test_a_card_says_what_is_refused(card, capsys):
    assert main(["info", str(card[0]), "--kind", "checkpoint"]) == 0
    (line,) = [one for one in capsys.readouterr().out.splitlines() if one.startswith("confidence:")]
    known = json.loads(card[0].read_text())["confidence"]
    assert f"refused below {known['threshold']:.2f}" in line and known["command"] in line and "weights" not in line


def test_what_trained_a_model_is_remembered(card):
    _, module = card
    first, second = {"split": "person", "seed": 7}, {"split": "person", "seed": 8}
    module.saw(["pure"], {"pure": first})
    module.saw(["pure", "ubfc_rppg"], {"pure": first, "ubfc_rppg": second})
    assert module.trained_on == ["pure", "synthetic", "ubfc_rppg"]
    assert module.divisions == {"pure": first, "ubfc_rppg": second}
    # those whom the second division holds out trained by the first
    module.saw(["pure"], {"pure": second})
    assert module.divisions["pure"] not in (first, second)
    state = {}
    module.on_save_checkpoint(state)
    other = type(module)(**module.hparams)
    other.on_load_checkpoint(state)
    assert other.divisions == module.divisions and other.trained_on == module.trained_on


def test_weights_of_another_model_are_not_taken_over(card):
    _, module = card
    with pytest.raises(UsageError, match="holds weights of fpn1d_multitask, not of physnet"):
        checkpoints.take_over(registry.model_class("physnet")(), module, "small")


def test_what_the_weights_lack_is_told(card):
    _, module = card
    assert checkpoints.take_over(type(module)(**module.hparams), module, "small") == []
    more = type(module)(**{**module.hparams, "targets": ["age", "sex", "spo2"]})
    with pytest.raises(UsageError, match="do not fit"):
        checkpoints.take_over(more, module, "small")
    plain = type(module)(**{**module.hparams, "targets": []})
    missing = checkpoints.take_over(type(module)(**module.hparams), plain, "plain")
    assert "head.out.weight" in missing
