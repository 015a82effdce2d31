"""Sending one change in a worker thread: look, send, and look again after an unclear answer.

A worker receives a Task and returns an Outcome. Both are immutable, and a worker changes nothing that another thread
reads: all state of an apply belongs to the thread that distributes the tasks (`executor.py`), and a worker asks that
thread for a developer's recent status."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from portalctl.cancellation import INTERRUPTED, Stop
from portalctl.changes.operation import Ids, Stand
from portalctl.changes.operations import Change
from portalctl.errors import AnswerError, NoAnswerError, PortalctlError, PortalError
from portalctl.events import Observer, Retrying, ignore
from portalctl.execution.confirm_wait import Patience
from portalctl.execution.journal import Journal
from portalctl.execution.recheck import is_old
from portalctl.execution.report import timestamp
from portalctl.execution.verification import newcomer_ids, touched, touched_alone
from portalctl.portals.answer_ids import OtherAnswerError
from portalctl.portals.protocol import Portal
from portalctl.portals.writes import WriteResult
from portalctl.times import Clock

RESENDS = (0.5, 2.0)  # seconds before looking again at an unclear write
LAG = 10.0  # seconds for which a completed write may look undone: many writes may wait
OVERTAKEN = "overtaken"  # of a write that was not sent, because of the state seen just before
MISDIRECTED = "skipped, because the portal returned another object than the one requested"
REMOVALS = frozenset({"expire", "offboard"})  # classes
StatusOf = Callable[[str], str | None]  # a developer's recent status by id; None: no account. Raises PortalError


@dataclass(frozen=True, slots=True)
class Task:
    """One change to send, with the state that a worker needs.

    `ids`: those that its write needs. `statuses`: those that its developer has or gets by the plan.
    `of_something_new`: it needs something that this run created, which the portal may not find yet.
    """

    change: Change
    ids: Ids
    statuses: frozenset[str | None]
    of_something_new: bool = False


@dataclass(frozen=True, slots=True)
class Outcome:
    """The outcome of a task.

    `written`: how the portal answered the write. None: nothing was sent, and `because` is the reason; where that is
    None too, the portal was already as wanted. `failure`: an unexpected exception, after which the write may have
    been sent. `refusal`: the refusal of a later try, where an earlier one was unclear. `times`: when the last try was
    sent and answered. `created`: the id of a new developer. `waits`: that developer was found with another status.
    `locked_out`: the portal no longer accepts the token. `misdirected`: an answer was about another object than the
    one requested."""

    change: Change
    written: WriteResult | None = None
    because: str | None = None
    failure: str | None = None
    refusal: str = ""
    times: tuple[str, str] | None = None
    created: str | None = None
    waits: bool = False
    locked_out: bool = False
    misdirected: bool = False
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Sender:
    """The dependencies of all workers, used from any thread. `misdirected` is set by the coordinating thread only."""

    provider: Portal
    journal: Journal
    patience: Patience
    stop: Stop
    misdirected: Stop
    clock: Clock
    observer: Observer = ignore

    def send(self, task: Task, status_of: StatusOf) -> Outcome:
        """Send a change unless the state seen just before rules it out. Raises no Exception."""
        attempt = _Attempt(self, task, status_of)
        try:
            written = attempt.make()
            found, waits = attempt.find_created(written)
        except Exception as error:  # whatever the error, the other changes go on and no result is lost
            return attempt.failed(error)
        return replace(attempt.outcome(), written=written, created=found, waits=waits)


@dataclass(slots=True)
class _Attempt:
    """The work on one task. Belongs to one worker."""

    by: Sender
    task: Task
    status_of: StatusOf
    because: str | None = None
    now: Stand | None = None
    seen_at: float = 0.0
    refusal: str = ""
    times: tuple[str, str] | None = None
    locked_out: bool = False
    misdirected: bool = False
    warnings: list[str] = field(default_factory=list)

    @property
    def change(self) -> Change:
        return self.task.change

    def outcome(self) -> Outcome:
        """Return the outcome so far."""
        return Outcome(
            self.change,
            because=self.because,
            refusal=self.refusal,
            times=self.times,
            locked_out=self.locked_out,
            misdirected=self.misdirected,
            warnings=tuple(self.warnings),
        )

    def failed(self, error: Exception) -> Outcome:
        """Return the outcome after an unexpected exception."""
        text = f"an unexpected {type(error).__name__} in portalctl: it may have been sent; check the portal"
        self._note(lambda: self.by.journal.answer(self.change, WriteResult("unclear", text)))
        return replace(self.outcome(), failure=text)

    def make(self) -> WriteResult | None:
        """Look, then send. None: nothing was sent."""
        self._look()
        if not self._ruled_out:
            self.because = self._announced()
        if self._ruled_out:
            return None
        written = self._send()
        return None if written.detail == OVERTAKEN else written

    def find_created(self, written: WriteResult | None) -> tuple[str | None, bool]:
        """Return the id of a developer that was created, and whether the status is another than wanted.

        The id is from the answer, or from the portal when the answer was lost. Never by a second POST.
        """
        developer = self.change.developer
        if written is None or written.misdirected or written.result == "refused":
            return None, False
        if developer is None or not self.change.creates or written.id is not None:
            return written.id, False
        for _ in self.by.patience.turns(self.by.stop):
            try:
                seen = self.by.provider.reread(touched([self.change]))
            except PortalError as error:
                self._learn_of(error)
                message = f"{self.change.id}: could not look for it after its creation: {error.message}"
                self.warnings.append(message)
                break
            if found := newcomer_ids(seen).get(developer.key):
                return found, self.change.stand(seen) == "other"
        return None, False

    @property
    def _ruled_out(self) -> bool:
        return self.because is not None or self.now == "after"

    def _look(self) -> None:
        self.now, self.because = self._see()
        self.seen_at = time.monotonic()

    def _precheck(self) -> None:
        """Look once more after a long wait for the portal. Raises NoAnswerError where the change is ruled out."""
        if self.by.misdirected.asked:
            self.because = MISDIRECTED
        elif is_old(self.seen_at, time.monotonic()):
            self._look()
        if not self._ruled_out:
            self.because = self._not_allowed()
        if self._ruled_out:
            raise NoAnswerError(OVERTAKEN, sent=False)

    def _not_allowed(self) -> str | None:
        """Return why the journal's place allows no write now, as after a lost lease; None: it does."""
        try:
            self.by.journal.check()
        except PortalctlError as error:
            return f"skipped, because {error.message}"
        return None

    def _see(self) -> tuple[Stand | None, str | None]:
        """Return where the change stands just before it is sent, and why it must not be sent, if so.

        Nothing more is written about a developer after the status was changed elsewhere since the plan: a mix
        of both edits would match neither intent.
        """
        developer = self.change.developer
        if developer is None or developer.id is None:
            return None, None
        try:
            now, status = self._see_developer(developer.id)
        except PortalError as error:
            self._learn_of(error)
            return None, not_seen(error)
        if now == "other" and self.change.registration is not None:
            return now, "skipped, because this registration was changed elsewhere since the plan"
        if now == "after" or status in self.task.statuses:
            return now, None
        found = f"is now {status}" if status is not None else "is gone"
        return None, f"skipped, because this developer was changed elsewhere since the plan: the account {found}"

    def _see_developer(self, developer_id: str) -> tuple[Stand, str | None]:
        """Return where the change stands, and the developer's status: read now before a removal, else lately."""
        change = self.change
        if change.op_class in REMOVALS:
            seen = self.by.provider.reread(touched_alone(change))
            return change.stand(seen), seen.statuses.get(developer_id)
        status = self.status_of(developer_id)
        done_already = status is not None and status == change.new_status
        return "after" if done_already else "before", status

    def _announced(self) -> str | None:
        """Put the intent on disk; return the reason if that failed."""
        try:
            self.by.journal.intent(self.change)
        except PortalctlError as error:
            return f"skipped, because {error.message}"
        return None

    def _send(self) -> WriteResult:
        """Send the change. After an unclear answer, look first, and send again only what did not happen.

        A creation is never repeated: a portal may have two teams of one name. A write that was unclear once stays so,
        whatever a later answer: the final look decides."""
        written = self._write()
        if written.status == 404 and self.task.of_something_new:
            written = self._once_it_is_there(written)
        for pause in RESENDS:
            if written.result != "unclear" or written.misdirected or self.change.creates or self.by.stop.asked:
                break
            self.by.patience.sleep(pause)
            now = self._outcome_of_try()
            if now == "after":
                return replace(written, result="done")
            if now != "before" or self.by.stop.asked or self._announced() is not None:
                break
            self.seen_at = time.monotonic()
            cause = f"the portal returned {written.status}" if written.status else "no clear answer arrived"
            self.by.observer(Retrying(self.change.id, 0.0, f"{cause}, and it was seen not to be done"))
            again = self._write()
            if again.detail in {INTERRUPTED, OVERTAKEN}:
                self.because = None  # the result of the first is still unclear
                break
            written = self._unclear_again(written, again)
            if self.refusal:
                break
        return written

    def _unclear_again(self, first: WriteResult, again: WriteResult) -> WriteResult:
        """Return a later try's answer, except that a refusal does not settle an earlier try that was unclear."""
        if again.result != "refused":
            return again
        self.refusal = again.detail
        detail = f"{first.detail}; when sent again: {again.detail}"
        return replace(again, result="unclear", detail=detail)

    def _once_it_is_there(self, written: WriteResult) -> WriteResult:
        """Send again after a 404, which changes nothing, while objects may show late."""
        for _ in self.by.patience.turns(self.by.stop):
            if written.status != 404 or self._announced() is not None:
                break
            written = self._write()
        return written

    def _outcome_of_try(self) -> Stand | None:
        """Return where the change stands after an unclear answer.

        A write that sends an e-mail when repeated is looked for longer before it counts as not done.
        """
        now = None
        for _ in self.by.patience.turns(self.by.stop, LAG):
            try:
                now = self.change.stand(self.by.provider.reread(touched_alone(self.change)))
            except PortalError as error:
                self._learn_of(error)
                now = None  # the final look decides
            if now != "before" or self.change.repeatable:
                break
        return now

    def _write(self) -> WriteResult:
        sent_at = timestamp(self.by.clock())
        written = self.by.provider.write(self.change.write(self.task.ids), self._precheck)
        if written.detail != OVERTAKEN:
            self.times = (sent_at, timestamp(self.by.clock()))
        self.locked_out |= written.status == 401
        self.misdirected |= written.misdirected
        self._note(lambda: self.by.journal.answer(self.change, written))
        return written

    def _learn_of(self, error: PortalError) -> None:
        self.locked_out |= is_lockout(error)
        self.misdirected |= isinstance(error, OtherAnswerError)

    def _note(self, write: Callable[[], None]) -> None:
        """Write something to the journal that nothing depends on: a failure is a warning, and stops nothing."""
        try:
            write()
        except PortalctlError as error:
            self.warnings.append(error.message)


def is_lockout(error: PortalError) -> bool:
    """Return whether the portal no longer accepts the token."""
    return isinstance(error, AnswerError) and error.status == 401


def not_seen(error: PortalError) -> str:
    """Return why nothing is written where the look just before failed."""
    return f"skipped, because its state could not be read just before: {error.message}"
