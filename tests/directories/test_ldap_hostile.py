"""LDAP servers that answer with too much, with nothing, or with something else."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import pytest

from portalctl.directories import ldap_server
from portalctl.directories.access import Access
from portalctl.directories.connection import Connection
from portalctl.directories.kinds import KINDS
from portalctl.directories.protocol import DirectoryError

SECRET = "s3cret-of-ldap"


@contextmanager
def serving(answer: Callable[[socket.socket], None]) -> Iterator[str]:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            with suppress(OSError):
                connection, _ = server.accept()
                with connection:
                    connection.recv(65536)
                    answer(connection)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield f"ldap://127.0.0.1:{server.getsockname()[1]}"
    thread.join(5)


def endless(connection: socket.socket) -> None:
    connection.sendall(b"\x30\x84\x7f\xff\xff\xff")  # a message of 2 GB
    while True:
        connection.sendall(bytes(65536))


def slow(connection: socket.socket) -> None:
    connection.sendall(b"\x30\x84\x7f\xff\xff\xff")
    connection.recv(1)


def page(connection: socket.socket) -> None:
    connection.sendall(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")


def rubbish(connection: socket.socket) -> None:
    connection.sendall(b"\x30\x0c\x02\x01\x01\x61\x07\x0a\x01\x00\x04\x00\x04")


def nothing(connection: socket.socket) -> None:
    connection.close()


@pytest.mark.parametrize(
    ("answer", "text"),
    [(endless, "more than 1 MiB"), (slow, ""), (page, ""), (rubbish, ""), (nothing, "")],
)
def test_whatever_comes_is_one_error_of_the_directory(
    answer: Callable[[socket.socket], None], text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ldap_server, "MOST_BYTES", 1024 * 1024)
    monkeypatch.setattr(ldap_server, "ANSWER_SECONDS", 1.0)
    with serving(answer) as url:
        access = Access(
            url, SECRET, "PORTALCTL_DIRECTORY_CORP", user="cn=reader", url_source="PORTALCTL_DIRECTORY_CORP_URL"
        )
        made = Connection(KINDS["ldap"], "corp", access, ("mail",), {"base": "dc=x"}, lambda: "2026-06-15T08:00:00Z")
        with pytest.raises(DirectoryError) as caught, made.kind.connect(made) as directory:
            directory.read("partners")
    assert caught.value.message.startswith("directory corp: ")
    assert text in caught.value.message
    assert caught.value.advice
    assert SECRET not in caught.value.message
