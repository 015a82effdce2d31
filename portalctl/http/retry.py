"""The decision whether a request is repeated, and after what pause.

Pure: the caller sleeps. Reads are always safe to repeat. A write is repeated only when the portal certainly did not
carry it out: it returned 429, or there was no connection. Any other failed write is unclear, and the live state
decides."""

from __future__ import annotations

from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Literal

SAFE_METHODS = frozenset({"GET", "HEAD"})
BUSY = frozenset({500, 502, 503, 504})


@dataclass(frozen=True, slots=True)
class Attempt:
    """The result of one try; `overlong` is an answer beyond the limits, which would be so again.

    `asked` is the pause in seconds that the server requested; `refusals`: the number of 429s in a row, to any worker.
    """

    kind: Literal["answered", "broken", "unconnected", "overlong"]
    status: int = 0
    asked: float | None = None
    refusals: int = 0

    def words(self, peer: str) -> str:
        """Return what came of the try, for messages. `peer` is what they call the server."""
        answers = {"broken": "the connection broke", "unconnected": "no connection was made"}
        return answers.get(self.kind, f"{peer} returned {self.status}")


@dataclass(frozen=True, slots=True)
class Waited:
    """Seconds so far: of this call since its first answer, and of the run in pauses that the server requested."""

    call: float = 0.0
    run: float = 0.0


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """Limits in seconds and counts.

    `ceiling` bounds the pause that a server may request: 77 s has been seen on Konnect. `call_budget` bounds the time
    of one call with its repeats, `run_budget` the pauses of a server in one run."""

    tries: int = 5
    throttled_tries: int = 12
    unconnected_tries: int = 3
    first: float = 0.5
    longest: float = 20.0
    ceiling: float = 180.0
    call_budget: float = 600.0
    run_budget: float = 3600.0

    def pause(self, method: str, attempt: int, outcome: Attempt, waited: Waited = Waited()) -> float | None:
        """Return the seconds to wait before try `attempt` + 1 (tries count from 1), or None: don't repeat."""
        if max(attempt, outcome.refusals) >= self._allowed(method, outcome):
            return None
        # Return the number of tries that count: those of the server where it refuses all workers.
        pause = outcome.asked or min(float(self.first * 2 ** ((outcome.refusals or attempt) - 1)), self.longest)
        affordable = min(self.ceiling, self.call_budget - waited.call, self.run_budget - waited.run)
        return pause if pause <= affordable else None

    def _allowed(self, method: str, outcome: Attempt) -> int:
        if outcome.kind == "unconnected":
            return self.unconnected_tries
        if outcome.kind == "answered" and outcome.status == 429:
            return self.throttled_tries
        if outcome.kind == "overlong":
            return 1
        unclear = outcome.kind == "broken" or outcome.status in BUSY
        return self.tries if unclear and method in SAFE_METHODS else 1


def asked_pause(headers: dict[str, str], now: float) -> float | None:
    """Return the seconds that a server requests to wait, from `retry-after-ms`, or `retry-after` in seconds or as an
    HTTP date.

    A date is measured from the server's own (`date`), and only without that from `now`, in seconds since the epoch:
    clocks differ. `headers` have lower-case names. None when nothing readable was requested.
    """
    try:
        if milliseconds := headers.get("retry-after-ms"):
            return max(0.0, float(milliseconds) / 1000)
        text = headers.get("retry-after", "")
        if text.replace(".", "", 1).isdigit():
            return float(text)
        return max(0.0, _epoch(text) - _epoch(headers.get("date"), now)) if text else None
    except (ValueError, OverflowError):
        return None


def reset_pause(headers: dict[str, str], now: float) -> float | None:
    """Return the seconds until requests are allowed again, from `x-rate-limit-reset` (Okta: seconds since the epoch).

    They are measured from the server's own date. `headers` have lower-case names. None where that is not written.
    """
    text = headers.get("x-rate-limit-reset", "")
    if not text.isdigit() or len(text) > 12:
        return None
    return max(0.0, float(text) - (_epoch(headers.get("date"), now))) + 1.0


def _epoch(date: str | None, otherwise: float | None = None) -> float:
    """Return an HTTP date in seconds since the epoch.

    Raises ValueError for anything else, unless there is `otherwise`.
    """
    try:
        return parsedate_to_datetime(date or "").timestamp()
    except (ValueError, OverflowError):
        if otherwise is None:
            raise
        return otherwise
