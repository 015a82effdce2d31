"""The history as documents."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, NamedTuple, TypeVar

from sqlalchemy import ColumnElement, Connection, Select, Table, and_, func, or_, select

from portalctl.changes.operation import Subject
from portalctl.controller.models import PortalKey
from portalctl.controller.store.change_results import result_of
from portalctl.controller.store.drift import finding_of
from portalctl.controller.store.transactions import Found, Transactions, address_key, history_start, of
from portalctl.controller.tables import DECISIONS, FINDINGS, HELD_PLANS, OBSERVATIONS, RESULTS, RUNS
from portalctl.execution.report import timestamp
from portalctl.output.history import (
    Evidence,
    History,
    HistoryChange,
    HistoryDecision,
    HistoryFinding,
    HistoryObservation,
    HistoryRun,
    HistoryWriter,
)

LIMIT: Final = 1000  # entries of each kind
MOST_NAMES: Final = 2000
T = TypeVar("T")
_RUN_OF_RESULT = RESULTS.join(RUNS, RESULTS.c.run == RUNS.c.id)
_RESULT = (
    RESULTS.c.run,
    RESULTS.c.at,
    RESULTS.c.body,
    RUNS.c.portal,
    RUNS.c.commit_id,
    RUNS.c.approver,
    RUNS.c.writer,
)


class DeveloperHistory(NamedTuple):
    """What happened to a developer: changes of runs, findings of drift, and changes by others."""

    changes: tuple[HistoryChange, ...]
    findings: tuple[HistoryFinding, ...]
    observations: tuple[HistoryObservation, ...]


class HistoryRecords(Transactions):
    """Questions about the past."""

    def history(
        self,
        now: datetime,
        *,
        portal: str | None = None,
        developer: str | None = None,
        since: datetime | None = None,
        limit: int | None = LIMIT,
    ) -> History:
        """Return the history of all portals or one, of all developers or one, from its beginning or from `since`.

        Args:
            developer: an address in any spelling, or a developer id.
            limit: the number of entries of each kind, the newest; None: all.
        """
        with self._read() as connection:
            query = _Query(connection, portal, developer, since, limit)
            begin = history_start(connection)
            changes, decisions = query.changes(), query.decisions()
            findings, observations = query.findings(), query.observations()
            runs = query.runs()
            writers = _writers(connection, portal)
        starts = [*([timestamp(begin)] if begin is not None else []), *(writer.first for writer in writers)]
        return History(
            created_at=timestamp(now),
            since=min(starts, default=None),
            writers=writers,
            portal=portal,
            developer=developer,
            complete=query.complete,
            runs=runs,
            changes=changes,
            decisions=decisions,
            findings=findings,
            observations=observations,
        )

    def developer_history(self, portal: str, developer: str, limit: int) -> DeveloperHistory:
        """Return the newest entries about a developer of one portal, given by address or id, the oldest first."""
        with self._read() as connection:
            query = _Query(connection, portal, developer, None, limit)
            return DeveloperHistory(query.changes(), query.findings(), query.observations())

    def open_findings(self, key: PortalKey, limit: int) -> tuple[HistoryFinding, ...]:
        """Return the findings of a portal at its last reading, those that are there longest first."""
        there = (of(FINDINGS, key), FINDINGS.c.last_seen.is_(None))
        statement = select(FINDINGS).where(*there).order_by(FINDINGS.c.number).limit(limit)
        with self._read() as connection:
            return tuple(map(_finding, connection.execute(statement)))

    def recent_names(self, portal: str, runs: int) -> set[str]:
        """Return the addresses and ids of developers in the last runs of a portal, and in what others changed."""
        newest = select(RUNS.c.id).where(RUNS.c.portal == portal).order_by(RUNS.c.started_at.desc()).limit(runs)
        changed = select(RESULTS.c.address, RESULTS.c.developer).where(RESULTS.c.run.in_(newest))
        others = select(OBSERVATIONS.c.address, OBSERVATIONS.c.developer).where(OBSERVATIONS.c.portal == portal)
        newest_others = others.order_by(OBSERVATIONS.c.number.desc()).limit(LIMIT)
        with self._read() as connection:
            rows = [*connection.execute(changed.limit(MOST_NAMES)), *connection.execute(newest_others)]
        return {name for row in rows for name in row if name}

    def evidence(self, run_id: str, now: datetime) -> Evidence | None:
        """Return the evidence of a run, given by the beginning of its id. None: no run fits, or several."""
        with self._read() as connection:
            wanted = RUNS.c.id.startswith(run_id, autoescape=True)
            found = connection.execute(select(RUNS).where(wanted).order_by(func.length(RUNS.c.id)).limit(2)).all()
            if not found or (len(found) > 1 and found[0].id != run_id):
                return None
            row = found[0]
            results = select(*_RESULT).select_from(_RUN_OF_RESULT).where(RESULTS.c.run == row.id)
            rows: Sequence[Any] = connection.execute(results.order_by(RESULTS.c.number)).all()
            plans = _plans(connection, row)
            there = or_(FINDINGS.c.last_seen.is_(None), FINDINGS.c.last_seen > (row.ended_at or now))
            seen = and_(*_of_run(FINDINGS, row), FINDINGS.c.first_seen <= (row.ended_at or now), there)
            findings = connection.execute(select(FINDINGS).where(seen).order_by(FINDINGS.c.number)).all()
            about = DECISIONS.c.digest.in_([plan.digest for plan in plans])
            decisions = connection.execute(select(DECISIONS).where(about).order_by(DECISIONS.c.number)).all()
        return Evidence(
            created_at=timestamp(now),
            run=_run(row),
            decisions=tuple(map(_decision, decisions)),
            plans=tuple(json.loads(plan.plan) for plan in plans),
            changes=tuple(map(_change, rows)),
            drift_afterwards=tuple(map(_finding, findings)),
        )


@dataclass(slots=True)
class _Query:
    """The questions about one selection. `complete`: none of the answers was cut."""

    connection: Connection
    portal: str | None
    developer: str | None
    since: datetime | None
    limit: int | None
    complete: bool = True

    def runs(self) -> tuple[HistoryRun, ...]:
        """Return the runs; of one developer, those with changes of theirs."""
        conditions = self._selected(RUNS.c.portal, RUNS.c.started_at)
        if self.developer is not None:
            conditions.append(RUNS.c.id.in_(select(RESULTS.c.run).where(self._about(RESULTS))))
        return self._last(select(RUNS).where(*conditions), (RUNS.c.started_at, RUNS.c.id), _run)

    def changes(self) -> tuple[HistoryChange, ...]:
        conditions = self._selected(RUNS.c.portal, RESULTS.c.at)
        conditions += [self._about(RESULTS)] if self.developer is not None else []
        statement = select(*_RESULT).select_from(_RUN_OF_RESULT).where(*conditions)
        return self._last(statement, (RESULTS.c.at, RESULTS.c.number), _change)

    def decisions(self) -> tuple[HistoryDecision, ...]:
        """Return the decisions; about one developer, those about held plans that name them."""
        conditions = self._selected(DECISIONS.c.portal, DECISIONS.c.at)
        if self.developer is not None:
            naming = HELD_PLANS.c.plan.icontains(json.dumps(self.developer)[1:-1], autoescape=True)
            conditions.append(DECISIONS.c.digest.in_(select(HELD_PLANS.c.digest).where(naming)))
        return self._last(select(DECISIONS).where(*conditions), (DECISIONS.c.at, DECISIONS.c.number), _decision)

    def findings(self) -> tuple[HistoryFinding, ...]:
        conditions = self._selected(FINDINGS.c.portal)
        if self.since is not None:
            conditions.append(or_(FINDINGS.c.last_seen.is_(None), FINDINGS.c.last_seen >= self.since))
        if self.developer is not None:
            conditions.append(FINDINGS.c.address == address_key(self.developer))
        return self._last(select(FINDINGS).where(*conditions), (FINDINGS.c.first_seen, FINDINGS.c.number), _finding)

    def observations(self) -> tuple[HistoryObservation, ...]:
        conditions = self._selected(OBSERVATIONS.c.portal, OBSERVATIONS.c.at)
        conditions += [self._about(OBSERVATIONS)] if self.developer is not None else []
        order = (OBSERVATIONS.c.at, OBSERVATIONS.c.number)
        return self._last(select(OBSERVATIONS).where(*conditions), order, _observation)

    def _selected(
        self, portal: ColumnElement[str], at: ColumnElement[datetime] | None = None
    ) -> list[ColumnElement[bool]]:
        conditions: list[ColumnElement[bool]] = [portal == self.portal] if self.portal is not None else []
        return [*conditions, at >= self.since] if at is not None and self.since is not None else conditions

    def _about(self, table: Table) -> ColumnElement[bool]:
        return or_(table.c.address == address_key(self.developer), table.c.developer == self.developer)

    def _last(
        self,
        statement: Select[*tuple[Any, ...]],
        order: Sequence[ColumnElement[Any]],
        shown: Callable[[Found], T],
    ) -> tuple[T, ...]:
        """Return the last rows, the oldest first."""
        most = self.limit + 1 if self.limit is not None else None
        newest_first = statement.order_by(*(column.desc() for column in order))
        rows: Sequence[Any] = self.connection.execute(newest_first.limit(most)).all()
        if self.limit is not None and len(rows) > self.limit:
            self.complete = False
            rows = rows[: self.limit]
        return tuple(map(shown, reversed(rows)))


def _writers(connection: Connection, portal: str | None) -> tuple[HistoryWriter, ...]:
    first, last = func.min(RUNS.c.started_at), func.max(RUNS.c.started_at)
    statement = select(RUNS.c.writer, func.count().label("runs"), first.label("first"), last.label("last"))
    statement = statement.where(RUNS.c.portal == portal) if portal is not None else statement
    rows = connection.execute(statement.group_by(RUNS.c.writer).order_by(RUNS.c.writer)).all()
    return tuple(HistoryWriter(row.writer, row.runs, timestamp(row.first), timestamp(row.last)) for row in rows)


def _of_run(table: Table, row: Found) -> Iterable[ColumnElement[bool]]:
    return (table.c.server == row.server, table.c.portal_id == row.portal_id)


def _plans(connection: Connection, row: Found) -> Sequence[Found]:
    """Return the held plans that a run carried out."""
    if row.server is None or row.ended_at is None:
        return []
    applied = select(DECISIONS.c.digest).where(
        *_of_run(DECISIONS, row), DECISIONS.c.kind == "applied", DECISIONS.c.at.between(row.started_at, row.ended_at)
    )
    return connection.execute(select(HELD_PLANS).where(HELD_PLANS.c.digest.in_(applied))).all()


def _run(row: Found) -> HistoryRun:
    return HistoryRun(
        id=row.id,
        portal=row.portal,
        server=row.server,
        portal_id=row.portal_id,
        trigger=row.trigger_,
        mode=row.mode,
        state=row.state,
        started_at=timestamp(row.started_at),
        ended_at=_optional(row.ended_at),
        commit=row.commit_id,
        digest=row.digest,
        approver=row.approver,
        writer=row.writer,
        summary={"confirmed": row.confirmed, "failed": row.failed, "skipped": row.skipped, "unknown": row.unknown},
        detail=row.detail,
    )


def _change(row: Found) -> HistoryChange:
    return HistoryChange(
        run=row.run,
        portal=row.portal,
        at=timestamp(row.at),
        commit=row.commit_id,
        approver=row.approver,
        writer=row.writer,
        change=result_of(row.body),
    )


def _decision(row: Found) -> HistoryDecision:
    return HistoryDecision(timestamp(row.at), row.portal, row.kind, row.by, row.digest, row.detail)


def _finding(row: Found) -> HistoryFinding:
    return HistoryFinding(row.portal, timestamp(row.first_seen), _optional(row.last_seen), finding_of(row.body))


def _observation(row: Found) -> HistoryObservation:
    developer = Subject(row.address, row.developer)
    return HistoryObservation(row.portal, timestamp(row.at), developer, row.kind, row.before, row.after)


def _optional(moment: datetime | None) -> str | None:
    return timestamp(moment) if moment is not None else None
