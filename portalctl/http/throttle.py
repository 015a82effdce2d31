"""When requests to a server may go. What one client learns of it holds for all of a run, as its limit does."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field

from portalctl.cancellation import Stop
from portalctl.http.health import Health
from portalctl.http.pace import INFINITE, Pace, remaining_requests, stated_rate

NAP = 0.2  # seconds: an interrupt is not kept waiting longer
MOST_SPARED = 3600.0  # seconds in all that are waited, unasked, for what is left to become more


@dataclass(frozen=True, slots=True)
class Learned:
    """What an answer says: the number of refusals in a row, of which it is the last (0: it is none), and the seconds
    for which no request is to go because those on their way take all that is left.
    """

    refusals: int = 0
    spent_for: float = 0.0


@dataclass(slots=True)
class LargePages:
    """Whether a server serves large pages of lists; None: not tried yet. Holders of `lock` try it alone."""

    served: bool | None = None
    lock: threading.Lock = field(default_factory=threading.Lock)


class Throttle:
    """The turns of all requests to one server, from any number of threads.

    `waited`: seconds that it asked everyone to wait by its refusals. `health`: time lost on it, refused tokens.
    `large_pages`: learned by reading lists.
    """

    def __init__(self) -> None:
        self.waited = 0.0
        self.health = Health()
        self.large_pages = LargePages()
        self._lock = threading.Lock()
        self._gate = threading.Lock()  # whoever has it is the next to go
        self._pace = Pace()
        self._held_until = 0.0
        self._spared = 0.0
        self._flying = 0  # requests that have had their turn and are not answered yet

    def wait_for_turn(self, stop: Stop) -> None:
        """Wait until a request may go, behind whoever came earlier, or until `stop` is asked.

        The request is on its way from then on, until `landed`.
        """
        with self._gate:
            while True:
                with self._lock:
                    left = self._pace.wait(time.monotonic())
                    if left <= 0 or stop.asked:
                        self._flying += 1
                        return
                time.sleep(min(left, NAP))

    def landed(self) -> None:
        """A request that has had its turn is on its way no more."""
        with self._lock:
            self._flying -= 1

    def learn(self, status: int, sent_at: float, headers: Mapping[str, str], ceiling: float) -> Learned:
        """Take in an answer, after it landed. `headers` have lower-case names. No more than `ceiling` is waited."""
        with self._lock:
            if status == 429:
                self._pace.refused(time.monotonic(), sent_at, stated_rate(headers))
                return Learned(refusals=self._pace.refusals)
            self._pace.taken(time.monotonic(), sent_at)
            left, seconds = remaining_requests(headers) or (0, INFINITE)
            affordable = min(ceiling, MOST_SPARED - self._spared)
            if seconds > affordable or not self._pace.spent(left, self._flying):
                return Learned()
            self._spared += seconds
            self._hold(time.monotonic() + seconds, asked=True)  # at once: nobody gets a turn in between
            return Learned(spent_for=seconds)

    def hold(self, seconds: float, *, asked: bool) -> bool:
        """Let no request go for so long. Whether that is news: nobody was held for about as long already.

        `asked`: the server gave the time.
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
    """One for each server of a run, by its address."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known: dict[str, Throttle] = {}

    def of(self, url: str) -> Throttle:
        with self._lock:
            return self._known.setdefault(url, Throttle())
