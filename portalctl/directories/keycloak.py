"""Keycloak, by its Admin REST API (measured against 26.4).

Lists have neither a total nor a link, and without `max` a list of 130 ends after 100 without a notice. So lists are
read until a page is empty. This API does not list the members of sub-groups with the group. A client's token lasts
60 s.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final
from urllib.parse import quote

from portalctl.directories.connection import Connection
from portalctl.directories.kinds import BY_ID
from portalctl.directories.oauth import client_credentials
from portalctl.directories.protocol import Facts, Group, Identity
from portalctl.directories.web import (
    Pages,
    WebDirectory,
    addresses_of,
    ambiguous,
    deeper,
    list_of,
    not_found,
    text_of,
)
from portalctl.errors import BadUsageError
from portalctl.ids import is_uuid
from portalctl.words import quoted

PAGE: Final = 100
MOST_GROUPS: Final = 10_000

_RIGHTS: Final = "The client needs the role view-users of the client realm-management."


def connect(connection: Connection) -> Keycloak:
    """Return a realm that can be read. Raises BadUsageError if no realm is set."""
    return Keycloak(connection)


class Keycloak(WebDirectory):
    """One realm."""

    def __init__(self, connection: Connection) -> None:
        server, realm = _realm(connection)
        path = f"{server}/realms/{quote(realm, safe='')}"
        token_url = connection.access.token_url or f"{path}/protocol/openid-connect/token"
        admin = f"{server}/admin/realms/{quote(realm, safe='')}"
        super().__init__(connection, lambda: client_credentials(connection, token_url), url=admin, rights=_RIGHTS)

    def begin(self) -> Facts:
        """Read one group, to check the permissions of the client."""
        list_of(self._web, self._web.get("/groups", {"max": "1"}))
        return Facts(date=self._web.date)

    def read(self, group: str) -> Group:
        """Return a group, with the members of its sub-groups. Raises DirectoryError."""
        observed_at = self._connection.now()
        root = self._found(group)
        identities: dict[str, Identity] = {}
        waiting: list[tuple[dict[str, Any], tuple[str, ...]]] = [(root, ())]
        seen: set[str] = set()
        while waiting:
            found, via = waiting.pop(0)
            id_ = text_of(self._web, found, "id", f"group {quoted(group)}")
            if id_ in seen:
                continue
            seen.add(id_)
            if len(seen) > MOST_GROUPS:
                raise self._web.wrong(f"more than {MOST_GROUPS:,} groups in {quoted(group)}")
            for row in self._pages(f"/groups/{quote(id_, safe='')}/members", {"briefRepresentation": self._brief}):
                made = self._identity(row, via)
                identities.setdefault(made.id, made)
            if self._connection.nested:
                inside = self._children(found, id_)
                waiting += [(child, deeper(self._web.wrong, via, str(child.get("name")))) for child in inside]
        name = root.get("name")
        return Group(root["id"], name if isinstance(name, str) else group, tuple(identities.values()), observed_at)

    @property
    def _brief(self) -> str:
        """Whether answers may leave out the custom attributes of identities."""
        return "false" if any(name.startswith("attributes.") for name in self._connection.email) else "true"

    def _found(self, group: str) -> dict[str, Any]:
        if group.startswith(BY_ID):
            return self._by_id(group.removeprefix(BY_ID), group)
        params = {"search": group, "exact": "true", "briefRepresentation": "true"}
        named = [row for top in self._pages("/groups", params) for row in _tree(top) if row.get("name") == group]
        if len(named) > 1:
            raise ambiguous(self._connection, group, sorted(str(row.get("id")) for row in named))
        if named:
            return self._by_id(text_of(self._web, named[0], "id", f"group {quoted(group)}"), group)
        if is_uuid(group):
            return self._by_id(group, group)
        raise not_found(self._connection, group)

    def _by_id(self, id_: str, group: str) -> dict[str, Any]:
        answer = self._web.answer(f"/groups/{quote(id_, safe='')}")
        if answer.status == 404 and not answer.is_page:
            raise not_found(self._connection, group)
        return self._web.json_object(self._ok(answer))

    def _children(self, group: dict[str, Any], id_: str) -> list[dict[str, Any]]:
        """Return the sub-groups of a group. Older servers return them within the group."""
        path = f"/groups/{quote(id_, safe='')}/children"
        answer = self._web.answer(path, {"first": "0", "max": "1"})
        if answer.status not in {404, 405}:
            return list(self._pages(path, {}))
        inside = group.get("subGroups", [])
        return [child for child in inside if isinstance(child, dict)] if isinstance(inside, list) else []

    def _pages(self, path: str, params: dict[str, str]) -> Iterator[dict[str, Any]]:
        """Yield every object of a list. Raises DirectoryError."""
        pages, first = Pages(self._web, f"GET {path}"), 0
        while True:
            answer = self._web.answer(path, {**params, "first": str(first), "max": str(PAGE)})
            rows = list_of(self._web, self._ok(answer))
            if not rows:
                return
            pages.add([text_of(self._web, row, "id", f"an entry of {answer.call}") for row in rows])
            yield from rows
            first += len(rows)

    def _identity(self, row: dict[str, Any], via: tuple[str, ...]) -> Identity:
        id_, enabled = row["id"], row.get("enabled")
        if not isinstance(enabled, bool):
            raise self._web.wrong(f"user {id_}: `enabled` is not true or false")
        addresses = tuple(dict.fromkeys(addresses_of(row, self._connection.email)))
        if row.get("emailVerified") is True or self._connection.text("unverified_email") == "accept":
            name = " ".join(str(row[key]) for key in ("firstName", "lastName") if row.get(key))
            return Identity(id_, addresses, enabled, via, name=name)
        # Users may change their own address, so an unverified address may belong to another developer.
        return Identity(id_, (), enabled, via, unverified=len(addresses))


def _tree(group: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield a group of a search result and its sub-groups."""
    waiting = [group]
    while waiting:
        one = waiting.pop()
        yield one
        inside = one.get("subGroups", [])
        waiting += [child for child in inside if isinstance(child, dict)] if isinstance(inside, list) else []


def _realm(connection: Connection) -> tuple[str, str]:
    """Return the server's address and the realm: from `…/realms/NAME`, or `_TENANT`. Raises BadUsageError."""
    access = connection.access
    server, sign, realm = access.url.partition("/realms/")
    server = server.removesuffix("/admin")
    if sign and realm.strip("/") and "/" not in realm.strip("/"):
        return server, realm.strip("/")
    if not sign and access.tenant:
        return server, access.tenant
    raise BadUsageError(
        f"directory {connection.name}: no realm in {access.url_source}",
        "Write https://HOST/realms/REALM, or set the realm's name in " + f"{access.prefix}_TENANT.",
    )
