"""Read recordings once, into what models need of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context

import numpy as np

from zoo.data.extract import extract
from zoo.data.recording import Recording, Skipped
from zoo.data.windows import Prepared
from zoo.errors import ZooError
from zoo.signals.resample import resample
from zoo.spec import Clip, Input


def prepare(recording: Recording, input: Input) -> Prepared:
    """Read one recording's video and labels into memory.

    Raises:
        ZooError: why it cannot be used.
    """
    labels = recording.load()
    if isinstance(input, Clip):
        found = extract(
            recording.video, regions=None, crop_size=input.size, crop=input.crop, frame_times=labels.frame_times
        )
    else:
        found = extract(recording.video, regions=input.regions, frame_times=labels.frame_times)
    traces = without_gaps(found.times, found.traces, found.found) if found.traces is not None else None
    return Prepared(recording, labels, found.times, found.found, traces, found.crops)


def without_gaps(times: np.ndarray, traces: np.ndarray, found: np.ndarray) -> np.ndarray:
    """Traces (regions, 3, n) with frames without a face bridged by straight lines; `found` still tells them."""
    if found.all() or not found.any():
        return traces
    return resample(times[found], traces[..., found], times).astype(np.float32)


def prepare_all(
    recordings: Sequence[Recording], input: Input, workers: int = 1, progress: Callable[[], None] | None = None
) -> tuple[list[Prepared], list[Skipped]]:
    """Read recordings, in `workers` processes; one that cannot be used is returned with its reason."""
    prepared: list[Prepared] = []
    failed: list[Skipped] = []
    for recording, result in zip(recordings, _results(recordings, input, workers), strict=True):
        if isinstance(result, str):
            failed.append(Skipped(recording.video, result))
        else:
            prepared.append(result)
        if progress:
            progress()
    return prepared, failed


def _results(recordings: Sequence[Recording], input: Input, workers: int) -> Iterator[Prepared | str]:
    if workers <= 1 or len(recordings) == 1:
        yield from map(partial(_attempt, input=input), recordings)
        return
    with ProcessPoolExecutor(min(workers, len(recordings)), mp_context=get_context("spawn")) as pool:
        yield from pool.map(partial(_attempt, input=input), recordings)


def _attempt(recording: Recording, input: Input) -> Prepared | str:
    try:
        return prepare(recording, input)
    except ZooError as error:
        return str(error)
