"""Google Workspace, by the Directory API of the Admin SDK, as a service account with domain-wide delegation.

A rate limit (403 userRateLimitExceeded) has the status of a missing permission; it is recognised by its reason, and
the request is repeated. Members from outside the organisation have no user record, only an address.
"""

from __future__ import annotations

import json
import time
from base64 import urlsafe_b64encode
from collections.abc import Iterator
from typing import Any, Final
from urllib.parse import quote

from portalctl.directories.connection import Connection
from portalctl.directories.kinds import BY_ID
from portalctl.directories.oauth import exchanged
from portalctl.directories.protocol import Facts, Group, Identity
from portalctl.directories.web import Credential, Pages, WebDirectory, identity_of, not_found, rows_of, text_of
from portalctl.errors import BadUsageError
from portalctl.events import Waiting
from portalctl.http import Answer, parse_json
from portalctl.words import quoted

PAGE: Final = 200  # the most members that the API returns in a page
USERS: Final = 500
TOKEN_URL: Final = "https://oauth2.googleapis.com/token"  # noqa: S105 (an address)
PAUSES: Final = (1.0, 2.0, 4.0, 8.0, 16.0, 32.0)  # seconds; the API counts requests for each minute
_SCOPES: Final = (
    "https://www.googleapis.com/auth/admin.directory.group.readonly",
    "https://www.googleapis.com/auth/admin.directory.group.member.readonly",
    "https://www.googleapis.com/auth/admin.directory.user.readonly",
)
_THROTTLED: Final = frozenset({"userRateLimitExceeded", "rateLimitExceeded", "quotaExceeded"})
_RIGHTS: Final = (
    "Allow the service account's client id these scopes (Admin console, domain-wide delegation): "
    + ", ".join(_SCOPES)
)
_OWN: Final = ("primaryEmail",)  # the attribute that a member itself has


def connect(connection: Connection) -> Google:
    """Return a Workspace that can be read. Raises BadUsageError for a secret that is not a service account's key."""
    return Google(connection)


class Google(WebDirectory):
    """One Workspace."""

    def __init__(self, connection: Connection) -> None:
        account = _ServiceAccount(connection)
        root = connection.access.url.removesuffix("/admin/directory/v1")
        super().__init__(connection, account.sign_in, url=f"{root}/admin/directory/v1", rights=_RIGHTS)
        self._users: dict[str, dict[str, Any]] | None = None

    def begin(self) -> Facts:
        """Read one group, to check the permissions of the account."""
        self._answer("/groups", {"customer": "my_customer", "maxResults": "1"})
        return Facts(date=self._web.date)

    def read(self, group: str) -> Group:
        """Return a group. Raises DirectoryError."""
        observed_at = self._connection.now()
        key = group.removeprefix(BY_ID)
        answer = self._tried(f"/groups/{quote(key, safe='@')}", {})
        if answer.status == 404 and not answer.is_page:
            raise not_found(self._connection, group, "It may have been deleted.")
        found = self._web.json_object(self._ok(answer))
        id_ = text_of(self._web, found, "id", f"group {quoted(group)}")
        derived = {"includeDerivedMembership": "true" if self._connection.nested else "false"}
        rows = self._pages(f"/groups/{quote(id_, safe='')}/members", "members", {"maxResults": str(PAGE), **derived})
        identities = {made.id: made for row in rows if (made := self._identity(row, group)) is not None}
        return Group(id_, str(found.get("email") or group), tuple(identities.values()), observed_at)

    def _identity(self, row: dict[str, Any], group: str) -> Identity | None:
        """Return a member as an identity; None for a nested group, because its members are also listed."""
        kind = row.get("type")
        if kind == "GROUP":
            return None
        if kind == "CUSTOMER":
            text = f"group {quoted(group)} has the whole organisation as a member, which the API does not list"
            raise self._web.wrong(text, "Name a group with members.")
        id_ = text_of(self._web, row, "id", f"a member of group {quoted(group)}")
        active = row.get("status") != "SUSPENDED"
        if self._connection.email == _OWN:
            return identity_of(id_, row, ("email",), active=active)
        user = self._all_users().get(id_)
        if user is None:  # from outside the organisation
            return identity_of(id_, row, ("email",), active=active)
        suspended = user.get("suspended", False)
        if not isinstance(suspended, bool):
            raise self._web.wrong(f"user {id_}: `suspended` is not true or false")
        aliases = [entry.get("address") for entry in user.get("emails", []) if isinstance(entry, dict)]
        return identity_of(id_, {**user, "emails": aliases}, self._connection.email, active=active and not suspended)

    def _all_users(self) -> dict[str, dict[str, Any]]:
        if self._users is None:
            params = {"customer": "my_customer", "maxResults": str(USERS), "projection": "full"}
            self._users = {str(row.get("id")): row for row in self._pages("/users", "users", params)}
        return self._users

    def _pages(self, path: str, key: str, params: dict[str, str]) -> Iterator[dict[str, Any]]:
        """Yield every object of a list. Raises DirectoryError."""
        pages, token = Pages(self._web, f"GET {path}"), ""
        while True:
            page = self._answer(path, {**params, **({"pageToken": token} if token else {})})
            rows = rows_of(self._web, page, key, f"GET {path}")
            following = page.get("nextPageToken", "")
            if not isinstance(following, str):
                raise self._web.wrong(f"GET {path} returned a nextPageToken that is not text")
            if following:
                pages.add([str(row.get("id")) for row in rows], following)
            yield from rows
            if not following:
                return
            token = following

    def _answer(self, path: str, params: dict[str, str]) -> dict[str, Any]:
        return self._web.json_object(self._ok(self._tried(path, params)))

    def _tried(self, path: str, params: dict[str, str]) -> Answer:
        """Return an answer, after a pause and a new request for each rate limit (up to six)."""
        for pause in PAUSES:
            answer = self._web.answer(path, params)
            if answer.status != 403 or not _reasons(answer) & _THROTTLED or self._connection.stop.asked:
                return answer
            self._connection.observer(Waiting(pause, f"directory {self._connection.name} limits the rate (403)"))
            time.sleep(pause)
        return self._web.answer(path, params)


