"""LDAP servers that answer with too much, with nothing, or with something else."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest
import trustme

from portalctl.directories import ldap_server
from portalctl.directories.protocol import DirectoryError
from tests.directories.ldap_stand_in import BIND, SECRET, STARTTLS, Request, connection, listening, serving
from tests.directories.stand_in import serving as serving_http

ONE_MESSAGE = b"\x30\x84\x7f\xff\xff\xff"  # the head of a message of 2 GB


def endless(client: socket.socket) -> None:
    client.recv(65536)
    client.sendall(ONE_MESSAGE)
    while True:
        client.sendall(bytes(65536))


def slow(client: socket.socket) -> None:
    client.recv(65536)
    client.sendall(ONE_MESSAGE)
    client.recv(1)


def dripping(client: socket.socket) -> None:
    client.recv(65536)
    client.sendall(ONE_MESSAGE)
    while True:
        client.sendall(b"A")
        time.sleep(0.02)


def silent(client: socket.socket) -> None:
    while client.recv(65536):
        pass


def page(client: socket.socket) -> None:
    """An HTTP server that keeps the connection open."""
    client.recv(65536)
    client.sendall(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 200\r\n\r\n" + b"x" * 200)
    client.recv(1)


def greeting(client: socket.socket) -> None:
    client.sendall(b"SSH-2.0-OpenSSH_9.2\r\n")
    while client.recv(65536):
        pass


def alert(client: socket.socket) -> None:
    """A server that expects TLS."""
    client.recv(65536)
    client.sendall(b"\x15\x03\x03\x00\x02\x02\x32")


def rubbish(client: socket.socket) -> None:
    client.recv(65536)
    client.sendall(b"\x30\x0c\x02\x01\x01\x61\x07\x0a\x01\x00\x04\x00\x04")


def nothing(client: socket.socket) -> None:
    client.close()


@pytest.fixture
def bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ldap_server, "BIND_SECONDS", 0.3)
    monkeypatch.setattr(ldap_server, "ANSWER_SECONDS", 1.0)
    monkeypatch.setattr(ldap_server, "MOST_BYTES", 1024 * 1024)


def failed(url: str, ca: Path | None = None) -> DirectoryError:
    """The error of a read; that of a second read is the same one."""
    made = connection(url, ca_file=ca)
    with made.kind.connect(made) as directory:
        with pytest.raises(DirectoryError) as caught:
            directory.read("partners")
        with pytest.raises(DirectoryError) as again:
            directory.read("others")
    assert again.value is caught.value
    assert caught.value.message.startswith("directory corp: ")
    assert caught.value.advice
    assert SECRET not in caught.value.message
    return caught.value


TALKS: list[tuple[Callable[[socket.socket], None], str]] = [
    (endless, "more than 1 MiB"),
    (slow, "was not complete within 0.3 s"),
    (dripping, "was not complete within 0.3 s"),
    (silent, "no answer within 0.3 s"),
    (page, "is not an LDAP server"),
    (greeting, "is not an LDAP server"),
    (alert, "is not an LDAP server"),
    (rubbish, ""),
    (nothing, ""),
]


@pytest.mark.usefixtures("bounds")
@pytest.mark.parametrize(("talk", "text"), TALKS)
@pytest.mark.parametrize("starts_tls", [False, True])
def test_whatever_comes_is_one_error_of_the_directory(
    talk: Callable[[socket.socket], None], text: str, starts_tls: bool, tmp_path: Path
) -> None:
    trustme.CA().cert_pem.write_to_path(tmp_path / "ca.pem")
    with listening(talk) as url:
        started = time.monotonic()
        error = failed(url, tmp_path / "ca.pem" if starts_tls else None)
        assert time.monotonic() - started < 3
    assert text in error.message


@pytest.mark.usefixtures("bounds")
def test_tls_that_is_agreed_upon_and_does_not_come(tmp_path: Path) -> None:
    trustme.CA().cert_pem.write_to_path(tmp_path / "ca.pem")
    with serving(lambda request: [request.done()]) as server:
        error = failed(server.url, tmp_path / "ca.pem")
        assert [request.kind for request in server.log] == [STARTTLS]  # and no bind
    assert "can't reach" in error.message


@pytest.mark.usefixtures("bounds")
def test_an_http_server_is_named_as_what_it_is_not() -> None:
    with serving_http(lambda _: pytest.fail("not an HTTP request")) as server:
        error = failed(server.url.replace("http://", "ldap://"))
    assert "no answer within 0.3 s" in error.message or "not an LDAP server" in error.message


@pytest.mark.parametrize("code", [49, 8, 53])
def test_after_a_refused_bind_nothing_more_is_sent(code: int) -> None:
    """A second bind could lock the account, and a search without one reads what anybody may."""
    with serving(lambda request: [request.done(code if request.kind == BIND else 0)]) as server:
        error = failed(server.url)
        assert [request.kind for request in server.log] == [BIND]
    assert f"LDAP {code} " in error.message


def test_after_a_search_that_broke_off_nothing_more_is_sent() -> None:
    def answer(request: Request) -> Iterable[bytes]:
        return [request.done() if request.kind == BIND else b"\x30\x02\xff\xff"]

    with serving(answer) as server:
        failed(server.url)
        assert len(server.log) == 2


@pytest.mark.parametrize("dn", ["uid>=,dc=x", "x)(uid=*", "|(uid=*)(cn=,dc=y"])
def test_a_member_whose_name_would_be_another_filter(dn: str) -> None:
    def answer(request: Request) -> Iterable[bytes]:
        attributes: dict[str, Any] = {"objectClass": ["groupOfNames"], "cn": ["partners"], "member": [dn]}
        wanted = request.kind != BIND and b"supportedCapabilities" not in request.raw
        return [*([request.entry("cn=partners,dc=x", attributes)] if wanted else []), request.done()]

    with serving(answer) as server:
        made = connection(server.url)
        with made.kind.connect(made) as directory, pytest.raises(DirectoryError, match="not a DN") as caught:
            directory.read("partners")
    assert caught.value.advice
