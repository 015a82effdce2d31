"""The turns of requests to a server. All clients of a run share its limits."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field

from portalctl.cancellation import Stop
from portalctl.http.health import Health
from portalctl.http.pace import INFINITE, Pace, remaining_requests, stated_rate

NAP = 0.2  # seconds: the longest delay of an interrupt
MOST_SPARED = 3600.0  # seconds in all of waiting, without a request by the server, for remaining requests to increase


@dataclass(frozen=True, slots=True)
class Learned:
    """The meaning of an answer:

    the number of refusals in a row up to it (0: it is not a refusal), and the seconds to wait because the requests in
    flight use all that remain."""

    refusals: int = 0
    spent_for: float = 0.0


@dataclass(slots=True)
class LargePages:
    """Whether a server serves large pages of lists; None: not tried yet. The first try holds `lock`."""

    served: bool | None = None
    lock: threading.Lock = field(default_factory=threading.Lock)


class Throttle:
    """The turns of all requests to one server, from any number of threads.

    `waited`: seconds of waiting that its refusals requested. `health`: time lost on it, refused tokens.
    `large_pages`: learned by reading lists. `earlier`: the throttle of an earlier run, with the same turns and the
    rate that it learned.
    """

    def __init__(self, earlier: Throttle | None = None) -> None:
        self.waited = 0.0
        self.health = Health()
        self.large_pages: LargePages = earlier.large_pages if earlier is not None else LargePages()
        self._lock: threading.Lock = earlier._lock if earlier is not None else threading.Lock()
        # The holder of the gate is the next to send.
        self._gate: threading.Lock = earlier._gate if earlier is not None else threading.Lock()
        self._pace: Pace = earlier._pace if earlier is not None else Pace()
        self._held_until = 0.0
        self._spared = 0.0
        self._flying = 0  # requests in flight: until what their answers report is recorded

    def wait_for_turn(self, stop: Stop) -> None:
        """Wait for this request's turn, or for `stop`. The request is in flight from then on, until `landed`."""
        with self._gate:
            while True:
                with self._lock:
                    left = self._pace.wait(time.monotonic())
                    if left <= 0 or stop.asked:
                        self._flying += 1
                        return
                time.sleep(min(left, NAP))

    def landed(self) -> None:
        """Record that a request is no longer in flight."""
        with self._lock:
            self._flying -= 1

    def learn(self, status: int, sent_at: float, headers: Mapping[str, str], ceiling: float) -> Learned:
        """Record an answer, before `landed`. `headers` have lower-case names. The longest wait is `ceiling`."""
        with self._lock:
            if status == 429:
                self._pace.refused(time.monotonic(), sent_at, stated_rate(headers))
                return Learned(refusals=self._pace.refusals)
            self._pace.accepted(time.monotonic(), sent_at)
            left, seconds = remaining_requests(headers) or (0, INFINITE)
            affordable = min(ceiling, MOST_SPARED - self._spared)
            if seconds > affordable or not self._pace.spent(left, self._flying - 1):
                return Learned()
            self._spared += seconds
            self._hold(time.monotonic() + seconds, asked=True)  # at once: no other request gets a turn in between
            return Learned(spent_for=seconds)

    def hold(self, seconds: float, *, asked: bool) -> bool:
        """Stop all requests for some seconds.

        Returns whether that is new: no pause of about that length was running. `asked`: the server requested it.
        """
        now = time.monotonic()
        until = now + seconds
        with self._lock:
            news = until > self._held_until + 0.5
            self.waited += max(0.0, until - max(self._held_until, now))
            self._hold(until, asked=asked)
            return news

    def _hold(self, until: float, *, asked: bool) -> None:
        self._held_until = max(self._held_until, until)
        self._pace.hold(until, asked=asked)


class Throttles:
    """The throttles of a run, one for each server address. `earlier`: those of a process that makes many runs."""

    def __init__(self, earlier: Throttles | None = None) -> None:
        self._lock = threading.Lock()
        self._known: dict[str, Throttle] = {}
        self._earlier = earlier

    def of(self, url: str) -> Throttle:
        with self._lock:
            if url not in self._known:
                self._known[url] = Throttle(self._earlier.of(url) if self._earlier is not None else None)
            return self._known[url]
