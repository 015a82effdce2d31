"""A connection to an LDAP server: TLS, one bind, and searches with a check of the result code of each page.

`ldap3` returns a list that the server cut off (result 4) as a success, does not verify certificates by default, and
has no limits. This module handles all of that.
"""

from __future__ import annotations

import socket
import ssl
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from types import TracebackType
from typing import Any, Final, Literal, Self
from urllib.parse import urlsplit

from portalctl.directories.connection import Connection
from portalctl.directories.ldap_entries import Entry
from portalctl.directories.ldap_library import LDAPException, ldap3
from portalctl.directories.protocol import DirectoryError
from portalctl.directories.web import AGAIN, MOST_IDENTITIES, MOST_LIST_BYTES, MOST_PAGES
from portalctl.errors import BadUsageError, PortalctlError
from portalctl.events import Warned
from portalctl.http.redaction import Redactor, inert
from portalctl.http.server import is_loopback
from portalctl.http.trust import contexts
from portalctl.words import quoted, wait_words

PAGE: Final = 1000  # the most that Active Directory returns in one page
CONNECT_SECONDS: Final = 10
BIND_SECONDS: Final = 10.0  # for each of TLS handshake, StartTLS and bind
BIND_BYTES: Final = 1024 * 1024  # of all answers before the bind
ANSWER_SECONDS: Final = 60.0  # for a whole page, also if parts of it arrive earlier
MOST_BYTES: Final = 64 * 1024 * 1024  # of a page
RECEIVE_BYTES: Final = 1024 * 1024  # ldap3 concatenates received parts, so small parts make large answers slow
PORTS: Final = {"ldap": 389, "ldaps": 636}
NOT_LDAP: Final = "the answer is not LDAP"
_SEQUENCE: Final = 0x30  # the first byte of every message (RFC 4511, 4.1.1)
_PAGED: Final = "1.2.840.113556.1.4.319"  # RFC 2696
_ADVICE: Final[dict[int, str]] = {
    3: "The server took too long. Ask its operators to raise the time limit for this user.",
    4: "The server cut the list off. Ask its operators to raise the size limit for this user.",
    11: "An administrative limit of the server was exceeded. Ask its operators to raise it for this user.",
    8: "The server requires TLS. Write ldaps:// in the directory's address.",
    10: "The server refers to another server; referrals are not followed. Name the server that has the entries.",
    32: "Check `base` in the manifest.",
    34: "Check the DN in the manifest.",
    49: "Check the user and the secret. More tries could lock the account.",
    50: "Ask the directory's operators to let this user read groups, members and addresses.",
    51: "The server is busy. Run it again later.",
    52: "The server is not available. Run it again later.",
    53: "Ask the directory's operators what this user may do.",
}


Scope = Literal["BASE", "SUBTREE"]


