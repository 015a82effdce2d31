"""The HTTP server of the controller: uvicorn in a thread of its own, with bounds that uvicorn does not have."""

from __future__ import annotations

import asyncio
import logging
import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from types import TracebackType
from typing import Any, Final, Self
from weakref import WeakSet

import h11
import uvicorn
from starlette.applications import Starlette
from uvicorn.protocols.http.h11_impl import H11Protocol

from portalctl.controller.api.bounds import MAX_HEADER_BYTES
from portalctl.controller.listening import ListenSettings, tls_context
from portalctl.errors import BadUsageError, PortalctlError

MAX_CONNECTIONS: Final = 256
HEAD_SECONDS: Final = 10.0  # from the start of a connection, or of a request on it, to the end of its head
WRITE_SECONDS: Final = 30.0  # in which a client reads some of an answer that fills all buffers
KEEP_ALIVE_SECONDS: Final = 15
CERTIFICATE_SECONDS: Final = 30.0  # between two looks at the certificate's files
TICKS_PER_SECOND: Final = 10  # of uvicorn's main loop
DRAIN_SECONDS: Final = 10
START_SECONDS: Final = 10.0


class ApiServer:
    """Listens from the start of the `with` block to its end, when the requests in progress are completed.

    A renewed certificate is used without a restart; `report` gets the error of one that cannot be used, while the
    earlier one stays. Raises BadUsageError for an address that cannot be listened on.
    """

    def __init__(
        self, app: Starlette, settings: ListenSettings, report: Callable[[PortalctlError], None] = lambda _: None
    ) -> None:
        self._listener = _listener(settings)
        config = uvicorn.Config(
            app,
            http=_HttpProtocol,
            ws="none",
            loop="asyncio",
            lifespan="off",
            log_config=None,
            access_log=False,
            proxy_headers=False,  # the peer is that of the socket, whatever a header has
            server_header=False,
            h11_max_incomplete_event_size=MAX_HEADER_BYTES,
            timeout_keep_alive=KEEP_ALIVE_SECONDS,
            timeout_graceful_shutdown=DRAIN_SECONDS,
        )
        logging.getLogger("uvicorn.error").setLevel(logging.CRITICAL + 1)  # strangers could fill the log
        self._server = _ServerWithLimits(config, _Certificate(settings, report))
        self._thread = threading.Thread(target=self._serve, name="api", daemon=True)

    @property
    def port(self) -> int:
        """Return the port, also where the system chose it."""
        port: int = self._listener.getsockname()[1]
        return port

    def __enter__(self) -> Self:
        self._thread.start()
        if not self._server.ready.wait(START_SECONDS):
            raise PortalctlError("the API did not start", "See the log.")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.should_exit = True
        self._thread.join(DRAIN_SECONDS + 5)

    def _serve(self) -> None:
        self._server.run(sockets=[self._listener])


class _Certificate:
    """The TLS settings of the server, with the certificate of now. Raises BadUsageError for unusable files."""

    def __init__(self, settings: ListenSettings, report: Callable[[PortalctlError], None]) -> None:
        self._settings = settings
        self._report = report
        self._times = self._changed()
        self.context = tls_context(settings)

    def refresh(self) -> None:
        """Use the files as they are now, if they changed and fit."""
        certificate, key = self._settings.certificate, self._settings.key
        if self.context is None or certificate is None or key is None or self._times == self._changed():
            return
        self._times = self._changed()
        try:
            tls_context(self._settings)  # a pair that does not fit would spoil the context in use
            self.context.load_cert_chain(certificate, key)
        except PortalctlError as error:
            self._report(error)
        except (OSError, ValueError):  # replaced at this moment
            self._times = []

    def _changed(self) -> list[int]:
        """Return when the files changed; nothing of those that are missing."""
        times = []
        for path in filter(None, (self._settings.certificate, self._settings.key)):
            with suppress(OSError):
                times.append(path.stat().st_mtime_ns)
        return times


class _ServerWithLimits(uvicorn.Server):
    """Limits the time of a TLS handshake, and looks at the certificate's files now and then."""

    def __init__(self, config: uvicorn.Config, certificate: _Certificate) -> None:
        super().__init__(config)
        self._certificate = certificate
        self.ready = threading.Event()

    async def on_tick(self, counter: int) -> bool:
        if counter % round(CERTIFICATE_SECONDS * TICKS_PER_SECOND) == 0:
            self._certificate.refresh()
        return await super().on_tick(counter)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        loop = asyncio.get_running_loop()
        context = self._certificate.context
        limit = HEAD_SECONDS if context is not None else None
        self.servers = [
            await loop.create_server(
                self._protocol, sock=listener, ssl=context, ssl_handshake_timeout=limit, backlog=128
            )
            for listener in sockets or ()
        ]
        self.started = True
        self.ready.set()

    def _protocol(self) -> asyncio.Protocol:
        return _HttpProtocol(config=self.config, server_state=self.server_state, app_state={})


class _HttpProtocol(H11Protocol):
    """HTTP/1.1 with limits on the time that the head of a request takes, also the first one, and that a client does
    not read its answer."""

    _deadline: asyncio.TimerHandle | None = None
    _stalled: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:  # noqa: ANN401 (uvicorn's signature)
        super().connection_made(transport)
        self._begin()

    def data_received(self, data: bytes) -> None:
        if self._deadline is None and self.conn.their_state is h11.IDLE:
            self._begin()
        super().data_received(data)
        if self.conn.their_state is not h11.IDLE:
            self._end()

    def pause_writing(self) -> None:
        super().pause_writing()
        self._stalled = self.loop.call_later(WRITE_SECONDS, self.transport.abort)

    def resume_writing(self) -> None:
        if self._stalled is not None:
            self._stalled.cancel()
            self._stalled = None
        super().resume_writing()

    def connection_lost(self, exc: Exception | None) -> None:
        self._end()
        if self._stalled is not None:
            self._stalled.cancel()
        super().connection_lost(exc)

    def _begin(self) -> None:
        self._deadline = self.loop.call_later(HEAD_SECONDS, self.transport.abort)

    def _end(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None


class _Listener(socket.socket):
    """A listening socket with a limit on open connections: further ones are closed at once.

    It counts from the moment a connection is accepted, so that those in a TLS handshake count too.
    """

    def __init__(self, *arguments: Any, **options: Any) -> None:  # noqa: ANN401 (as socket.socket)
        super().__init__(*arguments, **options)
        self._open: WeakSet[socket.socket] = WeakSet()

    def accept(self) -> tuple[socket.socket, Any]:
        """Accept a connection. Raises ConnectionAbortedError over the limit, as if its peer had closed it."""
        connection, address = super().accept()
        if sum(one.fileno() != -1 for one in self._open) >= MAX_CONNECTIONS:
            connection.close()
            raise ConnectionAbortedError
        self._open.add(connection)
        return connection, address


def _listener(settings: ListenSettings) -> _Listener:
    """Raises BadUsageError."""
    place = f"--listen {settings.host}:{settings.port}"
    advice = "Use another address or port, or end the program that uses it."
    try:
        found = socket.getaddrinfo(settings.host, settings.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except OSError as error:
        raise BadUsageError(f"{place} cannot be used: {error.strerror}", advice) from None
    family, kind, protocol, _, address = found[0]
    listener = _Listener(family, kind, protocol)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, int(settings.host != "::"))
        listener.bind(address)
        listener.listen(128)
    except OSError as error:
        listener.close()
        raise BadUsageError(f"{place} cannot be used: {error.strerror}", advice) from None
    return listener
