"""How right a model is in a runtime: the scores of `zoo test`, on what the runtime itself computes."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

from zoo.bench.facts import load
from zoo.bench.runtimes import Opened, open_runtime, takes_any_batch

BATCH = 8


def worth(job: dict[str, Any]) -> dict[str, Any]:
    """Score one runtime on the suite's data; its outputs stand in the place of the module's own.

    Returns:
        `worth`, the scores by name with the heart rate's interval over people, and `simulated`, whether the model was
        trained on simulated people.
    """
    import lightning as L

    from zoo.commands._score import Reporter
    from zoo.data.module import VitalsDataModule

    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
    name, shared, device = job["model"], job["facts"], job["device"]
    opened = open_runtime(
        job["runtime"], lambda: load(name, job["options"]), Path(job["folder"]), shared["outputs"], device,
        job["threads"],
    )  # fmt: skip
    module = load(_model_of(name) if name.endswith(".onnx") else name, job["options"])
    module.forward = _forward(opened, module.signals)  # type: ignore[method-assign]
    data = dict(job["data"])
    reader, root = data.pop("name"), data.pop("root", None)
    # a compiled graph, and a file without free axes, are made for one batch size
    size = BATCH if takes_any_batch(job["runtime"], shared["free"]) else job["batch"]
    windows = VitalsDataModule(reader, root, options=data, input=module.input, workers=0, batch_size=size)
    reporter = Reporter(name, windows)
    trainer = L.Trainer(
        accelerator="gpu" if device.startswith("cuda") else "cpu",
        devices=[int(device.partition(":")[2] or 0)] if device.startswith("cuda") else 1,
        callbacks=[reporter],
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    trainer.test(module, windows, verbose=False)
    report = reporter.report
    assert report is not None
    return {"worth": {key: float(value) for key, value in report.scores.items()}, "simulated": report.simulated}


def _forward(opened: Opened, signals: Any) -> Any:
    import torch

    from zoo.module import Prediction

    def forward(raw: Any) -> Prediction:
        found = {
            key: torch.from_numpy(value).to(raw.device)
            for key, value in opened.read(opened.call(opened.feed(raw.cpu().numpy()))).items()
        }
        waveforms = {key: value for key, value in found.items() if key in signals}
        return Prediction(waveforms, {key: value for key, value in found.items() if key not in waveforms})

    return forward


def _model_of(path: str) -> str:
    """The registered model that an exported file is of."""
    from zoo.export.runtime import OnnxRunner

    return OnnxRunner(Path(path)).name
