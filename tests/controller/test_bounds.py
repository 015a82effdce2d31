"""Requests that are too large, too slow or not HTTP: each ends, nothing happens, and others are served."""

from __future__ import annotations

import os
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from itertools import product
from pathlib import Path
from typing import Any

import pytest
import trustme

from portalctl.controller import server
from portalctl.controller.api import bounds, transport
from portalctl.controller.listening import ListenSettings
from portalctl.controller.models import Registered, SignUp
from portalctl.controller.rate_limit import MAX_KEYS, RateLimit
from portalctl.controller.server import ApiServer
from portalctl.errors import BadUsageError
from tests.controller.api_world import TOKENS, World, api, signed

pytestmark = pytest.mark.slow  # starts servers

EVENTS = "/v1/portals/partners/events"
GIB = 1024**3


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with api(tmp_path) as found:
        yield found


@contextmanager
def connected(world: World) -> Iterator[socket.socket]:
    with closing(socket.create_connection(("127.0.0.1", world.port), timeout=20)) as connection:
        yield connection


def received(connection: socket.socket) -> bytes:
    """Return all that comes until the other side closes."""
    parts = []
    try:
        while part := connection.recv(65536):
            parts.append(part)
    except ConnectionResetError:
        pass
    return b"".join(parts)


def head(method: str, path: str, **headers: str) -> bytes:
    lines = [f"{method} {path} HTTP/1.1", "Host: 127.0.0.1", *(f"{k}: {v}" for k, v in headers.items())]
    return "\r\n".join([*lines, "", ""]).encode("latin-1")


def overflowed(connection: socket.socket, part: bytes) -> bool:
    """Send a part again and again, up to 1 GiB. Returns whether the other side closed within the first 64 MiB."""
    sent = 0
    try:
        while sent < GIB:
            connection.sendall(part)
            sent += len(part)
    except OSError:
        return sent < GIB // 16
    return False


PATHS = [EVENTS, "/v1/portals/partners/registrations", "/hooks/github", "/v1/portals/x/events"]


def test_a_body_that_is_announced_too_large_is_refused_before_it_is_read(world: World) -> None:
    for path, length in product(PATHS, (64 * 1024 + 1, 2 * GIB, 10**17)):
        with connected(world) as connection:
            connection.sendall(head("POST", path, **signed(b"{}"), **{"Content-Length": str(length)}))
            got = received(connection)
        assert b" 413 " in got.partition(b"\r\n")[0]
        assert b"connection: close" in got.lower()
    assert (world.hub.woken, world.hub.sign_ups, world.hub.pushes) == ([], [], 0)
    assert list(world.counts.values()) == [6, 3, 3]
    assert {result for _, result in world.counts} == {"too_large"}


def test_a_body_that_grows_too_large_is_cut_off(world: World) -> None:
    with connected(world) as connection:
        connection.sendall(head("POST", EVENTS, **signed(b"{}"), **{"Transfer-Encoding": "chunked"}))
        assert overflowed(connection, b"10000\r\n" + b"x" * 65536 + b"\r\n")
    assert world.counts == {("events", "too_large"): 1}
    assert world.hub.woken == []


def test_a_body_of_the_largest_size_is_read(world: World) -> None:
    body = b'{"more": "' + b"x" * (64 * 1024 - 12) + b'"}'
    assert len(body) == 64 * 1024
    assert world.event(body).status == 202
    assert world.event(body + b" ").status == 413
    assert len(world.hub.woken) == 1


def test_a_body_without_a_right_to_send_one_is_not_read(world: World) -> None:
    """The answer comes at once, and the connection ends, however much follows."""
    for path in ("/v1/portals/partners/suspend", "/nowhere", "/healthz"):
        with connected(world) as connection:
            connection.sendall(head("POST", path, **{"Content-Length": str(2 * GIB)}))
            assert overflowed(connection, b"x" * 65536)
    assert world.counts == {("suspend", "unauthorized"): 1, ("other", "not_found"): 1, ("other", "invalid"): 1}


def test_a_head_that_is_too_large_is_refused(world: World) -> None:
    token = f"Bearer {TOKENS['viewer']}"
    large = {
        414: head("GET", "/v1/portals?" + "x" * 9000, Authorization=token),
        431: head("GET", "/v1/portals", Authorization=token, **{f"X-{n}": "x" for n in range(120)}),
    }
    for status, request in large.items():
        with connected(world) as connection:
            connection.sendall(request)
            assert f" {status} ".encode() in received(connection).partition(b"\r\n")[0]
    for request in (
        head("GET", "/v1/portals", Authorization=token, X="x" * 20_000),
        head("GET", "/" + "x" * 200_000),
        b"x" * 200_000,
    ):
        with connected(world) as connection:
            connection.sendall(request)
            answer = received(connection).partition(b"\r\n")[0]
        assert b" 200 " not in answer
    assert world.counts == {}
    assert world.send("GET", "/healthz").status == 200


