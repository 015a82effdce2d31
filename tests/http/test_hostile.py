"""Whatever a portal sends, a command ends in time with one clear error, bounded memory, and its results."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from portalctl.errors import NoAnswerError
from portalctl.http import READ_WRITE, Client, RequestLimits, Server
from tests.conftest import Bench, Done
from tests.http.hostile import (
    GZIPPED,
    Reply,
    answer,
    dripping,
    endless,
    head,
    holding,
    hostile,
    long_list,
    prepared_late,
    sent,
    silent,
    zeros_gzipped,
)

MIB = 1024 * 1024
LENGTH = f"Content-Length: {2 << 30}"
RULES = """
trusted_domains: [club.example]
overrides:
  - {developer: out@club.example, status: revoked, reason: Left}
"""


BRIEF = RequestLimits(seconds=0.5, connect_seconds=0.5, lost_seconds=1)  # in place of half a minute


@pytest.fixture
def brief(monkeypatch: pytest.MonkeyPatch, quick: None) -> None:  # noqa: ARG001 (a fixture)
    monkeypatch.setattr("portalctl.http.client.DEFAULT_LIMITS", BRIEF)


UNREADABLE: dict[str, tuple[Reply, str]] = {
    "gzip stacked": (answer("200 OK", GZIPPED, "Content-Encoding: gzip, gzip"), "Content-Encoding 'gzip, gzip'"),
    "gzip in two headers": (
        answer("200 OK", GZIPPED, "Content-Encoding: gzip", "Content-Encoding: GZIP"),
        "Content-Encoding 'gzip, GZIP'",
    ),
    "brotli": (answer("200 OK", b"\x0b\x02\x80", "Content-Encoding: br"), "Content-Encoding 'br'"),
    "zstd": (answer("200 OK", b"\x28\xb5\x2f\xfd", "Content-Encoding: zstd"), "Content-Encoding 'zstd'"),
    "odd encoding": (answer("200 OK", b"{}", "Content-Encoding: \x1b[2J" + "x" * 500), "Content-Encoding"),
    "gzip bomb": (
        prepared_late(lambda: answer("200 OK", zeros_gzipped(64 * MIB), "Content-Encoding: gzip")),
        "more than 32 MiB",
    ),
    "gzip cut off": (answer("200 OK", GZIPPED[:-9], "Content-Encoding: gzip"), "ends too early"),
    "gzip corrupt": (answer("200 OK", b"\x1f\x8b" + b"?" * 99, "Content-Encoding: gzip"), "not valid gzip"),
    "gzip and more": (answer("200 OK", GZIPPED + b"more", "Content-Encoding: gzip"), "goes on after its gzip"),
    "2 GB": (endless(head("200 OK", LENGTH), bytes(MIB)), "more than 32 MiB"),
    "chunks without end": (
        endless(head("200 OK", "Transfer-Encoding: chunked"), b"100000\r\n" + bytes(MIB) + b"\r\n"),
        "more than 32 MiB",
    ),
    "many values": (prepared_late(lambda: answer("200 OK", long_list(b"[]", 8 * MIB))), "more than 1,000,000 values"),
    "length too large": (sent(head("200 OK", "Content-Length: 99"), b"{}"), "the connection was lost"),
    "length too large, held": (
        holding(head("200 OK", "Content-Length: 99"), b"{}"),
        "not complete within",
    ),
    "length not a number": (sent(head("200 OK", "Content-Length: 9e9"), b"{}"), "the connection was lost"),
    "two lengths": (sent(head("200 OK", "Content-Length: 2", "Content-Length: 3"), b"{}"), "connection was lost"),
    "dripped body": (dripping(head("200 OK", LENGTH)), "not complete within"),
    "dripped chunks": (
        dripping(head("200 OK", "Transfer-Encoding: chunked"), b"1\r\n \r\n"),
        "not complete within",
    ),
    "dripped head": (dripping(b"HTTP/1.1 200 OK\r\nX: ", b"x"), "not complete within"),
    "dripped status": (dripping(b"", b"H"), "not complete within"),
    "early hints for ever": (
        endless(b"", b"HTTP/1.1 103 Early Hints\r\n\r\n" * 999),
        "interim answers, are too long",
    ),
    "continue for ever": (dripping(b"", b"HTTP/1.1 100 Continue\r\n\r\n"), "not complete within"),
    "long header": (endless(b"HTTP/1.1 200 OK\r\nX: ", b"x" * 9999), "the connection was lost"),
    "headers for ever": (endless(b"HTTP/1.1 200 OK\r\n", b"X: x\r\n" * 999), "the connection was lost"),
    "no HTTP": (sent(b"\x1b[2J\x00garbage" * 99), "the connection was lost"),
    "HTTP 0.9": (sent(b'{"data": []}'), "the connection was lost"),
    "closed": (sent(b""), "the connection was lost"),
    "closed in the head": (sent(b"HTTP/1.1 200 OK\r\nContent-"), "the connection was lost"),
    "silent": (silent, "no answer within"),
    "redirect": (answer("302 Found", b"", "Location: https://evil.example/\x1b[2J"), "Redirects are not followed"),
    "switching": (
        sent(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\n\r\n", bytes(9999)),
        "the connection was lost",
    ),
    "no content": (sent(head("204 No Content"), b'{"id": 1}'), "not the API's JSON"),
    "deep": (answer("200 OK", b"[" * 200_000), "not the API's JSON"),
    "deep objects": (answer("200 OK", b'{"a":' * 200_000), "not the API's JSON"),
    "huge number": (answer("200 OK", b'{"id": ' + b"9" * 200_000 + b"}"), "API"),
    "wait for years": (answer("429 Too Many", b"{}", "Retry-After: 999999999"), "asks to wait"),
    "wait for ever": (answer("429 Too Many", b"{}", f"Retry-After: {'9' * 5000}"), "asks to wait"),
    "odd dates": (answer("403 No", b"{}", "Date: Mon, 99 Foo 99999 99:99:99 +9999", "Retry-After: x"), "403"),
    "odd rates": (
        answer("403 No", b"{}", f"ratelimit-remaining: {'9' * 5000}", f"ratelimit-reset: {'9' * 5000}"),
        "403",
    ),
}

ERRORS: dict[str, bytes] = {
    "deep": b"[" * 200_000,
    "deep within": b"[" * 60_000,
    "deep objects": b'{"detail":' * 9_000,
    "huge number": b'{"detail": ' + b"9" * 60_000 + b"}",
    "long text": b'{"detail": "' + b"x" * 60_000 + b'"}',
    "many fields": b'{"detail": "d", "invalid_parameters": [' + b'{"field": "f", "reason": "r"},' * 1_000 + b"{}]}",
    "not UTF-8": b'{"detail": "\xff\xfe"}',
    "NaN": b'{"detail": NaN}',
    "lone surrogate": b'{"detail": "\\ud800", "instance": "\\udfff"}',
    "terminal": b'{"detail": "\\u001b[2J\\u202eevil\\nerror: all is well", "instance": "\\u001b]0;x\\u0007"}',
    "other types": b'{"detail": {"a": 1}, "instance": 5, "invalid_parameters": [1, {"field": []}]}',
    "list": b"[1, 2]",
    "token": b'{"detail": "bad token kpat_sim", "instance": "kpat_sim"}',
    "endless": b"",
}


def error_reply(name: str) -> Reply:
    body = ERRORS[name]
    return answer("500 Oops", body) if body else endless(head("500 Oops", LENGTH), b"x" * MIB)


def check(done: Done) -> None:
    """One error with its advice, and nothing dangerous in it."""
    errors = [line for line in done.err.splitlines() if line.startswith("error:")]
    assert len(errors) == 1, done.err
    assert len(errors[0]) < 1000, done.err
    assert all(line.isprintable() for line in done.err.splitlines())
    assert "Traceback" not in done.err
    assert "internal error" not in done.err
    assert "kpat_sim" not in done.err


@pytest.mark.usefixtures("quick")
@pytest.mark.wide(4)
@pytest.mark.parametrize("name", UNREADABLE)
def test_an_answer_beyond_bounds_is_one_clear_error(bench: Bench, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    bench.manifest(RULES)
    reply, text = UNREADABLE[name]
    if "within" in text:
        monkeypatch.setattr("portalctl.http.client.DEFAULT_LIMITS", BRIEF)
    began = time.monotonic()
    with hostile(reply) as url:
        done = bench.run("plan", KONNECT_SERVER_URL=url)
    assert done.code == 1, done.out + done.err
    check(done)
    assert text in done.err, done.err
    assert time.monotonic() - began < 60
    assert done.out == ""


@pytest.mark.usefixtures("brief")
@pytest.mark.wide(1)
@pytest.mark.parametrize("name", ERRORS)
def test_an_odd_error_body_is_one_clear_error(bench: Bench, name: str) -> None:
    bench.manifest(RULES)
    with hostile(error_reply(name)) as url:
        done = bench.run("plan", KONNECT_SERVER_URL=url)
    assert done.code == 1, done.out + done.err
    check(done)
    assert "the portal returned 500 to GET /v3/portals/" in done.err


@pytest.mark.usefixtures("brief")
@pytest.mark.wide(1)
@pytest.mark.parametrize("name", [*ERRORS, *UNREADABLE])
def test_an_odd_answer_to_a_write_costs_no_result(bench: Bench, name: str) -> None:
    """Whatever comes back for the writes, each change has a result, and none is reported as confirmed."""
    reply = error_reply(name) if name in ERRORS else UNREADABLE[name][0]
    bench.people(pending=["in@club.example"], approved=["out@club.example"])
    bench.manifest(RULES)
    with hostile(reply, reads=bench.sim.url) as url:
        report = ("--report", "report.json", "--journal", "journal", "--confirm-timeout", "0.1")
        done = bench.run("apply", "--yes", *report, KONNECT_SERVER_URL=url)
    assert done.code == 4, done.out + done.err
    assert "Traceback" not in done.err
    assert "kpat_sim" not in done.out + done.err
    (portal,) = json.loads(Path("report.json").read_text())["portals"]
    results = [change["result"] for change in portal["changes"]]
    assert len(results) == 2
    assert set(results) <= {"failed", "skipped", "unknown"}


@pytest.mark.slow
def test_a_slow_portal_costs_a_run_a_minute_once(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """A portal that drips on each write and each retry: requests that run later are not sent any more."""
    monkeypatch.setattr("portalctl.http.client.DEFAULT_LIMITS", RequestLimits(seconds=0.4, lost_seconds=0.8))
    bench.people(pending=[f"p{number}@club.example" for number in range(100)])
    bench.manifest("trusted_domains: [club.example]\n")
    began = time.monotonic()
    with hostile(dripping(head("200 OK", LENGTH)), reads=bench.sim.url) as url:
        done = bench.run("apply", "--yes", "--confirm-timeout", "0.1", KONNECT_SERVER_URL=url)
    assert done.code == 4
    assert "had no complete answer for too long" in done.out
    assert time.monotonic() - began < 10


@pytest.mark.slow
def test_a_handshake_that_drips_ends(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("portalctl.http.client.DEFAULT_LIMITS", BRIEF)
    bench.manifest(RULES)
    with dripping_handshake() as url:
        done = bench.run("plan", KONNECT_SERVER_URL=url)
    assert done.code == 1
    check(done)
    assert "can't reach https://127.0.0.1" in done.err


@contextmanager
def dripping_handshake() -> Iterator[str]:
    """A TLS record of 16 kB, a byte at a time."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            try:
                while True:
                    connection, _ = server.accept()
                    threading.Thread(target=drip, args=(connection,), daemon=True).start()
            except OSError:
                return

        def drip(connection: socket.socket) -> None:
            with connection, suppress(OSError):
                connection.sendall(b"\x16\x03\x03\x40\x00\x02\x00\x3f\xfc")
                while True:
                    time.sleep(0.05)
                    connection.sendall(b"\x03")

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield f"https://127.0.0.1:{server.getsockname()[1]}"
        server.shutdown(socket.SHUT_RDWR)
        thread.join()


