"""How many writes may be in flight: few at first, and more with all that are answered."""

from __future__ import annotations

FIRST = 4  # at a time, to begin with
STEP = 8  # answered, for one more at a time


class InFlight:
    """The number of writes that may be in flight, at most `most`. Belongs to one thread.

    A portal's limit is known from its first refusal, and everything in flight at that moment is refused too. A portal
    that allows few requests has then few in flight.
    """

    def __init__(self, most: int) -> None:
        self.width = min(FIRST, most)
        self._most = most
        self._ended = 0

    def finished(self) -> None:
        """Count a write that was answered."""
        self._ended += 1
        if self._ended % STEP == 0 and self.width < self._most:
            self.width += 1
