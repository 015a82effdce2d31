"""The common parts of directories with an HTTP API: credentials, errors that name the directory, JSON and pages."""

from __future__ import annotations

import time
from base64 import b64encode
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Final, Self, cast
from urllib.parse import urlsplit

from portalctl.directories.connection import Connection
from portalctl.directories.protocol import DirectoryError, Identity
from portalctl.errors import AnswerError, BadUsageError, PortalError
from portalctl.http import READ_ONLY, Answer, Auth, Client, Server, parse_json
from portalctl.http.redaction import Redactor
from portalctl.words import quoted

MOST_PAGES: Final = 10_000
MOST_IDENTITIES: Final = 1_000_000
MOST_LIST_BYTES: Final = 512 * 1024 * 1024  # of all pages of a list
MOST_COUNT: Final = 10**12  # the largest size of a list that a server may state
MOST_DEPTH: Final = 100  # levels of nested groups
LONGEST_LINK: Final = 16_000  # characters
AGAIN: Final = "Run the command again; if that does not help, ask the directory's operators."
FLAT: Final = "Name a group with direct members, or ask the directory's operators to nest groups less."
_EARLY: Final = 10.0  # seconds before its end from which a token is no longer used
_LINK: Final = 'rel="next"'


@dataclass(frozen=True, slots=True)
class Credential:
    """The credential of each request. `until` is on the monotonic clock; None: without an end."""

    auth: Auth
    token: str = field(repr=False)
    until: float | None = None

    @property
    def is_fresh(self) -> bool:
        """Whether the credential can still be sent."""
        return self.until is None or time.monotonic() < self.until - _EARLY


def fixed_credential(connection: Connection) -> Credential:
    """Return a Bearer token, or user and password if a user is set."""
    access = connection.access
    if access.user is None:
        return Credential("bearer", access.secret)
    return Credential("basic", b64encode(f"{access.user}:{access.secret}".encode()).decode("ascii"))


