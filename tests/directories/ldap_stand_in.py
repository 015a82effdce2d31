"""An LDAP server that answers as a function says, and keeps what it was asked (RFC 4511, encoded by hand)."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from portalctl.directories.access import Access
from portalctl.directories.connection import Connection
from portalctl.directories.kinds import KINDS

SECRET = "s3cret-of-ldap"
PREFIX = "PORTALCTL_DIRECTORY_CORP"
BIND, SEARCH, STARTTLS = 0x60, 0x63, 0x77
_DONE = {BIND: 0x61, SEARCH: 0x65, STARTTLS: 0x78}
_PAGED = b"1.2.840.113556.1.4.319"


def ber(tag: int, content: bytes) -> bytes:
    return bytes([tag, 0x84]) + len(content).to_bytes(4, "big") + content


@dataclass(frozen=True)
class Request:
    """`raw` is the whole message: enough to see which attributes it asks for."""

    number: bytes
    kind: int
    raw: bytes

    def message(self, operation: bytes, controls: bytes = b"") -> bytes:
        return ber(0x30, ber(2, self.number) + operation + controls)

    def entry(self, dn: str, attributes: Mapping[str, Sequence[str]]) -> bytes:
        listed = (
            ber(0x30, ber(4, name.encode()) + ber(0x31, b"".join(ber(4, value.encode()) for value in values)))
            for name, values in attributes.items()
        )
        return self.message(ber(0x64, ber(4, dn.encode()) + ber(0x30, b"".join(listed))))

    def done(self, code: int = 0, cookie: bytes = b"") -> bytes:
        """The end of an answer. `cookie`: there are more pages (RFC 2696)."""
        value = ber(0x30, ber(2, b"\0") + ber(4, cookie))
        controls = ber(0xA0, ber(0x30, ber(4, _PAGED) + ber(4, value))) if cookie else b""
        return self.message(ber(_DONE[self.kind], ber(10, bytes([code])) + ber(4, b"") + ber(4, b"")), controls)


Answer = Callable[[Request], Iterable[bytes]]


@dataclass
class LdapStandIn:
    url: str
    log: list[Request] = field(default_factory=list)


def _requests(connection: socket.socket) -> Iterator[Request]:
    while raw := connection.recv(65536):
        start = 2 if raw[1] < 0x80 else 2 + (raw[1] & 0x7F)
        size = raw[start + 1]
        kind = raw[start + 2 + size]
        if kind in _DONE:
            yield Request(raw[start + 2 : start + 2 + size], kind, raw)


@contextmanager
def listening(talk: Callable[[socket.socket], None]) -> Iterator[str]:
    """A server for one connection at a time, as a URL."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            with suppress(OSError):
                while True:
                    connection, _ = server.accept()
                    with connection, suppress(OSError):
                        talk(connection)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield f"ldap://127.0.0.1:{server.getsockname()[1]}"
        server.shutdown(socket.SHUT_RDWR)
    thread.join(5)
    assert not thread.is_alive()


@contextmanager
def serving(answer: Answer) -> Iterator[LdapStandIn]:
    found = LdapStandIn("")

    def talk(connection: socket.socket) -> None:
        for request in _requests(connection):
            found.log.append(request)
            connection.sendall(b"".join(answer(request)))

    with listening(talk) as found.url:
        yield found


def connection(url: str, *, ca_file: Path | None = None, **more: str) -> Connection:
    names = {"url_source": f"{PREFIX}_URL", "secret_source": f"{PREFIX}_SECRET"}
    access = Access(url, SECRET, PREFIX, user="cn=reader", ca_file=ca_file, **names)
    options = {"base": "dc=x", **more}
    return Connection(KINDS["ldap"], "corp", access, ("mail",), options, lambda: "2026-06-15T08:00:00Z")