def _reasons(answer: Answer) -> set[str]:
    """Return the reasons in an error of the API."""
    try:
        body = parse_json(answer.body)
    except ValueError:
        return set()
    error = body.get("error") if isinstance(body, dict) else None
    errors = error.get("errors") if isinstance(error, dict) else None
    return {str(one.get("reason")) for one in errors or () if isinstance(one, dict)}


class _ServiceAccount:
    """Signs in with the key of a service account, for the administrator that `_USER` names (RFC 7523)."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        access = connection.access
        wrong = BadUsageError(
            f"directory {connection.name}: {access.secret_source} is not the key of a service account",
            f"Set {access.prefix}_SECRET_FILE to the JSON file that Google Cloud made for the account.",
        )
        try:
            from cryptography.hazmat.primitives.serialization import load_pem_private_key  # noqa: PLC0415 (an extra)

            key = json.loads(access.secret)
            self._email = str(key["client_email"])
            self._key: Any = load_pem_private_key(key["private_key"].encode(), None)
        except ModuleNotFoundError:
            raise BadUsageError(
                f"directory {connection.name}: Google Workspace needs the package cryptography",
                "Install portalctl with its extra `google`; in a clone: pip install '.[google]'",
            ) from None
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
            raise wrong from None

    def sign_in(self) -> Credential:
        """Return an access token. Raises DirectoryError."""
        url = self._connection.access.token_url or TOKEN_URL
        form = {"grant_type": "urn:ietf:params:oauth:grant-type:jwt-bearer", "assertion": self._assertion(url)}
        return exchanged(self._connection, url, form)

    def _assertion(self, url: str) -> str:
        from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15  # noqa: PLC0415 (an extra)
        from cryptography.hazmat.primitives.hashes import SHA256  # noqa: PLC0415 (an extra)

        now = int(time.time())
        claims = {
            "iss": self._email,
            "sub": self._connection.access.user,
            "scope": " ".join(_SCOPES),
            "aud": url,
            "iat": now,
            "exp": now + 3600,
        }
        text = f"{_encoded({'alg': 'RS256', 'typ': 'JWT'})}.{_encoded(claims)}"
        signature = self._key.sign(text.encode(), PKCS1v15(), SHA256())
        return f"{text}.{urlsafe_b64encode(signature).decode().rstrip('=')}"


def _encoded(value: dict[str, Any]) -> str:
    text = json.dumps(value, separators=(",", ":"))
    return urlsafe_b64encode(text.encode()).decode().rstrip("=")
