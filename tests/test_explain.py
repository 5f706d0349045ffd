"""Explaining points where the pulse is: clips whose skin pulses on the left half of the picture only."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from tests.faces import write_face_clip
from zoo import checkpoints
from zoo.cli import main
from zoo.errors import UsageError
from zoo.explain import attribution
from zoo.explain.explanation import WINDOWS, Witness, densities, explain
from zoo.explain.picture import draw
from zoo.explain.ranking import rank_regions
from zoo.models.deepphys import DeepPhys
from zoo.models.fpn1d_multitask import FPN1DMultitask
from zoo.models.physnet import PhysNet
from zoo.models.rhythmnet import RhythmNet
from zoo.module import VitalsModule
from zoo.prediction.runner import TorchRunner
from zoo.signals.classical import upright
from zoo.spec import REGIONS, Clip, Grid, Input, Signal, Traces

SIDES = [("left_upper_cheek", "right_upper_cheek"), ("left_lower_cheek", "right_lower_cheek")]


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_face_clip(tmp_path_factory.mktemp("clips") / "half.mp4", pulsing=(0.0, 0.0, 0.5, 1.0))


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def left_share(heat: np.ndarray) -> float:
    positive = np.maximum(heat, 0)
    return float(positive[:, : heat.shape[1] // 2].sum() / positive.sum())


class Mean(VitalsModule):
    """The mean green of all that it sees: every place has the same part in what it says."""

    def __init__(self, kind: Input) -> None:
        super().__init__(input=kind, signals={"ppg": Signal("value")})

    def features(self, x: torch.Tensor, stages: bool = False) -> torch.Tensor:
        return x[:, 1:2].mean((3, 4)) if x.ndim == 5 else x[:, :, 1].mean(1, keepdim=True)

    def waveforms(self, features: torch.Tensor) -> dict[str, torch.Tensor]:
        return {"ppg": -features[:, 0]}


def increasing(module: VitalsModule) -> VitalsModule:
    """The network with positive weights: no place can take from the pulse what another gives."""
    with torch.no_grad():
        for weight in module.parameters():
            weight.abs_().mul_(0.3)
    return module


@pytest.mark.parametrize(
    ("module", "side"),
    [
        (Mean(Clip(96, 24)), 24),
        (increasing(PhysNet(size=24, frames=96)), 24),
        (increasing(DeepPhys(size=24, frames=90)), 24),
    ],
)
def test_the_map_of_a_network_on_clips_points_at_the_half_that_pulses(module, side: int, clip: Path) -> None:
    found = explain(clip, module, rate=72.0)
    assert found.heat is not None and found.heat.shape == (side, side) and found.windows > 1
    assert left_share(found.heat) > 0.6
    for left, right in SIDES:
        assert found.values[left] > 2 * found.values[right]


def test_the_shares_of_regions_point_at_the_half_that_pulses(clip: Path) -> None:
    found = explain(clip, Mean(Traces(300, REGIONS)))
    assert found.rate == pytest.approx(72, abs=1) and found.method == "contribution"
    assert sum(map(abs, found.values.values())) == pytest.approx(1, abs=0.01)
    for left, right in SIDES:
        assert found.values[left] > 5 * abs(found.values[right])


def test_attention_is_the_networks_own(clip: Path) -> None:
    module = FPN1DMultitask(frames=300, targets=[]).eval()
    raw = module.example_input() * torch.linspace(0.5, 1, 8)[:, None, None]
    with torch.no_grad():
        module.network.attention.weight.normal_(0, 3)
        attention = module.network.features(module.prepare(raw), stages=True)[1]["attention"][0].mean(-1)
    assert torch.allclose(attribution.activation(module, raw, 72.0, "attention"), attention)
    found = explain(clip, module, rate=72.0)
    assert found.method == "attention" and set(found.also) == {"contribution"}
    assert sum(found.values.values()) == pytest.approx(1, abs=1e-5) and min(found.values.values()) > 0


def test_a_classical_method_shows_the_snr_of_each_region(clip: Path) -> None:
    found = explain(clip, "pos")
    assert found.unit == "dB" and found.rate == pytest.approx(72, abs=1)
    for left, right in SIDES:
        assert found.values[left] > found.values[right] + 6
    assert found.heat is not None and found.heat.shape == (6, 6)


def test_a_shipped_model_is_explained_by_its_name(clip: Path) -> None:
    # it is run from the exported file that stands beside its card, which has no gradients
    found = explain(clip, "fpn1d_multitask", rate=72.0)
    assert found.method == "attention" and sum(found.values.values()) == pytest.approx(1.0, abs=1e-3)


def test_a_network_without_a_waveform_is_asked_for_its_heart_rate() -> None:
    torch.manual_seed(0)
    module = RhythmNet(frames=60, rows=2, columns=2, clip=45).eval()
    torch.nn.init.normal_(module.head.out.weight)
    found = attribution.contribution(module, module.example_input(), 72.0)
    assert found.shape == (4,) and (found > 0).all()


def test_the_contribution_of_a_linear_network_is_its_closed_form() -> None:
    """Regions that pulse 3 : 1 and are heard alike share the power 3 : 1; a drift outside the band has no part."""
    time = torch.arange(300) / 30
    pulse, drift = (torch.sin(2 * torch.pi * rate * time) for rate in (1.2, 0.05))
    raw = torch.stack([0.5 + 0.01 * size * pulse + 0.1 * drift for size in (3, 1)])[None, :, None].repeat(1, 1, 3, 1)
    share = attribution.share(attribution.contribution(Mean(Traces(300, ("face", "nose"))).eval(), raw, 72.0))
    assert share.tolist() == pytest.approx([0.75, 0.25], abs=1e-3)


def test_the_band_keeps_the_pulse_and_nothing_else() -> None:
    time = torch.arange(600) / 30
    pulse = torch.sin(2 * torch.pi * 1.2 * time)
    other = 5 * time + torch.sin(2 * torch.pi * 2.5 * time)
    kept = attribution.band((pulse + other)[None, None], 30.0, 72.0, time=2)[0, 0]
    assert torch.allclose(kept[30:-30], pulse[30:-30], atol=0.05)


def test_activation_maps_of_stages(clip: Path) -> None:
    torch.manual_seed(0)
    module = PhysNet(size=24, frames=96)
    found = explain(clip, module, rate=72.0, stage="mid")
    assert found.heat is not None and found.heat.shape == (6, 6) and found.method == "activation of mid"
    mask = explain(clip, DeepPhys(size=24, frames=90), rate=72.0, stage="attention_mid").heat
    assert mask is not None and mask.shape == (22, 22) and (mask > 0).all()
    with pytest.raises(UsageError, match="no stage 'front': use one of mid, last"):
        explain(clip, module, rate=72.0, stage="front")


def test_a_map_without_contrast_favours_no_region() -> None:
    assert set(densities(np.ones((8, 8), np.float32)).values()) == {1.0}
    corner = np.zeros((64, 64))
    corner[:, :28] = 1
    found = densities(corner)
    assert found["left_upper_cheek"] > 2 and found["right_upper_cheek"] == pytest.approx(0, abs=1e-3)


def test_windows_are_spread_over_a_long_video_in_bounded_memory() -> None:
    module = FPN1DMultitask(frames=64, regions=["face"], targets=[])
    witness = Witness(TorchRunner(module, "small"))
    for i in range(50):
        witness(np.full((1, 1, 3, 64), 0.2 + i / 100, np.float32))
    order = [round(100 * (float(window[0, 0, 0, 0]) - 0.2)) for window in witness.windows]
    assert len(order) <= WINDOWS and order[0] == 0 and order[-1] >= 32
    assert len(set(np.diff(order))) == 1


def test_regions_are_ranked_by_their_pulse(clip: Path) -> None:
    ranking = rank_regions([clip, clip.with_name("none.mp4")], upright("pos"), Grid(4, 4))
    scores = {score.region: score for score in ranking.scores}
    assert len(scores) == 8 + 16
    assert [score.snr for score in ranking.scores] == sorted((s.snr for s in ranking.scores), reverse=True)
    for left, right in SIDES:
        assert scores[left].snr > scores[right].snr + 6 and scores[left].close == 1
    assert scores["row 3, column 2"].snr > scores["row 3, column 3"].snr
    assert set(ranking.truth.values()) == {"video"} and len(ranking.failed) == 1


def test_pictures_show_the_face_unless_it_is_left_out(clip: Path) -> None:
    found = explain(clip, "pos")
    size = (990, 1760, 3)
    shown, hidden = (cv2.imdecode(np.frombuffer(draw(found, face), np.uint8), 1) for face in (True, False))
    assert shown.shape == hidden.shape == size
    # hair, eyes and shirt are dark in the photograph, a schematic face is lines on white
    left = np.s_[150:850, 80:780]
    assert (shown[left] < 90).all(-1).mean() > 0.03 > (hidden[left] < 90).all(-1).mean()


def test_the_command_writes_whole_pictures_and_json(clip: Path, here: Path, capsys) -> None:
    torch.manual_seed(0)
    card = checkpoints.save(PhysNet(size=16, frames=64), "small", here, [])
    assert main(["explain", "--model", str(card), str(clip), "--rate", "72", "--json", "--out", "drawn"]) == 0
    (found,) = json.loads(capsys.readouterr().out)
    assert found["method"] == "contribution" and len(found["map"]) == 16 and found["error"] is None
    assert [path.name for path in (here / "drawn").iterdir()] == ["half.png"]
    assert cv2.imread(found["picture"]).shape == (990, 1760, 3)
    assert main(["explain", "--rank-regions", str(clip), "--grid", "2x2", "--no-face"]) == 0
    said = capsys.readouterr().out
    assert "SNR dB" in said and "row 1, column 1" in said and (here / "explained" / "regions-videos.png").is_file()


def test_a_data_set_is_ranked_by_its_contact_signal(clip: Path, here: Path, capsys) -> None:
    folder = here / "data" / "subject1"
    folder.mkdir(parents=True)
    (folder / "vid.avi").write_bytes(clip.read_bytes())
    times = np.arange(360) / 30
    rows = [np.sin(2 * np.pi * 1.2 * times), np.full(360, 72.0), times]
    (folder / "ground_truth.txt").write_text("\n".join(" ".join(f"{value:.6f}" for value in row) for row in rows))
    options = ["--data", "ubfc_rppg", "--root", "data", "--grid", "2x2", "--json"]
    assert main(["explain", "--rank-regions", *options]) == 0
    found = json.loads(capsys.readouterr().out)
    assert list(found["truth"].values()) == ["contact"] and len(found["regions"]) == 12
    assert found["regions"][0]["region"] in ("face", "left_upper_cheek", "row 2, column 1", "row 1, column 1")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--model", "pos"], "at least one video"),
        (["clip.mp4", "--data", "pure"], "--rank-regions"),
        (["clip.mp4", "--rate", "5"], "from 20 to 300"),
        (["clip.mp4", "--model", "physnett"], "Did you mean physnet"),
        (["--rank-regions"], "Say what to rank over"),
        (["--rank-regions", "clip.mp4", "--model", "fpn1d_multitask"], "classical method"),
        (["--rank-regions", "clip.mp4", "--grid", "6"], "no grid"),
        (["--rank-regions", "--data", "synthetic"], "no videos"),
        (["--rank-regions", "--data", "pure", "--root", "nowhere"], "no folder"),
    ],
)
def test_wrong_commands_say_what_to_do(options, message: str, here: Path, capsys) -> None:
    assert main(["explain", *options]) == 2
    assert message in capsys.readouterr().err
    assert not list(here.iterdir())


def test_a_video_that_cannot_be_used_leaves_no_picture(here: Path, capsys) -> None:
    assert main(["explain", "none.mp4", "--model", "pos"]) == 1
    assert "There is no video" in capsys.readouterr().out
    assert not list(here.iterdir())
