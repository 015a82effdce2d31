"""Making a plan so: the writes in the plan's order, then proof.

Nothing counts as done because the portal said so: only because it was seen.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import chain, repeat

from portalctl.apply.in_flight import InFlight
from portalctl.apply.journal import NO_JOURNAL, Journal
from portalctl.apply.looks import Looks
from portalctl.apply.model import Clock, PortalReport, Settled, timestamp
from portalctl.apply.prepare import Ready
from portalctl.apply.verify import statuses, touched, touched_alone, words
from portalctl.changes.operation import CLASSES, Ids, Stand, Target
from portalctl.changes.operations import Approve, Change, CreateTeam, by_target, needed
from portalctl.errors import AnswerError, NoAnswerError, PortalctlError, PortalError
from portalctl.events import Observer, Progress, Result, Sent, Warned, ignore
from portalctl.events import Settled as SettledEvent
from portalctl.portal.asked_for import OtherAnswerError
from portalctl.portal.models import Sighting, Team
from portalctl.portal.provider import Provider
from portalctl.portal.writes import Written
from portalctl.stop import INTERRUPTED, Stop

IN_FLIGHT = 16
RESENDS = (0.5, 2.0)  # seconds before looking again at an unclear write
PAUSES = (0.2, 0.5, 1.0, 2.0)  # seconds between looks; the last one repeats
LAG = 10.0  # seconds for which what was done may look undone: enough for most, and a portal that is down is many's
OVERTAKEN = "overtaken"  # of a write that was not sent, since something was found to speak against it
MISDIRECTED = "skipped, because the portal returned something else than what was asked for"
GRANTS = frozenset({"onboard", "reinstate"})  # classes
REMOVALS = frozenset({"expire", "offboard"})


@dataclass(frozen=True, slots=True)
class Patience:
    """How long to look for a write to become visible: Konnect's own tests poll for up to 30 s."""

    seconds: float = 30.0
    sleep: Callable[[float], None] = time.sleep
    clock: Callable[[], float] = time.monotonic


def carry_out(
    ready: Ready,
    provider: Provider,
    *,
    clock: Clock,
    observer: Observer = ignore,
    patience: Patience = Patience(),
    journal: Journal = NO_JOURNAL,
    stop: Stop | None = None,
) -> PortalReport:
    """Make one portal's changes and report each. Raises nothing for what the portal does: that is in the report.

    Once `stop` is asked nothing new is sent, what is in flight is waited for, and what was sent is looked at once.
    """
    stages = _stages(ready.todo)
    run = _Run(
        ready.plan.name,
        provider,
        observer,
        patience,
        journal,
        stop or Stop(),
        clock,
        teams=dict(ready.seen.teams),
        people=_ids(ready.seen),
        statuses=statuses(ready.plan.changes),
        looks=Looks(provider, chain(*stages), ready.seen.statuses.items(), ready.at, time.monotonic),
        total=len(ready.todo),
        grants=tuple(change for change in ready.todo if change.op_class in GRANTS),
        targets=by_target(ready.todo),
    )
    started_at = run.now()
    for stage in stages:
        run.write_all(stage)
    _confirm(run, [change for change in ready.todo if not run.is_settled(change)])
    settled = {item.change.id: item for item in run.settled}
    report = PortalReport(
        ready.plan.name,
        tuple(settled.get(change.id) or Settled(change, "confirmed", already=True) for change in ready.plan.changes),
        started_at,
        run.now(),
        interrupted=run.stop.asked,
    )
    run.note(lambda: journal.end(report))
    return report


def _stages(changes: tuple[Change, ...]) -> list[list[Change]]:
    """By class in order; a change that needs another is not made in an earlier stage than that, nor before it."""
    targets = by_target(changes)
    stages: dict[str, list[Change]] = {name: [] for name in CLASSES}
    for change in changes:
        classes = [change.op_class, *(other.op_class for other in needed(change, targets))]
        stages[max(classes, key=CLASSES.index)].append(change)
    return [sorted(stage, key=lambda change: change.op_class != name) for name, stage in stages.items() if stage]


def _ids(seen: Sighting) -> dict[str, str]:
    """The ids of people by what the plan calls them."""
    newcomers = {address: developer.id for address, developer in seen.newcomers.items()}
    return {person: person for person in seen.developers} | newcomers


@dataclass(slots=True)
class _Look:
    """What was seen of a change before it is sent: why it must not be, if so, where it stands, and when that was."""

    because: str | None
    now: Stand | None = None
    at: float = 0.0

    @property
    def speaks_against(self) -> bool:
        return self.because is not None or self.now == "after"


