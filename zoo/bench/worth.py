"""How right a model is in a runtime: the scores of `zoo test`, on what the runtime itself computes."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

from zoo.bench.facts import load
from zoo.bench.runtimes import Opened


def worth(opened: Opened, job: dict[str, Any]) -> dict[str, float]:
    """Scores on the suite's data by name.

    Args:
        opened: the runtime; its outputs are scored in the place of the module's own.
    """
    import lightning as L
    import torch

    from zoo.data.module import VitalsDataModule
    from zoo.module import Prediction

    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
    name = job["model"]
    module = load(_model_of(name) if name.endswith(".onnx") else name, job["options"])

    def forward(raw: Any) -> Prediction:
        found = {
            key: torch.from_numpy(value).to(raw.device)
            for key, value in opened.read(opened.call(opened.feed(raw.cpu().numpy()))).items()
        }
        waveforms = {key: value for key, value in found.items() if key in module.signals}
        return Prediction(waveforms, {key: value for key, value in found.items() if key not in waveforms})

    if job["runtime"] != "torch":
        module.forward = forward  # type: ignore[method-assign]
    data = dict(job["data"])
    reader, root = data.pop("name"), data.pop("root", None)
    fixed = job["runtime"] == "openvino" and "batch" not in job["facts"]["free"]
    # a compiled graph is made for one batch size
    size = job["batch"] if fixed or job["runtime"] in ("torch-compile", "openvino-bf16") else 8
    windows = VitalsDataModule(reader, root, options=data, input=module.input, workers=0, batch_size=size)
    trainer = L.Trainer(
        accelerator="gpu" if job["device"].startswith("cuda") else "cpu",
        devices=1,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    results = trainer.test(module, windows, verbose=False)[0]
    return {key.removeprefix("test/"): float(value) for key, value in results.items()}


def _model_of(path: str) -> str:
    """The registered model that an exported file is of."""
    from zoo.export.runtime import OnnxRunner

    return OnnxRunner(Path(path)).name
