"""One reading for all who ask at the same time."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Generic, TypeVar

V = TypeVar("V")


class Shared(Generic[V]):
    """What `read` gives, for several threads: who waits while one reads is served by the same next reading."""

    def __init__(self, read: Callable[[], V]) -> None:
        self._read = read
        self._lock = threading.Lock()
        self._last: tuple[float, V] | None = None  # when its reading began

    def any(self) -> V:
        """The last reading, or the first one."""
        return self.since(float("-inf"))

    def since(self, moment: float) -> V:
        """A reading that began at `moment` (`time.monotonic`) or later. Raises what `read` raises."""
        with self._lock:
            if self._last is None or self._last[0] < moment:
                began = time.monotonic()
                self._last = began, self._read()
            return self._last[1]
