"""Hyper-parameters, checked against what the constructor that takes them is annotated with."""

from __future__ import annotations

import math
import types
from collections.abc import Mapping
from numbers import Integral, Real
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from zoo.errors import UsageError

SIMPLE: Mapping[Any, tuple[Any, str]] = {
    bool: (bool, "true or false"),
    int: (Integral, "a whole number"),
    float: (Real, "a number"),
    str: (str, "text"),
    types.NoneType: (types.NoneType, "null"),
}


def check(model: type, values: Mapping[str, Any]) -> None:
    """Refuse values that a model's constructor, or one that it passes them on to, is not annotated to take.

    Names without an annotation, and annotations of other kinds than plain values have, are let through.

    Raises:
        UsageError: names the setting, what it must be, and what was given.
    """
    annotations: dict[str, Any] = {}
    for base in reversed(model.__mro__):
        annotations |= _annotations(vars(base).get("__init__"))
    for name, value in values.items():
        if name in annotations and not _fits(value, annotations[name]):
            raise UsageError(f"{name} must be {_described(annotations[name])}, not {value!r}.")


def positive(**settings: float) -> None:
    """Refuse numbers that are not above 0, or not finite.

    Raises:
        UsageError: names the first of them.
    """
    for name, value in settings.items():
        if not 0 < value < math.inf:
            raise UsageError(f"{name} must be above 0, not {value!r}.")


def _annotations(function: Any) -> dict[str, Any]:
    try:
        return {} if function is None else get_type_hints(function)
    except NameError:
        # a plugin's or Lightning's own, of names which only a type checker imports
        return {}


def _fits(value: Any, annotation: Any) -> bool:
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Literal:
        return any(value == legal and type(value) is type(legal) for legal in arguments)
    if origin in (Union, types.UnionType):
        return any(_fits(value, one) for one in arguments)
    if origin in (list, dict):
        # a card has lists where Python may have tuples
        plain = isinstance(value, list | tuple if origin is list else Mapping)
        return plain and all(_fits(one, arguments[-1]) for one in (value.values() if origin is dict else value))
    if annotation in SIMPLE:
        return isinstance(value, SIMPLE[annotation][0]) and (annotation is bool or not isinstance(value, bool))
    return True


def _described(annotation: Any) -> str:
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Literal:
        return f"one of {', '.join(map(repr, arguments))}"
    if origin in (Union, types.UnionType):
        return " or ".join(map(_described, arguments))
    if origin is list:
        return f"a list, each {_described(arguments[0])}"
    if origin is dict:
        return f"a mapping of names, each to {_described(arguments[-1])}"
    return SIMPLE[annotation][1] if annotation in SIMPLE else str(annotation)