class Web:
    """The HTTP API of one directory. `date` is the `Date` header of the last answer."""

    def __init__(self, connection: Connection, sign_in: Callable[[], Credential], *, url: str | None = None) -> None:
        parts = urlsplit(url or connection.access.url)
        self.date: str | None = None
        self.connection = connection
        self._origin = f"{parts.scheme}://{parts.netloc}"
        self._base = parts.path.rstrip("/")
        self._path = ""  # of the last request
        self._received = 0  # bytes of the pages of one list
        self._sign_in = sign_in
        self._credential: Credential | None = None
        self._clients = ExitStack()
        self._client = self._connected()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._clients.__exit__(kind, error, trace)

    def _connected(self) -> Client:
        """Return a client with a fresh credential."""
        with self._named():
            self._credential = self._sign_in()
            connection, access = self.connection, self.connection.access
            server = Server(
                self._origin,
                self._credential.token,
                url_source=access.url_source,
                token_source=access.secret_source,
                ca_file=access.ca_file,
                auth=self._credential.auth,
                peer=f"directory {connection.name}",
                ca_source=f"{access.prefix}_CA_FILE",
                secrets=(access.secret,),
            )
            client = Client(
                server,
                methods=READ_ONLY,
                observer=connection.observer,
                stop=connection.stop,
                throttle=connection.throttles.of(f"directory {connection.name} {self._origin}"),
            )
        return self._clients.enter_context(client)

    def answer(
        self, path: str, params: Mapping[str, str] | None = None, headers: Mapping[str, str] | None = None
    ) -> Answer:
        """Return the answer to GET, with any status. `path` is below the directory's URL, or begins with the origin.
        Raises DirectoryError without a usable answer."""
        if self._credential is None or not self._credential.is_fresh:
            self._client = self._connected()
        is_next = path.startswith(self._origin)
        where = path.removeprefix(self._origin) if is_next else f"{self._base}{path}"
        before, self._path = self._path, where.partition("?")[0]
        with self._named():
            answer = self._client.request("GET", where, params=params, headers=headers)
        self._received = len(answer.body) + (self._received if is_next or self._path == before else 0)
        if self._received > MOST_LIST_BYTES:
            size = f"{MOST_LIST_BYTES // 1024**2} MiB"
            raise self.wrong(f"the pages up to {answer.call} have more than {size}", AGAIN)
        self.date = answer.date or self.date
        return answer

    def get(
        self, path: str, params: Mapping[str, str] | None = None, headers: Mapping[str, str] | None = None
    ) -> Answer:
        """Return a 2xx answer to GET. Raises DirectoryError for any other."""
        answer = self.answer(path, params, headers)
        if not answer.ok:
            raise self.refused(answer)
        return answer

    def json(
        self, path: str, params: Mapping[str, str] | None = None, headers: Mapping[str, str] | None = None
    ) -> dict[str, Any]:
        """Return the JSON object in the answer to GET. Raises DirectoryError for any other answer."""
        return self.json_object(self.get(path, params, headers))

    def json_object(self, answer: Answer) -> dict[str, Any]:
        """Return the JSON object of an answer. Raises DirectoryError for anything else."""
        value = self.value(answer)
        if not isinstance(value, dict):
            raise self.wrong(f"{answer.call} did not return a JSON object")
        return value

    def value(self, answer: Answer) -> Any:  # noqa: ANN401 (any JSON value)
        """Return the JSON value of an answer. Raises DirectoryError for anything else, such as an HTML page."""
        try:
            return parse_json(answer.body)
        except ValueError:
            with self._named():
                raise self._client.not_json(answer) from None

    def refused(self, answer: Answer, *advice: str) -> DirectoryError:
        """Return the error for an error answer, with advice."""
        error = self._client.explain(answer)
        return DirectoryError(error.message, *advice, *error.advice)

    def wrong(self, message: str, *advice: str) -> DirectoryError:
        """Return an error about an answer that cannot be used."""
        text = f"directory {self.connection.name}: {message}"
        return DirectoryError(text, *(advice or (f"Check that {self.address} is the address of the API.",)))

    @property
    def address(self) -> str:
        """The directory's address and its source, for messages."""
        return f"{self._origin}{self._base} (from {self.connection.access.url_source})"

    def same_origin(self, link: str, call: str) -> str:
        """Return the address of a further page: the origin of this server, with the path and query of the link.

        Raises DirectoryError for a link to another server, which must not receive the credential, and for a link that
        is not an address.
        """
        start, rest = link[: len(self._origin)], link[len(self._origin) :]
        if start.lower() != self._origin.lower():
            rest = f"{self._path}{link}" if link.startswith("?") else link
        shown = quoted(Redactor([self.connection.access.secret])(link))
        if len(link) > LONGEST_LINK or not link.isprintable():
            raise self.wrong(f"{call} names a next page that is not an address, {shown}")
        if not rest.startswith(("/", "?")) or rest.startswith("//"):
            raise self.wrong(f"{call} names a next page on another server, {shown}")
        return f"{self._origin}{rest}"

    def next_link(self, answer: Answer) -> str | None:
        """Return the address of the next page by the `Link` header (RFC 8288), if there is one."""
        for part in answer.headers.get("link", "").split(","):
            address, _, parameters = part.strip().partition(";")
            if _LINK in parameters.replace("'", '"').replace("rel=next", _LINK):
                return self.same_origin(address.strip().removeprefix("<").removesuffix(">"), answer.call)
        return None

    def _named(self) -> _Named:
        return _Named(self.connection.name)


