"""A stranger's text, fit for a terminal and a report."""

from __future__ import annotations

import re

_PLAIN = re.compile(r"[^\x20-\x7e]+")


def plain(text: str) -> str:
    """Printable ASCII on one line."""
    return _PLAIN.sub(" ", text).strip()


def last_line(text: str) -> str:
    """The last line that says something."""
    lines = [line for line in (plain(line) for line in text[-4000:].splitlines()) if line]
    return lines[-1][:200] if lines else "it printed nothing"