@dataclass(slots=True)
class _Run:
    """The state of one apply. `teams` are the live ones by name, with those that were created; `statuses` are those
    a person has or gets by this plan, by id."""

    portal: str
    provider: Provider
    observer: Observer
    patience: Patience
    journal: Journal
    stop: Stop
    clock: Clock
    teams: dict[str, Team]
    people: dict[str, str]
    statuses: Mapping[str, frozenset[str | None]]
    looks: Looks
    total: int
    grants: tuple[Change, ...]
    targets: Mapping[Target, Change]
    settled: list[Settled] = field(default_factory=list)
    sent: dict[str, Written] = field(default_factory=dict)
    times: dict[str, tuple[str, str]] = field(default_factory=dict)  # sent, answered
    not_approved: dict[str, str] = field(default_factory=dict)  # why, by person
    in_flight: InFlight = field(default_factory=lambda: InFlight(IN_FLIGHT))
    no_grant_worked: bool = False
    locked_out: bool = False  # the portal no longer takes the token
    misdirected: bool = False  # an answer was about another thing than the one asked for
    lock: threading.Lock = field(default_factory=threading.Lock)

    def now(self) -> str:
        return timestamp(self.clock())

    def write_all(self, stage: list[Change]) -> None:
        """One stage: people and teams side by side, the changes of one person in order."""
        grants = [self.sent[change.id] for change in self.grants if change.id in self.sent]
        self.no_grant_worked = all(sent.result != "done" for sent in grants) and any(map(_no_to_all, grants))
        groups: dict[str, list[Change]] = {}
        for change in stage:
            groups.setdefault(change.developer.key if change.developer else f"team {change.team}", []).append(change)
        try:
            with ThreadPoolExecutor(IN_FLIGHT, thread_name_prefix="portalctl-write") as pool:
                list(pool.map(self._write_group, groups.values()))
        except Exception as error:  # threads that can't be started
            for change in stage:
                if change.id not in self.sent:
                    self.fail(change, error)

    def _write_group(self, changes: list[Change]) -> None:
        with self.in_flight.one():
            for change in changes:
                try:
                    self._make(change)
                except Exception as error:  # whatever it is, the other changes go on and nothing is lost
                    self.fail(change, error)

    def fail(self, change: Change, error: Exception) -> None:
        """Settle a change as unknown after an exception that nobody foresaw: it may have been sent."""
        text = f"an unexpected {type(error).__name__} in portalctl: it may have been sent, so look at the portal"
        self.note(lambda: self.journal.answer(change, Written("unclear", text)))
        if not self.is_settled(change):
            self.settle(change, "unknown", text)

    def is_settled(self, change: Change) -> bool:
        with self.lock:
            return any(item.change is change for item in self.settled)

    def _make(self, change: Change) -> None:
        """Send one change, unless something speaks against it."""
        look = _Look(self._held_back(change))
        if look.because is None:
            self._renew(look, change)
        if not look.speaks_against:
            look.because = self._announced(change)
        if not look.speaks_against:
            written = self._send(change, look)
            if written.detail != OVERTAKEN:
                self._take(change, written)
                return
        if look.because is not None:  # else someone else did it, and it counts as already so
            self.settle(change, "skipped", look.because)

    def _renew(self, look: _Look, change: Change) -> None:
        look.now, look.because = self._look_again(change)
        look.at = time.monotonic()

    def _still(self, change: Change, look: _Look) -> None:
        """After a long wait for the portal, look once more. Raises NoAnswerError where something speaks against."""
        if self.misdirected:
            look.because = MISDIRECTED
        elif self.looks.are_old(look.at):
            self._renew(look, change)
        if look.speaks_against:
            raise NoAnswerError(OVERTAKEN, sent=False)

    def _look_again(self, change: Change) -> tuple[Stand | None, str | None]:
        """Where a change stands just before it would be sent, and why it must not be sent, if so.

        About someone whose status another hand has changed meanwhile nothing more is written: half of what each
        wants would be what nobody wants.
        """
        person = change.developer
        try:
            if isinstance(change, CreateTeam):
                return self._look_for_team(change)
            if person is None or person.id is None:
                return None, None
            now, status = self._look_at(change, person.id)
        except PortalError as error:
            self.learn_of(error)
            return None, f"skipped, because it could not be looked at just before: {error.message}"
        if now == "other" and change.registration is not None:
            return now, "skipped, because someone else changed this registration meanwhile"
        if now == "after" or status in self.statuses[person.key]:
            return now, None
        found = f"is now {status}" if status is not None else "is gone"
        return None, f"skipped, because someone else changed this person meanwhile, who {found}"

    def _look_at(self, change: Change, person: str) -> tuple[Stand, str | None]:
        """Where a change of a person stands, and their status: seen this moment before a removal, else lately."""
        if change.op_class in REMOVALS:
            seen = self.provider.reread(touched_alone(change))
            return change.stand(seen), seen.statuses.get(person)
        status = self.looks.status(person)
        done_already = status is not None and status == change.new_status
        return "after" if done_already else "before", status

    def _look_for_team(self, change: Change) -> tuple[Stand, str | None]:
        """A team that someone else has made since the plan was checked is used, and not made once more."""
        seen = self.provider.reread(touched([change]))
        self.teams |= seen.teams
        now = change.stand(seen)
        made = words(change.live_state(seen))
        return now, f"skipped, because someone else made it meanwhile: {made}" if now == "other" else None

    def _announced(self, change: Change) -> str | None:
        """Put the intent on disk; why that failed, in words."""
        try:
            self.journal.intent(change)
        except PortalctlError as error:
            return f"skipped, because {error.message}"
        return None

    def _send(self, change: Change, look: _Look) -> Written:
        """Send a change. After an unclear answer, look first, and send again only what did not happen.

        A creation is never repeated: nothing keeps a portal from having two teams of one name.
        """
        written = self._write(change, look)
        if written.status == 404 and self._is_of_something_new(change):
            written = self._once_it_is_there(change, look, written)
        for pause in RESENDS:
            if written.result != "unclear" or written.misdirected or change.creates or self.stop.asked:
                break
            self.patience.sleep(pause)
            now = self._what_became_of(change)
            if now == "after":
                return replace(written, result="done")
            if now != "before" or self.stop.asked or self._announced(change) is not None:
                break
            look.at = time.monotonic()
            again = self._write(change, look)
            if again.detail in {INTERRUPTED, OVERTAKEN}:
                break  # not sent again: what became of the first is still unclear
            written = again
        return written

    def _is_of_something_new(self, change: Change) -> bool:
        """Whether it needs what this run has made: that may not be there yet for the portal itself."""
        return any(other.creates for other in needed(change, self.targets))

    def _once_it_is_there(self, change: Change, look: _Look, written: Written) -> Written:
        """Send again what was answered 404, which carried nothing out, as long as things may show late."""
        for _ in self.turns():
            if written.status != 404 or self._announced(change) is not None:
                break
            written = self._write(change, look)
        return written

    def _what_became_of(self, change: Change) -> Stand | None:
        """Where a change stands after an unclear answer.

        What mails somebody when it is done twice is looked for longer before it counts as not done: it may show late.
        """
        now = None
        for _ in self.turns(LAG):
            now = self._stand(change)
            if now != "before" or change.repeatable:
                break
        return now

    def _write(self, change: Change, look: _Look) -> Written:
        sent_at = self.now()
        ids = Ids({name: team.id for name, team in self.teams.items()}, self.people)
        written = self.provider.write(change.write(ids), partial(self._still, change, look))
        if written.detail != OVERTAKEN:
            self.times[change.id] = (sent_at, self.now())
        self.locked_out |= written.status == 401
        self.misdirected |= written.misdirected
        self.note(lambda: self.journal.answer(change, written))
        return written

    def turns(self, most: float = float("inf")) -> Iterator[None]:
        """A turn for each look at something that may show late, until patience ends or the run is to stop.

        No longer than `most` seconds.
        """
        deadline = self.patience.clock() + min(self.patience.seconds, most)
        for pause in chain(PAUSES, repeat(PAUSES[-1])):
            yield
            left = 0.0 if self.stop.asked else deadline - self.patience.clock()
            if left <= 0:
                return
            self.patience.sleep(min(pause, left))

    def learn_of(self, error: PortalError) -> None:
        self.locked_out |= isinstance(error, AnswerError) and error.status == 401
        self.misdirected |= isinstance(error, OtherAnswerError)

    def note(self, write: Callable[[], None]) -> None:
        """Write what nothing depends on to the journal: a failure is told, and stops nothing."""
        try:
            write()
        except PortalctlError as error:
            self.observer(Warned(error.message))

    def _stand(self, change: Change) -> Stand | None:
        try:
            return change.stand(self.provider.reread(touched_alone(change)))
        except PortalError as error:
            self.learn_of(error)
            return None  # nothing is known: the confirmation at the end looks again, and says so

    def _take(self, change: Change, written: Written) -> None:
        if written.misdirected and written.result == "unclear":
            self.settle(change, "unknown", written.detail, written.trace)
            return
        if change.creates and written.result != "refused":
            self._learn(change, written)
        with self.lock:
            self.sent[change.id] = written
            self.observer(Progress(self.portal, "writing", len(self.sent), self.total))
        if isinstance(change, Approve) and written.result == "unclear":
            self.not_approved[change.developer.key] = "may have failed"
        if written.result == "refused":
            result: Result = "skipped" if written.detail == INTERRUPTED else "failed"
            self.settle(change, result, written.detail, written.trace)
        else:
            self.observer(Sent(self.portal, change.id, change.subject, change.words(change.done)))

    def _learn(self, change: Change, written: Written) -> None:
        """A new thing's id: as told, or, when the answer was lost, as found on the portal. Never by a second POST."""
        found = written.id or self._found(change)
        if found is not None and change.developer is not None:
            self.people[change.developer.key] = found
        elif found is not None:
            self.teams[change.team or ""] = Team(found, change.team or "")

    def _found(self, change: Change) -> str | None:
        """The id that a new thing has on the portal, where it may show late."""
        for _ in self.turns():
            try:
                seen = self.provider.reread(touched([change]))
            except PortalError as error:
                self.learn_of(error)
                self.observer(Warned(f"{change.id}: could not look for it after its creation: {error.message}"))
                return None
            known = {name: team.id for name, team in seen.teams.items()} | _ids(seen)
            if found := known.get(change.developer.key if change.developer else change.team or ""):
                if change.developer is not None and change.stand(seen) == "other":
                    self.not_approved[change.developer.key] = "has yet to come"
                return found
        return None

    def _held_back(self, change: Change) -> str | None:
        """Why this change is not to be sent: nothing more is, or what it needs is not there."""
        if self.stop.asked:
            return INTERRUPTED
        if self.misdirected:
            return MISDIRECTED
        if self.locked_out:
            return "skipped, because the portal no longer takes the token"
        if self.no_grant_worked and change.op_class in REMOVALS:
            return "skipped, because nothing that the plan gives could be given: nothing is taken away either"
        return self._lacks(change)

    def _lacks(self, change: Change) -> str | None:
        """What this change needs and is not there, in words."""
        if change.developer is not None and (why := self.not_approved.get(change.developer.key)):
            return f"skipped, because the approval {why}"
        if change.developer is not None and not change.creates and change.developer.key not in self.people:
            return "skipped, because there is no account"
        if change.team is not None and not change.creates and change.team not in self.teams:
            return f"skipped, because team {change.team} could not be created"
        return None

    def settle(self, change: Change, result: Result, detail: str = "", trace: str | None = None) -> None:
        with self.lock:
            sent_at, answered_at = self.times.get(change.id, (None, None))
            self.settled.append(
                Settled(
                    change,
                    result,
                    detail,
                    trace,
                    sent_at=sent_at,
                    answered_at=answered_at,
                    settled_at=self.now(),
                )
            )
            if result != "confirmed" and isinstance(change, Approve):
                self.not_approved[change.developer.key] = "failed"
        self.observer(SettledEvent(self.portal, change.id, change.subject, change.words(change.done), result, detail))


