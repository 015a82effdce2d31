"""How fast requests may follow each other, learned from the refusals (429) of a server. Pure: the caller sleeps.

Nothing is held back until the first refusal. Then everyone waits, and one request at a time tries whether the server
*opens* again. From then on requests are spaced. What was taken between two openings is what the server gives in that
time, be it bit by bit or all at once: at both, what it had given before was used up. A slow growth finds out when it
gives more.

A server may also tell with each answer how many requests are left. Then everyone waits when those on their way will
take them all, and none is refused.

Up to the first opening an allowance may have been saved up. So what was taken until then only bounds the rate, which
starts as if with one worker and rises quickly.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

MARGIN: Final = 0.97  # of the rate that was told or measured
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
    """The pace of all requests to one server. Times are seconds of one monotonic clock; not safe without a lock.

    `refusals`: how many there were in a row. Requests that were on their way together are refused together, and
    count once.
    """

    def __init__(self) -> None:
        self.rate = INFINITE  # requests a second
        self.refusals = 0
        self._told = INFINITE  # what the server says it allows
        self._rise_to = INFINITE  # what the rate may quickly grow to
        self._free_at = -INFINITE  # when the next request may go
        self._refused_at = -INFINITE
        self._trip = 0.0  # seconds that the answer to a refused request took
        self._shut = -INFINITE  # the last moment at which the server surely gives nothing
        self._open = True
        self._since = 0.0  # what is measured: requests taken since then,
        self._taken = 0
        self._spent = False  # and whether nothing was saved up at that time
        self._told_left = 0  # the most that the server told to be left, and the requests taken since then
        self._taken_since = 0
        self._waits_for_more = True  # none were left, when it was last told

    def wait(self, now: float) -> float:
        """Seconds to wait before asking again; 0: one request goes now."""
        if self._free_at > now:
            return self._free_at - now
        if self._open and now > self._free_at + IDLE:
            self._measure_from(now, spent=False)
        self._free_at = max(self._free_at, now - LATE) + (1.0 / self.rate if self._open else TRIAL)
        return 0.0

    def hold(self, until: float, *, asked: bool) -> None:
        """Nothing goes before `until`. `asked`: the server said so."""
        self._free_at = max(self._free_at, until)
        if asked:
            self._shut = max(self._shut, until)

    def spent(self, left: int, flying: int) -> bool:
        """Whether all has to wait now: an answer told of `left` requests, and `flying` ones on their way take them.

        Once, and only where the requests sent since the server told of more explain that so few are left: one that
        tells the same for ever, or now this and now that, gives without end.
        """
        if left > flying:
            if self._waits_for_more or left > self._told_left:
                self._told_left, self._taken_since, self._waits_for_more = left, 0, False
            return False
        explained = 0 < self._told_left - left <= 2 * (self._taken_since + flying)
        was_told, self._waits_for_more = self._waits_for_more, True
        return explained and not was_told

    def refused(self, now: float, sent_at: float, told: float | None) -> None:
        """A request that went at `sent_at` was refused. `told`: the requests a second it allows, if it said."""
        if told is not None:
            self._told = MARGIN * told
        if sent_at <= self._refused_at:
            return
        self.refusals += 1
        self._refused_at, self._trip = now, now - sent_at
        self._shut, self._open = max(self._shut, now), False
        self._free_at = max(self._shut, now + self._trip)

    def taken(self, now: float, sent_at: float) -> None:
        """A request that went at `sent_at` was not refused."""
        if not self._open and sent_at > self._refused_at:
            self._opens((min(self._shut, sent_at) + sent_at) / 2)
            self._free_at = now + 1.0 / self.rate
        self._taken += 1
        self._taken_since += 1
        faster = min(self.rate * RISE, self._rise_to) if self.rate < self._rise_to else self.rate * GROWTH
        self.rate = min(faster, self._told)

    def _opens(self, at: float) -> None:
        """The server gives again, since about `at`. What it took since the last time says how much it gives."""
        enough, seconds = self._taken >= ENOUGH, max(at - self._since, TINY)
        if self._spent and self._taken:
            # Of few requests, one more may just have been missed.
            self._rise_to = MARGIN * (self._taken + (not enough)) / seconds
            self.rate = MARGIN * self._taken / seconds
        elif self._taken >= MANY and not self._spent:
            self._rise_to = self._taken / seconds
            self.rate = min(self.rate, self._rise_to, 1.0 / max(self._trip, TINY))
        self.rate = min(self.rate, self._told)
        if enough or not self._spent:
            self._measure_from(at, spent=True)
        self.refusals, self._open = 0, True

    def _measure_from(self, now: float, *, spent: bool) -> None:
        self._since, self._taken, self._spent = now, 0, spent


def remaining_requests(headers: Mapping[str, str]) -> tuple[int, float] | None:
    """How many requests a server says are left, and the seconds until there are more.

    By `ratelimit-remaining` and `ratelimit-reset`, as Kong's rate-limiting plugin sends them with each answer;
    Konnect's own 429 had both. `headers` have lower-case names. None when that was not told, or not readably.
    """
    left, reset = headers.get("ratelimit-remaining", ""), _number(headers.get("ratelimit-reset"))
    is_count = left.isascii() and left.isdigit() and len(left) <= MAX_DIGITS
    return (int(left), reset) if is_count and reset > 0 else None


def stated_rate(headers: Mapping[str, str]) -> float | None:
    """Requests a second that a server allows, by `x-ratelimit-limit-second` and `-minute`.

    As Kong's rate-limiting plugin sends them; Konnect's own 429 had the one of a minute. What an hour allows may be
    used up in minutes, and `ratelimit-limit` says of no time: neither is a rate. `headers` have lower-case names.
    None when nothing readable was told.
    """
    told = [_number(headers.get(f"x-ratelimit-limit-{name}")) / period for name, period in PERIODS.items()]
    return min((rate for rate in told if rate > 0), default=None)


def _number(text: str | None) -> float:
    return float(text) if text is not None and text.isascii() and text.isdigit() else 0.0
