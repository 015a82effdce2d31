"""One read for all simultaneous callers."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Generic, TypeVar

V = TypeVar("V")


class Shared(Generic[V]):
    """The result of `read`, shared by several threads: all callers that wait during a read get the same next one."""

    def __init__(self, read: Callable[[], V]) -> None:
        self._read = read
        self._lock = threading.Lock()
        self._last: tuple[float, V] | None = None  # when its read began

    def any(self) -> V:
        """Return the last result, or read for the first time."""
        return self.read_after(float("-inf"))

    def read_after(self, moment: float) -> V:
        """Return the result of a read that began at `moment` (`time.monotonic`) or later.

        Raises what `read` raises.
        """
        with self._lock:
            if self._last is None or self._last[0] < moment:
                began = time.monotonic()
                self._last = began, self._read()
            return self._last[1]
