"""The controller's journal: lines in its database, each intent committed before its write is sent."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from functools import cache

from pydantic import TypeAdapter

from portalctl.changes.operations import Change, plain
from portalctl.controller.models import PortalKey
from portalctl.controller.store import Store
from portalctl.events import Observer
from portalctl.execution.journal import Journal
from portalctl.execution.journal_place import Line
from portalctl.execution.report import PortalReport, timestamp
from portalctl.output.apply_report import change_result
from portalctl.portals.writes import WriteResult
from portalctl.reason import Reason
from portalctl.times import Clock


def _allow() -> None:
    """Allow every write."""


@dataclass(frozen=True, slots=True)
class DatabasePlace:
    """The journal of one portal in one run.

    `check` is called before each intent, and again directly before each try is sent; it must be quick. Where it
    raises PortalctlError, as for a lost lease, nothing is sent.
    """

    store: Store
    portal: str
    run_id: str
    check: Callable[[], None] = _allow

    @property
    def shown(self) -> str:
        return self.store.place

    def lock(self, observer: Observer) -> AbstractContextManager[None]:  # noqa: ARG002 (of the protocol)
        """Lock nothing: one process has the database, and one run at a time has a portal."""
        return nullcontext()

    @contextmanager
    def open(self, facts: Mapping[str, object], clock: Clock) -> Iterator[Journal]:
        """Begin the journal of an apply. Raises StoreError."""
        key = PortalKey(str(facts["server"]), str(facts["portal_id"]))
        journal = DatabaseJournal(self, key, clock)
        self.store.begin_journal(key, self.run_id, journal.line("begin", facts))
        yield journal

    def last_run(self) -> list[Line]:
        """Return the lines of the last apply on the portal of this name that did not end. Raises StoreError."""
        key = self.store.portal_named(self.portal)
        return self.store.journal_lines(key) if key is not None else []


@dataclass(slots=True)
class _WaitingLine:
    """A line that waits to be committed."""

    line: Line
    done: bool = False
    error: Exception | None = None


class DatabaseJournal(Journal):
    """Writes lines from any number of threads; those that wait at the same time are committed together."""

    def __init__(self, place: DatabasePlace, key: PortalKey, clock: Clock) -> None:
        self._place = place
        self._key = key
        self._clock = clock
        self._waiting: deque[_WaitingLine] = deque()
        self._turn = threading.Lock()

    def line(self, event: str, facts: Mapping[str, object]) -> Line:
        """Return a line, as journal files have it."""
        return {"event": event, "run": self._place.run_id, "at": timestamp(self._clock()), **facts}

    def check(self) -> None:
        self._place.check()

    def intent(self, change: Change) -> None:
        self._place.check()
        facts = {"change": change.id, **plain(change), "why": _reasons().dump_python(change.why, mode="json")}
        self._commit(self.line("intent", facts))

    def answer(self, change: Change, written: WriteResult) -> None:
        answer = {"result": written.result, "detail": written.detail, "trace": written.trace}
        self._commit(self.line("answer", {"change": change.id, **answer}))

    def end(self, report: PortalReport) -> None:
        """Keep the results and remove the lines, at once."""
        results = map(change_result, report.settled)
        self._place.store.end_journal(self._key, self._place.run_id, self._clock(), results)

    def _commit(self, line: Line) -> None:
        """Return once a line is committed. Raises StoreError."""
        entry = _WaitingLine(line)
        self._waiting.append(entry)
        with self._turn:
            if not entry.done:
                self._commit_waiting()
        if entry.error is not None:
            raise entry.error

    def _commit_waiting(self) -> None:
        entries = [self._waiting.popleft() for _ in range(len(self._waiting))]
        error = None
        try:
            self._place.store.append_journal(self._key, self._place.run_id, [entry.line for entry in entries])
        except Exception as failure:  # whatever the error, no thread may go on as if its line was committed
            error = failure
        for entry in entries:
            entry.done, entry.error = True, error


@cache
def _reasons() -> TypeAdapter[tuple[Reason, ...]]:
    return TypeAdapter(tuple[Reason, ...])
