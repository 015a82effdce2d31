"""The numbers of developers over time."""

from __future__ import annotations

from collections import Counter
from datetime import datetime

from sqlalchemy import Connection, select

from portalctl.controller.models import DeveloperCounts, PortalKey, Reading
from portalctl.controller.store.transactions import Transactions, named, of, upsert
from portalctl.controller.tables import DEVELOPER_COUNTS
from portalctl.times import rfc3339

_VALUES = (DEVELOPER_COUNTS.c.at, DEVELOPER_COUNTS.c.pending, DEVELOPER_COUNTS.c.approved)


class CountsOverTime(Transactions):
    """Questions about the numbers of developers."""

    def developer_counts(self, key: PortalKey, since: datetime) -> list[DeveloperCounts]:
        """Return the numbers when they changed, the oldest first, with the last ones before `since`."""
        statement = select(*_VALUES).where(of(DEVELOPER_COUNTS, key)).order_by(DEVELOPER_COUNTS.c.hour.desc())
        hour = _hour(since)
        with self._read() as connection:
            rows = list(connection.execute(statement.where(DEVELOPER_COUNTS.c.hour >= hour)))
            rows += connection.execute(statement.where(DEVELOPER_COUNTS.c.hour < hour).limit(1))
        return [DeveloperCounts(row.at, row.pending, row.approved) for row in reversed(rows)]


def add_counts(connection: Connection, key: PortalKey, reading: Reading) -> None:
    """Record the numbers of the last snapshot where they differ from those before."""
    count = Counter(reading.developers.values())
    values = {"pending": count["pending"], "approved": count["approved"]}
    newest = select(*_VALUES).where(of(DEVELOPER_COUNTS, key)).order_by(DEVELOPER_COUNTS.c.hour.desc()).limit(1)
    last = connection.execute(newest).first()
    if last is not None and (last.pending, last.approved) == (values["pending"], values["approved"]):
        return
    upsert(connection, DEVELOPER_COUNTS, {**named(key), "hour": _hour(reading.at)}, {"at": reading.at, **values})


def _hour(at: datetime) -> str:
    return rfc3339(at)[:13]
