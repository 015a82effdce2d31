"""Statuses of developers, read shortly before a write: a long apply must not rest on an old snapshot."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from portalctl.changes.operations import Change
from portalctl.portals.models import Touched
from portalctl.portals.protocol import Reader

FRESH = 5.0  # seconds for which a read is recent enough to grant something,
PATIENT = 10.0  # or so many times what the last one took, since a slow portal must not be read all the time,
LONGEST = 15.0  # but never longer


def is_old(read_at: float, now: float) -> bool:
    """Return whether a read of that time is too old for any write."""
    return now - read_at > FRESH


class RecentStatuses:
    """Reads the statuses of developers with accounts, in batches. Belongs to one thread.

    Args:
        changes: in the order in which they are to be written; the next ones share a batch.
        statuses: those read before, by developer id. read_at: the time of that read, by `clock`.
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