NOT_HTTP: list[Any] = [
    b"\r\n\r\n\r\n",
    b"GET\r\n\r\n",
    b"\x16\x03\x01\x02\x00\x01\x00",
    b"GET / HTTP/9.9\r\n\r\n",
    b"GET / HTTP/1.1\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
    b"GET http://evil.example/ HTTP/1.1\r\nHost: a\r\nX y: z\r\n\r\n",
    b"POST /v1/portals/partners/events HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n",
    b"POST /v1/portals/partners/events HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
    b"POST /v1/portals/partners/events HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    b"GET / HTTP/1.1\r\nHost: a\r\nA: b\r\n c: d\0\r\n\r\n",
]


def test_what_is_not_http_is_refused(world: World) -> None:
    for request_ in NOT_HTTP:
        with connected(world) as connection:
            connection.sendall(request_)
            connection.shutdown(socket.SHUT_WR)
            first = received(connection).partition(b"\r\n")[0]
        assert not first.startswith(b"HTTP/1.1 2")
        assert (world.hub.woken, world.hub.pushes) == ([], 0)
        assert world.send("GET", "/healthz").status == 200
        assert world.log.lines == []


def test_a_websocket_is_not_opened(world: World) -> None:
    upgrade = {
        "Connection": "Upgrade",
        "Upgrade": "websocket",
        "Sec-WebSocket-Key": "x",
        "Sec-WebSocket-Version": "13",
    }
    assert world.send("GET", "/v1/portals", **upgrade).status == 401


@pytest.mark.parametrize("start", [b"", b"GET /healthz HTTP/1.1\r\nHost: a\r\n", b"GET /healthz HTTP/1.1\r\nX: "])
def test_a_head_that_does_not_end_is_cut_off(start: bytes, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "HEAD_SECONDS", 0.5)
    begun = time.monotonic()
    with connected(world) as connection:
        connection.sendall(start)
        stop = threading.Event()

        def drip() -> None:
            while not stop.wait(0.05):
                try:
                    connection.sendall(b"x")
                except OSError:
                    return

        thread = threading.Thread(target=drip)
        if start:
            thread.start()
        assert received(connection) == b""
        stop.set()
        if start:
            thread.join()
    assert 0.3 < time.monotonic() - begun < 5


def test_the_head_of_a_later_request_is_cut_off_too(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "HEAD_SECONDS", 0.5)
    with connected(world) as connection:
        for _ in range(3):
            connection.sendall(head("GET", "/healthz"))
            whole = b""
            while not whole.endswith(b"}"):
                whole += connection.recv(65536)
            assert b" 200 " in whole
        begun = time.monotonic()
        connection.sendall(b"GET /healthz HTTP/1.1\r\n")
        assert received(connection) == b""
    assert time.monotonic() - begun < 5


def test_a_body_that_does_not_end_is_cut_off(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transport, "BODY_SECONDS", 0.3)
    for path, kind in ((EVENTS, "events"), ("/hooks/gitlab", "push")):
        with connected(world) as connection:
            connection.sendall(head("POST", path, **signed(b"{}"), **{"Content-Length": "2"}) + b"{")
            assert b" 408 " in received(connection).partition(b"\r\n")[0]
        assert world.counts[kind, "slow"] == 1
    assert world.hub.woken == []


def test_a_body_that_breaks_off_does_nothing(world: World) -> None:
    for _ in range(3):
        with connected(world) as connection:
            connection.sendall(head("POST", EVENTS, **signed(b"{}"), **{"Content-Length": "2"}) + b"{")
    assert world.event().status == 202
    assert len(world.hub.woken) == 1


def test_an_answer_that_is_not_read_is_cut_off(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "WRITE_SECONDS", 0.3)
    world.metrics = "x" * 30_000_000
    with connected(world) as connection:
        connection.sendall(head("GET", "/metrics"))
        time.sleep(1)
        assert len(received(connection)) < 30_000_000
    world.metrics = "x" * 3_000_000
    assert len(world.send("GET", "/metrics").body) == 3_000_000


def test_a_request_that_takes_too_long_is_answered_with_503(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bounds, "REQUEST_SECONDS", 0.3)
    go = threading.Event()
    world.hub.outcome = lambda _: go.wait(20)  # type: ignore[assignment, return-value]
    try:
        assert world.register().status == 503
        assert world.send("GET", "/healthz").status == 200
    finally:
        go.set()


def test_connections_are_limited_and_freed(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "MAX_CONNECTIONS", 5)
    opened = [socket.create_connection(("127.0.0.1", world.port), timeout=10) for _ in range(5)]
    for connection in opened:
        connection.sendall(head("GET", "/healthz"))
        assert b" 200 " in connection.recv(65536)
    more = [socket.create_connection(("127.0.0.1", world.port), timeout=10) for _ in range(20)]
    for connection in more:
        assert connection.recv(1) == b""
        connection.close()
    for connection in opened:
        connection.close()
    deadline = time.monotonic() + 5
    while True:
        try:
            assert world.send("GET", "/healthz").status == 200
            return
        except OSError:
            assert time.monotonic() < deadline
            time.sleep(0.05)


