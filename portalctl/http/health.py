"""The health of a server in a run: time lost on it, and credentials it refuses. Shared by all its clients."""

from __future__ import annotations

import threading
import time
from typing import Final

MAX_REFUSALS: Final = 2  # of one credential in a row; more can lock the account
SHARE: Final = 0.1  # of a run's time may be lost beyond the fixed number of seconds


class Health:
    """Time lost in requests without a complete answer, and refusals (401) by credential.

    A server that never answers, or a byte at a time, must not block a run for the time of all requests and retries.
    The lost time of simultaneous requests counts once."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._started = time.monotonic()
        self._lost = 0.0
        self._lost_until = 0.0
        self._refusals: dict[str, int] = {}
        self._notices: set[str] = set()

    def seconds_left(self, allowance: float) -> float:
        """Return how much more time may be lost now: `allowance` in all, and a share of the time of the run."""
        with self._lock:
            return allowance + SHARE * (time.monotonic() - self._started) - self._lost

    def lost(self, began: float) -> None:
        """Count the time from `since` (monotonic) until now as lost, unless it was counted already."""
        with self._lock:
            now = time.monotonic()
            self._lost += max(0.0, now - max(began, self._lost_until))
            self._lost_until = now

    def answered(self, token: str, status: int) -> None:
        """Count a 401 as a refusal of the credential; any success shows that it is accepted."""
        with self._lock:
            if status == 401:
                self._refusals[token] = self._refusals.get(token, 0) + 1
            elif status < 300:
                self._refusals.pop(token, None)

    def is_refused(self, token: str) -> bool:
        """Return whether this credential was refused so often that it is not tried again in this run."""
        return self._refusals.get(token, 0) >= MAX_REFUSALS

    def is_new(self, notice: str) -> bool:
        """Return whether this notice is new."""
        with self._lock:
            is_new = notice not in self._notices
            self._notices.add(notice)
            return is_new
