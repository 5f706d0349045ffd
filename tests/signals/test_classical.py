from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch

from zoo.errors import InputShapeError, UsageError
from zoo.signals.arrays import moving_sum
from zoo.signals.classical import METHODS, pos
from zoo.signals.filters import bandpass, detrend

EXPORTABLE = [name for name in METHODS if name != "ica"]


def face(frames: int = 450, fps: float = 30.0, seed: int = 0, rate: float = 84.0, drift: float = 0.05) -> np.ndarray:
    """A skin-like trace (3, T): common light drift, the blood's colour signature, a little noise."""
    rng = np.random.default_rng(seed)
    t = np.arange(frames) / fps
    pulse = np.sin(2 * np.pi * rate / 60 * t) + 0.3 * np.sin(4 * np.pi * rate / 60 * t + 1)
    light = 1 + drift * np.sin(2 * np.pi * t / 17) + drift * t / t[-1]
    blood = 1 - np.array([0.33, 0.77, 0.53])[:, None] * 2e-3 * pulse
    return np.array([0.7, 0.5, 0.4])[:, None] * light * blood + 2e-5 * rng.normal(size=(3, frames))


def correlation(a: np.ndarray, b: np.ndarray) -> float:
    return float(np.corrcoef(a, b)[0, 1])


def plain_pos(rgb: np.ndarray, fps: float) -> np.ndarray:
    """Algorithm 1 of the paper, window by window."""
    length, frames = int(np.ceil(1.6 * fps)), rgb.shape[-1]
    pulse = np.zeros(frames)
    for m in range(frames - length + 1):
        window = rgb[:, m : m + length]
        window = window / window.mean(1, keepdims=True)
        s = np.array([[0, 1, -1], [-2, 1, 1]]) @ window
        h = s[0] + s[0].std() / s[1].std() * s[1]
        pulse[m : m + length] += h - h.mean()
    return pulse


@pytest.mark.parametrize("fps", [15.0, 29.97, 30.0, 60.0])
def test_pos_is_the_published_loop(fps):
    rgb = face(200, fps)
    np.testing.assert_allclose(pos(rgb, fps), plain_pos(rgb, fps), rtol=1e-7, atol=1e-10)


@pytest.mark.parametrize("length", [1, 2, 3, 8, 29, 48, 100])
def test_moving_sum(length):
    x = np.random.default_rng(0).normal(size=(2, 100))
    expected = [np.convolve(row, np.ones(length), "valid") for row in x]
    np.testing.assert_allclose(moving_sum(x, length), expected, atol=1e-12)


@pytest.mark.parametrize("name", METHODS)
def test_batched_like_one_by_one(name):
    batch = np.stack([face(seed=s, rate=60 + 20 * s) for s in range(6)]).reshape(2, 3, 3, -1)
    pulses = METHODS[name](batch, 30.0)
    assert pulses.shape == (2, 3, 450)
    for index in np.ndindex(2, 3):
        np.testing.assert_allclose(pulses[index], METHODS[name](batch[index], 30.0), rtol=1e-6, atol=1e-10)


@pytest.mark.parametrize("drift", [0.05, 0.5])
@pytest.mark.parametrize("name", METHODS)
def test_fp32_torch_equals_fp64_numpy(name, drift):
    rgb = face(1800, drift=drift)
    pulse = METHODS[name](torch.tensor(rgb, dtype=torch.float32), 30.0)
    assert pulse.dtype == torch.float32
    assert correlation(pulse.numpy(), METHODS[name](rgb, 30.0)) > 0.999


@pytest.mark.parametrize("name", EXPORTABLE)
def test_exported_graph_with_open_length_in_fp32(name):
    class Module(torch.nn.Module):
        def forward(self, rgb):
            return METHODS[name](rgb, 30.0)

    frames = torch.export.Dim("frames", min=60, max=4000)
    example = torch.tensor(np.stack([face(300)[None]] * 2), dtype=torch.float32)
    program = torch.onnx.export(Module(), (example,), dynamo=True, dynamic_shapes=({3: frames},), verbose=False)
    file = io.BytesIO()
    program.save(file)
    session = onnxruntime.InferenceSession(file.getvalue(), providers=["CPUExecutionProvider"])
    for length in (300, 100, 437):
        rgb = np.stack([face(length, rate=70)[None], face(length, rate=110)[None]])
        (pulse,) = session.run(None, {session.get_inputs()[0].name: rgb.astype(np.float32)})
        assert pulse.shape == (2, 1, length)
        for got, expected in zip(pulse[:, 0], METHODS[name](rgb, 30.0)[:, 0], strict=True):
            assert correlation(got, expected) > 0.999


@pytest.mark.parametrize("name", METHODS)
def test_finds_the_pulse_under_a_light_that_drifts(name):
    rgb = face(600, rate=84.0)
    t = np.arange(600) / 30
    truth = np.sin(2 * np.pi * 1.4 * t) + 0.3 * np.sin(2 * np.pi * 2.8 * t + 1)
    pulse = bandpass(detrend(METHODS[name](rgb, 30.0)), 30.0, 0.7, 3.5)
    assert abs(correlation(pulse[60:-60], bandpass(truth, 30.0, 0.7, 3.5)[60:-60])) > 0.9


@pytest.mark.parametrize("name", METHODS)
def test_still_or_grey_faces_have_no_pulse(name):
    assert np.all(METHODS[name](np.full((3, 100), 0.3), 30.0) == 0)
    assert np.all(METHODS[name](np.zeros((3, 100)), 30.0) == 0)
    if name != "green":
        grey = np.repeat(face(200)[1:2], 3, axis=0)
        assert np.all(METHODS[name](grey, 30.0) == 0)


@pytest.mark.parametrize("name", METHODS)
def test_nan_stays_in_its_row(name):
    batch = np.stack([face(), face()])
    batch[1, 1, 7] = np.nan
    pulses = METHODS[name](batch, 30.0)
    assert np.isfinite(pulses[0]).all()
    assert np.isnan(pulses[1]).any()


@pytest.mark.parametrize("name", METHODS)
@pytest.mark.parametrize("shape", [(3, 1), (3, 2), (2, 100), (100,)])
def test_wrong_shapes_are_refused(name, shape):
    with pytest.raises(InputShapeError):
        METHODS[name](np.ones(shape), 30.0)


@pytest.mark.parametrize("name", ["pos", "chrom"])
@pytest.mark.parametrize("fps", [0.0, -30.0, 5.0, float("nan"), float("inf")])
def test_frame_rates_that_carry_no_pulse_are_refused(name, fps):
    with pytest.raises(UsageError):
        METHODS[name](face(), fps)


@pytest.mark.shared
@pytest.mark.parametrize("name", METHODS)
def test_published_numbers(name, shared: Path):
    golden = np.load(shared / "golden" / "signals.npz")
    rgb = golden["rgb"].T
    # the peer leaves out the last window, which is what a trace without its last sample has
    pulse = np.append(METHODS[name](rgb[:, :-1], 30.0), 0) if name == "pos" else METHODS[name](rgb, 30.0)
    if name == "pos":
        pulse = bandpass(detrend(pulse), 30.0, 0.75, 3.0)
    if name == "ica":
        pulse = bandpass(pulse, 30.0, 0.7, 2.5, order=3)
    result = correlation(pulse, golden[name])
    assert (abs(result) if name in ("ica", "omit") else result) > 0.999
