"""Every error that a user can meet. Each message is one sentence that says what is wrong and what to do.

The command line prints the message without a traceback and exits with `exit_code`.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence


class ZooError(Exception):
    """Base of all of them: something is wrong with the data, a file or the machine."""

    exit_code = 1


class UsageError(ZooError):
    """The command or a setting is wrong."""

    exit_code = 2


class UnknownName(UsageError):
    """A name that is not registered; says what was probably meant."""

    def __init__(self, kind: str, name: str, known: Iterable[str], hint: str = "") -> None:
        close = difflib.get_close_matches(name, list(known), n=1, cutoff=0.5)
        meant = f" Did you mean {close[0]}?" if close else ""
        super().__init__(f"There is no {kind} called '{name}'.{meant}{' ' + hint if hint else ''}")


class PluginError(ZooError):
    """A plugin is broken or made for another PLUGIN_API; names its distribution."""


class VideoError(ZooError):
    """A video cannot be read, is too short, or holds no frames."""


class FaceError(ZooError):
    """No face, or not for long enough."""


class DataError(ZooError):
    """A data set, a label file or a prepared store is not as it must be."""


class CheckpointError(ZooError):
    """A checkpoint or card is missing, damaged, unsafe, or another model's."""


class TrainingError(ZooError):
    """Training cannot go on: its loss is no number, or has exploded."""


class DeviceError(ZooError):
    """A device, driver or runtime that is not there."""


class InputShapeError(ZooError, ValueError):
    """A model was given a tensor of another shape or type than it eats."""


def first_line(error: BaseException) -> str:
    """What an exception says, in one line."""
    return (str(error).strip().splitlines() or ["no message"])[0]


def few(names: Sequence[str], most: int) -> str:
    """The first of many names, and how many more there are."""
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")
