"""A server that answers as no server should, with raw bytes."""

from __future__ import annotations

import gzip
import http.client
import itertools
import socket
import threading
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

Reply = Callable[[socket.socket], None]  # sends an answer on a connection, and returns when it is done


@contextmanager
def hostile(reply: Reply, *, reads: str | None = None) -> Iterator[str]:
    """Yield the URL of a server that gives `reply` to each request; with `reads`, only to writes.

    `reads` is the URL of a server that answers the GETs.
    """
    with socket.create_server(("127.0.0.1", 0), backlog=64) as server:

        def serve(connection: socket.socket) -> None:
            with connection, suppress(OSError):
                while request := _request(connection):
                    method, path, headers = request
                    if reads is not None and method == "GET":
                        _forward(connection, reads, path, headers)
                    else:
                        reply(connection)
                        return

        def accept() -> None:
            with suppress(OSError):
                while True:
                    connection, _ = server.accept()
                    threading.Thread(target=serve, args=(connection,), daemon=True).start()

        thread = threading.Thread(target=accept, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}"
        server.shutdown(socket.SHUT_RDWR)
        thread.join()


def _request(connection: socket.socket) -> tuple[str, str, dict[str, str]] | None:
    data = b""
    while b"\r\n\r\n" not in data:
        more = connection.recv(65536)
        if not more:
            return None
        data += more
    head, _, body = data.partition(b"\r\n\r\n")
    first, *lines = head.decode().split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    while len(body) < int(headers.get("content-length", 0)):
        body += connection.recv(65536)
    method, path, _ = first.split(" ")
    return method, path, headers


def _forward(connection: socket.socket, url: str, path: str, headers: dict[str, str]) -> None:
    upstream = http.client.HTTPConnection(url.removeprefix("http://"))
    upstream.request("GET", path, headers={"authorization": headers["authorization"]})
    answer = upstream.getresponse()
    body = answer.read()
    head = f"HTTP/1.1 {answer.status} X\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    connection.sendall(head.encode() + body)
    upstream.close()


def sent(*parts: bytes) -> Reply:
    """An answer of these bytes, after which the connection is closed."""
    return lambda connection: connection.sendall(b"".join(parts))


def answer(status: str = "200 OK", body: bytes = b"", *headers: str) -> Reply:
    """A well-formed answer with its length."""
    return sent(head(status, f"Content-Length: {len(body)}", "Connection: close", *headers), body)


def prepared_late(make: Callable[[], Reply]) -> Reply:
    """What `make` gives, made when it is sent: for large bodies that few tests need."""

    def reply(connection: socket.socket) -> None:
        make()(connection)

    return reply


def head(status: str, *headers: str) -> bytes:
    return "\r\n".join([f"HTTP/1.1 {status}", "Content-Type: application/json", *headers, "", ""]).encode("latin-1")


def endless(start: bytes, again: bytes) -> Reply:
    """`again` for ever, as fast as it is read."""

    def reply(connection: socket.socket) -> None:
        connection.sendall(start)
        while True:
            connection.sendall(again)

    return reply


def dripping(start: bytes, again: bytes = b" ", pause: float = 0.05) -> Reply:
    """`again` for ever, after a pause each time."""

    def reply(connection: socket.socket) -> None:
        connection.sendall(start)
        while True:
            time.sleep(pause)
            connection.sendall(again)

    return reply


def silent(connection: socket.socket) -> None:
    """Hold the connection and send nothing."""
    connection.settimeout(120)
    connection.recv(1)


def holding(*parts: bytes) -> Reply:
    """These bytes, and then silence."""

    def reply(connection: socket.socket) -> None:
        connection.sendall(b"".join(parts))
        silent(connection)

    return reply


def zeros_gzipped(size: int) -> bytes:
    """A gzip stream of `size` zeros, made without holding them."""
    deflate = zlib.compressobj(9, zlib.DEFLATED, 16 + zlib.MAX_WBITS)
    block = bytes(1024 * 1024)
    parts = [deflate.compress(block) for _ in range(size // len(block))]
    return b"".join([*parts, deflate.flush()])


def long_list(item: bytes, size: int) -> bytes:
    """A JSON list of `size` bytes."""
    return b"[" + b",".join(itertools.repeat(item, size // (len(item) + 1))) + b"]"


GZIPPED = gzip.compress(b'{"id": 1}' * 100)