def test_an_answer_sent_before_it_was_asked_for_is_not_taken() -> None:
    """More than the length says is left on the connection; it must not count as the answer to the next request."""
    two = head("200 OK", "Content-Length: 2") + b"{}" + head("200 OK", "Content-Length: 9") + b'{"id": 1}'

    def reply(connection: socket.socket) -> None:
        connection.sendall(two)
        connection.recv(65536)
        connection.sendall(head("403 No", "Content-Length: 2") + b"{}")

    with hostile(reply) as url, Client(Server(url, "kpat_sim"), methods=READ_WRITE) as client:
        assert client.request("GET", "/").body == b"{}"
        with pytest.raises(NoAnswerError, match="before it was asked"):
            client.request("PATCH", "/", body={})


REAL: dict[str, Callable[[], Reply]] = {  # made when needed: they are large
    "2 GB": lambda: endless(head("200 OK", LENGTH), bytes(MIB)),
    "gzip bomb": lambda: answer("200 OK", zeros_gzipped(1024 * MIB), "Content-Encoding: gzip"),
    "just below the bound": lambda: answer("200 OK", b'{"data": "' + b"x" * (31 * MIB) + b'"}'),
    "values": lambda: answer("200 OK", long_list(b"{}", 31 * MIB)),
    "dripped body": lambda: dripping(head("200 OK", LENGTH), pause=1),
    "dripped head": lambda: dripping(b"HTTP/1.1 200 OK\r\nX: ", b"x", pause=1),
    "continue for ever": lambda: dripping(b"", b"HTTP/1.1 100 Continue\r\n\r\n", pause=1),
    "silent": lambda: silent,
    "dripped error": lambda: dripping(head("500 Oops", LENGTH), pause=1),
}
# The peak of this process alone: what wait4 tells of a child includes the parent's memory.
RUN = """
import pathlib, sys
from portalctl.cli.main import run
code = run(["plan", "-f", "portals"])
peak = next(line for line in pathlib.Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))
pathlib.Path("peak").write_text(peak.split()[1])
sys.exit(code)
"""


@pytest.mark.slow
@pytest.mark.parametrize("name", REAL)
def test_a_real_process_ends_within_90_seconds_and_200_mib(bench: Bench, name: str) -> None:
    bench.manifest(RULES)
    with hostile(REAL[name]()) as url:
        env = os.environ | {"KONNECT_SERVER_URL": url, "KONNECT_TOKEN": "kpat_sim"}
        began = time.monotonic()
        process = subprocess.run(
            [sys.executable, "-c", RUN], env=env, capture_output=True, text=True, timeout=120, check=False
        )
    assert process.returncode == 1, process.stdout + process.stderr
    check(Done(1, process.stdout, process.stderr))
    assert time.monotonic() - began < 90
    peak = int(Path("peak").read_text()) / 1024
    # A body within the bound is parsed: it is there as bytes, as what the parser makes of it, and as a Python value.
    assert peak < (256 if name == "just below the bound" else 200), f"{peak:.0f} MiB"
