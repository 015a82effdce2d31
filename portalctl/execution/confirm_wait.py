"""How long and how often to look for something that may show late on a portal."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import chain, repeat

from portalctl.cancellation import Stop

PAUSES = (0.2, 0.5, 1.0, 2.0)  # seconds between looks; the last one repeats


@dataclass(frozen=True, slots=True)
class Patience:
    """How long to look for a write to become visible: Konnect's own tests poll for up to 30 s."""

    seconds: float = 30.0
    sleep: Callable[[float], None] = time.sleep
    clock: Callable[[], float] = time.monotonic

    def turns(self, stop: Stop, most: float = float("inf")) -> Iterator[None]:
        """Yield once for each look, until the time is over or the run is to stop.

        Args:
            most: seconds after which it ends in any case.
        """
        deadline = self.clock() + min(self.seconds, most)
        for pause in chain(PAUSES, repeat(PAUSES[-1])):
            yield
            left = 0.0 if stop.asked else deadline - self.clock()
            if left <= 0:
                return
            self.sleep(min(pause, left))
