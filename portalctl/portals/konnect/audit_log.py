"""Reads who changed what from the organisation's audit log, which is kept for seven days.

`GET /v3/audit-logs?filter[type]=gateway_access&filter[ts][gte]=…&page[size]=1000` lists requests to the API: `ts`,
`method`, `uri`, `status_code`, `principal_id`, `trace_id`, and sometimes `portal_id` (Kong's documentation, audit
logs; no OpenAPI document has it). Whether its pages have numbers or cursors is not documented: both are followed. A
principal is a user or a system account of the Identity API, which all regions share.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime
from urllib.parse import parse_qsl

from portalctl.errors import PortalError
from portalctl.http import Client, Server
from portalctl.portals.answer_ids import json_object
from portalctl.portals.change_log import ChangeLog, Principal, PrincipalKind, RecordedChange, What
from portalctl.portals.connection import Connection
from portalctl.portals.konnect.team_mapping import is_konnect_region
from portalctl.portals.unexpected_errors import as_portal_error
from portalctl.times import is_rfc3339, rfc3339

PATH = "/v3/audit-logs"
IDENTITY = "https://global.api.konghq.com"  # users and system accounts of all regions
PAGE_SIZE = 1000
MOST_PAGES = 20
MOST_PRINCIPALS = 25  # that are looked up by name
MOST_CHANGES = 5000  # of one reading that are kept
PAGES: tuple[str, ...] = ("page[after]", "page[number]")
LONGEST = 200  # characters that are kept of any text
WRITES = frozenset({"POST", "PUT", "PATCH", "DELETE"})
_ID = "[0-9a-fA-F-]{36}"
_PORTAL = re.compile(rf"/portals/({_ID})(?:/([^?#]*))?(?:[?#]|\Z)")
# The forms of the path below a portal: what each changes, with the ids of the developer and the team.
_FORMS: tuple[tuple[What, re.Pattern[str]], ...] = (
    ("developer", re.compile(rf"developers/(?P<developer>{_ID})")),
    ("member", re.compile(rf"teams/(?P<team>{_ID})/developers(?:/(?P<developer>{_ID}))?")),
    ("role", re.compile(rf"teams/(?P<team>{_ID})/assigned-roles(?:/.*)?")),
    ("team", re.compile(rf"teams/(?P<team>{_ID})")),
)
_KINDS: tuple[tuple[PrincipalKind, str], ...] = (("user", "users"), ("system_account", "system-accounts"))


def read_change_log(connection: Connection, portals: Collection[str], since: datetime) -> ChangeLog:
    """Return the changes of portals (ids) since a time. Never raises PortalError: what could not be read is named."""
    with ExitStack() as stack:
        client = stack.enter_context(connection.required_client())
        rows: list[Mapping[str, object]] = []
        unread = None
        try:
            with as_portal_error("reading the audit log"):
                for page in _pages(client, since):
                    rows += page
        except PortalError as error:
            unread = error.message
        changes = [change for row in rows if (change := _change(row)) is not None and change.portal_id in portals]
        changes.sort(key=lambda change: datetime.fromisoformat(change.at), reverse=True)
        kept = changes[:MOST_CHANGES]
        identity = stack.enter_context(_identity_client(connection))
        known = _principals(identity, kept)
        calls = client.calls + identity.calls
    named = (replace(change, principal=known.get(change.principal.id, change.principal)) for change in kept)
    return ChangeLog(tuple(named), unread, calls)


def _identity_client(connection: Connection) -> Client:
    """Return a client for the Identity API: of Kong's own for Kong's regions, else of the same server."""
    service = connection.provider.service.name
    server = connection.servers[service]
    if isinstance(server, Server) and is_konnect_region(server.url):
        connection = replace(connection, servers={service: replace(server, url=IDENTITY)})
    return connection.required_client()


def _pages(client: Client, since: datetime) -> Iterator[Sequence[Mapping[str, object]]]:
    """Yield the pages of the log. Raises PortalError."""
    params = {
        "filter[type]": "gateway_access",
        "filter[ts][gte]": rfc3339(since.astimezone(UTC)),
        "page[size]": str(PAGE_SIZE),
    }
    more: dict[str, str] = {}
    seen = 0
    for _ in range(MOST_PAGES):
        answer = client.get(PATH, params | more)
        body = json_object(answer.body)
        data = body.get("data")
        if not isinstance(data, list):
            raise client.not_json(answer)
        yield [row for row in data if isinstance(row, dict)]
        seen += len(data)
        following = _following(body.get("meta"), seen, bool(data))
        if following is None:
            return
        if following == more:
            break
        more = following
    raise PortalError(f"{PATH}: the list is longer than {MOST_PAGES} pages, or does not end; only these were read")


def _following(meta: object, seen: int, has_rows: bool) -> dict[str, str] | None:
    """Return the parameters of the next page, from a link (`next`) or from numbers; None: there is none."""
    page = meta.get("page") if isinstance(meta, dict) else None
    if not isinstance(page, dict):
        return None
    link = page.get("next")
    if isinstance(link, str) and link:
        values = dict(parse_qsl(link.partition("?")[2].partition("#")[0]))
        found = {name: values[name] for name in PAGES if name in values}
        return found or None
    number, total = page.get("number"), page.get("total")
    if isinstance(number, int | float) and isinstance(total, int | float) and has_rows and seen < total:
        return {"page[number]": str(int(number) + 1)}
    return None


def _change(row: Mapping[str, object]) -> RecordedChange | None:
    """Return an entry of the log; None where it is not a successful write to a portal, or not complete."""
    at, method, uri = (_text(row.get(name)) for name in ("ts", "method", "uri"))
    status, principal = row.get("status_code"), _text(row.get("principal_id"))
    found = _PORTAL.search(uri)
    if method not in WRITES or found is None or not is_rfc3339(at):
        return None
    if not isinstance(status, int) or not 200 <= status < 300:
        return None
    path = (found[2] or "").rstrip("/")
    what, ids = next(
        ((what, form.groupdict()) for what, pattern in _FORMS if (form := pattern.fullmatch(path))), _OTHER
    )
    return RecordedChange(
        at=at,
        portal_id=found[1].lower(),
        method=method,
        path=f"/{path}"[:LONGEST],
        trace=_text(row.get("trace_id")).rpartition(":")[2] or None,
        principal=Principal(principal),
        what=what,
        developer_id=ids.get("developer"),
        team_id=ids.get("team"),
    )


_OTHER: tuple[What, dict[str, str | None]] = ("other", {})


def _text(value: object) -> str:
    """Return a text, or a whole number as text; "" for anything else. Long ones are cut: no id or path is longer."""
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value) if abs(value) < 10**40 else ""
    return value[: 10 * LONGEST] if isinstance(value, str) else ""


def _principals(client: Client, changes: Iterable[RecordedChange]) -> dict[str, Principal]:
    """Return the principals of changes by id: each is looked up once, those of the newest changes first."""
    found: dict[str, Principal] = {}
    wanted = dict.fromkeys(change.principal.id for change in changes)
    for key in [key for key in wanted if re.fullmatch(_ID, key)][:MOST_PRINCIPALS]:
        try:
            with as_portal_error("looking up a principal"):
                found[key] = _principal(client, key)
        except PortalError:
            break  # without the right to read users, all stay ids: the log itself was read
    return found


def _principal(client: Client, key: str) -> Principal:
    """Return a principal by id. Raises PortalError without the right to look it up."""
    for kind, folder in _KINDS:
        answer = client.request("GET", f"/v3/{folder}/{key}")
        if answer.status == 404:
            continue
        if not answer.ok:
            raise client.explain(answer)
        row = json_object(answer.body)
        names = (_text(row.get(name)) for name in ("full_name", "name", "email"))
        return Principal(key, kind, next((name[:LONGEST] for name in names if name), None))
    return Principal(key)
