"""Carrying out a plan: the writes in the plan's order, then a final look at their results.

One thread, the one that calls `carry_out`, owns all state. It passes tasks to worker threads (`sender.py`), answers
their questions, and reads their outcomes from a queue. No result rests on the portal's answer alone: a change is
confirmed once it was seen."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from itertools import chain

from portalctl.cancellation import INTERRUPTED, Stop
from portalctl.changes.operation import Ids, Stand
from portalctl.changes.operations import AddMember, Approve, Change, CreateTeam
from portalctl.changes.order import Targets, by_target, members_first, needed
from portalctl.errors import PortalctlError, PortalError
from portalctl.events import ChangeSettled, Observer, Progress, Result, Sent, Warned, ignore
from portalctl.execution.concurrency import InFlight
from portalctl.execution.confirm_wait import Patience
from portalctl.execution.journal import NO_JOURNAL, Journal
from portalctl.execution.preparation import Ready
from portalctl.execution.recheck import RecentStatuses, is_old
from portalctl.execution.report import PortalReport, Settled, timestamp
from portalctl.execution.sender import MISDIRECTED, REMOVALS, Outcome, Sender, Task, is_lockout, not_seen
from portalctl.execution.stages import stages_of
from portalctl.execution.verification import newcomer_ids, statuses, touched, words
from portalctl.execution.workers import Workers
from portalctl.portals.answer_ids import OtherAnswerError
from portalctl.portals.models import Sighting, Team
from portalctl.portals.protocol import Portal
from portalctl.portals.writes import CreatedTeam, WriteResult
from portalctl.times import Clock

IN_FLIGHT = 16
CONFLICT, FORBIDDEN = 409, 403  # HTTP statuses
MOST_FORBIDDEN = 5  # equal refusals in a row: what a token may not do does not mend by itself
GRANTS = frozenset({"onboard", "reinstate"})  # classes


def carry_out(
    ready: Ready,
    provider: Portal,
    *,
    clock: Clock,
    observer: Observer = ignore,
    patience: Patience = Patience(),
    journal: Journal = NO_JOURNAL,
    stop: Stop | None = None,
) -> PortalReport:
    """Make one portal's changes and report each.

    Errors of the portal are in the report, not raised. After `stop`, nothing new is sent, writes in flight are waited
    for, and the sent ones are looked at once."""
    stages = stages_of(ready.todo, members_first=members_first(ready.plan.provider))
    run = _Apply(
        ready.plan.name,
        Sender(provider, journal, patience, stop or Stop(), Stop(), clock, observer),
        observer,
        RecentStatuses(provider, chain(*stages), ready.seen.statuses.items(), ready.at, time.monotonic),
        teams=dict(ready.seen.teams),
        developers={developer: developer for developer in ready.seen.developers} | newcomer_ids(ready.seen),
        statuses=statuses(ready.plan.changes),
        total=len(ready.todo),
        grants=tuple(change for change in ready.todo if change.op_class in GRANTS),
        targets=by_target(ready.todo),
        members_first=members_first(ready.plan.provider),
    )
    started_at = run.now()
    for stage in stages:
        if isinstance(stage[0], CreateTeam):
            run.create_teams([change for change in stage if isinstance(change, CreateTeam)], ready)
        else:
            run.write_stage(stage)
    run.confirm([change for change in ready.todo if change.id not in run.settled])
    report = PortalReport(
        ready.plan.name,
        tuple(
            run.settled.get(change.id) or Settled(change, "confirmed", already=True) for change in ready.plan.changes
        ),
        started_at,
        run.now(),
        interrupted=run.stop.asked,
    )
    run.note(lambda: journal.end(report))
    return report


@dataclass(slots=True)
class _Apply:
    """The state of one apply, which only the coordinating thread reads and changes.

    `teams` are the live ones by name, with those that were created; `people` the ids of developers by their key in
    the plan; `statuses` those that a developer has or gets by this plan."""

    portal: str
    sender: Sender
    observer: Observer
    recent: RecentStatuses
    teams: dict[str, Team]
    developers: dict[str, str]
    statuses: Mapping[str, frozenset[str | None]]
    total: int
    grants: tuple[Change, ...]
    targets: Targets
    members_first: bool
    settled: dict[str, Settled] = field(default_factory=dict)  # by change, like the next four
    sent: dict[str, WriteResult] = field(default_factory=dict)
    refusals: dict[str, str] = field(default_factory=dict)  # of a later try, after an unclear one
    times: dict[str, tuple[str, str]] = field(default_factory=dict)  # sent, answered
    already: set[str] = field(default_factory=set)  # seen as wanted just before they would have been sent
    not_approved: dict[str, str] = field(default_factory=dict)  # why, by developer
    in_flight: InFlight = field(default_factory=lambda: InFlight(IN_FLIGHT))
    no_grant_worked: bool = False
    locked_out: bool = False  # the portal no longer accepts the token
    forbidden: int = 0  # answers 403 in a row

    @property
    def provider(self) -> Portal:
        return self.sender.provider

    @property
    def stop(self) -> Stop:
        return self.sender.stop

    def now(self) -> str:
        return timestamp(self.sender.clock())

    # --- writing

    def create_teams(self, stage: list[CreateTeam], ready: Ready) -> None:
        """Create teams: one look at the portal's teams before them all, and one after."""
        self.write_all(self._not_seen(stage, ready))
        made = {change.team: change for change in stage if self._may_have_been_made(change)}
        ids = {name: team.id for name in made if (team := self.teams.get(name)) is not None}
        for _ in self.sender.patience.turns(self.stop) if made and not self.locked_out else ():
            try:
                found = self.provider.new_teams({name: ids.get(name) for name in made})
            except PortalError as error:
                self._learn_of(error)
                self._warn(f"could not look at the new teams after their creation: {error.message}")
                return
            for name, seen in found.items():
                self._take_team(made[name], seen)
                if seen.team is not None:
                    ids[name] = seen.team.id
            if made.keys() <= ids.keys():  # else the answer to a creation was lost, and the team may show late
                return

    def _not_seen(self, stage: list[CreateTeam], ready: Ready) -> list[Change]:
        """Return the teams to create. A team made elsewhere since the plan was checked is used instead."""
        if (why := self._halted()) is not None:
            for change in stage:
                self.settle(change, "skipped", why)
            return []
        seen = ready.seen
        if is_old(ready.at, time.monotonic()):
            try:
                seen = self.provider.reread(touched(stage))
            except PortalError as error:
                self._learn_of(error)
                for change in stage:
                    self.settle(change, "skipped", not_seen(error))
                return []
        self.teams |= seen.teams
        missing: list[Change] = []
        for change in stage:
            stand = change.stand(seen)
            if stand == "before":
                missing.append(change)
            elif stand == "after":
                self.already.add(change.id)
            else:
                made = words(change.live_state(seen))
                self.settle(change, "skipped", f"skipped, because it was created elsewhere since then: {made}")
        return missing

    def _may_have_been_made(self, change: Change) -> bool:
        return change.id in self.sent and change.id not in self.settled

    def _take_team(self, change: CreateTeam, seen: CreatedTeam) -> None:
        """Use the team that was seen under the name of a created one."""
        if seen.wrong:
            self.sender.misdirected.ask()
            self.settle(change, "unknown", seen.wrong, self.sent[change.id].trace)
            return
        if seen.team is None:
            return
        self.teams[change.team] = seen.team
        if seen.note:
            self.sent[change.id] = replace(self.sent[change.id], note=seen.note)
        live = Sighting(developers={}, teams={seen.team.name: seen.team}, members={})
        if change.id not in self.settled and change.stand(live) == "after":
            sent = self.sent[change.id]
            self.settle(change, "confirmed", sent.note, sent.trace)

    def write_stage(self, stage: list[Change]) -> None:
        """Send one stage. Changes that need an unclear membership come last, after a look for that membership."""
        doubtful = [change for change in stage if self._doubts(change)]
        ids = {change.id for change in doubtful}
        self.write_all([change for change in stage if change.id not in ids])
        if doubtful:
            self._look_until_seen({doubt.id: doubt for change in doubtful for doubt in self._doubts(change)})
            self.write_all(doubtful)

    def _doubts(self, change: Change) -> list[Change]:
        """Return the memberships that a change needs and that were sent, but may not have been accepted."""
        needs = self._needed(change)
        unclear = [
            other
            for other in needs
            if isinstance(other, AddMember)
            and other.id in self.sent
            and other.id not in self.settled
            and not self._is_accepted(other)
        ]
        return unclear + [doubt for other in needs for doubt in self._doubts(other)]

    def _needed(self, change: Change) -> list[Change]:
        return needed(change, self.targets, members_first=self.members_first)

    def _is_accepted(self, change: Change) -> bool:
        """Return whether the portal accepted a change, or it was seen after an unclear answer."""
        if (settled := self.settled.get(change.id)) is not None:
            return settled.result == "confirmed"
        sent = self.sent.get(change.id)
        return sent is not None and sent.result == "done"

    def write_all(self, stage: list[Change]) -> None:
        """Send changes: developers and teams side by side, the changes of one of them in order."""
        grants = [(change, self.sent[change.id]) for change in self.grants if change.id in self.sent]
        worked = any(sent.result == "done" and not self._waits_for_approval(change) for change, sent in grants)
        self.no_grant_worked = not worked and any(_no_to_all(sent) for _, sent in grants)
        groups: dict[str, deque[Change]] = {}
        for change in stage:
            key = change.developer.key if change.developer else f"team {change.team}"
            groups.setdefault(key, deque()).append(change)
        with Workers(self.sender.send, self.recent.status, "write") as workers:
            self._write_groups(workers, deque(groups.values()))

    def _waits_for_approval(self, change: Change) -> bool:
        """Return whether a membership grants nothing before an approval that is still to be made."""
        return (
            self.members_first and isinstance(change, AddMember) and ("approve", change.developer.key) in self.targets
        )

    def _write_groups(self, workers: Workers[Task, Outcome, str, str | None], waiting: deque[deque[Change]]) -> None:
        """Pass the next change of each group to a worker, within the limit of writes in flight."""
        under_way: dict[int, deque[Change]] = {}
        while waiting or under_way:
            while waiting and workers.active < self.in_flight.width:
                group = waiting.popleft()
                task = self._next_task(group)
                if task is None:
                    continue
                try:
                    under_way[workers.give(task)] = group
                except RuntimeError as error:  # no thread can be started
                    self._skip_all([[task.change], group, *waiting], error)
                    return
            if under_way:
                number, outcome = workers.next_outcome()
                self.in_flight.finished()
                self._take(outcome)
                if group := under_way.pop(number):
                    waiting.appendleft(group)

    def _next_task(self, group: deque[Change]) -> Task | None:
        """Return the group's next change that may be sent; settle those before it. None: none remains."""
        while group:
            change = group.popleft()
            why = self._held_back(change)
            if why is None:
                return self._task(change)
            self.settle(change, "skipped", why)
        return None

    def _task(self, change: Change) -> Task:
        team, developer = change.team, change.developer
        teams = {team: self.teams[team].id} if team is not None and team in self.teams else {}
        key = developer.key if developer is not None else ""
        developers = {key: self.developers[key]} if key in self.developers else {}
        new = any(other.creates for other in self._needed(change))
        return Task(change, Ids(teams, developers), self.statuses.get(key, frozenset()), new)

    def _skip_all(self, groups: Iterable[Iterable[Change]], error: Exception) -> None:
        for change in chain(*groups):
            self.settle(change, "skipped", f"skipped, because no thread could be started: {error}")

    # --- outcomes of tasks

    def _take(self, outcome: Outcome) -> None:
        change = outcome.change
        self.locked_out |= outcome.locked_out
        if outcome.misdirected:
            self.sender.misdirected.ask()
        for warning in outcome.warnings:
            self._warn(warning)
        if outcome.times is not None:
            self.times[change.id] = outcome.times
        if outcome.failure is not None:
            self.settle(change, "unknown", outcome.failure)
        elif outcome.written is not None:
            self._take_written(change, outcome.written, outcome)
        elif outcome.because is not None:
            self.settle(change, "skipped", outcome.because)
        else:
            self.already.add(change.id)

    def _take_written(self, change: Change, written: WriteResult, outcome: Outcome) -> None:
        if written.misdirected and written.result == "unclear":
            self.settle(change, "unknown", written.detail, written.trace)
            return
        self._take_created(change, outcome)
        if outcome.refusal:
            self.refusals[change.id] = outcome.refusal
        self.sent[change.id] = written
        self.observer(Progress(self.portal, "writing", len(self.sent), self.total))
        self.forbidden = self.forbidden + 1 if written.status == FORBIDDEN else 0
        if isinstance(change, Approve) and written.result == "unclear":
            self.not_approved[change.developer.key] = "may have failed"
        if written.result == "refused":
            result: Result = "skipped" if written.detail == INTERRUPTED else "failed"
            self.settle(change, result, written.detail, written.trace)
        else:
            self.observer(Sent(self.portal, change.id, change.subject, change.words(change.done)))

    def _take_created(self, change: Change, outcome: Outcome) -> None:
        if not change.creates or outcome.created is None:
            return
        if change.developer is None:
            self.teams[change.team or ""] = Team(outcome.created, change.team or "")
            return
        self.developers[change.developer.key] = outcome.created
        if outcome.waits:
            self.not_approved[change.developer.key] = "has yet to come"

    def _learn_of(self, error: PortalError) -> None:
        self.locked_out |= is_lockout(error)
        if isinstance(error, OtherAnswerError):
            self.sender.misdirected.ask()

    def _warn(self, message: str) -> None:
        self.observer(Warned(message))

    def note(self, write: Callable[[], None]) -> None:
        """Write to the journal where no later step depends on it: a failure is only a warning."""
        try:
            write()
        except PortalctlError as error:
            self._warn(error.message)

    # --- changes that are not sent

    def _halted(self) -> str | None:
        """Return why nothing more is sent, if so."""
        if self.stop.asked:
            return INTERRUPTED
        if self.sender.misdirected.asked:
            return MISDIRECTED
        if self.forbidden >= MOST_FORBIDDEN:
            return f"skipped, because the portal returned 403 to {self.forbidden} changes in a row"
        return "skipped, because the portal no longer accepts the token" if self.locked_out else None

    def _held_back(self, change: Change) -> str | None:
        """Return why this change is not sent: sending has stopped, or something that it needs is missing."""
        if (why := self._halted()) is not None:
            return why
        if self.no_grant_worked and change.op_class in REMOVALS:
            return "skipped, because every grant of the plan failed: removals do not start"
        return self._lacks(change)

    def _lacks(self, change: Change) -> str | None:
        """Return why this change cannot be sent: something that it needs is missing."""
        developer, team = change.developer, change.team
        if developer is not None and (why := self.not_approved.get(developer.key)):
            return f"skipped, because the approval {why}"
        if change.creates:
            return None
        if developer is not None and developer.key not in self.developers:
            return "skipped, because there is no account"
        if team is not None and team not in self.teams:
            return f"skipped, because team {team} could not be created"
        missing = [other for other in self._needed(change) if isinstance(other, AddMember)]
        return next((self._no_member(other) for other in missing if not self._is_accepted(other)), None)

    def _no_member(self, change: AddMember) -> str:
        """Return why a developer without an accepted membership is not approved, and what to do."""
        settled, sent = self.settled.get(change.id), self.sent.get(change.id)
        if settled is not None and settled.result == "skipped":
            why, advice = "the developer did not join", "Apply again."
        elif (settled is not None and settled.result == "failed") or (sent is not None and sent.status == CONFLICT):
            why = "the developer could not join"
            advice = (
                "Correct the cause and apply again. If the portal accepts only approved developers as team members, "
                "approve the developer there first."
            )
        else:
            why, advice = "it is unknown whether the developer joined", "Apply again."
        return f"skipped, because {why} team {change.team}: developers are not approved without their teams. {advice}"

    # --- results

    def settle(self, change: Change, result: Result, detail: str = "", trace: str | None = None) -> None:
        """Give a change its result, once."""
        sent_at, answered_at = self.times.get(change.id, (None, None))
        sent = self.sent.get(change.id)
        self.settled[change.id] = Settled(
            change,
            result,
            detail,
            trace,
            already=change.id in self.already,
            sent_at=sent_at,
            answered_at=answered_at,
            settled_at=self.now(),
            status=sent.status if sent is not None else None,
            advice=sent.advice if sent is not None and result != "confirmed" else (),
        )
        if result != "confirmed" and isinstance(change, Approve):
            self.not_approved[change.developer.key] = "failed"
        self.observer(Progress(self.portal, "settled", len(self.settled), self.total))
        self.observer(
            ChangeSettled(self.portal, change.id, change.subject, change.words(change.done), result, detail)
        )

    def confirm(self, changes: Iterable[Change]) -> None:
        """Look until every change is seen, or the time is over; then report the unknown ones."""
        missing = {change.id: change for change in changes if change.id in self.sent or change.id in self.already}
        found, trouble = self._look_until_seen(missing)
        for change in missing.values():
            stand, seen = found.get(change.id, (None, ""))
            self._settle_unseen(change, None if trouble else stand, trouble or seen)

    def _look_until_seen(self, missing: dict[str, Change]) -> tuple[dict[str, tuple[Stand, str]], str]:
        """Confirm changes as they are seen, and remove them from `missing`, until the time is over.

        Returns what was seen instead of the missing ones, by change, and why the last look failed, if so.
        """
        found: dict[str, tuple[Stand, str]] = {}
        trouble = ""
        for _ in self.sender.patience.turns(self.stop) if missing else ():
            try:
                found, trouble = self._look_for(missing), ""
            except PortalError as error:
                self._learn_of(error)
                trouble = f"; it could not be read: {error.message}"
            except Exception as error:  # whatever the error, every sent change has a result
                trouble = f"; it could not be read: an unexpected {type(error).__name__}"
            if not missing or self.locked_out or (trouble and self.sender.misdirected.asked):
                break
        return found, trouble

    def _look_for(self, missing: dict[str, Change]) -> dict[str, tuple[Stand, str]]:
        """Confirm the changes that are seen, and return the states of the others. Raises PortalError."""
        seen = self.provider.reread(touched(missing.values()))
        stands = {change.id: change.stand(seen) for change in missing.values()}
        for change in [change for change in missing.values() if stands[change.id] == "after"]:
            del missing[change.id]
            sent = self.sent.get(change.id)
            self.settle(change, "confirmed", sent.note if sent else "", sent.trace if sent else None)
        return {
            change.id: (stands[change.id], f"; it is {words(change.live_state(seen), 'not there')}")
            for change in missing.values()
        }

    def _settle_unseen(self, change: Change, stand: Stand | None, seen: str) -> None:
        """Settle the changes that the final look did not find.

        One failed if a try was refused and it was seen not to be so.
        """
        sent = self.sent.get(change.id)
        trace = sent.trace if sent is not None else None
        refusal = self.refusals.get(change.id)
        if refusal is not None and stand == "before":
            self.settle(change, "failed", refusal, trace)
            return
        looked = " before the interrupt" if self.stop.asked else f" within {self.sender.patience.seconds:g} s"
        evidence = sent.detail or "the portal accepted it" if sent is not None else "it was already so just before"
        self.settle(
            change, "unknown", f"{evidence}, and it was not seen{'' if self.locked_out else looked}{seen}", trace
        )


def _no_to_all(sent: WriteResult) -> bool:
    """Return whether a write failed for a cause that affects all writes:

    the token, the limit, the portal or the network. A 400 is about one developer; a stranger's failed approval must
    not stop another developer's removal."""
    return (
        sent.result != "done"
        and not sent.personal
        and (sent.status is None or sent.status in {401, 403, 429} or sent.status >= 500)
    )
