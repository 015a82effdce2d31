"""Looking at people shortly before something is written about them: a long apply must not write on an old look."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable

from portalctl.changes.operations import Change
from portalctl.portals.models import Touched
from portalctl.portals.provider import Reader

FRESH = 5.0  # seconds for which a look is good enough to give somebody something,
PATIENT = 10.0  # or so many times what the last look took, since a slow portal is not asked all the time,
LONGEST = 15.0  # but never longer


class Looks:
    """The statuses of people who have accounts, each from a recent look. From any number of threads, one at a time.

    `changes` come in the order in which they are to be written, and were looked at when `statuses` was read, at `at`
    of `clock`.
    """

    def __init__(
        self,
        provider: Reader,
        changes: Iterable[Change],
        statuses: Iterable[tuple[str, str | None]],
        at: float,
        clock: Callable[[], float],
    ) -> None:
        self._provider = provider
        self._clock = clock
        people = (change.developer for change in changes if change.developer is not None)
        self._people = list({person.id: person.email for person in people if person.id is not None}.items())
        self._place = {person: place for place, (person, _) in enumerate(self._people)}
        self._seen = {person: (at, status) for person, status in statuses}
        self._fresh = FRESH
        self._lock = threading.Lock()

    def status(self, person: str) -> str | None:
        """The status of a developer (id); None: gone. Raises PortalError when it can't be read."""
        with self._lock:
            if self._old(person):
                self._look(self._place[person])
            return self._seen[person][1]

    def are_old(self, at: float) -> bool:
        """Whether what was seen then is not good enough any more to write something, of whatever kind."""
        return self._clock() - at > FRESH

    def _old(self, person: str) -> bool:
        return self._clock() - self._seen[person][0] > self._fresh

    def _look(self, place: int) -> None:
        began = self._clock()
        people = tuple(self._people[place : place + self._provider.people_a_look])
        seen = self._provider.reread(Touched(people)).statuses
        ended = self._clock()
        self._fresh = max(FRESH, min(LONGEST, PATIENT * (ended - began)))
        self._seen |= {person: (ended, status) for person, status in seen.items()}
