"""HTTP/1.1 with keep-alive over plain sockets on the loopback interface: bytes in, bytes out."""

from __future__ import annotations

import contextlib
import io
import socket
import ssl
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from email.utils import formatdate

from portalctl.simulator.message import REASONS, Request, SimulatedAnswer

HOST = "127.0.0.1"
_LONGEST_LINE = 65_536
_LONGEST_BODY = 16 * 1024 * 1024
_MOST_HEADERS = 100


@dataclass(frozen=True, slots=True)
class Reply:
    """What goes back over the socket. `close`: the connection ends after it (at once where `data` is empty)."""

    data: bytes
    close: bool = False


class WireError(Exception):
    """The input is not HTTP as this server supports it."""


def render(answer: SimulatedAnswer, *, close: bool = False) -> bytes:
    """Head and body in one piece."""
    lines = [f"HTTP/1.1 {answer.status} {REASONS.get(answer.status, 'Unknown')}", f"Date: {formatdate(usegmt=True)}"]
    if answer.content_type:
        lines.append(f"Content-Type: {answer.content_type}")
    if answer.status != 204:
        lines.append(f"Content-Length: {len(answer.payload)}")
    lines += [f"{name}: {value}" for name, value in answer.headers]
    if close:
        lines.append("Connection: close")
    return "\r\n".join([*lines, "", ""]).encode("latin-1", "replace") + answer.payload


def read_request(stream: io.BufferedReader) -> Request | None:
    """The next request, None at the end of the connection. Raises WireError."""
    first = stream.readline(_LONGEST_LINE)
    if not first.strip():
        return None
    started = time.monotonic()
    parts = first.decode("latin-1").split()
    if len(parts) != 3 or not parts[2].startswith("HTTP/1."):
        raise WireError("not an HTTP/1 request line")
    headers = _read_headers(stream)
    if "transfer-encoding" in headers:
        raise WireError("only bodies with Content-Length are read")
    length = headers.get("content-length", "0")
    if not length.isdecimal() or int(length) > _LONGEST_BODY:
        raise WireError("bad Content-Length")
    body = stream.read(int(length))
    if len(body) < int(length):
        return None
    return Request(parts[0], parts[1], headers, body, started)


def _read_headers(stream: io.BufferedReader) -> dict[str, str]:
    headers: dict[str, str] = {}
    for _ in range(_MOST_HEADERS):
        line = stream.readline(_LONGEST_LINE).decode("latin-1")
        if line in ("\r\n", "\n", ""):
            return headers
        name, colon, value = line.partition(":")
        if not colon:
            raise WireError("header without a colon")
        headers[name.strip().lower()] = value.strip()
    raise WireError("too many headers")


class Listener:
    """Accepts connections and runs each in a thread of its own. `answer` is called from many threads at once."""

    def __init__(self, answer: Callable[[Request], Reply], port: int = 0, tls: ssl.SSLContext | None = None) -> None:
        """With `tls` it accepts TLS only. Raises OSError where the port is in use."""
        self._answer = answer
        self._tls = tls
        self._socket = socket.create_server((HOST, port), backlog=128)
        self.url = f"{'https' if tls else 'http'}://{HOST}:{self._socket.getsockname()[1]}"
        self._closing = False
        self._open: set[socket.socket] = set()
        self._idle = threading.Condition()
        self._thread = threading.Thread(target=self._accept, name="simulator", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stops listening, cuts open connections and waits (at most 5 s) for their threads."""
        self._closing = True
        while self._thread.is_alive():
            socket.create_connection(self._socket.getsockname(), timeout=5).close()  # wakes accept()
            self._thread.join(0.5)
        self._socket.close()
        with self._idle:
            for connection in self._open:
                _cut(connection)
            self._idle.wait_for(lambda: not self._open, timeout=5)

    def wait_until_idle(self, seconds: float) -> bool:
        """Wait until the connections that were made have ended; whether they have."""
        with socket.create_connection(self._socket.getsockname(), timeout=seconds) as last:
            last.shutdown(socket.SHUT_WR)
            last.recv(1)  # it was this one's turn: earlier ones are open or closed
        with self._idle:
            return self._idle.wait_for(lambda: not self._open, timeout=seconds)

    def _accept(self) -> None:
        while True:
            connection, _ = self._socket.accept()
            if self._closing:
                connection.close()
                return
            if self._tls is not None:  # the handshake itself comes with the first reading, in the connection's thread
                try:
                    connection = self._tls.wrap_socket(connection, server_side=True, do_handshake_on_connect=False)
                except OSError:
                    continue  # the client closed the connection: there is no recipient
            with self._idle:
                self._open.add(connection)
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        try:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with connection.makefile("rb") as stream:
                self._converse(connection, stream)
        except OSError:
            return  # the client closed the connection: there is no recipient
        finally:
            with self._idle:
                _cut(connection)
                connection.close()
                self._open.discard(connection)
                self._idle.notify_all()

    def _converse(self, connection: socket.socket, stream: io.BufferedReader) -> None:
        while True:
            try:
                request = read_request(stream)
            except WireError as problem:
                answer = SimulatedAnswer(400, str(problem).encode(), "text/plain; charset=utf-8")
                connection.sendall(render(answer, close=True))
                return
            if request is None:
                return
            reply = self._answer(request)
            if reply.data:
                connection.sendall(reply.data)
            if reply.close or request.headers.get("connection", "").lower() == "close":
                return


def _cut(connection: socket.socket) -> None:
    with contextlib.suppress(OSError):  # already gone
        socket.socket.shutdown(connection, socket.SHUT_RDWR)  # an SSLSocket's own would disturb a thread that reads
