"""How fast requests may follow each other, learned from the refusals (429) of a server. Pure: the caller sleeps.

Nothing is held back until the first refusal. From then on requests are spaced. The rate is what the server itself
told, or what it took between two refusals: at both its allowance was used up, so that is what it gives. A slow
growth finds out when it gives more again.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

MARGIN: Final = 0.97  # of the rate that was told or measured
GROWTH: Final = 1.0 + 0.05 / 200  # for each request taken: 5 % in 200
BACK_OFF: Final = 0.5  # where nothing can be measured
ENOUGH: Final = 10  # requests taken, and
SPAN: Final = 1.0  # seconds gone by, to measure a rate by: less says more of a hiccup than of the server
IDLE: Final = 2.0  # seconds without a request after which an allowance may have filled up again
PERIODS: Final = {"second": 1.0, "minute": 60.0, "hour": 3600.0}


class Pace:
    """The pace of all requests to one server. Times are seconds of one monotonic clock; not safe without a lock."""

    def __init__(self) -> None:
        self.rate: float | None = None  # requests a second; None: as fast as they come
        self._told: float | None = None
        self._free_at = float("-inf")  # when the next request may go
        self._refused_at = float("-inf")
        self._since = 0.0  # what is measured: requests taken since then,
        self._taken = 0
        self._drained = False  # and whether the allowance was used up at that time

    def reserve(self, now: float) -> float:
        """Take the next place in the row: the seconds to wait before sending."""
        if now > self._free_at + IDLE:
            self._measure_from(now, drained=False)
        at = max(now, self._free_at)
        self._free_at = at + self._gap
        return at - now

    def hold(self, until: float) -> None:
        """Nothing goes before `until`."""
        self._free_at = max(self._free_at, until)

    def taken(self) -> None:
        """A request was not refused."""
        self._taken += 1
        if self.rate is not None:
            self.rate = min(self.rate * GROWTH, self._ceiling)

    def refused(self, now: float, sent_at: float, told: float | None) -> None:
        """A request sent at `sent_at` was refused. `told`: the requests a second that the server allows, if it said.

        Requests that were on their way together are refused together, and count once.
        """
        if sent_at <= self._refused_at:
            return
        self._refused_at = now
        if told is not None:
            self._told = told * MARGIN
        measured = self._drained and self._taken >= ENOUGH and now - self._since >= SPAN
        self.rate = self._slower(now, measured=measured)
        self._free_at = max(self._free_at, now + self._gap)  # places already given stay given
        if measured or not self._drained:
            self._measure_from(now, drained=True)

    @property
    def _gap(self) -> float:
        return 1.0 / self.rate if self.rate is not None else 0.0

    @property
    def _ceiling(self) -> float:
        return self._told if self._told is not None else float("inf")

    def _measure_from(self, now: float, *, drained: bool) -> None:
        self._since, self._taken, self._drained = now, 0, drained

    def _slower(self, now: float, *, measured: bool) -> float | None:
        """The rate after a refusal; None while there is nothing to tell it by."""
        seen = self._taken / (now - self._since) if now > self._since else 0.0
        if measured:
            return min(MARGIN * seen, self._ceiling)
        if self._told is not None:
            return self._told
        if self.rate is None:
            return BACK_OFF * seen if self._taken >= ENOUGH else None
        # Where nothing was taken the server is closed for a while: it says nothing of the rate.
        return max(BACK_OFF * self.rate, seen) if self._taken else self.rate


def told_rate(headers: Mapping[str, str]) -> float | None:
    """Requests a second that a server allows, by `x-ratelimit-limit-minute` and the like, else `ratelimit-limit`.

    As Kong's rate-limiting plugin sends them; Konnect's own 429 had both, and the same number in them, of a minute.
    `headers` have lower-case names. None when nothing readable was told.
    """
    told = [_number(headers.get(f"x-ratelimit-limit-{name}")) / period for name, period in PERIODS.items()]
    told.append(_number(headers.get("ratelimit-limit")) / PERIODS["minute"] if not any(told) else 0.0)
    return min((rate for rate in told if rate > 0), default=None)


def _number(text: str | None) -> float:
    return float(text) if text is not None and text.isascii() and text.isdigit() else 0.0
