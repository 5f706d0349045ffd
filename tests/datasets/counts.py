"""What each reader gives of its fixture tree, in numbers: `python -m tests.datasets.counts [--write]`.

The checksum covers everything that a reader says (people, sessions, files, targets, folds, groups, signals with their
times, frame times, what was skipped and why), with numbers to six digits. `--write` pins it in counts.json, which
test_info.py holds the readers to: a reader that gives anything else than yesterday is noticed, whatever its own tests
look at.
"""

from __future__ import annotations

import hashlib
import importlib
import json
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from zoo import registry
from zoo.data.recording import Recording
from zoo.errors import DataError

PINNED = Path(__file__).with_name("counts.json")
READERS = [name for name, entry in registry.entries("dataset").items() if entry.built_in and name != "synthetic"]


def counts(name: str, folder: Path) -> dict[str, Any]:
    """Counts and checksum of one reader on the tree that its tests write."""
    root = importlib.import_module(f"tests.datasets.test_{name}").root.__wrapped__(folder)
    listing = registry.dataset(name).read(root)
    recordings = [_facts(recording, root) for recording in listing.recordings]
    skipped = [[item.path.relative_to(root).as_posix(), item.reason] for item in listing.skipped]
    content = json.dumps([recordings, skipped, listing.notes], sort_keys=True).replace(str(root), "")
    signals = [samples for facts in recordings for samples in facts["signals"].values()]
    return {
        "people": len({recording.person for recording in listing.recordings}),
        "recordings": len(recordings),
        "skipped": len(skipped),
        "unreadable labels": sum(facts["error"] is not None for facts in recordings),
        "signals": len(signals),
        "samples": sum(len(samples[0]) for samples in signals),
        "checksum": hashlib.sha256(content.encode()).hexdigest()[:16],
    }


def _facts(recording: Recording, root: Path) -> dict[str, Any]:
    facts: dict[str, Any] = {
        "name": recording.name,
        "video": recording.video.relative_to(root).as_posix(),
        "targets": {name: _digits(value) for name, value in sorted(recording.targets.items())},
        "fold": recording.fold,
        "groups": dict(recording.groups),
        "signals": {},
        "frame_times": None,
        "error": None,
    }
    try:
        labels = recording.load()
    except DataError as error:
        return {**facts, "error": str(error)}
    signals = {name: [_digits(s.times), _digits(s.values)] for name, s in labels.signals.items()}
    return {
        **facts,
        "signals": signals,
        "frame_times": None if labels.frame_times is None else _digits(labels.frame_times),
    }


def _digits(values: Any) -> Any:
    return [f"{value:.6g}" for value in np.ravel(values)]


def main() -> None:
    """Print the table; pin it where that is asked for."""
    table = {}
    for name in READERS:
        with tempfile.TemporaryDirectory() as folder:
            table[name] = counts(name, Path(folder).resolve())
    columns = list(next(iter(table.values())))
    width = {column: max(len(column), len(str(table[READERS[0]][column]))) + 3 for column in columns}
    print(f"{'reader':12}" + "".join(f"{column:>{width[column]}}" for column in columns))
    for name, row in table.items():
        print(f"{name:12}" + "".join(f"{row[column]!s:>{width[column]}}" for column in columns))
    if "--write" in sys.argv[1:]:
        PINNED.write_text(json.dumps(table, indent=1) + "\n")


if __name__ == "__main__":
    main()
