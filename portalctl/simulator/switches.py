"""Behaviour from text: `name=value` pairs for the fields of a frozen dataclass."""

from __future__ import annotations

import typing
from collections.abc import Iterable
from dataclasses import fields, replace
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

Setting = bool | int | float | str
Switches = TypeVar("Switches", bound="DataclassInstance")


def parse_switches(texts: Iterable[str], base: Switches) -> Switches:
    """`base` with what the texts change. Raises ValueError naming the text that is wrong and what is possible."""
    kinds = typing.get_type_hints(type(base))
    changes: dict[str, Setting] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals or name not in kinds:
            raise ValueError(f"unknown behaviour {text!r}; known: {', '.join(f.name for f in fields(base))}")
        changes[name] = _convert(name, value, kinds[name])
    return replace(base, **changes)


def _convert(name: str, value: str, kind: object) -> Setting:
    choices = ("true", "false") if kind is bool else typing.get_args(kind)
    if choices and value not in choices:
        raise ValueError(f"behaviour {name} must be one of {', '.join(choices)}, not {value!r}")
    if kind is bool:
        return value == "true"
    if kind is int:
        return _number(name, value, int, 1)
    if kind is float:
        return _number(name, value, float, 0)
    return value


def _number(name: str, value: str, kind: type[int | float], least: int) -> int | float:
    try:
        number = kind(value)
    except ValueError:
        raise ValueError(f"behaviour {name} must be a number, not {value!r}") from None
    if not number >= least:
        raise ValueError(f"behaviour {name} is too small: {value}")
    return number
