"""Read a few recordings into memory; many go into a store (`zoo.data.prepare_store`)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from zoo.data.engines import each
from zoo.data.extract import extract
from zoo.data.recording import Recording, Skipped
from zoo.data.regions import Regions
from zoo.data.synchronise import synchronise
from zoo.data.windows import Prepared
from zoo.errors import ZooError
from zoo.spec import Clip, Input


def prepare(recording: Recording, input: Input, align: bool = False) -> Prepared:
    """Read one recording's video and labels into memory.

    Args:
        input: what the model eats.
        align: move the labels onto the video's clock (`zoo.data.synchronise`).

    Raises:
        ZooError: why it cannot be used.
    """
    labels = recording.load()
    if isinstance(input, Clip):
        regions: Regions | None = ("face",) if align else None
        found = extract(
            recording.video, regions=regions, crop_size=input.size, crop=input.crop, frame_times=labels.frame_times
        )
    else:
        found = extract(recording.video, regions=input.regions, frame_times=labels.frame_times)
    if align:
        labels, _ = synchronise(found.times, found.traces[0], found.found, labels)
    return Prepared(recording, labels, found.times, found.found, found.traces, found.crops)


def prepare_all(
    recordings: Sequence[Recording],
    input: Input,
    workers: int = 1,
    align: bool = False,
    progress: Callable[[], None] | None = None,
) -> tuple[list[Prepared], list[Skipped]]:
    """Read recordings, in `workers` processes; one that cannot be used is returned with its reason."""
    prepared: list[Prepared] = []
    failed: list[Skipped] = []
    for recording, result in each(partial(_attempt, input=input, align=align), recordings, workers):
        if isinstance(result, str):
            failed.append(Skipped(recording.video, result))
        else:
            prepared.append(result)
        if progress:
            progress()
    order = {recording.name: i for i, recording in enumerate(recordings)}
    return sorted(prepared, key=lambda item: order[item.recording.name]), failed


def _attempt(recording: Recording, input: Input, align: bool) -> Prepared | str:
    try:
        return prepare(recording, input, align)
    except ZooError as error:
        return str(error)
