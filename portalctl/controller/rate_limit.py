"""Limits on how often something may happen, for each of many keys. Bounded in memory, whatever the keys are."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict, deque
from collections.abc import Callable, Hashable
from typing import Final

MAX_KEYS: Final = 10_000


class RateLimit:
    """At most `most` times in any `seconds`, for each key. Can be used from any thread.

    With more than `MAX_KEYS` keys, the one not used for longest is forgotten.
    """

    def __init__(self, most: int, seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._most = most
        self._seconds = seconds
        self._clock = clock
        self._lock = threading.Lock()
        self._times: OrderedDict[Hashable, deque[float]] = OrderedDict()

    def wait(self, key: Hashable) -> float:
        """Count one more of a key, and return 0; over the limit, count nothing and return the seconds to wait."""
        now = self._clock()
        with self._lock:
            times = self._times.setdefault(key, deque(maxlen=self._most))
            self._times.move_to_end(key)
            if len(self._times) > MAX_KEYS:
                self._times.popitem(last=False)
            if len(times) == self._most and (left := times[0] + self._seconds - now) > 0:
                return left
            times.append(now)
            return 0.0
