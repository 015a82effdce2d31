"""The plan as a document: its digest, its JSON both ways, its schema."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal, TypeVar

from pydantic import TypeAdapter, ValidationError
from pydantic_core import from_json

from portalctl.errors import Finding, InputError, Position
from portalctl.plan.model import Plan, PortalPlan

T = TypeVar("T")

SCHEMA_ID = "https://portalctl.dev/schemas/plan.v1.schema.json"
# What of a portal the digest covers. Refusals too: else a plan could be rid of them and still seem the same.
BOUND = ("name", "provider", "portal_id", "server", "guard", "changes", "refusals")
MOST_SHOWN = 10  # findings of one file; one slip of a program makes thousands
LONGEST_KEY = 60  # characters of a key that a message shows


@dataclass(frozen=True, slots=True)
class _Header:
    version: Literal[1]
    kind: Literal["plan"]


@cache
def _header() -> TypeAdapter[_Header]:
    return TypeAdapter(_Header)


@cache
def _plan() -> TypeAdapter[Plan]:
    return TypeAdapter(Plan)


@cache
def _portals() -> TypeAdapter[tuple[PortalPlan, ...]]:
    return TypeAdapter(tuple[PortalPlan, ...])


def digest(manifest_digest: str, portals: tuple[PortalPlan, ...]) -> str:
    """`sha256:…` of what an apply would be bound to; not of notices, counts or times."""
    plain = _portals().dump_python(portals, mode="json", by_alias=True)
    bound = [{key: portal[key] for key in BOUND} for portal in plain]
    document = {"version": 1, "manifest": manifest_digest, "portals": bound}
    text = json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"


def to_json(plan: Plan) -> str:
    """The published form, two-space indented, ending in a line break. Key order is that of the models."""
    return _plan().dump_json(plan, by_alias=True, indent=2).decode() + "\n"


def parse(content: bytes, file: str) -> Plan:
    """The plan in a file's content: UTF-8 JSON with every key of the model; keys it does not know are ignored.

    Raises InputError for anything else. Its findings name JSON paths and types, never values.
    """
    try:
        given = from_json(content, allow_inf_nan=False)  # bounds depth and the length of numbers
    except ValueError as error:
        raise InputError((_not_json(file, str(error)),)) from None
    _validated(
        _header(), content, given, file
    )  # first: all else that a later version says differently would distract
    plan = _validated(_plan(), content, given, file)
    problems = list(_unlike(_plan().dump_python(plan, mode="json", by_alias=True), given))
    if problems:
        raise rejected(file, problems)
    return plan


def rejected(file: str, problems: Sequence[tuple[str, str]]) -> InputError:
    """`problems` are JSON paths and what is wrong there; the first of them are shown."""
    count = len(problems)
    return InputError(
        tuple(
            Finding(Position(file, 1, 1), f"{path.removeprefix('.') or 'the plan'}: {text}")
            for path, text in problems[:MOST_SHOWN]
        ),
        f"{count:,} errors, {MOST_SHOWN} of them shown. Nothing was read or written." if count > MOST_SHOWN else "",
    )


def plan_schema() -> Mapping[str, Any]:
    """JSON Schema (2020-12) of a plan file. Later versions may add keys; readers ignore what they don't know."""
    schema = _plan().json_schema(by_alias=True, mode="serialization")
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": SCHEMA_ID,
        **schema,
        "title": "portalctl plan",
    }


def _validated(adapter: TypeAdapter[T], content: bytes, given: object, file: str) -> T:
    """Types as JSON has them: no number from text, no list from an object."""
    try:
        return adapter.validate_json(content, strict=True)
    except ValidationError as error:
        found = error.errors(include_url=False, include_input=False, include_context=False)
        said = {_path(each["loc"], given, each["type"]): _words(each["type"], each["msg"]) for each in found}
        raise rejected(file, list(said.items())) from None


def _words(kind: str, message: str) -> str:
    return "is missing" if kind == "missing" else message.replace("Input should", "should")


def _path(loc: Sequence[str | int], given: object, kind: str) -> str:
    """`portals[0].changes[3].op`. The validator's own marks, for which of several types it tried, are no keys."""
    path = ""
    for step in loc:
        if isinstance(given, list) and isinstance(step, int):
            given = given[step]
        elif isinstance(given, dict) and (step in given or kind == "missing"):
            given = given.get(step)
        else:
            break
        path += _step(step)
    return path


def _step(step: str | int) -> str:
    return f"[{step}]" if isinstance(step, int) else f".{step[:LONGEST_KEY]}"


def _unlike(model: object, given: object, path: str = "") -> Iterator[tuple[str, str]]:
    """What `model` would write and was not given: keys left out, and `true` where Python takes it for 1."""
    if isinstance(model, dict) and isinstance(given, dict):
        for key, value in model.items():
            if key in given:
                yield from _unlike(value, given[key], path + _step(key))
            else:
                yield path + _step(key), "is missing"
    elif isinstance(model, list) and isinstance(given, list):
        for index, (value, other) in enumerate(zip(model, given, strict=True)):
            yield from _unlike(value, other, path + _step(index))
    elif type(model) is not type(given):
        yield path, "has the wrong type"


def _not_json(file: str, message: str) -> Finding:
    """The parser's own words name a kind of token at best; where it stopped is what helps."""
    place = re.search(r"line (\d+) column (\d+)$", message)
    line, column = (int(place[1]), max(int(place[2]), 1)) if place else (1, 1)
    told = next((ours for theirs, ours in _PARSER_SAYS.items() if message.startswith(theirs)), _PARSER_SAYS[""])
    return Finding(Position(file, line, column), told)


# How a message of the parser begins, and what is said instead.
_PARSER_SAYS = {
    "EOF": "this JSON ends too early: the file was cut off",
    "recursion": "this is no plan: it is nested too deeply",
    "number": "a number is out of range",
    "": "this is not JSON in UTF-8; a manifest is named with -f",
}