class _Named:
    """Translates errors of requests into errors that name the directory."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __enter__(self) -> None:
        return None

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if isinstance(error, DirectoryError | AnswerError):
            return
        if isinstance(error, BadUsageError):
            raise BadUsageError(f"directory {self._name}: {error.message}", *error.advice) from error
        if isinstance(error, PortalError):
            text = (
                error.message
                if error.message.startswith("directory ")
                else f"directory {self._name}: {error.message}"
            )
            raise DirectoryError(text, *error.advice) from error


class WebDirectory:
    """A directory with an HTTP API, in a `with` block. `rights`: the advice for an answer 403."""

    def __init__(
        self, connection: Connection, sign_in: Callable[[], Credential], *, url: str | None = None, rights: str = ""
    ) -> None:
        self._connection = connection
        self._web = Web(connection, sign_in, url=url)
        self._rights = rights

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._web.__exit__(kind, error, trace)

    def _ok(self, answer: Answer) -> Answer:
        """Return a 2xx answer. Raises DirectoryError for any other."""
        if not answer.ok:
            raise self._web.refused(answer, *([self._rights] if self._rights and answer.status == 403 else []))
        return answer


class Pages:
    """Counts the pages and rows of one list, to detect repeated pages and lists without an end."""

    def __init__(self, web: Web, what: str) -> None:
        self._web = web
        self._what = what
        self._pages = 0
        self._links: set[str] = set()
        self.seen: set[str] = set()

    def add(self, ids: list[str], link: str | None = None) -> None:
        """Add a page. `link` is the address of the next page. Raises DirectoryError."""
        self._pages += 1
        before = len(self.seen)
        self.seen.update(ids)
        repeats = bool(ids) and len(self.seen) == before
        if repeats or (link is not None and link in self._links):
            raise self._web.wrong(
                f"{self._what}: the server returned the same page twice, so the list is not complete", AGAIN
            )
        if link is not None:
            self._links.add(link)
        if self._pages > MOST_PAGES or len(self.seen) > MOST_IDENTITIES:
            raise self._web.wrong(f"{self._what}: the list does not end after {len(self.seen):,} entries", AGAIN)


def count_of(value: object) -> int | None:
    """Return a number of entries that an answer states; None for anything else."""
    usable = isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= MOST_COUNT
    return cast(int, value) if usable else None


def deeper(fail: Callable[[str, str], DirectoryError], via: tuple[str, ...], name: str) -> tuple[str, ...]:
    """Return `via` with the name of a nested group. Raises the error that `fail` returns for a message and advice if
    the groups are nested too deep."""
    if len(via) >= MOST_DEPTH:
        raise fail(f"group {quoted(name)} is more than {MOST_DEPTH} groups deep in the group", FLAT)
    return (*via, name)


def text_of(web: Web, row: Mapping[str, Any], key: str, what: str) -> str:
    """Return a text in an object. Raises DirectoryError if it is missing, empty or not a text."""
    value = row.get(key)
    if not isinstance(value, str) or not value:
        raise web.wrong(f"{what} has no `{key}`")
    return value


def rows_of(web: Web, page: Mapping[str, Any], key: str, what: str) -> list[dict[str, Any]]:
    """Return the list of objects at a key of an answer. Raises DirectoryError for anything else."""
    rows = page.get(key, [])
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise web.wrong(f"{what}: `{key}` is not a list of objects")
    return rows


def list_of(web: Web, answer: Answer) -> list[dict[str, Any]]:
    """Return the answer as a list of objects. Raises DirectoryError for anything else."""
    value = web.value(answer)
    if not isinstance(value, list) or not all(isinstance(row, dict) for row in value):
        raise web.wrong(f"{answer.call} did not return a list of objects")
    return value


def addresses_of(row: Mapping[str, Any], attributes: tuple[str, ...]) -> Iterator[str]:
    """Yield the addresses in attributes of an object: texts, lists of texts, or lists of objects with a `value`.

    A dot in an attribute separates nested keys (`profile.email`).
    """
    for attribute in attributes:
        value: Any = row
        for step in attribute.split("."):
            value = value.get(step) if isinstance(value, dict) else None
        for entry in value if isinstance(value, list) else [value]:
            text = entry.get("value") if isinstance(entry, dict) else entry
            if isinstance(text, str) and text.strip():
                yield text.strip()


def identity_of(
    id_: str,
    row: Mapping[str, Any],
    attributes: tuple[str, ...],
    *,
    active: bool,
    via: tuple[str, ...] = (),
    name: object = "",
) -> Identity:
    """Return an identity with the addresses in its attributes."""
    shown = name.strip() if isinstance(name, str) else ""
    return Identity(id_, tuple(dict.fromkeys(addresses_of(row, attributes))), active, via, name=shown)


def not_found(connection: Connection, group: str, *advice: str) -> DirectoryError:
    """Return the error for a group that does not exist."""
    kind = connection.kind
    return DirectoryError(
        f"directory {connection.name}: group {quoted(group)} not found",
        *advice,
        f"Check its spelling in the manifest: for {kind.title} it is {kind.group_words}.",
    )


def ambiguous(connection: Connection, group: str, ids: list[str]) -> DirectoryError:
    """Return the error for a name of several groups."""
    shown = ", ".join(ids[:5])
    return DirectoryError(
        f"directory {connection.name}: {len(ids)} groups have the name {quoted(group)}: {shown}",
        f"Write the id of the group instead, as in `group: id:{ids[0]}`.",
    )
