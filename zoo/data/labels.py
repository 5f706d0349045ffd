"""Label files of data sets, read with distrust: every defect is a DataError that says which file and why.

Readers of data sets, built in or not, build on these few functions.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from zoo.data.recording import Labels, Series
from zoo.data.video import Video, open_video
from zoo.errors import DataError, VideoError
from zoo.spec import TARGETS, WAVEFORMS

MAX_BYTES = 256 * 2**20
# Labels may end this much before the video (whichever is longer): devices are not stopped in the same instant.
SLACK_SECONDS = 2.0
SLACK_SHARE = 0.05
# Share of samples whose clock may stand still or jump back before the file counts as damaged.
MAX_BAD_STAMPS = 0.05


def text(path: Path) -> str:
    """The text of a label file.

    Raises:
        DataError: missing, empty, larger than `MAX_BYTES`, or not text.
    """
    try:
        size = path.stat().st_size
        if size > MAX_BYTES:
            raise DataError(f"the label file '{path}' is larger than {MAX_BYTES // 2**20} MiB: it is not one.")
        content = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise DataError(f"the label file '{path}' is missing: copy it again.") from None
    except (OSError, UnicodeError) as error:
        raise DataError(f"the label file '{path}' cannot be read ({error}).") from None
    if not content.strip():
        raise DataError(f"the label file '{path}' is empty: copy it again.")
    return content


def numbers(path: Path, *, skip: int = 0, columns: int | None = None) -> np.ndarray:
    """The numbers of a text file, separated by white space, commas or semicolons.

    Args:
        skip: header lines.
        columns: how many there must be; None for any, the same in all lines.

    Returns:
        (lines, columns) float64; NaN stays NaN.

    Raises:
        DataError: missing, empty, no number, or lines of different length.
    """
    lines = text(path).splitlines()[skip:]
    rows = [re.split(r"\s*[,;]\s*|\s+", line.strip()) for line in lines if line.strip()]
    if not rows:
        raise DataError(f"the label file '{path}' holds no values below its header: copy it again.")
    width = columns or len(rows[0])
    for index, row in enumerate(rows):
        if len(row) != width:
            raise DataError(f"the label file '{path}' has {len(row)} columns in row {index + 1}, not {width}.")
    try:
        return np.array(rows, dtype=np.float64)
    except ValueError as error:
        raise DataError(f"the label file '{path}' holds something that is not a number ({error}).") from None


def series(path: Path, name: str, times: np.ndarray, values: np.ndarray) -> Series:
    """A checked signal.

    Args:
        path: the label file, for messages.
        name: a waveform (`zoo.spec.WAVEFORMS`) or a target (`zoo.spec.TARGETS`, whose range is checked).
        times: (n,) seconds; samples whose clock does not advance are left out.
        values: (n,). Single values of a target outside its range are left out.

    Raises:
        DataError: too few samples, NaN, a constant waveform, a clock that does not run, or a wrong unit.
    """
    times, values = np.asarray(times, dtype=np.float64).ravel(), np.asarray(values, dtype=np.float64).ravel()
    if len(times) != len(values):
        raise DataError(f"'{path}' has {len(values)} values of {name} for {len(times)} times: copy it again.")
    if name in TARGETS:
        times, values = _plausible(path, name, times, values)
    if len(values) < 2:
        raise DataError(f"'{path}' holds {len(values)} samples of {name}: at least 2 are needed.")
    bad = int(np.sum(~np.isfinite(values)) + np.sum(~np.isfinite(times)))
    if bad:
        raise DataError(f"'{path}' holds {bad} values of {name} that are NaN or infinite.")
    if name in WAVEFORMS and np.ptp(values) == 0:
        raise DataError(f"'{path}' holds a constant {name}: the sensor was not on.")
    forward = np.diff(np.maximum.accumulate(times), prepend=-np.inf) > 0
    if np.mean(~forward) > MAX_BAD_STAMPS:
        raise DataError(f"'{path}' has {np.sum(~forward)} time stamps of {name} that do not increase.")
    return Series(times[forward], values[forward])


def _plausible(path: Path, name: str, times: np.ndarray, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    target = TARGETS[name]
    good = (values >= target.low) & (values <= target.high)
    known = np.isfinite(values)
    if known.any() and np.mean(good[known]) < 0.5:
        raise DataError(
            f"'{path}' holds {name} around {np.median(values[known]):g}, outside {target.low:g} to {target.high:g} "
            f"{target.unit}: wrong unit?"
        )
    return times[good], values[good]


def even(path: Path, name: str, values: np.ndarray, rate: float, start: float = 0.0) -> Series:
    """A checked signal of `rate` samples a second whose first sample is at `start` seconds."""
    return series(path, name, start + np.arange(np.size(values)) / rate, values)


def frame_clock(path: Path, stamps: np.ndarray) -> np.ndarray:
    """Frame times from the first frame on, strictly increasing.

    Args:
        stamps: (frames,) seconds of any origin. Frames with the same or an earlier stamp than the one before, as
            cameras with a coarse clock give, are put a microsecond after it.

    Raises:
        DataError: fewer than two, NaN, or a clock that does not run.
    """
    times = np.asarray(stamps, dtype=np.float64).ravel()
    if len(times) < 2 or not np.all(np.isfinite(times)) or np.mean(np.diff(times) < 0) > MAX_BAD_STAMPS:
        raise DataError(f"'{path}' holds no increasing times of at least two frames: copy it again.")
    times = times - times[0]
    steps = 1e-6 * np.arange(len(times))
    times = np.maximum.accumulate(times - steps) + steps
    if np.mean(np.diff(times) < 1e-5) > 0.5:
        raise DataError(f"'{path}' holds frame times that stand still: copy it again.")
    return times


def labels(
    path: Path,
    signals: Mapping[str, Series],
    frame_times: np.ndarray | None = None,
    video: Path | None = None,
    seconds: float | None = None,
) -> Labels:
    """Labels, unless a waveform ends well before the video does.

    Args:
        path: the label file, for the message.
        signals: by name.
        frame_times: (frames,) seconds, where the data set has them; they tell the video's length.
        video: else asked for its length, which decodes nothing but its start.
        seconds: else the video's length, where the reader knows it.

    Raises:
        DataError: a waveform is shorter than the video.
    """
    if seconds is None:
        seconds = float(frame_times[-1]) if frame_times is not None else _duration(video)
    for name, signal in signals.items():
        missing = seconds - float(signal.times[-1])
        if name in WAVEFORMS and missing > max(SLACK_SECONDS, SLACK_SHARE * seconds):
            raise DataError(f"'{path}' is shorter than the video: {name} ends {missing:.1f} s before {seconds:.1f} s.")
    return Labels(dict(signals), frame_times)


def _duration(video: Path | None) -> float:
    """Seconds, or 0 where that cannot be told; a damaged video is reported when its frames are read."""
    found = _opened(video) if video is not None and video.is_file() else None
    return found.duration or 0.0 if isinstance(found, Video) else 0.0


def frame_count(video: Path) -> int:
    """How many frames a video says it has; 0 where that cannot be told."""
    found = _opened(video)
    if not isinstance(found, Video):
        return 0
    return found.frame_count or round((found.duration or 0.0) * found.fps)


def frame_rate(video: Path) -> float:
    """Nominal frames a second of a video, where the data set has no time stamps.

    Raises:
        DataError: the video cannot be opened.
    """
    found = _opened(video)
    if not isinstance(found, Video):
        raise DataError(f"the frame rate is unknown: {found}")
    return found.fps


def _opened(path: Path) -> Video | VideoError:
    """What a video says of itself, closed again."""
    try:
        with open_video(path) as video:
            return video
    except VideoError as error:
        return error


def number(value: Any) -> float:
    """A cell of a table as a number; NaN where it is empty or says so."""
    try:
        return float(str(value).strip().replace(",", ".") or "nan")
    except ValueError:
        return float("nan")


def in_range(name: str, value: float) -> bool:
    """Whether a known value of a target is plausible in its unit."""
    return TARGETS[name].low <= value <= TARGETS[name].high
