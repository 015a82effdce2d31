"""The simulator: a portal vendor's API on your own machine, with memory, a log and faults.

    with Simulator(seed="demo") as simulator:
        client = Client(simulator.url, simulator.token)

It listens on the loopback interface only.
"""

from __future__ import annotations

import itertools
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from portalctl.sim.behaviour import Behaviour
from portalctl.sim.faults import Fault, Faults, refusal, refusal_status, spoil
from portalctl.sim.konnect.problems import PROBLEM_TYPE, problem_body
from portalctl.sim.konnect.seed import plant, read_seed
from portalctl.sim.konnect.service import Konnect
from portalctl.sim.konnect.store import Store
from portalctl.sim.konnect.world import World
from portalctl.sim.message import Answer, Exchange, Request, json_answer
from portalctl.sim.wire import HOST, Listener, Reply, render

__all__ = ["Behaviour", "Exchange", "Fault", "Request", "Simulator", "Store"]

TOKEN = "kpat_sim"  # noqa: S105  # opens a simulated portal only
_FIRST_TRACE = 1_433_447_772_874_964_729


class Simulator:
    """A running simulator; `close` it, or use it as a context manager.

    `seed`: a mapping, a JSON file or "demo" (see konnect/seed.py); skipped where `db` holds portals already.
    `latency`: seconds each answer takes at least. `db`: SQLite file to keep the state in. `log_limit`: how many
    exchanges are kept, bodies and all; 0 keeps none. Raises SeedError for a bad seed, OSError where the port is
    taken, and sqlite3.Error where `db` can't be used.
    """

    def __init__(
        self,
        seed: Mapping[str, Any] | Path | str | None = None,
        *,
        behaviour: Behaviour | None = None,
        faults: Iterable[Fault] = (),
        latency: float = 0.0,
        token: str = TOKEN,
        port: int = 0,
        db: Path | str = ":memory:",
        log_limit: int = 100_000,
    ) -> None:
        self.token = token
        portals = read_seed(seed)
        self._world = World(str(db), behaviour)
        self.store = Store(self._world)
        self._konnect = Konnect(self._world, token)
        self._faults = Faults(faults)
        self._latency = latency
        self._log: deque[Exchange] = deque(maxlen=log_limit)
        self._hooks: list[Callable[[Request], object]] = []
        self._numbers = itertools.count(1)
        self._closing = threading.Event()
        try:
            if not self.store.portals():
                plant(portals, self.store)
            self._listener = Listener(self._reply, port)
        except BaseException:
            self._world.db.close()
            raise
        self.url = f"http://{HOST}:{self._listener.port}"

    @property
    def log(self) -> tuple[Exchange, ...]:
        """Exchanges whose answer has been decided, in order of arrival."""
        return tuple(sorted(self._log.copy(), key=lambda exchange: exchange.number))

    def clear_log(self) -> None:
        self._log.clear()

    def inject(self, fault: Fault) -> None:
        """Adds a fault behind those already there."""
        self._faults.add(fault)

    def clear_faults(self) -> None:
        self._faults.clear()

    def on_request(self, hook: Callable[[Request], object]) -> None:
        """Calls `hook` before each request is handled, in the thread of its connection. It may use `store`."""
        self._hooks.append(hook)

    def close(self) -> None:
        """Stops; open connections are cut. Closing twice is harmless."""
        if not self._closing.is_set():
            self._closing.set()
            self._listener.close()
            self._world.db.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _reply(self, request: Request) -> Reply:
        number = next(self._numbers)
        request = replace(request, number=number)
        for hook in tuple(self._hooks):
            hook(request)
        fault = self._faults.acting(request)
        trace = str(_FIRST_TRACE + number)
        answer = self._decide(request, fault, trace)
        if answer is not None:
            # The vendor shows the trace in problems only; the header is ours, so that any answer can be found again.
            answer = replace(answer, headers=(*answer.headers, ("x-kong-trace-id", trace)))
        self._wait(request, fault)
        self._record(request, answer, fault)
        if answer is None:
            return Reply(b"", close=True)
        data = render(answer)
        if fault is not None and fault.kind == "truncate":
            return Reply(data[: len(data) - (len(answer.payload) + 1) // 2], close=True)
        return Reply(data)

    def _decide(self, request: Request, fault: Fault | None, trace: str) -> Answer | None:
        """The answer; None where the connection is to be closed without one."""
        if fault is None:
            return self._konnect.answer(request, trace)
        if fault.kind == "drop-before":
            return None
        if fault.kind in ("status", "rate"):
            body = problem_body(refusal_status(fault), trace)
            return refusal(fault, json_answer(body["status"], body, PROBLEM_TYPE), body["title"])
        answer = self._konnect.answer(request, trace)
        return None if fault.kind == "drop-after" else spoil(fault, answer)

    def _wait(self, request: Request, fault: Fault | None) -> None:
        delay = self._latency + (fault.delay if fault is not None and fault.kind == "slow" else 0.0)
        if delay > 0:
            self._closing.wait(max(0.0, request.started + delay - time.monotonic()))

    def _record(self, request: Request, answer: Answer | None, fault: Fault | None) -> None:
        if self._log.maxlen == 0:
            return
        headers = {name: value for name, value in request.headers.items() if name != "authorization"}
        self._log.append(
            Exchange(
                number=request.number,
                method=request.method,
                path=request.path,
                query=request.target.partition("?")[2],
                headers=headers,
                authorized="authorization" in request.headers,
                raw_body=request.body,
                reply=answer,
                started=request.started,
                ended=time.monotonic(),
                fault=fault.kind if fault else None,
            )
        )
