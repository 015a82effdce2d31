"""Statuses of developers read shortly before something is written: a long apply must not rest on an old reading."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from portalctl.changes.operations import Change
from portalctl.portals.models import Touched
from portalctl.portals.protocol import Reader

FRESH = 5.0  # seconds for which a reading is recent enough to grant something,
PATIENT = 10.0  # or so many times what the last one took, since a slow portal must not be read all the time,
LONGEST = 15.0  # but never longer


def is_old(read_at: float, now: float) -> bool:
    """Return whether what was read then is too old to write something, of whatever kind."""
    return now - read_at > FRESH


class RecentStatuses:
    """The statuses of developers who have accounts, read in batches. Belongs to one thread.

    Args:
        changes: in the order in which they are to be written; the next ones share a batch.
        statuses: those known already, by developer id.
        read_at: when they were read, of `clock`.
    """

    def __init__(
        self,
        provider: Reader,
        changes: Iterable[Change],
        statuses: Iterable[tuple[str, str | None]],
        read_at: float,
        clock: Callable[[], float],
    ) -> None:
        self._provider = provider
        self._clock = clock
        subjects = (change.developer for change in changes if change.developer is not None)
        self._developers = list({subject.id: subject.email for subject in subjects if subject.id is not None}.items())
        self._place = {developer_id: place for place, (developer_id, _) in enumerate(self._developers)}
        self._seen = {developer_id: (read_at, status) for developer_id, status in statuses}
        self._fresh = FRESH

    def status(self, developer_id: str) -> str | None:
        """Return a developer's status; None: no account any more. Raises PortalError when it cannot be read."""
        read_at, status = self._seen[developer_id]
        if self._clock() - read_at > self._fresh:
            self._read(self._place[developer_id])
            _, status = self._seen[developer_id]
        return status

    def _read(self, place: int) -> None:
        """Read the batch of developers that begins at a place."""
        began = self._clock()
        batch = tuple(self._developers[place : place + self._provider.developers_per_check])
        seen = self._provider.reread(Touched(batch)).statuses
        ended = self._clock()
        self._fresh = max(FRESH, min(LONGEST, PATIENT * (ended - began)))
        self._seen |= {developer_id: (ended, status) for developer_id, status in seen.items()}
