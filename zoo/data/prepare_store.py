"""Recordings into a store: resumable, in many processes or on many machines, and nothing is lost without a word.

A file appears whole or not at all, so a run that was killed goes on with the recordings that have none. Each recording
is claimed while it is made, so that several runs on the same store share the work.
"""

from __future__ import annotations

import errno
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Literal

import numpy as np

from zoo.data.claim import claim, clear_remains
from zoo.data.engines import each
from zoo.data.extract import stream
from zoo.data.recording import Labels, Recording
from zoo.data.store import Settings, Writer, facts_of, fault, file_name, open_folder, writing
from zoo.errors import DataError, ZooError

Engine = Literal["processes", "ray"]
State = Literal["used", "skipped", "failed", "busy", "full"]
# Too large a file is what a limit on them gives; it is met like a full disk.
FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


@dataclass(frozen=True)
class Outcome:
    """What became of a recording.

    Args:
        name: of the recording.
        state: `used` (its file is there), `skipped` (the reader left it out), `failed`; `busy` (another run makes it)
            and `full` (no space) only on the way.
        reason: why not, or a remark.
        path: of its file, or of what was skipped.
        made: whether this run made the file.
        facts: `frames`, `seconds` of video, `lost` frames without a face, `lag` (s) where labels were synchronised.
    """

    name: str
    state: State
    reason: str
    path: Path
    made: bool = False
    facts: dict[str, Any] = field(default_factory=dict)


def prepare_store(
    recordings: Sequence[Recording],
    store: Path,
    settings: Settings,
    workers: int = 1,
    engine: Engine = "processes",
    thorough: bool = False,
    done: Callable[[Outcome], None] | None = None,
) -> list[Outcome]:
    """Make the files of recordings of one data set that a store does not have yet.

    Args:
        store: folder of the store.
        workers: processes (engine `processes`) or tasks at a time (`ray`).
        thorough: check existing files' crops too, not only their frames.
        done: called with each outcome as it comes.

    Returns:
        An outcome for each recording, in their order.

    Raises:
        DataError: the store cannot be written, or its disk is full: all files that are there are whole.
    """
    folders = {name: open_folder(store, name, settings) for name in {r.dataset for r in recordings}}
    task = partial(prepare_one, folders=folders, settings=settings, thorough=thorough)
    found: dict[str, Outcome] = {}
    # what another run was making is waited for when all else is done
    for wait in (False, True):
        # the longest first, so that at the end no worker waits for another's
        remaining = sorted((r for r in recordings if r.name not in found), key=_size, reverse=True)
        for recording, result in each(partial(task, wait=wait), remaining, workers, engine):
            outcome = Outcome(recording.name, "failed", result, recording.video) if isinstance(result, str) else result
            if outcome.state == "full":
                raise DataError(
                    f"The disk of '{store}' is full: free some space and run the same command again, which goes on "
                    f"where this one stopped ({len(found)} of {len(recordings)} recordings were seen)."
                )
            if outcome.state != "busy":
                found[recording.name] = outcome
                if done:
                    done(outcome)
    return [found[recording.name] for recording in recordings]


def _size(recording: Recording) -> int:
    return recording.video.stat().st_size if recording.video.is_file() else 0


def prepare_one(
    recording: Recording, folders: dict[str, Path], settings: Settings, thorough: bool, wait: bool
) -> Outcome:
    """Make one recording's file, unless it is there and as it must be."""
    path = folders[recording.dataset] / file_name(recording)
    try:
        with claim(path, wait) as mine:
            if not mine:
                return Outcome(recording.name, "busy", "", path)
            clear_remains(path)
            remark = ""
            if path.exists():
                reason = fault(path, recording, settings, thorough)
                if reason is None:
                    return Outcome(recording.name, "used", "", path, facts=facts_of(path))
                remark = f"made anew: {reason}"
            _make(recording, path, settings)
            return Outcome(recording.name, "used", remark, path, True, facts_of(path))
    except ZooError as error:
        return Outcome(recording.name, "failed", str(error), recording.video)
    except OSError as error:
        state: State = "full" if _is_full(error) else "failed"
        return Outcome(recording.name, state, f"{type(error).__name__}: {error}", recording.video)


def _make(recording: Recording, path: Path, settings: Settings) -> None:
    labels = recording.load()
    source = stream(
        recording.video,
        regions=settings.regions if len(settings.regions) else None,
        crop_size=settings.crop_size,
        crop=settings.crop,
        frame_times=labels.frame_times,
    )
    with writing(path, recording, settings) as writer:
        lost = 0
        for chunk in source:
            writer.append(chunk)
            lost += int(np.sum(~chunk.found))
        facts: dict[str, Any] = {"size": list(source.size), "fps": source.fps, "lost": lost, "notes": source.notes}
        labels = _synchronised(writer, labels, facts) if settings.synchronise else labels
        writer.finish(labels, facts)


def _synchronised(writer: Writer, labels: Labels, facts: dict[str, Any]) -> Labels:
    # scipy takes longer to load than all else: only where it is needed
    from zoo.data.synchronise import synchronise

    times, found, colours = writer.frames()
    labels, lag = synchronise(times, colours, found, labels)
    facts |= {"lag": round(lag.seconds, 4), "lag_correlation": round(lag.correlation, 4)}
    return labels


def _is_full(error: OSError) -> bool:
    """Also through HDF5, which only tells in words."""
    told = re.search(r"errno = (\d+)", str(error))
    return error.errno in FULL or (told is not None and int(told[1]) in FULL)


def shard(recordings: Sequence[Recording], text: str | None) -> list[Recording]:
    """Part i of N of the recordings, for `i/N` with i from 1; all of them for None.

    Raises:
        UsageError: not of that form.
    """
    from zoo.errors import UsageError

    if text is None:
        return list(recordings)
    told = re.fullmatch(r"(\d+)/(\d+)", text)
    if not told or not 1 <= int(told[1]) <= int(told[2]):
        raise UsageError(f"'{text}' is no part of the work: write --shard i/N with i from 1 to N, say 2/8.")
    return list(recordings)[int(told[1]) - 1 :: int(told[2])]


def balance(outcomes: Sequence[Outcome]) -> Iterator[tuple[str, int]]:
    """How many of each state."""
    for state in ("used", "skipped", "failed"):
        yield state, sum(outcome.state == state for outcome in outcomes)
