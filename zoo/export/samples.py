"""Windows that look real: what an exported file is judged on, and what int8 is calibrated on."""

from __future__ import annotations

import numpy as np

from zoo.errors import UsageError
from zoo.spec import Clip, Input

CALIBRATION, JUDGED = 16, 6
# numbers of simulated people: those who are judged on were not calibrated on
_CALIBRATED, _JUDGED = 10_000, 20_000


def judged(input: Input) -> list[np.ndarray]:
    """Simulated windows (1, ...) of float32 RGB 0..1."""
    return simulated(input, JUDGED, _JUDGED)


def calibration(input: Input, data: str | None = None, root: str | None = None) -> list[np.ndarray]:
    """Windows to calibrate on: of the training people of a data set, or of simulated people.

    Args:
        data: name of a data set; simulated people if None.
        root: its folder.

    Raises:
        ZooError: the data set cannot be read.
    """
    return simulated(input, CALIBRATION, _CALIBRATED) if data is None else _recorded(input, data, root)


def simulated(input: Input, count: int, first_person: int) -> list[np.ndarray]:
    """Windows of `count` simulated people, in fair light."""
    from zoo.data.synthetic import SyntheticWindows

    # a clip is a million times the numbers of a trace
    count = max(2, count // 3) if isinstance(input, Clip) else count
    windows = SyntheticWindows(input, people=count, first_person=first_person, seed=1, hard=0.3)
    return [np.asarray(windows[i]["input"], np.float32)[None] for i in range(count)]


def _recorded(input: Input, data: str, root: str | None) -> list[np.ndarray]:
    from zoo.data.module import VitalsDataModule

    windows = VitalsDataModule(data, root, input=input, workers=0, batch_size=1)
    windows.setup("fit")
    found = [batch["input"].numpy() for batch, _ in zip(windows.train_dataloader(), range(CALIBRATION), strict=False)]
    if not found:
        raise UsageError(f"'{data}' holds no window of {input.frames / input.fps:g} s to calibrate on: use another.")
    return found
