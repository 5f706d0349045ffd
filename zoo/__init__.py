"""Model zoo for remote photoplethysmography: `zoo.models()`, `zoo.load(name)`, `zoo.predict(video)`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from zoo import models as models
    from zoo.module import VitalsModule
    from zoo.prediction.result import VideoResult

__all__ = ["__version__", "load", "models", "predict"]


def load(name: str | Path) -> VitalsModule:
    """A model ready to use, in eval mode.

    Args:
        name: a model's or a shipped checkpoint's name, a card (.json), or a Lightning .ckpt.

    Raises:
        UnknownName, CheckpointError, PluginError: there is no such model, or it cannot be loaded.
    """
    from zoo.checkpoints import load

    return load(name)


def predict(video: str | Path, model: Any = "fpn1d_multitask") -> VideoResult:
    """Heart rate, respiration, biomarkers and signal quality of a face video of any length from 10 s.

    Args:
        video: a video file, or a folder or zip of numbered pictures.
        model: a model's name, a checkpoint's name, a card, a .ckpt, or a loaded model.

    Raises:
        VideoError, FaceError, UnknownName, CheckpointError: see the sentence.
    """
    from zoo.prediction.video import predict

    return predict(video, model)


def __getattr__(name: str) -> Any:
    if name == "models":
        import importlib

        return importlib.import_module("zoo.models")
    if name == "__version__":
        from importlib.metadata import version

        return version("rppg-zoo")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
