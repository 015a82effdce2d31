"""JSON files that programs write and read: strict; errors name the JSON path, never the value."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Literal, TypeVar

from pydantic import TypeAdapter, ValidationError
from pydantic_core import from_json

from portalctl.errors import Finding, InputError, Position

T = TypeVar("T")

MOST_SHOWN = 10  # findings of one file; one slip of a program makes thousands
LONGEST_KEY = 60  # characters of a key that a message shows


@dataclass(frozen=True, slots=True)
class _Header:
    """The keys that every version of a kind of file has."""

    version: Literal[1]
    kind: str


@cache
def _header() -> TypeAdapter[_Header]:
    return TypeAdapter(_Header)


def parse(content: bytes, file: str, model: TypeAdapter[T], kind: str) -> T:
    """Parse a file's content:

    UTF-8 JSON with every key of the model; unknown keys are ignored. `kind` is the expected value of the file's
    `kind`. Raises InputError for anything else. Its findings name JSON paths and types, never values."""
    try:
        data = from_json(content, allow_inf_nan=False)  # bounds depth and the length of numbers
    except ValueError as error:
        raise InputError((not_json(file, str(error), kind),)) from None
    # First the header: errors in the rest would only hide a wrong version or kind.
    header = _validated(_header(), content, data, file, kind)
    if header.kind != kind:
        raise rejected(file, [("kind", f"should be '{kind}'")], kind)
    value = _validated(model, content, data, file, kind)
    unlike = list(_unlike(model.dump_python(value, mode="json", by_alias=True), data))
    if unlike:
        raise rejected(file, unlike, kind)
    return value


def rejected(file: str, problems: Sequence[tuple[str, str]], kind: str) -> InputError:
    """Return an InputError; `problems` are JSON paths and what is wrong there; the first of them are shown."""
    count = len(problems)
    return InputError(
        tuple(
            Finding(Position(file, 1, 1), f"{path.removeprefix('.') or f'the {kind}'}: {text}")
            for path, text in problems[:MOST_SHOWN]
        ),
        f"{count:,} errors, {MOST_SHOWN} of them shown. No portal was contacted." if count > MOST_SHOWN else "",
    )


def _validated(adapter: TypeAdapter[T], content: bytes, data: object, file: str, kind: str) -> T:
    """Validate with JSON's types: no number from text, no list from an object."""
    try:
        return adapter.validate_json(content, strict=True)
    except ValidationError as error:
        raise rejected(file, problems(error, data), kind) from None


def problems(error: ValidationError, data: object) -> list[tuple[str, str]]:
    """Return JSON paths into the data, and what is wrong there; each path once."""
    found = error.errors(include_url=False, include_input=False, include_context=False)
    return list(
        {
            _path(finding["loc"], data, finding["type"]): _words(finding["type"], finding["msg"]) for finding in found
        }.items()
    )


def _words(kind: str, message: str) -> str:
    if kind == "extra_forbidden":
        return "is not a key that belongs here"
    return "is missing" if kind == "missing" else message.replace("Input should", "should")


def _path(loc: Sequence[str | int], data: object, kind: str) -> str:
    """Format `portals[0].changes[3].op`. Steps that name an attempted type, such as an operation, are left out."""
    path = ""
    for place, step in enumerate(loc, 1):
        if isinstance(data, list) and isinstance(step, int):
            data = data[step]
        elif isinstance(data, dict) and (step in data or (kind == "missing" and place == len(loc))):
            data = data.get(step)
        else:
            continue
        path += _step(step)
    return path


def _step(step: str | int) -> str:
    return f"[{step}]" if isinstance(step, int) else f".{step[:LONGEST_KEY]}"


def _unlike(model: object, data: object, path: str = "") -> Iterator[tuple[str, str]]:
    """Yield what `model` would write and the data lacks: missing keys, and `true` where Python accepts it as 1."""
    if isinstance(model, dict) and isinstance(data, dict):
        for key, value in model.items():
            if key in data:
                yield from _unlike(value, data[key], path + _step(key))
            else:
                yield path + _step(key), "is missing"
    elif isinstance(model, list) and isinstance(data, list):
        if len(model) < len(data):  # a set
            yield path, "has something twice"
        for index, (value, other) in enumerate(zip(model, data, strict=False)):
            yield from _unlike(value, other, path + _step(index))
    elif type(model) is not type(data):
        yield path, "has the wrong type"


def not_json(file: str, message: str, kind: str) -> Finding:
    """Return the finding for content that is not JSON, at the place where the parser stopped."""
    place = re.search(r"line (\d+) column (\d+)$", message)
    line, column = (int(place[1]), max(int(place[2]), 1)) if place else (1, 1)
    text = next(
        (ours for theirs, ours in _PARSER_MESSAGES.items() if message.startswith(theirs)), _PARSER_MESSAGES[""]
    )
    return Finding(Position(file, line, column), text.format(kind=kind))


# The beginnings of the parser's messages, and the message that replaces each.
_PARSER_MESSAGES = {
    "EOF": "the JSON ends too early: the file is incomplete",
    "recursion": "not a valid {kind}: it is nested too deeply",
    "number": "a number is out of range",
    "": "not JSON in UTF-8; to name a manifest, use -f",
}
