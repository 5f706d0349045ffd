"""MMPD: phone videos as arrays, `subjectN/pN_0..19.mat`, with the pulse and eight labels in the same file."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from zoo.data.arrays import matlab_variables
from zoo.data.labels import even, labels
from zoo.data.listing import collect, folders, inside, natural
from zoo.data.recording import DatasetInfo, Labels, Listing, Recording
from zoo.errors import DataError

INFO = DatasetInfo(
    title="MMPD, Multi-Domain Mobile Video Physiology Dataset",
    people=33,
    recordings=660,
    signals=("ppg",),
    targets=("sex",),
    licence="academic use, on request",
    access="https://github.com/McJackTang/MMPD_rPPG_dataset",
    protocol="No published split; scored by skin tone, motion and light.",
    citation="Tang et al. 2023, MMPD: Multi-domain mobile video physiology dataset, EMBC, arXiv:2302.03840.",
)

FPS = 30.0
# The zoo's groups and the file's names for them.
GROUPS = {
    "skin_tone": "skin_color",
    "sex": "gender",
    "motion": "motion",
    "light": "light",
    "makeup": "makeup",
    "exercise": "exercise",
    "glasses": "glasser",
    "hair_cover": "hair_cover",
}
# Older copies call walking what it is not.
CORRECTED = {"Watching Videos": "Walking"}


def read(root: Path, *, motions: list[str] | None = None, lights: list[str] | None = None) -> Listing:
    """List the videos; the small labels of each file are read, its video is not.

    Args:
        root: the folder that holds `subject1`, `subject2`...
        motions: `Stationary`, `Stationary (after exercise)`, `Rotation`, `Talking`, `Walking`; None for all.
        lights: `LED-low`, `LED-high`, `Incandescent`, `Nature`; None for all.
    """
    files = [file for folder in folders(root, r"subject\d+") for file in sorted(folder.glob("*.mat"), key=natural)]
    return collect(files, partial(_recording, root, {"motion": motions, "light": lights}))


def _recording(root: Path, wanted: dict[str, list[str] | None], file: Path) -> Recording:
    inside(root, file.relative_to(root).as_posix())
    variables = matlab_variables(file, GROUPS.values())
    groups = {group: _word(variables[name]) for group, name in GROUPS.items() if name in variables}
    groups["motion"] = CORRECTED.get(groups.get("motion", ""), groups.get("motion", "unknown"))
    for group, values in wanted.items():
        if values is not None and groups.get(group) not in values:
            raise DataError(f"{group} '{groups.get(group)}' was not asked for")
    sex = {"female": 0.0, "male": 1.0}.get(groups.get("sex", ""), float("nan"))
    return Recording("mmpd", file.parent.name, file.stem, file, {"sex": sex}, groups=groups, load=partial(load, file))


def _word(value: Any) -> str:
    if isinstance(value, str):
        return value.strip()
    array = np.asarray(value).ravel()
    return f"{array[0]:g}" if array.size and array.dtype.kind in "fiub" else "unknown"


def load(file: Path) -> Labels:
    """The pulse, one sample a frame.

    Raises:
        DataError: a file that is damaged, without a pulse, or with a constant one.
    """
    pulse = matlab_variables(file, ["GT_ppg"]).get("GT_ppg")
    if pulse is None or isinstance(pulse, str):
        raise DataError(f"'{file}' has no 'GT_ppg': it is not a file of MMPD.")
    return labels(file, {"ppg": even(file, "ppg", pulse, FPS)})