class LdapServer:
    """A connection to one LDAP server, bound when it is first used."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        access = connection.access
        self.where = f"{access.url} (from {access.url_source})"
        self._redact = Redactor([access.secret])
        self._address = _parsed(connection)
        self._ldap = self._made()
        self._socket: _BoundedSocket | None = None
        self._failure: PortalctlError | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with suppress(LDAPException, OSError):  # the connection ends in any case
            self._ldap.unbind()
        if self._ldap.socket is not None:
            self._ldap.socket.close()

    def open(self) -> None:
        """Connect and bind, once. Raises DirectoryError; after a failure, the same error again without a new bind,
        because more binds with a wrong secret could lock the account."""
        if self._failure is not None:
            raise self._failure
        if self._ldap.bound:
            return
        with self._translated("connect", sent=False):
            self._ldap.open(read_server_info=False)
            self._bound().begin(BIND_SECONDS, BIND_BYTES)
            if self._address.starts_tls:
                if not self._ldap.start_tls(read_server_info=False):
                    raise LDAPException("startTLS failed")
                self._bound().begin(BIND_SECONDS, BIND_BYTES)
        with self._translated("bind"):
            self._ldap.bind(read_server_info=False)
            self._check_bind(self._ldap.result)

    def _bound(self) -> _BoundedSocket:
        """Limit the answers that the socket receives from now on."""
        self._socket = _BoundedSocket(self._ldap.socket)
        self._ldap.socket = self._socket
        self._ldap.strategy.socket_size = RECEIVE_BYTES
        return self._socket

    def _check_bind(self, result: dict[str, Any]) -> None:
        if result["result"] != 0:
            access = self._connection.access
            advice = f"Check {access.prefix}_USER and {access.secret_source}. More tries could lock the account."
            raise self._failed("bind", result, advice if result["result"] == 49 else None)

    def base(self, dn: str, attributes: Sequence[str]) -> Entry | None:
        """Return the entry of a DN; None if there is none (noSuchObject, or hidden)."""
        result, entries = self._once(dn, "(objectClass=*)", "BASE", attributes, None)
        if result["result"] == 32:
            return None
        if result["result"] != 0:
            raise self._failed(f"read {quoted(dn)}", result)
        return entries[0] if entries else None

    def search(self, base: str, text: str, attributes: Sequence[str], *, complete: bool = True) -> Iterator[Entry]:
        """Yield the entries below `base` that match a filter. Raises DirectoryError for a page that is not complete,
        unless a part of the entries suffices (`complete=False`)."""
        cookie, pages, rows, size, before = None, 0, 0, 0, None
        while True:
            result, entries = self._once(base, text, "SUBTREE", attributes, cookie)
            if result["result"] != 0 and complete:
                raise self._failed(f"search below {quoted(base)}", result)
            pages, rows, size = pages + 1, rows + len(entries), size + self._received
            if pages > MOST_PAGES or rows > MOST_IDENTITIES or size > MOST_LIST_BYTES:
                text = f"search below {quoted(base)}: the list does not end after {rows:,} entries"
                raise self.wrong(f"{text}, {size // 1024**2:,} MiB", AGAIN)
            names = [entry.dn for entry in entries]
            if names and names == before:
                raise self.wrong(f"search below {quoted(base)}: the server returned the same page twice", AGAIN)
            before = names
            yield from entries
            # Samba returns the same cookie for each page; only a missing cookie ends the list (RFC 2696, 3).
            cookie = result.get("controls", {}).get(_PAGED, {}).get("value", {}).get("cookie")
            if not cookie:
                return

    @property
    def _received(self) -> int:
        """The number of bytes of the last answer."""
        return self._socket.received if self._socket else 0

    def _once(
        self, base: str, text: str, scope: Scope, attributes: Sequence[str], cookie: bytes | None
    ) -> tuple[dict[str, Any], list[Entry]]:
        self.open()
        assert self._socket is not None  # noqa: S101 (opened)
        what = f"{'read' if scope == 'BASE' else 'search below'} {quoted(base)}"
        with self._translated(what):
            self._socket.begin(ANSWER_SECONDS, MOST_BYTES)
            self._ldap.search(
                base,
                text,
                search_scope=scope,
                dereference_aliases=ldap3.DEREF_NEVER,
                attributes=list(attributes),
                paged_size=PAGE if scope == "SUBTREE" else None,
                paged_cookie=cookie,
            )
        # References to other servers (searchResRef) are not followed: they have no requested member.
        rows = [row for row in self._ldap.response or () if row.get("type") == "searchResEntry"]
        entries = [
            Entry(row["dn"], {name.lower(): list(values or ()) for name, values in row["raw_attributes"].items()})
            for row in rows
        ]
        return self._ldap.result, entries

    def wrong(self, message: str, *advice: str) -> DirectoryError:
        """Return an error of this directory."""
        return DirectoryError(f"directory {self._connection.name}: {message}", *advice)

    def _failed(self, what: str, result: dict[str, Any], advice: str | None = None) -> DirectoryError:
        """Return the error for a result code."""
        code, name = result["result"], result.get("description", "")
        detail = inert(self._redact(str(result.get("message") or "")), 200)
        text = f"{what}: {self.where} returned LDAP {code} {name}{f': {detail}' if detail else ''}"
        return self.wrong(text, advice or _ADVICE.get(code, "Ask the directory's operators."))

    def _translated(self, what: str, *, sent: bool = True) -> _TranslatedErrors:
        return _TranslatedErrors(self, what, sent)

    def fail(self, error: PortalctlError) -> None:
        """Store an error that ended the connection, so that no further request is sent."""
        self._failure = error

    def explained(self, what: str, error: Exception, *, sent: bool) -> DirectoryError:
        """Return the error for a connection that failed."""
        detail = inert(self._redact(_innermost(error)), 300)
        prefix = self._connection.access.prefix
        advice = f"Check {prefix}_URL and your network."
        if "CERTIFICATE_VERIFY_FAILED" in detail or "certificate" in detail.lower():
            advice = f"Name the authority that signed it in {prefix}_CA_FILE, or have the certificate renewed."
            return self.wrong(f"the certificate of {self.where} can't be trusted: {detail}", advice)
        if NOT_LDAP in detail:
            advice = f"Check host and port in {prefix}_URL. The usual port of ldap:// is 389, that of ldaps:// 636."
            return self.wrong(f"{self.where} is not an LDAP server: {detail}", advice)
        if "startTLS failed" in detail:
            advice = f"Write ldaps:// in {prefix}_URL, or have StartTLS enabled on the server."
            return self.wrong(f"{self.where} does not offer StartTLS: {detail}", advice)
        start = f"{what}: the connection to {self.where} broke off" if sent else f"can't reach {self.where}"
        return self.wrong(f"{start}: {detail}", advice)

    def _made(self) -> ldap3.Connection:
        access, address = self._connection.access, self._address
        tls = None
        if address.uses_tls:
            context = contexts(access.ca_file, verify=True, notice=self._warn, ca_source=f"{access.prefix}_CA_FILE")()
            tls = _VerifiedTls(context, address.host)
        server = ldap3.Server(
            address.host,
            address.port,
            use_ssl=address.scheme == "ldaps",
            tls=tls,
            get_info=ldap3.NONE,
            connect_timeout=CONNECT_SECONDS,
        )
        return ldap3.Connection(
            server,
            access.user,
            access.secret,
            authentication=ldap3.SIMPLE,
            auto_referrals=False,
            check_names=False,
            read_only=True,
            raise_exceptions=False,
            auto_range=False,  # ldap3 treats a refused range as the end of the list
            return_empty_attributes=False,
            receive_timeout=int(ANSWER_SECONDS),
        )

    def _warn(self, notice: str) -> None:
        self._connection.observer(Warned(notice))


class _TranslatedErrors:
    """Turns ldap3's errors into errors of the directory."""

    def __init__(self, server: LdapServer, what: str, sent: bool) -> None:
        self._server, self._what, self._sent = server, what, sent

    def __enter__(self) -> None:
        return None

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if isinstance(error, PortalctlError):
            self._server.fail(error)
        elif isinstance(error, Exception):  # ldap3 and pyasn1 raise various errors for an unexpected answer
            translated = self._server.explained(self._what, error, sent=self._sent)
            self._server.fail(translated)
            raise translated from error


