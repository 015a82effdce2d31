"""What every simulated service shares: connections, hooks, faults, latency and the log."""

from __future__ import annotations

import itertools
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import replace
from types import TracebackType
from typing import Protocol, Self

from portalctl.simulator.faults import Fault, Faults, refusal, refusal_status, spoil
from portalctl.simulator.message import Exchange, Request, SimulatedAnswer
from portalctl.simulator.tls import Certificate
from portalctl.simulator.wire import Listener, Reply, render

_CREDENTIALS = frozenset({"authorization", "x-api-key"})


class SimulatedService(Protocol):
    """A vendor's API as the engine drives it."""

    @property
    def name(self) -> str:
        """What the log calls it; empty where the vendor has one service only."""
        ...

    @property
    def rows(self) -> str:
        """The key under which its lists hold their items."""
        ...

    def answer(self, request: Request) -> SimulatedAnswer:
        """The answer, whatever the request. Called from many threads."""
        ...

    def error(self, request: Request, status: int) -> SimulatedAnswer:
        """How the vendor words an error that has nothing to do with what was asked."""
        ...

    def headers(self, request: Request) -> tuple[tuple[str, str], ...]:
        """Headers that every answer carries."""
        ...

    def misrouted(self, request: Request) -> Request:
        """The same request, of another portal; itself where it names none, or there is no other."""
        ...


class Engine:
    """Runs services; `close` it, or use it as a context manager.

    `latency`: seconds each answer takes at least. `tls`: all services use TLS, with a self-signed certificate that
    is in the file `ca_file` while they run; raises NoTlsError. `log_limit`: how many exchanges are kept, bodies and
    all; 0 keeps none.
    """

    def __init__(
        self, *, faults: Iterable[Fault] = (), latency: float = 0.0, tls: bool = False, log_limit: int = 100_000
    ) -> None:
        self._certificate = Certificate() if tls else None
        self.ca_file = self._certificate.file if self._certificate else None
        self._faults = Faults(faults)
        self._latency = latency
        self._log: deque[Exchange] = deque(maxlen=log_limit)
        self._hooks: list[Callable[[Request], object]] = []
        self._numbers = itertools.count(1)
        self._closing = threading.Event()
        self._listeners: list[Listener] = []

    @property
    def log(self) -> tuple[Exchange, ...]:
        """The exchanges with a decided answer, in order of arrival."""
        return tuple(sorted(self._log.copy(), key=lambda exchange: exchange.number))

    def clear_log(self) -> None:
        self._log.clear()

    def inject(self, fault: Fault) -> None:
        """Adds a fault behind those already there."""
        self._faults.add(fault)

    def clear_faults(self) -> None:
        self._faults.clear()

    def on_request(self, hook: Callable[[Request], object]) -> None:
        """Calls `hook` before each request is handled, in the thread of its connection. It may use the store."""
        self._hooks.append(hook)

    def once(self, fits: Callable[[Request], bool], act: Callable[[], object]) -> None:
        """Lets `act` happen just before the first request that fits is handled; others that fit wait until it has.

        It may use the store, and must not send a request that fits.
        """
        turn = threading.Lock()
        left = [act]

        def hook(request: Request) -> None:
            if fits(request):
                with turn:
                    if left:
                        left.pop()()

        self.on_request(hook)

    def wait_until_idle(self, seconds: float = 5.0) -> bool:
        """Wait until every client has gone, so that all it sent has taken effect; whether that came about in time."""
        return all(listener.wait_until_idle(seconds) for listener in self._listeners)

    def close(self) -> None:
        """Stops; open connections are cut. Closing twice is harmless."""
        if not self._closing.is_set():
            self._closing.set()
            for listener in self._listeners:
                listener.close()
            if self._certificate is not None:
                self._certificate.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _serve(self, service: SimulatedService, port: int) -> str:
        """Starts a service and returns its address. Raises OSError where the port is in use."""
        context = self._certificate.context if self._certificate else None
        listener = Listener(lambda request: self._reply(service, request), port, context)
        self._listeners.append(listener)
        return listener.url

    def _reply(self, service: SimulatedService, request: Request) -> Reply:
        request = replace(request, number=next(self._numbers), service=service.name)
        for hook in tuple(self._hooks):
            hook(request)
        fault, limit_headers = self._faults.acting(request)
        answer = _decide(service, request, fault)
        if answer is not None:
            answer = replace(answer, headers=(*answer.headers, *limit_headers, *service.headers(request)))
        self._wait(request, fault)
        self._record(request, answer, fault)
        if answer is None:
            return Reply(b"", close=True)
        data = render(answer)
        if fault is not None and fault.kind == "truncate":
            return Reply(data[: len(data) - (len(answer.payload) + 1) // 2], close=True)
        return Reply(data)

    def _wait(self, request: Request, fault: Fault | None) -> None:
        delay = self._latency + (fault.delay if fault is not None and fault.kind == "slow" else 0.0)
        if delay > 0:
            self._closing.wait(max(0.0, request.started + delay - time.monotonic()))

    def _record(self, request: Request, answer: SimulatedAnswer | None, fault: Fault | None) -> None:
        if self._log.maxlen == 0:
            return
        headers = {name: value for name, value in request.headers.items() if name not in _CREDENTIALS}
        self._log.append(
            Exchange(
                number=request.number,
                method=request.method,
                path=request.path,
                query=request.target.partition("?")[2],
                headers=headers,
                authorized=len(headers) < len(request.headers),
                raw_body=request.body,
                reply=answer,
                started=request.started,
                ended=time.monotonic(),
                fault=fault.kind if fault else None,
                service=request.service,
            )
        )


def _decide(service: SimulatedService, request: Request, fault: Fault | None) -> SimulatedAnswer | None:
    """The answer; None where the connection is to be closed without one."""
    if fault is None:
        return service.answer(request)
    if fault.kind == "drop-before":
        return None
    if fault.kind in ("status", "rate"):
        return refusal(fault, service.error(request, refusal_status(fault)))
    answer = service.answer(service.misrouted(request) if fault.kind == "misroute" else request)
    return None if fault.kind == "drop-after" else spoil(fault, answer, service.rows)
