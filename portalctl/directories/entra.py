"""Microsoft Entra ID, by Microsoft Graph v1.0.

Without permissions on users, Graph returns only the ids of members
(learn.microsoft.com: group-list-transitivemembers). So a user without `accountEnabled` is an error, never a user
without an address. Counts are eventually consistent.
"""

from __future__ import annotations

from typing import Any, Final
from urllib.parse import quote

from portalctl.directories.connection import Connection
from portalctl.directories.kinds import BY_ID
from portalctl.directories.oauth import client_credentials
from portalctl.directories.protocol import Facts, Group, Identity
from portalctl.directories.web import (
    Pages,
    WebDirectory,
    ambiguous,
    count_of,
    identity_of,
    not_found,
    rows_of,
    text_of,
)
from portalctl.ids import is_uuid
from portalctl.words import quoted

PAGE: Final = 999  # the most entries that Graph returns in a page
ROUNDS: Final = 3
_CLOUD: Final = "https://login.microsoftonline.com"
_COUNTING: Final = {"ConsistencyLevel": "eventual"}  # required for `$count`
_RIGHTS: Final = (
    "The app needs the application permissions GroupMember.Read.All and User.Read.All, with admin consent."
)


def connect(connection: Connection) -> Entra:
    """Return a tenant that can be read."""
    return Entra(connection)


class Entra(WebDirectory):
    """One tenant."""

    def __init__(self, connection: Connection) -> None:
        access = connection.access
        root = access.url.removesuffix("/v1.0")
        tenant = quote(access.tenant or "", safe="")
        token_url = access.token_url or f"{_CLOUD}/{tenant}/oauth2/v2.0/token"
        super().__init__(
            connection,
            lambda: client_credentials(connection, token_url, f"{root}/.default"),
            url=f"{root}/v1.0",
            rights=_RIGHTS,
        )

    def begin(self) -> Facts:
        """Read one group, to check the permissions of the app."""
        self._get("/groups", {"$select": "id", "$top": "1"})
        return Facts(date=self._web.date)

    def read(self, group: str) -> Group:
        """Return a group. Raises DirectoryError."""
        observed_at = self._connection.now()
        found = self._found(group)
        id_ = text_of(self._web, found, "id", f"group {quoted(group)}")
        for _ in range(ROUNDS):
            rows, count = self._members(id_)
            if len(rows) >= count:
                identities = tuple(self._identity(row) for row in rows.values())
                return Group(id_, str(found.get("displayName") or group), identities, observed_at)
        text = (
            f"group {quoted(group)}: {len(rows):,} of {count:,} members (@odata.count), so the list is not complete"
        )
        raise self._web.wrong(text, "Run the command again later, because Graph's counts lag behind changes.")

    def _found(self, group: str) -> dict[str, Any]:
        if group.startswith(BY_ID):
            return self._by_id(group.removeprefix(BY_ID), group)
        literal = group.replace("'", "''")
        params = {"$filter": f"displayName eq '{literal}'", "$select": "id,displayName", "$top": "5"}
        rows = rows_of(self._web, self._get("/groups", params), "value", "GET /groups")
        exact = [row for row in rows if row.get("displayName") == group]
        if len(exact) > 1:
            raise ambiguous(self._connection, group, sorted(str(row.get("id")) for row in exact))
        if exact:
            return exact[0]
        if is_uuid(group):
            return self._by_id(group, group)
        raise not_found(self._connection, group)

    def _by_id(self, id_: str, group: str) -> dict[str, Any]:
        answer = self._web.answer(f"/groups/{quote(id_, safe='')}", {"$select": "id,displayName"})
        if answer.status == 404 and not answer.is_page:
            raise not_found(self._connection, group, "It may have been deleted.")
        return self._web.json_object(self._ok(answer))

    def _members(self, id_: str) -> tuple[dict[str, dict[str, Any]], int]:
        """Return the users in a group by id, and the number that Graph states."""
        names = ["displayName"] if self._connection.names else []
        kind = "transitiveMembers" if self._connection.nested else "members"
        attributes = dict.fromkeys(
            ["id", "accountEnabled", *names, *(name.split(".")[0] for name in self._connection.email)]
        )
        params = {"$select": ",".join(attributes), "$top": str(PAGE), "$count": "true"}
        path = f"/groups/{quote(id_, safe='')}/{kind}/microsoft.graph.user"
        answer = self._ok(self._web.answer(path, params, _COUNTING))
        pages, rows, count = Pages(self._web, f"GET {path}"), dict[str, dict[str, Any]](), 0
        while True:
            page = self._web.json_object(answer)
            number = count_of(page.get("@odata.count", count))
            count = count if number is None else number
            found = rows_of(self._web, page, "value", answer.call)
            ids = [text_of(self._web, row, "id", f"a member of group {id_}") for row in found]
            link = page.get("@odata.nextLink")
            if link is not None and not isinstance(link, str):
                raise self._web.wrong(f"{answer.call} returned a next page that is not an address")
            rows.update(zip(ids, found, strict=True))
            if link is None:
                return rows, count
            pages.add(ids, link)
            answer = self._ok(self._web.answer(self._web.same_origin(link, answer.call), headers=_COUNTING))

    def _identity(self, row: dict[str, Any]) -> Identity:
        enabled = row.get("accountEnabled")
        if not isinstance(enabled, bool):
            raise self._web.wrong(
                f"the attributes of user {row['id']} are empty: the app may not read users", _RIGHTS
            )
        return identity_of(row["id"], row, self._connection.email, active=enabled, name=row.get("displayName"))

    def _get(self, path: str, params: dict[str, str]) -> dict[str, Any]:
        return self._web.json_object(self._ok(self._web.answer(path, params)))
