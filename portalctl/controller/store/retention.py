"""What is removed from the database after its time."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import ColumnElement, Table, delete, select

from portalctl.controller.store.coordination import IDS_KEPT
from portalctl.controller.store.sessions import IDLE
from portalctl.controller.store.transactions import HISTORY_SINCE, Transactions, history_start, upsert
from portalctl.controller.tables import (
    CONTESTED,
    DECISIONS,
    DEVELOPER_COUNTS,
    FINDINGS,
    HELD_PLANS,
    LEASES,
    OBSERVATIONS,
    RESULTS,
    RUNS,
    SEEN_IDS,
    SESSIONS,
    SETTINGS,
    SUSPENSIONS,
)

DAYS: Final = 400


class Retention(Transactions):
    """Keeping what is needed only."""

    def prune(self, now: datetime, days: int = DAYS) -> None:
        """Remove history that is older than `days`, and state that has expired."""
        oldest = now - timedelta(days=days)
        old_runs = select(RUNS.c.id).where(RUNS.c.started_at < oldest, RUNS.c.state != "running")
        no_longer: list[tuple[Table, ColumnElement[bool]]] = [
            (RESULTS, RESULTS.c.run.in_(old_runs)),
            (RUNS, RUNS.c.id.in_(old_runs)),
            (DECISIONS, DECISIONS.c.at < oldest),
            (FINDINGS, FINDINGS.c.last_seen < oldest),
            (OBSERVATIONS, OBSERVATIONS.c.at < oldest),
            (DEVELOPER_COUNTS, DEVELOPER_COUNTS.c.at < oldest),
            (HELD_PLANS, HELD_PLANS.c.expires < oldest),
            (SUSPENSIONS, SUSPENSIONS.c.expires < now),
            (CONTESTED, CONTESTED.c.expires < now),
            (LEASES, LEASES.c.expires < now),
            (SEEN_IDS, SEEN_IDS.c.at < now - IDS_KEPT),
            (SESSIONS, SESSIONS.c.seen_at < now - IDLE),
        ]
        with self._write() as connection:
            begin = history_start(connection)
            if begin is not None and begin < oldest:
                upsert(connection, SETTINGS, {"name": HISTORY_SINCE}, {"value": oldest.isoformat()})
        for table, condition in no_longer:
            with self._write() as connection:
                connection.execute(delete(table).where(condition))
