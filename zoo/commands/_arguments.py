"""Arguments read with argparse, whose mistakes become one sentence that says what was probably meant."""

from __future__ import annotations

import argparse
import difflib
import re
from collections.abc import Iterable, Sequence
from typing import Any, NoReturn

from zoo.errors import UsageError


class Parser(argparse.ArgumentParser):
    """An ArgumentParser that raises UsageError; options are never abbreviated."""

    def __init__(self, **options: Any) -> None:
        super().__init__(allow_abbrev=False, formatter_class=argparse.RawDescriptionHelpFormatter, **options)

    def parse_args(  # type: ignore[override]
        self, args: Sequence[str] | None = None, namespace: Any = None
    ) -> Any:
        """Parsed arguments.

        Raises:
            UsageError: an unknown option, with the closest one that there is, or a wrong value.
        """
        known, unknown = self.parse_known_args(args, namespace)
        if unknown:
            word = unknown[0].partition("=")[0]
            options = re.findall(r"(?<![\w-])--?[a-z][\w-]*", self.format_help())
            meant = did_you_mean(word, options) if word.startswith("-") else ""
            raise UsageError(f"'{self.prog}' takes no '{word}'.{meant} '{self.prog} --help' shows all options.")
        return known

    def error(self, message: str) -> NoReturn:
        raise UsageError(f"{self.prog}: {message}. '{self.prog} --help' shows all options.")


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """` Did you mean X?` for the closest of the known words; nothing where none is close."""
    close = difflib.get_close_matches(word, sorted(set(known)), n=1, cutoff=0.6)
    return f" Did you mean {close[0]}?" if close else ""


def named_values(pairs: Iterable[str], example: str) -> dict[str, Any]:
    """Values by name from words `NAME=VALUE`, each value read as YAML: numbers, lists, true and null are what they say.

    Args:
        example: the option with a word that would do, for the message.

    Raises:
        UsageError: a word without `=`, or a value that is no YAML.
    """
    import yaml

    values = {}
    for pair in pairs:
        name, sign, value = pair.partition("=")
        if not sign or not name:
            raise UsageError(f"'{pair}' is no NAME=VALUE: write {example}, say.")
        try:
            values[name] = yaml.safe_load(value)
        except yaml.YAMLError as error:
            raise UsageError(f"The value of '{pair}' cannot be read: write {example}, say.") from error
    return values
