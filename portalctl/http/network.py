"""Sockets that obey the deadline and the byte limit of the request in flight, whatever the server does.

httpx's own timeouts hold for one read each: a server that sends a byte a minute, or interim answers (1xx) forever,
never exceeds them. httpcore, on which httpx is built, accepts another network backend for this purpose."""

from __future__ import annotations

import socket
import ssl
import time
from collections.abc import Iterable
from typing import Any, Literal

import httpcore

from portalctl.http.bounds import RequestLimits

Stage = Literal["connect", "proxy", "tls", "request"]


class OverdueError(httpcore.TimeoutException):
    """The deadline of a request has passed."""


class OverlongError(httpcore.ProtocolError):
    """The headers of an answer, with all interim answers before it, are too long."""


class Network(httpcore.NetworkBackend):
    """Opens connections for one transport, which sends one request at a time.

    Args:
        limits: what one request may cost.
        proxied: whether a proxy stands between this machine and the server.
        tls_layers: the TLS handshakes of a connection: one for an https server, one for an https proxy.

    `stage` is the stage of the request; `sent` whether any of it was sent to the server; `reads` counts the bytes
    read since then; `begun` is whether the server has begun to answer."""

    def __init__(self, limits: RequestLimits, *, proxied: bool, tls_layers: int) -> None:
        self.stage: Stage = "request"
        self.sent = False
        self.reads = 0
        self._limits = limits
        self._proxied = proxied
        self._tls_layers = tls_layers
        self._layers_left = 0
        self._deadline = 0.0
        self._bytes_left = 0
        self._opened: httpcore.NetworkStream | None = None
        self._backend = httpcore.SyncBackend()

    def begin(self, deadline: float) -> None:
        """Start a request that must end by `deadline` (monotonic seconds)."""
        self.stage, self.sent, self.reads = "request", False, 0
        self._deadline = deadline
        self._bytes_left = self._limits.header_bytes

    def headers_done(self) -> None:
        """Count no more bytes: the headers are there, and the body has its own limit."""
        self._bytes_left = 2**63

    def time_left(self, most: float | None = None) -> float:
        """Return the seconds until the deadline, or `most` if that is less. Raises OverdueError at the deadline."""
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise OverdueError
        return left if most is None else min(left, most)

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.NetworkStream:
        """Connect to the first address that accepts; all of them share the time."""
        self.stage, self._layers_left = "connect", self._tls_layers
        until = time.monotonic() + self.time_left(timeout)
        addresses = _addresses(host, port)
        for number, address in enumerate(addresses, 1):
            share = max(0.1, (until - time.monotonic()) / (len(addresses) - number + 1))
            try:
                stream = self._backend.connect_tcp(address, port, share, local_address, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout):
                if number == len(addresses):
                    raise
                continue
            self._advance()
            self._opened = stream
            return _Stream(self, stream)
        raise httpcore.ConnectError(f"no address for {host}")

    def drop(self) -> None:
        """Close the connection after a failure; httpcore forgets to, where a SOCKS proxy refuses."""
        if self._opened is not None:
            self._opened.close()

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds)

    def count(self, size: int) -> None:
        """Count bytes that were read. Raises OverlongError."""
        self.reads += 1
        self._bytes_left -= size
        if self._bytes_left < 0:
            raise OverlongError

    def writes(self) -> None:
        """Record a write."""
        self.sent = self.sent or self.stage == "request"
        self.reads = 0

    def secured(self) -> None:
        """Record a finished TLS handshake."""
        self._layers_left -= 1
        self._advance()

    def securing(self) -> None:
        """Record the begin of a TLS handshake: the last one is the server's."""
        if self._layers_left == 1:
            self.stage = "tls"

    def _advance(self) -> None:
        """Enter the stage after a step is done. Through a proxy the handshake with the server is the last step."""
        if self._proxied:
            self.stage = "proxy" if self._layers_left else "request"
        else:
            self.stage = "tls" if self._layers_left else "request"


class _Stream(httpcore.NetworkStream):
    """One connection of a network."""

    def __init__(self, network: Network, stream: httpcore.NetworkStream) -> None:
        self._network = network
        self._stream = stream

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        data = self._stream.read(max_bytes, self._network.time_left(timeout))
        self._network.count(len(data))
        return data

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        left = self._network.time_left(timeout)
        self._network.writes()
        self._stream.write(buffer, left)

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        self._network.securing()
        left = self._network.time_left(timeout)
        stream = self._stream.start_tls(ssl_context, server_hostname, left)
        self._network.secured()
        return _Stream(self._network, stream)

    def get_extra_info(self, info: str) -> Any:  # noqa: ANN401 (as httpcore has it)
        return self._stream.get_extra_info(info)


def _addresses(host: str, port: int) -> list[str]:
    """Return the distinct addresses of a host. Raises httpcore.ConnectError."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise httpcore.ConnectError(str(error)) from error
    return list(dict.fromkeys(str(address[0]) for *_, address in found))
