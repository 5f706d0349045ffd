"""SCAMPS: 2,800 synthetic faces, `{Train,Val,Test}/P000001.mat` (MATLAB 7.3), 600 frames with pulse and breathing."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Literal

from zoo.data.arrays import hdf5_vector
from zoo.data.labels import even, labels
from zoo.data.listing import collect, inside, natural
from zoo.data.recording import DatasetInfo, Labels, Listing, Recording
from zoo.errors import DataError

INFO = DatasetInfo(
    title="SCAMPS, Synthetics for Camera Measurement of Physiological Signals",
    people=2800,
    recordings=2800,
    signals=("ppg", "respiration"),
    targets=(),
    licence="research use, terms in the repository",
    access="https://github.com/danmcduff/scampsdataset",
    protocol="Published train, validation and test sets: folds 2, 1 and 0. Usually trained on, tested on real people.",
    citation="McDuff et al. 2022, SCAMPS: Synthetics for camera measurement of physiological signals, NeurIPS.",
    turns=((0, 1),),
    simulated=True,
)

Part = Literal["Train", "Val", "Test"]
FOLDS = {"Test": 0, "Val": 1, "Train": 2}
SIGNALS = {"ppg": "d_ppg", "respiration": "d_br"}
FPS = 30.0


def read(root: Path, *, parts: list[Part] | None = None) -> Listing:
    """List the videos; each is another synthetic person.

    Args:
        root: the folder that holds `Train`, `Val` and `Test`, or the files themselves (which then have no fold).
        parts: which of the three to use; None for all.
    """
    places = [file for part in FOLDS for file in sorted((root / part).glob("*.mat"), key=natural)]
    places += sorted(root.glob("*.mat"), key=natural)
    return collect(places, partial(_recording, root, parts))


def _recording(root: Path, parts: list[Part] | None, file: Path) -> Recording:
    inside(root, file.relative_to(root).as_posix())
    part = file.parent.name if file.parent != root else ""
    if parts is not None and part not in parts:
        raise DataError(f"part {part or 'without a name'} was not asked for")
    return Recording("scamps", file.stem, "1", file, fold=FOLDS.get(part), load=partial(load, file))


def load(file: Path) -> Labels:
    """Pulse and breathing, one sample a frame.

    Raises:
        DataError: a file that is damaged, without a pulse, or with a constant one.
    """
    found = {}
    for name, key in SIGNALS.items():
        values = hdf5_vector(file, key)
        if values is not None:
            found[name] = even(file, name, values, FPS)
        elif name == "ppg":
            raise DataError(f"'{file}' has no '{key}': it is not a file of SCAMPS.")
    return labels(file, found)