class _Address:
    """The address of an LDAP server. `starts_tls`: TLS begins on a plain connection."""

    def __init__(self, scheme: str, host: str, port: int, *, starts_tls: bool) -> None:
        self.scheme, self.host, self.port, self.starts_tls = scheme, host, port, starts_tls

    @property
    def uses_tls(self) -> bool:
        return self.scheme == "ldaps" or self.starts_tls


def _parsed(connection: Connection) -> _Address:
    """Return the parts of an address. Raises BadUsageError for anything but ldap:// and ldaps://.

    The secret is never sent to another machine without TLS.
    """
    access = connection.access
    wrong = BadUsageError(
        f"directory {connection.name}: {access.url_source} is not an address such as ldaps://ldap.example.com",
        "Write ldaps://HOST, or ldap://HOST, where TLS is started before the bind.",
    )
    try:
        parts = urlsplit(access.url)
        port = parts.port
    except ValueError:
        raise wrong from None
    extra = parts.path.strip("/") or parts.query or parts.fragment or "@" in parts.netloc
    if parts.scheme not in PORTS or not parts.hostname or extra or not access.url.isprintable():
        raise wrong
    starts_tls = parts.scheme == "ldap" and (not is_loopback(parts) or access.ca_file is not None)
    return _Address(parts.scheme, parts.hostname, port or PORTS[parts.scheme], starts_tls=starts_tls)


class _VerifiedTls(ldap3.Tls):
    """TLS with our own context: chain and host name are verified by OpenSSL, as for HTTPS."""

    def __init__(self, context: ssl.SSLContext, host: str) -> None:
        super().__init__(validate=ssl.CERT_REQUIRED)
        self._context, self._host = context, host

    def wrap_socket(self, connection: Any, do_handshake: bool = False) -> None:  # noqa: ANN401, ARG002
        plain = connection.socket
        if isinstance(plain, _BoundedSocket):
            plain = plain.plain
        plain.settimeout(BIND_SECONDS)  # for the whole handshake
        try:
            connection.socket = self._context.wrap_socket(plain, server_hostname=self._host)
        except OSError:
            plain.close()
            raise


class _BoundedSocket:
    """A socket with limits of bytes and seconds for each answer, which must begin like an LDAP message."""

    def __init__(self, plain: socket.socket) -> None:
        self.plain = plain
        self._seconds = 0.0
        self._until = 0.0
        self._most = self._left = 0

    def begin(self, seconds: float, most: int) -> None:
        """Set the limits for the next answer."""
        self._seconds, self._until = seconds, time.monotonic() + seconds
        self._most = self._left = most
        self.plain.settimeout(seconds)

    @property
    def received(self) -> int:
        """The number of received bytes of this answer."""
        return self._most - self._left

    def recv(self, size: int) -> bytes:
        """Receive a part of an answer. Raises OSError at a limit, and for an answer that is not LDAP."""
        is_first = not self.received
        seconds = self._until - time.monotonic()
        try:
            self.plain.settimeout(max(seconds, 0.001))
            data = self.plain.recv(size) if seconds > 0 else None
        except TimeoutError:
            data = None
        if data is None:
            fault = "no answer" if is_first else "the answer was not complete"
            raise TimeoutError(f"{fault} within {wait_words(self._seconds)}")
        if is_first and data and data[0] != _SEQUENCE:
            raise OSError(NOT_LDAP)
        self._left -= len(data)
        if self._left < 0:
            raise OSError(f"the answer has more than {self._most // 1024**2} MiB")
        return data

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 (any attribute of a socket)
        return getattr(self.plain, name)


def _innermost(error: BaseException) -> str:
    """Return the text of an error, without the words that ldap3 adds."""
    text = str(error)
    for words in ("socket ssl wrapping error: ", "wrap socket error: ", "error receiving data: "):
        text = text.replace(words, "")
    return text or type(error).__name__
