"""The rate of requests, learned from the refusals (429) of a server.

Pure: the caller sleeps. There is no limit until the first refusal. Then all workers wait, and one request at a time
tests whether the server *accepts* again. From then on requests are spaced. The number of requests accepted between
two such moments is the server's rate, whether it refills gradually or at once: at both moments the allowance was used
up. The rate grows slowly, to detect when the server allows more. A server may also report with each answer how many
requests remain. Then all workers wait when the requests in flight will use them all, and none is refused. Up to the
first acceptance an allowance may have accumulated. So the requests until then only bound the rate, which starts as if
with one worker and rises quickly."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

MARGIN: Final = 0.97  # of the rate that was reported or measured
GROWTH: Final = 1.0 + 0.05 / 200  # for each request taken: 5 % in 200
RISE: Final = 1.1  # for each request taken, while the rate is surely too low
ENOUGH: Final = 10  # requests taken, to measure a rate by
MANY: Final = 50  # requests taken, to see more in a first refusal than a hiccup
IDLE: Final = 2.0  # seconds without a request after which an allowance may have filled up again
TRIAL: Final = 1.0  # seconds between requests that try whether the server opens
LATE: Final = 0.05  # seconds that a request may make up for, when it was not there at its time
TINY: Final = 0.001  # seconds: no time is counted as less
INFINITE: Final = float("inf")
MAX_DIGITS: Final = 18  # of a number in a header
PERIODS: Final = {"second": 1.0, "minute": 60.0}


class Pace:
    """The rate of all requests to one server.

    Times are seconds of one monotonic clock; not safe without a lock. `refusals`: the number in a row. Requests in
    flight together are refused together, and count once."""

    def __init__(self) -> None:
        self.rate = INFINITE  # requests a second
        self.refusals = 0
        self._stated = INFINITE  # the rate that the server reports
        self._rise_to = INFINITE  # what the rate may quickly grow to
        self._free_at = -INFINITE  # when the next request may go
        self._refused_at = -INFINITE
        self._trip = 0.0  # seconds that the answer to a refused request took
        self._shut = -INFINITE  # the last moment at which the server surely gives nothing
        self._open = True
        self._measured_from = 0.0  # what is measured: requests taken since then,
        self._accepted = 0
        self._spent = False  # and whether nothing was saved up at that time
        self._remaining = 0  # the most requests reported as remaining, and those accepted since then
        self._accepted_since = 0
        self._waits_for_more = True  # none remained in the last report

    def wait(self, now: float) -> float:
        """Return the seconds to wait before calling again; 0: one request may be sent now."""
        if self._free_at > now:
            return self._free_at - now
        if self._open and now > self._free_at + IDLE:
            self._measure_from(now, spent=False)
        self._free_at = max(self._free_at, now - LATE) + (1.0 / self.rate if self._open else TRIAL)
        return 0.0

    def hold(self, until: float, *, asked: bool) -> None:
        """Send nothing before `until`. `asked`: the server requested it."""
        self._free_at = max(self._free_at, until)
        if asked:
            self._shut = max(self._shut, until)

    def spent(self, left: int, flying: int) -> bool:
        """Return whether all workers have to wait now:

        an answer reported `left` remaining requests, and the `flying` ones in flight use them. Once, and only where
        the requests sent since a higher report explain the low number: a server with constant or random numbers has
        no such limit."""
        if left > flying:
            if self._waits_for_more or left > self._remaining:
                self._remaining, self._accepted_since, self._waits_for_more = left, 0, False
            return False
        explained = 0 < self._remaining - left <= 2 * (self._accepted_since + flying)
        was_stated, self._waits_for_more = self._waits_for_more, True
        return explained and not was_stated

    def refused(self, now: float, sent_at: float, stated: float | None) -> None:
        """Record that a request sent at `sent_at` was refused. `told`: the allowed requests a second, if reported."""
        if stated is not None:
            self._stated = MARGIN * stated
        if sent_at <= self._refused_at:
            return
        self.refusals += 1
        self._refused_at, self._trip = now, now - sent_at
        self._shut, self._open = max(self._shut, now), False
        self._free_at = max(self._shut, now + self._trip)

    def accepted(self, now: float, sent_at: float) -> None:
        """Record that a request sent at `sent_at` was not refused."""
        if not self._open and sent_at > self._refused_at:
            self._opens((min(self._shut, sent_at) + sent_at) / 2)
            self._free_at = now + 1.0 / self.rate
        self._accepted += 1
        self._accepted_since += 1
        faster = min(self.rate * RISE, self._rise_to) if self.rate < self._rise_to else self.rate * GROWTH
        self.rate = min(faster, self._stated)

    def _opens(self, at: float) -> None:
        """Record that the server accepts again, since about `at`.

        The requests accepted since the last time show its rate.
        """
        enough, seconds = self._accepted >= ENOUGH, max(at - self._measured_from, TINY)
        if self._spent and self._accepted:
            # With few requests, one more may just have been missed.
            self._rise_to = MARGIN * (self._accepted + (not enough)) / seconds
            self.rate = MARGIN * self._accepted / seconds
        elif self._accepted >= MANY and not self._spent:
            self._rise_to = self._accepted / seconds
            self.rate = min(self.rate, self._rise_to, 1.0 / max(self._trip, TINY))
        self.rate = min(self.rate, self._stated)
        if enough or not self._spent:
            self._measure_from(at, spent=True)
        self.refusals, self._open = 0, True

    def _measure_from(self, now: float, *, spent: bool) -> None:
        self._measured_from, self._accepted, self._spent = now, 0, spent


def remaining_requests(headers: Mapping[str, str]) -> tuple[int, float] | None:
    """Return how many requests remain according to a server, and the seconds until there are more.

    By `ratelimit-remaining` and `ratelimit-reset`, as Kong's rate-limiting plugin sends them with each answer;
    Konnect's own 429 had both. `headers` have lower-case names. None when that was not reported, or not readable.
    """
    left, reset = headers.get("ratelimit-remaining", ""), _number(headers.get("ratelimit-reset"))
    is_count = left.isascii() and left.isdigit() and len(left) <= MAX_DIGITS
    return (int(left), reset) if is_count and reset > 0 else None


def stated_rate(headers: Mapping[str, str]) -> float | None:
    """Return the requests a second that a server allows, by `x-ratelimit-limit-second` and `-minute`.

    As Kong's rate-limiting plugin sends them; Konnect's own 429 had the one of a minute. The allowance of an hour may
    be used up in minutes, and `ratelimit-limit` has no period: neither is a rate. `headers` have lower-case names.
    None when nothing readable was reported."""
    stated = [_number(headers.get(f"x-ratelimit-limit-{name}")) / period for name, period in PERIODS.items()]
    return min((rate for rate in stated if rate > 0), default=None)


def _number(text: str | None) -> float:
    return float(text) if text is not None and text.isascii() and text.isdigit() else 0.0
