"""The journal's lines of running applies, kept until they end or the next apply on the same portal begins."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from sqlalchemy import Connection, delete, insert, select

from portalctl.controller.database_errors import ConflictError
from portalctl.controller.models import PortalKey
from portalctl.controller.store.change_results import add_results, result_adapter
from portalctl.controller.store.transactions import Transactions, named, of
from portalctl.controller.tables import JOURNAL, RESULTS, RUNS
from portalctl.output.apply_report import ChangeResult

Line = Mapping[str, object]
UNCONFIRMED = "the controller ended before this was confirmed"


class JournalLines(Transactions):
    """Questions about the journal."""

    def begin_journal(self, key: PortalKey, run_id: str, line: Line) -> None:
        """Begin the journal of a run with its first line; the lines of earlier runs on the portal are removed.

        The results that an earlier journal proves are kept in the history first.
        """
        with self._write() as connection:
            statement = select(JOURNAL.c.run).where(of(JOURNAL, key)).distinct()
            for earlier in connection.execute(statement).scalars().all():
                settle_journal(connection, earlier)
            connection.execute(delete(JOURNAL).where(of(JOURNAL, key)))
            _add(connection, key, run_id, [line])

    def append_journal(self, key: PortalKey, run_id: str, lines: Sequence[Line]) -> None:
        """Add lines, which are on disk when this returns.

        Raises ConflictError where the run was ended by another process, or another run on the portal has begun."""
        with self._write() as connection:
            _check_current(connection, key, run_id)
            _add(connection, key, run_id, lines)

    def end_journal(self, key: PortalKey, run_id: str, now: datetime, results: Iterable[ChangeResult]) -> None:
        """Keep the results of an apply and remove its journal, at once. A run can have several applies."""
        with self._write() as connection:
            add_results(connection, run_id, now, results)
            connection.execute(delete(JOURNAL).where(of(JOURNAL, key), JOURNAL.c.run == run_id))

    def journal_lines(self, key: PortalKey) -> list[Line]:
        """Return the lines of the last apply on a portal, its `begin` first; none where it has ended."""
        with self._read() as connection:
            statement = select(JOURNAL.c.line).where(of(JOURNAL, key)).order_by(JOURNAL.c.number)
            return [json.loads(line) for line in connection.execute(statement).scalars()]


def _check_current(connection: Connection, key: PortalKey, run_id: str) -> None:
    """The row of the run stays locked, so that no other process ends the run before the lines are committed."""
    state = connection.execute(select(RUNS.c.state).where(RUNS.c.id == run_id).with_for_update()).scalar()
    others = select(JOURNAL.c.run).where(of(JOURNAL, key), JOURNAL.c.run != run_id).limit(1)
    if state not in {None, "running"} or connection.execute(others).first() is not None:
        raise ConflictError("another process has ended this run; nothing more was sent")


def settle_journal(connection: Connection, run_id: str) -> None:
    """Keep the results that the journal of an unfinished apply proves, in the caller's transaction.

    They are of changes without another result. A change is `failed` where the portal refused each try, else
    `unknown`: only the final look confirms a change.
    """
    statement = select(JOURNAL.c.line).where(JOURNAL.c.run == run_id).order_by(JOURNAL.c.number)
    intents: dict[str, Line] = {}
    tries: dict[str, int] = {}
    answers: dict[str, list[Line]] = {}
    for line in map(json.loads, connection.execute(statement).scalars()):
        change = str(line.get("change"))
        if line["event"] == "intent":
            intents[change] = line
            tries[change] = tries.get(change, 0) + 1
        elif line["event"] == "answer":
            answers.setdefault(change, []).append(line)
    known = set(connection.execute(select(RESULTS.c.change).where(RESULTS.c.run == run_id)).scalars())
    for change, line in intents.items():
        if change not in known:
            result = _result(line, tries[change], answers.get(change, []))
            add_results(connection, run_id, datetime.fromisoformat(str(line["at"])), [result])


def _result(intent: Line, tries: int, answers: Sequence[Line]) -> ChangeResult:
    refused = len(answers) == tries and all(answer["result"] == "refused" for answer in answers)
    last: Line = answers[-1] if answers else {}
    result = {
        "id": intent["change"],
        "result": "failed" if refused else "unknown",
        "detail": last["detail"] if refused else UNCONFIRMED,
        "trace": last.get("trace"),
        "already": False,
        "sent_at": intent["at"],
        "answered_at": last.get("at"),
        "settled_at": last.get("at", intent["at"]),
    }
    return result_adapter().validate_python({"why": (), **intent, **result})


def _add(connection: Connection, key: PortalKey, run_id: str, lines: Sequence[Line]) -> None:
    connection.execute(insert(JOURNAL), [{**named(key), "run": run_id, "line": json.dumps(line)} for line in lines])
