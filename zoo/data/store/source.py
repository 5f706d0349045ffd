"""What a file of the store is made from: its name, and a digest that tells when it must be made anew."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from zoo.data.recording import Recording
from zoo.data.store.settings import slug


def file_name(recording: Recording) -> str:
    """The name of a recording's file: readable, and unique by a digest of the recording's name."""
    return f"{slug(recording.person)[:40]}-{slug(recording.session)[:60]}-{_sha(recording.name.encode())[:8]}.h5"


def fingerprint(recording: Recording) -> str:
    """A digest of what a file is made from: the recording's facts, and the size and ends of its video and labels.

    It does not depend on where the data set lies or when it was copied.
    """
    facts = json.dumps([facts_to_keep(recording), [_ends(path) for path in _sources(recording)]], sort_keys=True)
    return _sha(facts.encode())[:16]


def _sources(recording: Recording) -> Iterator[Path]:
    yield recording.video
    if isinstance(recording.load, partial):
        given = (*recording.load.args, *recording.load.keywords.values())
        yield from (value for value in given if isinstance(value, Path) and value != recording.video)


def _ends(path: Path, size: int = 65536) -> list[Any]:
    if path.is_dir():
        entries = sorted((entry.name, entry.stat().st_size) for entry in os.scandir(path) if entry.is_file())
        return [len(entries), _sha(json.dumps(entries).encode())]
    if not path.is_file():
        return []
    with path.open("rb") as file:
        first, total = file.read(size), path.stat().st_size
        file.seek(max(size, total - size))
        return [total, _sha(first + file.read(size))]


def facts_to_keep(recording: Recording) -> dict[str, Any]:
    """What a file says of its recording, as plain values."""
    return {
        "dataset": recording.dataset,
        "person": recording.person,
        "session": recording.session,
        "video": recording.video.name,
        "targets": {name: float(value) for name, value in recording.targets.items() if np.isfinite(value)},
        "fold": recording.fold,
        "groups": dict(recording.groups),
        "simulated": recording.simulated,
    }


def _sha(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
