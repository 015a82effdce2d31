"""Runs and the results of their changes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime

from sqlalchemy import Connection, delete, func, insert, select, update

from portalctl.controller.models import Counts, PortalKey, RunRecord
from portalctl.controller.store.change_results import add_results, result_of
from portalctl.controller.store.journal import settle_journal
from portalctl.controller.store.portals import forget, portal_of
from portalctl.controller.store.transactions import Found, Transactions, insert_new, named, of, upsert
from portalctl.controller.tables import CONTESTED, RESULTS, RUNS
from portalctl.output.apply_report import ChangeResult

INTERRUPTED = "the controller ended before the run did"


class Runs(Transactions):
    """Questions about runs."""

    def begin_run(self, run: RunRecord) -> None:
        """Record a run that starts."""
        with self._write() as connection:
            connection.execute(insert(RUNS).values(**_columns(run)))

    def end_run(self, run: RunRecord, results: Iterable[ChangeResult] = ()) -> None:
        """Record the end of a run and the result of each of its changes, also of a run that was not begun.

        `results` replace those that the journal kept; where they lack a change that was sent, the journal's stays.
        """
        with self._write() as connection:
            columns = _columns(run)
            upsert(connection, RUNS, {"id": columns.pop("id")}, columns)
            complete = list(results)
            connection.execute(delete(RESULTS).where(RESULTS.c.run == run.id))
            add_results(connection, run.id, run.ended_at or run.started_at, complete)
            settle_journal(connection, run.id)

    def approved_by(self, run_id: str, approver: str | None) -> None:
        """Record who approved the plan that a run carries out, before its first write."""
        with self._write() as connection:
            connection.execute(update(RUNS).where(RUNS.c.id == run_id).values(approver=approver))

    def import_run(self, run: RunRecord, results: Iterable[ChangeResult]) -> bool:
        """Record a run that another writer made, unless its id is known. Returns whether it was new."""
        with self._write() as connection:
            new = insert_new(connection, RUNS, _columns(run))
            if new:
                complete = list(results)
                add_results(connection, run.id, run.ended_at or run.started_at, complete)
                if run.key is not None:
                    forget(connection, run.key, complete)
            return new

    def run(self, run_id: str) -> RunRecord | None:
        """Return one run."""
        with self._read() as connection:
            found = connection.execute(select(RUNS).where(RUNS.c.id == run_id)).first()
            return _run(found) if found is not None else None

    def runs(self, portal: str, limit: int = 50) -> list[RunRecord]:
        """Return the last runs of a portal, the newest first."""
        with self._read() as connection:
            statement = select(RUNS).where(RUNS.c.portal == portal).order_by(RUNS.c.started_at.desc(), RUNS.c.id)
            return [_run(found) for found in connection.execute(statement.limit(limit))]

    def results(self, run_id: str, limit: int | None = None) -> list[ChangeResult]:
        """Return the results of a run, in the order of its plan; with `limit`, the first ones."""
        with self._read() as connection:
            statement = select(RESULTS.c.body).where(RESULTS.c.run == run_id).order_by(RESULTS.c.number)
            return [result_of(body) for body in connection.execute(statement.limit(limit)).scalars()]

    def is_running(self, run_id: str) -> bool:
        """Return whether a run has not ended, here or by another process."""
        with self._read() as connection:
            return connection.execute(select(RUNS.c.state).where(RUNS.c.id == run_id)).scalar() == "running"

    def interrupted_runs(self, now: datetime, portal: str | None = None) -> list[RunRecord]:
        """End the runs that a killed process left running, as `interrupted`; to be called before the first run.

        Their results are those that the journal has: a change that was sent and not confirmed is `unknown`.

        Args:
            portal: end only the runs of this portal; the caller has its turn.
        """
        with self._write() as connection:
            own = () if portal is None else (RUNS.c.portal == portal,)
            statement = select(RUNS).where(RUNS.c.state == "running", *own)
            found = connection.execute(statement.with_for_update()).all()
            return [_interrupted(connection, _run(row), now) for row in found]

    def confirmed_since(self, key: PortalKey, since: datetime) -> dict[str, int]:
        """Return how often each change was sent to a portal and confirmed since then, by the change's id."""
        with self._read() as connection:
            joined = RESULTS.join(RUNS, RESULTS.c.run == RUNS.c.id)
            wanted = (RESULTS.c.result == "confirmed", RESULTS.c.sent.is_(True), RESULTS.c.at >= since)
            statement = select(RESULTS.c.change, func.count()).select_from(joined).where(of(RUNS, key), *wanted)
            rows = connection.execute(statement.group_by(RESULTS.c.change))
            return {row[0]: int(row[1]) for row in rows}

    def contest(self, key: PortalKey, subject: str, until: datetime) -> None:
        """Record that the changes of a developer or a team (`subject`) stop until then."""
        with self._write() as connection:
            upsert(connection, CONTESTED, {**named(key), "subject": subject}, {"expires": until})

    def contested(self, key: PortalKey, now: datetime) -> set[str]:
        """Return the developers and teams without further changes for now."""
        with self._read() as connection:
            statement = select(CONTESTED.c.subject).where(of(CONTESTED, key), CONTESTED.c.expires > now)
            return set(connection.execute(statement).scalars())


def _interrupted(connection: Connection, run: RunRecord, now: datetime) -> RunRecord:
    settle_journal(connection, run.id)
    statement = select(RESULTS.c.body).where(RESULTS.c.run == run.id)
    results = [result_of(body) for body in connection.execute(statement).scalars()]
    key = run.key or portal_of(connection, run.portal)
    if key is not None:
        forget(connection, key, results)
    count = Counter[str](item.result for item in results)
    ended = replace(run, state="interrupted", ended_at=now, counts=Counts(**count), detail=INTERRUPTED, key=key)
    connection.execute(update(RUNS).where(RUNS.c.id == run.id).values(**_columns(ended)))
    return ended


def _columns(run: RunRecord) -> dict[str, object]:
    counts = run.counts
    return {
        "id": run.id,
        **named(run.key),
        "portal": run.portal,
        "trigger_": run.trigger,
        "mode": run.mode,
        "state": run.state,
        "started_at": run.started_at,
        "ended_at": run.ended_at,
        "commit_id": run.commit,
        "digest": run.digest,
        "confirmed": counts.confirmed,
        "failed": counts.failed,
        "skipped": counts.skipped,
        "unknown": counts.unknown,
        "detail": run.detail,
        "approver": run.approver,
        "writer": run.writer,
    }


def _run(row: Found) -> RunRecord:
    return RunRecord(
        id=row.id,
        portal=row.portal,
        trigger=row.trigger_,
        mode=row.mode,
        state=row.state,
        started_at=row.started_at,
        ended_at=row.ended_at,
        commit=row.commit_id,
        digest=row.digest,
        counts=Counts(row.confirmed, row.failed, row.skipped, row.unknown),
        detail=row.detail,
        key=PortalKey(row.server, row.portal_id) if row.server is not None else None,
        approver=row.approver,
        writer=row.writer,
    )
