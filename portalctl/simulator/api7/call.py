"""One call of an operation, and what operations check before they do anything."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any

from portalctl.simulator.api7.behaviour import Api7Behaviour
from portalctl.simulator.api7.database import Database, Kind, Tables
from portalctl.simulator.api7.dialect import ServiceDialect
from portalctl.simulator.api7.errors import ApiError, invalid, not_found
from portalctl.simulator.api7.records import SimulatedDeveloper, SimulatedPortal
from portalctl.simulator.message import Request, SimulatedAnswer

ID = re.compile(r"[a-zA-Z0-9\-_.]{1,256}")
Check = Callable[[object], bool]


@dataclass(frozen=True, slots=True)
class Call:
    """`ids` are the path's parameters. `seen` shows GET the lagging view, writes the truth.

    `portal` is the backend's own, `actor` the developer it acts for; both are None on the Dashboard.
    """

    request: Request
    ids: Mapping[str, str]
    db: Database
    seen: Tables
    dialect: ServiceDialect
    portal: SimulatedPortal | None = None
    actor: SimulatedDeveloper | None = None

    @property
    def behaviour(self) -> Api7Behaviour:
        return self.db.behaviour

    @property
    def own_portal(self) -> SimulatedPortal:
        assert self.portal is not None  # noqa: S101  # the backend's routes see to it
        return self.portal

    @property
    def own_developer(self) -> SimulatedDeveloper:
        assert self.actor is not None  # noqa: S101
        return self.actor


Operation = Callable[[Call], SimulatedAnswer]


def parameters(call: Call, known: Collection[str], many: Collection[str] = ()) -> dict[str, list[str]]:
    """The query by name. Raises ApiError 400 for parameters that are unknown, or given twice and not in `many`."""
    found: dict[str, list[str]] = {}
    for name, value in call.request.query:
        if name in known:
            found.setdefault(name, []).append(value)
        elif call.behaviour.unknown_parameters == "refused":
            raise invalid(f"unknown query parameter {name}")
    for name, values in found.items():
        if len(values) > 1 and name not in many:
            raise invalid(f"query parameter {name} is given more than once")
    return found


def no_parameters(call: Call) -> None:
    parameters(call, ())


def record(call: Call, kind: type[Kind], record_id: str, what: str) -> Kind:
    """The record of this id. Raises ApiError 400 for what can be no id, 404 where there is none."""
    found = call.seen.get(kind, checked_id(record_id, what))
    if found is None:
        raise not_found(what)
    return found


def checked_id(text: str, what: str) -> str:
    """Raises ApiError 400 where the text can be no id."""
    if not ID.fullmatch(text) or text in (".", ".."):
        raise invalid(f"invalid id of {what}")
    return text


def body(call: Call, checks: Mapping[str, Check], required: Collection[str] = ()) -> dict[str, Any]:
    """Return the body's properties. Raises ApiError 400 for another JSON object, 415 for another media type."""
    media_type = call.request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if call.request.body and media_type != "application/json":
        raise ApiError(415, "Content-Type must be application/json")
    try:
        value = json.loads(call.request.body or b"{}")
        json.dumps(value, ensure_ascii=False).encode()  # half of a surrogate pair is not text
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict):
        raise invalid("the body must be a JSON object")
    for name in required:
        if name not in value:
            raise invalid(f"{name} is required")
    for name, item in value.items():
        if name not in checks:
            raise invalid(f"unknown property {name}")
        if not checks[name](item):
            raise invalid(f"invalid value of {name}")
    return value


def is_id(value: object) -> bool:
    return isinstance(value, str) and ID.fullmatch(value) is not None


def is_ids(value: object) -> bool:
    return isinstance(value, list) and bool(value) and all(is_id(item) for item in value)


def is_text(shortest: int, longest: int) -> Check:
    return lambda value: isinstance(value, str) and shortest <= len(value) <= longest


def is_labels(value: object) -> bool:
    return isinstance(value, dict) and all(is_text(1, 65_536)(item) for item in value.values())


def is_object(value: object) -> bool:
    return value is None or isinstance(value, dict)
