"""SCIM 2.0 servers (RFC 7643, RFC 7644).

Members of a group have only ids, so all users are read and joined with them: a server returned no user to a filter by
`groups.value` for a group of 450 members. Page sizes and totals are read from the answers
(RFC 7644, 3.4.2.4: a server may return fewer entries than requested).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping
from typing import Any, Final
from urllib.parse import quote

from portalctl.directories.connection import Connection
from portalctl.directories.kinds import BY_ID
from portalctl.directories.oauth import sign_in
from portalctl.directories.protocol import DirectoryError, Facts, Group, Identity
from portalctl.directories.web import (
    FLAT,
    Pages,
    WebDirectory,
    ambiguous,
    count_of,
    deeper,
    identity_of,
    not_found,
    rows_of,
    text_of,
)
from portalctl.words import plural, quoted

PAGE: Final = 1000  # requested; servers return fewer
ROUNDS: Final = 3  # tries to read a list that changes at the same time
MOST_GROUPS: Final = 10_000
_ACCEPT: Final = {"Accept": "application/scim+json, application/json"}


def connect(connection: Connection) -> Scim:
    """Return a SCIM server that can be read."""
    return Scim(connection)


class Scim(WebDirectory):
    """A SCIM server. Users are read once, for all groups."""

    def __init__(self, connection: Connection) -> None:
        super().__init__(connection, lambda: sign_in(connection))
        self._users: dict[str, dict[str, Any]] | None = None
        self._group_ids: set[str] | None = None

    def begin(self) -> Facts:
        """Read one group, to check that the server answers and accepts the credential."""
        self._web.json("/Groups", {"count": "1"}, _ACCEPT)
        return Facts(date=self._web.date)

    def read(self, group: str) -> Group:
        """Return a group. Raises DirectoryError."""
        observed_at = self._connection.now()
        root = self._found(group)
        walk = _Walk(self)
        walk.add(root)
        name = root.get("displayName")
        return Group(
            text_of(self._web, root, "id", f"group {group}"),
            name if isinstance(name, str) else group,
            tuple(walk.identities.values()),
            observed_at,
            walk.missing,
        )

    def _found(self, group: str) -> dict[str, Any]:
        """Return the resource of the group with a display name, or an id."""
        if group.startswith(BY_ID):
            return self.group(group.removeprefix(BY_ID)) or self._lost(group)
        escaped = group.replace("\\", "\\\\").replace('"', '\\"')
        # Without `attributes`, because some servers filter only by returned attributes.
        named = self._list("/Groups", {"filter": f'displayName eq "{escaped}"'})
        exact = [row for row in named.values() if row.get("displayName") == group]
        if len(exact) > 1:
            raise ambiguous(self._connection, group, sorted(row["id"] for row in exact))
        if exact:
            return self.group(exact[0]["id"]) or self._lost(group)
        return self.group(group) or self._lost(group)

    def _lost(self, group: str) -> dict[str, Any]:
        raise not_found(self._connection, group)

    def group(self, id_: str) -> dict[str, Any] | None:
        """Return the resource of a group with its members; None if no group has this id."""
        answer = self._web.answer(f"/Groups/{quote(id_, safe='')}", headers=_ACCEPT)
        if answer.status == 404 and not answer.is_page:
            return None
        found = self._web.json_object(self._ok(answer))
        if found.get("id") != id_:
            raise self._web.wrong(f"{answer.call} returned the group {quoted(str(found.get('id')))}")
        return found

    def users(self) -> Mapping[str, dict[str, Any]]:
        """Return all users by id."""
        if self._users is None:
            names = ["displayName"] if self._connection.names else []
            tops = {attribute.split(".")[0] for attribute in self._connection.email}
            self._users = self._list("/Users", {"attributes": ",".join(["id", "active", *names, *sorted(tops)])})
        return self._users

    def group_ids(self) -> set[str]:
        """Return the ids of all groups."""
        if self._group_ids is None:
            self._group_ids = set(self._list("/Groups", {"attributes": "id,displayName"}))
        return self._group_ids

    def _list(self, path: str, params: Mapping[str, str]) -> dict[str, dict[str, Any]]:
        """Return all resources of a list by id. Raises DirectoryError if the list is not complete."""
        for _ in range(ROUNDS):
            found, total = self._round(path, params)
            if len(found) == total:
                return found
        text = f"GET {path} returned {plural(len(found), 'entry')} of {total:,}"
        raise self._web.wrong(f"{text} (totalResults), so the list is not complete", "Run the command again.")

    def _round(self, path: str, params: Mapping[str, str]) -> tuple[dict[str, dict[str, Any]], int]:
        """Return the resources of one pass over a list, and the last total that the server stated."""
        found: dict[str, dict[str, Any]] = {}
        pages, start = Pages(self._web, f"GET {path}"), 1
        while True:
            more = {**params, "startIndex": str(start), "count": str(PAGE)}
            page = self._web.json(path, more, _ACCEPT)
            total = count_of(page.get("totalResults"))
            if total is None:
                raise self._web.wrong(f"GET {path} returned no totalResults")
            rows = rows_of(self._web, page, "Resources", f"GET {path}")
            ids = [text_of(self._web, row, "id", f"an entry of GET {path}") for row in rows]
            pages.add(ids)
            found.update(zip(ids, rows, strict=True))
            start += len(rows)
            if not rows or start > total:
                return found, total

    @property
    def connection(self) -> Connection:
        """The settings of the connection."""
        return self._connection

    def wrong(self, message: str, *advice: str) -> DirectoryError:
        """Return an error about an answer that cannot be used."""
        return self._web.wrong(message, *advice)


class _Walk:
    """Collects the identities of a group and of its nested groups."""

    def __init__(self, server: Scim) -> None:
        self.identities: dict[str, Identity] = {}
        self.missing = 0
        self._server = server
        self._connection = server.connection
        self._seen: set[str] = set()

    def add(self, root: dict[str, Any]) -> None:
        """Add all identities of a group and of its nested groups."""
        waiting: deque[tuple[dict[str, Any], tuple[str, ...]]] = deque([(root, ())])
        self._seen.add(str(root.get("id")))
        while waiting:
            group, via = waiting.popleft()
            for found in self._members(group, via):
                waiting.append((found, deeper(self._server.wrong, via, str(found.get("displayName") or found["id"]))))

    def _members(self, group: dict[str, Any], via: tuple[str, ...]) -> Iterator[dict[str, Any]]:
        """Add the users of a group, and yield its nested groups, each once."""
        members = group.get("members", [])
        if not isinstance(members, list):
            raise self._server.wrong("`members` of a group is not a list")
        nested: list[str] = []
        for member in members:
            value = member.get("value") if isinstance(member, dict) else None
            if not isinstance(value, str) or not value:
                raise self._server.wrong("a member of a group has no `value`")
            if member.get("type") != "Group" and value in self._server.users():
                self._add_user(value, via)
            else:
                nested.append(value)
        for value in nested:
            if value not in self._seen and (found := self._nested(value)) is not None:
                yield found

    def _add_user(self, id_: str, via: tuple[str, ...]) -> None:
        if id_ in self.identities:
            return
        row = self._server.users()[id_]
        active = row.get("active", True)
        if not isinstance(active, bool):
            raise self._server.wrong(f"user {id_}: `active` is not true or false")
        self.identities[id_] = identity_of(
            id_, row, self._connection.email, active=active, via=via, name=row.get("displayName")
        )

    def _nested(self, id_: str) -> dict[str, Any] | None:
        """Return a nested group; None if it does not count."""
        if id_ in self._server.group_ids():
            if not self._connection.nested:
                return None
            self._seen.add(id_)
            if len(self._seen) > MOST_GROUPS:
                raise self._server.wrong(f"more than {MOST_GROUPS:,} nested groups", FLAT)
            found = self._server.group(id_)
            if found is not None:
                return found
        self._missing(id_)
        return None

    def _missing(self, id_: str) -> None:
        self.missing += 1
        if not self._connection.ignore_missing:
            raise self._server.wrong(
                f"member {quoted(id_)} of a group cannot be read",
                "Check that the credential may read all users and groups.",
                f"To ignore such members, write `missing_members: ignore` for {self._connection.name}.",
            )
