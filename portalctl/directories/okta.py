"""Okta, by its Management API. Lists have no total: the last page is the one without a `Link` to a next page."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final
from urllib.parse import quote

from portalctl.directories.connection import Connection
from portalctl.directories.kinds import BY_ID
from portalctl.directories.protocol import Facts, Group, Identity
from portalctl.directories.web import (
    Credential,
    Pages,
    WebDirectory,
    ambiguous,
    identity_of,
    list_of,
    not_found,
    text_of,
)
from portalctl.words import quoted

PAGE: Final = 200
#: Statuses that an administrator sets. LOCKED_OUT follows from failed passwords, other ones from the sign-up.
DISABLED: Final = frozenset({"SUSPENDED", "DEPROVISIONED"})
_RIGHTS: Final = "The token's administrator needs to read groups and users (okta.groups.read, okta.users.read)."


def connect(connection: Connection) -> Okta:
    """Return an organisation that can be read."""
    return Okta(connection)


class Okta(WebDirectory):
    """One organisation."""

    def __init__(self, connection: Connection) -> None:
        root = connection.access.url.removesuffix("/api/v1")
        super().__init__(
            connection,
            lambda: Credential("ssws", connection.access.secret),
            url=f"{root}/api/v1",
            rights=_RIGHTS,
        )

    def begin(self) -> Facts:
        """Read one group, to check the permissions of the token."""
        list_of(self._web, self._web.get("/groups", {"limit": "1"}))
        return Facts(date=self._web.date)

    def read(self, group: str) -> Group:
        """Return a group. Raises DirectoryError."""
        observed_at = self._connection.now()
        found = self._found(group)
        id_ = text_of(self._web, found, "id", f"group {quoted(group)}")
        rows = self._pages(f"/groups/{quote(id_, safe='')}/users", {"limit": str(PAGE)})
        identities = {row["id"]: self._identity(row) for row in rows}
        return Group(id_, _name(found) or group, tuple(identities.values()), observed_at)

    def _found(self, group: str) -> dict[str, Any]:
        if group.startswith(BY_ID):
            return self._by_id(group.removeprefix(BY_ID), group)
        literal = group.replace("\\", "\\\\").replace('"', '\\"')
        rows = list(self._pages("/groups", {"search": f'profile.name eq "{literal}"', "limit": str(PAGE)}))
        exact = [row for row in rows if _name(row) == group]
        if len(exact) > 1:
            raise ambiguous(self._connection, group, sorted(str(row.get("id")) for row in exact))
        return exact[0] if exact else self._by_id(group, group)

    def _by_id(self, id_: str, group: str) -> dict[str, Any]:
        answer = self._web.answer(f"/groups/{quote(id_, safe='')}")
        if answer.status == 404 and not answer.is_page:
            raise not_found(self._connection, group, "It may have been deleted.")
        return self._web.json_object(self._ok(answer))

    def _pages(self, path: str, params: dict[str, str]) -> Iterator[dict[str, Any]]:
        """Yield every object of a list. Raises DirectoryError."""
        pages, answer = Pages(self._web, f"GET {path}"), self._web.answer(path, params)
        while True:
            rows = list_of(self._web, self._ok(answer))
            ids = [text_of(self._web, row, "id", f"an entry of {answer.call}") for row in rows]
            link = self._web.next_link(answer)
            if link is not None:
                pages.add(ids, link)
            yield from rows
            if link is None:
                return
            answer = self._web.answer(link)

    def _identity(self, row: dict[str, Any]) -> Identity:
        status = text_of(self._web, row, "status", f"user {row['id']}")
        profile = row.get("profile")
        name = profile.get("displayName") if isinstance(profile, dict) else ""
        return identity_of(row["id"], row, self._connection.email, active=status not in DISABLED, name=name)


def _name(group: dict[str, Any]) -> str | None:
    profile = group.get("profile")
    name = profile.get("name") if isinstance(profile, dict) else None
    return name if isinstance(name, str) else None
