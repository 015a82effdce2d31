"""Request bodies: what an operation accepts, and the vendor's words for what it doesn't."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from portalctl.simulator.konnect.problems import (
    Invalid,
    ProblemError,
    at_least,
    at_most,
    bad_request,
    choice,
    not_uuid,
    required,
    standard,
    unknown,
)
from portalctl.simulator.message import Request

Check = Callable[[str, object], Invalid | None]

_UUID = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_EMAIL = re.compile(r"[^@\s\x00-\x1f]+@[^@\s\x00-\x1f]+")
_LABEL = re.compile(r"[a-z0-9A-Z]([a-z0-9A-Z._-]{0,61}[a-z0-9A-Z])?")


def is_uuid(text: str) -> bool:
    return _UUID.fullmatch(text) is not None


@dataclass(frozen=True, slots=True)
class RequestBody:
    """The properties of a request body. `extra`: the document does not forbid others, so they are ignored."""

    checks: Mapping[str, Check]
    required: tuple[str, ...] = ()
    extra: bool = False


def read_body(request: Request, body: RequestBody) -> dict[str, Any]:
    """The properties that were sent. Raises ProblemError: 400 naming what is wrong, 415 for another media type."""
    value = _parse(request)
    wrong = [required(name) for name in body.required if name not in value]
    for name, item in value.items():
        check = body.checks.get(name)
        if check is not None and (problem := check(name, item)):
            wrong.append(problem)
        if check is None and not body.extra:
            wrong.append(unknown(name))
    if wrong:
        raise bad_request(*wrong)
    return {name: item for name, item in value.items() if name in body.checks}


def _parse(request: Request) -> dict[str, Any]:
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if request.body and media_type != "application/json":
        raise ProblemError(415, "Content-Type must be application/json")
    try:
        value = json.loads(request.body or b"null")
        json.dumps(value, ensure_ascii=False).encode()  # half of a surrogate pair is not text
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict):
        raise bad_request(standard("body", "is_object", '"body" must be an object'))
    return value


def text(shortest: int = 0, longest: int | None = None, nullable: bool = False) -> Check:
    def check(name: str, value: object) -> Invalid | None:
        if value is None and nullable:
            return None
        if not isinstance(value, str):
            return standard(name, "is_string", f'value of "{name}" must be a utf-8 string')
        if len(value) < shortest:
            reason = f'value of "{name}" must have at least {shortest} character{"s" if shortest > 1 else ""}'
            return at_least(name, "min_length", shortest, reason)
        if longest is not None and len(value) > longest:
            return at_most(name, "max_length", longest, f'value of "{name}" must not exceed {longest} characters')
        return None

    return check


def email(longest: int) -> Check:
    length = text(0, longest)

    def check(name: str, value: object) -> Invalid | None:
        problem = length(name, value)
        if problem is None and not _EMAIL.fullmatch(str(value)):
            return standard(name, "invalid", f'value of "{name}" must be an email address')
        return problem

    return check


def one_of(*choices: str) -> Check:
    def check(name: str, value: object) -> Invalid | None:
        return None if value in choices else choice(name, choices)

    return check


def flag(name: str, value: object) -> Invalid | None:
    if isinstance(value, bool):
        return None
    return standard(name, "is_boolean", f'value of "{name}" must be true or false')


def uuid(name: str, value: object) -> Invalid | None:
    return None if isinstance(value, str) and is_uuid(value) else not_uuid(name)


def uuid_or_null(name: str, value: object) -> Invalid | None:
    return None if value is None else uuid(name, value)


def a_list(name: str, value: object) -> Invalid | None:
    return None if isinstance(value, list) else standard(name, "is_array", f'"{name}" must be an array')


def an_object(name: str, value: object) -> Invalid | None:
    return None if isinstance(value, dict) else standard(name, "is_object", f'"{name}" must be an object')


def texts(name: str, value: object) -> Invalid | None:
    if not isinstance(value, list):
        return a_list(name, value)
    if not all(isinstance(item, str) for item in value):
        return standard(name, "is_string", f'value of "{name}" must be a utf-8 string')
    return None


def text_map(name: str, value: object) -> Invalid | None:
    if isinstance(value, dict) and all(isinstance(item, str) for item in value.values()):
        return None
    return standard(name, "is_object", f'"{name}" must be an object')


def labels(name: str, value: object) -> Invalid | None:
    """LabelsUpdate: an object of labels, or null; a null label deletes its key."""
    if value is None:
        return None
    if not isinstance(value, dict):
        return standard(name, "is_object", f'"{name}" must be an object')
    for key, label in value.items():
        if label is not None and not (isinstance(label, str) and _LABEL.fullmatch(label)):
            return standard(f"{name}.{key}", "is_label", f'value of "{name}.{key}" must be a label')
    if len(value) > 50:
        return at_most(name, "max_items", 50, f'"{name}" must not have more than 50 entries')
    return None
