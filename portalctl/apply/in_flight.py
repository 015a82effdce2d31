"""How many writes are on their way at the same time: few at first, and more with all that are answered."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

FIRST = 4  # at a time, to begin with
STEP = 8  # answered, for one more at a time


class InFlight:
    """Lets at most `most` go at a time.

    What a portal allows is known from its first refusal, and all that is on its way then is refused with it: of a
    portal that allows few requests, few are on their way by then.
    """

    def __init__(self, most: int) -> None:
        self.width = min(FIRST, most)
        self._most = most
        self._ended = 0
        self._lock = threading.Lock()
        self._free = threading.Semaphore(self.width)

    @contextmanager
    def one(self) -> Iterator[None]:
        """Waits until one more may go; it is on its way until the block ends."""
        self._free.acquire()
        try:
            yield
        finally:
            self._free.release(1 + self._wider())

    def _wider(self) -> int:
        """One has ended: how many more may go at a time, 1 or 0."""
        with self._lock:
            self._ended += 1
            wider = self._ended % STEP == 0 and self.width < self._most
            self.width += wider
            return wider
