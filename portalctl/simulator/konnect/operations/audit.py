"""The organisation's audit log, and the principals in it. Not in the v3 document: names are those of Kong's
documentation of audit logs and of its Identity API."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any

from portalctl.simulator.konnect.call import Call
from portalctl.simulator.konnect.problems import (
    Invalid,
    ProblemError,
    at_most,
    bad_request,
    not_found,
    standard,
    unknown,
)
from portalctl.simulator.konnect.query import cursor_of, key_of, refuse_query
from portalctl.simulator.message import SimulatedAnswer, json_answer

_NUMBERS = ("page[size]", "page[number]")
_PAGES = ("page[number]", "page[after]")  # without and with cursors
_FIELDS = ("ts", "method", "uri", "status_code", "principal_id", "actor_id", "client_ip", "trace_id", "portal_id")
DEFAULT_SIZE, LARGEST_SIZE = 20, 1000


def list_entries(call: Call) -> SimulatedAnswer:
    """Requests to the API that were answered, newest first, with numbered pages or with cursors."""
    refused = call.world.behaviour.audit_log
    if refused in {"401", "403", "404"}:
        raise ProblemError(int(refused))
    query = dict(call.request.query)
    wrong = [problem for name, value in query.items() if (problem := _problem(name, value, refused)) is not None]
    if wrong:
        raise bad_request(*wrong)
    size = int(query.get("page[size]") or DEFAULT_SIZE)
    since = query.get("filter[ts][gte]")
    rows = _rows(call, since) if query.get("filter[type]", "gateway_access") == "gateway_access" else []
    return json_answer(200, _by_cursor(query, rows, size) if refused == "cursors" else _by_number(query, rows, size))


def _rows(call: Call, since: str | None) -> list[tuple[int, dict[str, Any]]]:
    sql = f"SELECT seq, {', '.join(_FIELDS)} FROM audit_log ORDER BY seq DESC"  # noqa: S608  # names of ours
    first = _moment(since) if since else None
    found = [(row[0], dict(zip(_FIELDS, row[1:], strict=True))) for row in call.reader.rows(sql)]
    return [(seq, row) for seq, row in found if first is None or datetime.fromisoformat(row["ts"]) >= first]


def _by_number(query: dict[str, str], rows: list[tuple[int, dict[str, Any]]], size: int) -> dict[str, Any]:
    number = int(query.get("page[number]") or 1)
    data = [row for _, row in rows[(number - 1) * size : number * size]]
    return {"data": data, "meta": {"page": {"number": number, "size": size, "total": len(rows)}}}


def _by_cursor(query: dict[str, str], rows: list[tuple[int, dict[str, Any]]], size: int) -> dict[str, Any]:
    before = key_of(query.get("page[after]", "")) if query.get("page[after]") else None
    left = [(seq, row) for seq, row in rows if before is None or seq < before]
    more = len(left) > size
    following = f"/v3/audit-logs?page[after]={cursor_of(left[size - 1][0])}" if more else None
    return {"data": [row for _, row in left[:size]], "meta": {"page": {"next": following, "size": size}}}


def _problem(name: str, value: str, paging: str) -> Invalid | None:
    """What is wrong with a parameter of the query. Empty values count as if left out."""
    allowed = {"filter[type]", "filter[ts][gte]", "page[size]", _PAGES[paging == "cursors"]}
    if name not in allowed:
        return unknown(name, "query")
    if name == "filter[ts][gte]" and _moment(value) is None:
        return standard(name, "is_date_time", f'"{name}" must be a date and time', "query")
    if name == "page[after]" and value and key_of(value) is None:
        return standard(name, "invalid", f'"{name}" is not a cursor of this list', "query")
    if name in _NUMBERS and value and not re.fullmatch("[1-9][0-9]{0,8}", value):
        return standard(name, "is_number", f'"{name}" must be a number', "query")
    if name == "page[size]" and int(value or 1) > LARGEST_SIZE:
        return at_most(name, "max", LARGEST_SIZE, f'"{name}" must not exceed {LARGEST_SIZE}', "query")
    return None


def _moment(text: str) -> datetime | None:
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    return found if found.tzinfo is not None else found.replace(tzinfo=UTC)


def get_user(call: Call) -> SimulatedAnswer:
    return _principal(call, "user", call.ids["userId"], "full_name")


def get_system_account(call: Call) -> SimulatedAnswer:
    return _principal(call, "system_account", call.ids["accountId"], "name")


def _principal(call: Call, kind: str, principal_id: str, field: str) -> SimulatedAnswer:
    refuse_query(call.request.query)
    if call.world.behaviour.principals == "403":
        raise ProblemError(403)
    row = call.reader.row("SELECT name FROM principals WHERE id = ? AND kind = ?", principal_id, kind)
    if row is None:
        raise not_found()
    return json_answer(200, {"id": principal_id, field: row[0]})
