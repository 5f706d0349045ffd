"""Every published architecture exports whole, with any batch and any time, and ONNX Runtime agrees."""

import onnxruntime
import pytest
import torch
from torch import nn
from torch.export import Dim

from tests.models.small_models import SMALL, build, outputs
from zoo.spec import Clip

FAST = ("can_student", "deepphys", "rtrppg")
NAMES = [name if name in FAST else pytest.param(name, marks=pytest.mark.full) for name in SMALL]


class Flat(nn.Module):
    def __init__(self, module):
        super().__init__()
        self.module = module

    def forward(self, raw):
        prediction = self.module(raw)
        return (*prediction.waveforms.values(), *prediction.targets.values())


@pytest.mark.parametrize("name", NAMES)
def test_exported_file_equals_the_module(name, tmp_path):
    module = build(name)
    time = 2 if isinstance(module.input, Clip) else 3
    every = module.input.multiple_of
    shapes = {0: Dim("batch")}
    # a ConvLSTM is exported step by step
    if name != "physnet_convlstm":
        shapes[time] = every * Dim("groups", min=1) if every > 1 else Dim("frames", min=module.input.min_frames)
    path = tmp_path / "model.onnx"
    torch.onnx.export(Flat(module).eval(), (module.example_input(2),), path, dynamo=True, dynamic_shapes=(shapes,))
    session = onnxruntime.InferenceSession(path)
    frames = SMALL[name]["frames"]
    for batch, length in ((1, frames), (3, 2 * frames if len(shapes) > 1 else frames)):
        raw = module.example_input(batch, length)
        found = session.run(None, {session.get_inputs()[0].name: raw.numpy()})
        parts = [torch.tensor(part).reshape(batch, -1) for part in found]
        expected = outputs(module, raw)
        assert (torch.cat(parts, dim=1) - expected).norm() / expected.norm() < 1e-4
