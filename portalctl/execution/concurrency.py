"""The number of writes in flight: few at first, more with every answer."""

from __future__ import annotations

FIRST = 4  # at a time, to begin with
STEP = 8  # answers for one more at a time


class InFlight:
    """The number of writes that may be in flight, at most `most`. Belongs to one thread.

    A portal's limit shows with its first refusal, and all writes in flight at that moment are refused too. At a
    portal that allows few requests, few are then in flight."""

    def __init__(self, most: int) -> None:
        self.width = min(FIRST, most)
        self._most = most
        self._ended = 0

    def finished(self) -> None:
        """Count a write that was answered."""
        self._ended += 1
        if self._ended % STEP == 0 and self.width < self._most:
            self.width += 1
