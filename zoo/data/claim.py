"""One process at a time for one file: a claim that the system takes back when its holder dies, however it dies."""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

DAY = 86400.0


@contextmanager
def claim(path: Path, wait: bool) -> Iterator[bool]:
    """Whether this process alone may make `path`, until the block ends.

    Where the system has no such locks everybody may: files are written under names of their own and renamed whole, so
    that two who make the same one only do the work twice.

    Args:
        wait: wait for another holder; else it is False where there is one.
    """
    try:
        import fcntl
    except ImportError:
        yield True
        return
    lock = path.with_name(f".{path.name}.lock")
    while True:
        handle = os.open(lock, os.O_RDWR | os.O_CREAT, 0o644)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except BlockingIOError:
            os.close(handle)
            yield False
            return
        if _same(handle, lock):
            break
        # its last holder has removed it in the meantime: a new one may already be held
        os.close(handle)
    try:
        yield True
    finally:
        lock.unlink(missing_ok=True)
        os.close(handle)


def _same(handle: int, path: Path) -> bool:
    try:
        return os.fstat(handle).st_ino == path.stat().st_ino
    except FileNotFoundError:
        return False


def clear_remains(path: Path) -> None:
    """Remove what killed runs have left of `path`; to be called by its holder only."""
    for remains in path.parent.glob(f".{path.name}.*.part"):
        here = remains.name.startswith(f".{path.name}.{platform.node()}.")
        try:
            # of another machine that may not see our lock: only if nobody can still be writing it
            if here or time.time() - remains.stat().st_mtime > DAY:
                remains.unlink()
        except FileNotFoundError:
            continue