def _no_to_all(sent: Written) -> bool:
    """Whether a write failed for what would fail any other too: the token, the limit, the portal or the way there.

    A 400 is about one person; a stranger whose approval fails must not hold back anybody's removal.
    """
    return (
        sent.result != "done"
        and not sent.personal
        and (sent.status is None or sent.status in {401, 403, 429} or sent.status >= 500)
    )


def _confirm(run: _Run, changes: Sequence[Change]) -> None:
    """Look until every write that was sent is seen, or patience ends; then say what is not known."""
    open_changes = {
        change.id: change for change in changes if change.id in run.sent and run.sent[change.id].result != "refused"
    }
    found: dict[str, str] = {}  # what was seen instead, by change
    for _ in run.turns() if open_changes else ():
        trouble = ""
        try:
            seen = run.provider.reread(touched(open_changes.values()))
            for change in [c for c in open_changes.values() if c.stand(seen) == "after"]:
                del open_changes[change.id]
                run.settle(change, "confirmed", run.sent[change.id].note, run.sent[change.id].trace)
            found = {c.id: f"; it is {words(c.live_state(seen), 'not there')}" for c in open_changes.values()}
        except PortalError as error:
            run.learn_of(error)
            trouble = f"; it could not be read: {error.message}"
        except Exception as error:  # whatever it is, what was sent has a result
            trouble = f"; it could not be read: an unexpected {type(error).__name__}"
        if not open_changes or run.locked_out or (trouble and run.misdirected):
            break
    looked = " before the interrupt" if run.stop.asked else f" within {run.patience.seconds:g} s"
    for change in open_changes.values():
        sent = run.sent[change.id]
        said = f"{sent.detail or 'the portal took it'}, and it was not seen{looked if not run.locked_out else ''}"
        run.settle(change, "unknown", said + (trouble or found.get(change.id, "")), sent.trace)