def test_bursts_leave_no_descriptor_open(world: World) -> None:
    def burst() -> None:
        for _ in range(30):
            world.event()
            world.send("POST", EVENTS, b"x" * 70_000)
            world.send("GET", "/nowhere")

    burst()
    before = len(os.listdir("/proc/self/fd")) if os.path.isdir("/proc/self/fd") else 0  # noqa: PTH112, PTH208
    threads = [threading.Thread(target=burst) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    deadline = time.monotonic() + 5
    while before and len(os.listdir("/proc/self/fd")) > before + 4:  # noqa: PTH208
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert len(world.hub.woken) == 150


@pytest.fixture
def certificates(tmp_path: Path) -> tuple[Path, Path, ssl.SSLContext]:
    authority = trustme.CA()
    issued = authority.issue_cert("127.0.0.1")
    key, chain = tmp_path / "key.pem", tmp_path / "chain.pem"
    issued.private_key_pem.write_to_path(str(key))
    issued.cert_chain_pems[0].write_to_path(str(chain))
    context = ssl.create_default_context()
    authority.configure_trust(context)
    return chain, key, context


def test_tls_with_a_limit_on_the_handshake(
    tmp_path: Path, certificates: tuple[Path, Path, ssl.SSLContext], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "HEAD_SECONDS", 0.5)
    chain, key, context = certificates
    with api(tmp_path, certificate=chain, key=key) as world:
        world.tls = context
        got = world.call("viewer", "GET", "/v1/portals")
        assert (got.status, got.headers["strict-transport-security"]) == (200, "max-age=31536000")
        begun = time.monotonic()
        for start in (b"", b"\x16\x03\x01", b"GET / HTTP/1.1\r\n\r\n"):
            with connected(world) as connection:
                connection.sendall(start)
                received(connection)
        assert time.monotonic() - begun < 10
        assert world.call("viewer", "GET", "/v1/portals").status == 200


def test_a_renewed_certificate_is_used_without_a_restart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "CERTIFICATE_SECONDS", 0.1)
    chain, key = tmp_path / "chain.pem", tmp_path / "key.pem"
    authorities = [trustme.CA(), trustme.CA()]

    def issue(authority: trustme.CA) -> ssl.SSLContext:
        issued = authority.issue_cert("127.0.0.1")
        issued.private_key_pem.write_to_path(str(key))
        issued.cert_chain_pems[0].write_to_path(str(chain))
        context = ssl.create_default_context()
        authority.configure_trust(context)
        return context

    first = issue(authorities[0])
    with api(tmp_path, certificate=chain, key=key) as world:
        world.tls = first
        assert world.send("GET", "/healthz").status == 200
        good = chain.read_bytes()
        chain.write_text("broken")
        time.sleep(0.5)
        assert world.send("GET", "/healthz").status == 200  # by the earlier one
        chain.write_bytes(good)
        world.tls = issue(authorities[1])
        deadline = time.monotonic() + 10
        while True:
            try:
                assert world.send("GET", "/healthz").status == 200
                return
            except ssl.SSLCertVerificationError:
                assert time.monotonic() < deadline
                time.sleep(0.05)


def test_an_address_in_use_is_wrong_usage(world: World) -> None:
    with pytest.raises(
        BadUsageError, match=f"--listen 127.0.0.1:{world.port} cannot be used: Address already in use"
    ):
        ApiServer(None, ListenSettings(port=world.port))  # type: ignore[arg-type]
    with pytest.raises(BadUsageError, match=r"--listen 192.0.2.1:0 cannot be used"):
        ApiServer(None, ListenSettings("192.0.2.1", 0))  # type: ignore[arg-type]


def test_requests_in_progress_are_completed_at_the_end(tmp_path: Path) -> None:
    answers: list[int] = []
    entered = threading.Event()
    with api(tmp_path) as world:

        def outcome(_: SignUp) -> Registered:
            entered.set()
            time.sleep(0.3)
            return Registered("approved", ("city",))

        world.hub.outcome = outcome
        thread = threading.Thread(target=lambda: answers.append(world.register().status))
        thread.start()
        assert entered.wait(10)
    thread.join(10)
    assert answers == [201]
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", world.port), timeout=5)


def test_a_rate_is_counted_for_each_key_and_forgets_none_too_early() -> None:
    now = 0.0
    limit = RateLimit(2, 60, lambda: now)
    assert [limit.wait("a"), limit.wait("a"), limit.wait("a"), limit.wait("b")] == [0, 0, 60, 0]
    now = 30.0
    assert limit.wait("a") == 30
    now = 60.0
    assert [limit.wait("a"), limit.wait("a"), limit.wait("a") > 0] == [0, 0, True]
    for number in range(MAX_KEYS + 10):
        limit.wait(number)
    assert len(limit._times) == MAX_KEYS
