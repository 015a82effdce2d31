"""One run of one portal: read it once, decide, make the changes of its mode, and keep the held plans up to date.

An error of the portal, of a directory or of a file is a problem in the outcome, not an exception. A database that
cannot record what is about to be done ends the run before the next write.
"""

from __future__ import annotations

import traceback
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Final, TypedDict
from uuid import uuid4

from portalctl import flow
from portalctl.changes import saved_plan
from portalctl.changes.pending_ages import middle, sign_up_times, signed_up
from portalctl.changes.plan import Plan
from portalctl.changes.selection import Selection
from portalctl.controller import held as holding
from portalctl.controller.database_errors import StoreError
from portalctl.controller.database_journal import DatabasePlace
from portalctl.controller.logs import Log
from portalctl.controller.models import (
    Counts,
    HeldPlan,
    Mode,
    PortalKey,
    Reading,
    Registered,
    RunRecord,
    RunState,
    SignUp,
    Trigger,
    WaitingSignUp,
)
from portalctl.controller.portal_lease import PortalLease
from portalctl.controller.reading import after_writes, changed_by_others, reading_of, sudden
from portalctl.controller.registrations import registered, with_sign_ups
from portalctl.controller.source import Loaded
from portalctl.controller.store import Store
from portalctl.controller.waiting import pending_after, waiting_sign_ups
from portalctl.errors import PortalctlError
from portalctl.execution.report import PortalReport
from portalctl.flow import PortalReading
from portalctl.insight.acknowledged_drift import acknowledged
from portalctl.insight.drift import PortalDrift
from portalctl.output.apply_report import ChangeResult, change_result
from portalctl.output.documents import to_json
from portalctl.rules.groups import Groups
from portalctl.run_context import Run, group_reader

WINDOW: Final = timedelta(hours=1)  # a change that is undone twice within it is contested
CONTESTED_FOR: Final = timedelta(hours=24)
UNDONE: Final = 2
HOLDER: Final = "controller"


@dataclass(frozen=True, slots=True)
class Tools:
    """What every run uses. `run_for` returns the settings of a run of one portal, from the environment of now.

    `shared`: replicas share the database, so that each run has a lease of its own. `is_newest`: whether no replica
    has accepted a newer commit.
    """

    store: Store
    run_for: Callable[[Loaded, str], Run]
    log: Log
    clock: Callable[[], datetime]
    shared: bool = False
    is_newest: Callable[[Loaded], bool] = lambda _: True


@dataclass(frozen=True, slots=True)
class Job:
    """One run. `blocked`: why nothing may be written now, where the loop has a reason."""

    name: str
    loaded: Loaded
    mode: Mode
    trigger: Trigger
    blocked: str | None = None
    sign_ups: tuple[SignUp, ...] = ()


@dataclass(frozen=True, slots=True)
class RunOutcome:
    """What a run found and did.

    `problems`: why the portal is failing, each a sentence. `read`: whether the portal could be read. `drift`:
    findings by kind that are not acknowledged, after the changes of this run. `new_hold`: the held plan is to be
    announced. `group_times`: when the oldest group of each directory was read; `group_sizes`: the identities of
    each, by directory and group; `unread`: why a directory could not be read.
    `observing`: why nothing may be written, whatever the mode; empty: it may.
    """

    record: RunRecord
    key: PortalKey | None = None
    read: bool = False
    problems: tuple[str, ...] = ()
    drift: Mapping[str, int] = field(default_factory=dict)
    pending: int = 0
    oldest_pending: datetime | None = None
    median_pending: datetime | None = None
    waiting: tuple[WaitingSignUp, ...] = ()
    held: HeldPlan | None = None
    new_hold: bool = False
    contested: frozenset[str] = frozenset()
    observing: str = ""
    calls: int = 0
    reports: tuple[PortalReport, ...] = ()
    registered: Mapping[str, Registered] = field(default_factory=dict)
    group_times: Mapping[str, datetime] = field(default_factory=dict)
    group_sizes: Mapping[tuple[str, str], int] = field(default_factory=dict)
    unread: Mapping[str, str] = field(default_factory=dict)


def run_portal(job: Job, tools: Tools) -> RunOutcome | None:
    """Carry out one run and record it; None while an apply outside the controller has the lease.

    What is read in the middle of another apply would look like changes by others. Raises StoreError where the run
    cannot be recorded: nothing was written then.
    """
    if _is_leased(job.name, tools):
        tools.log.info("waits", portal=job.name, reason="an apply outside the controller has the lease")
        return None
    record = RunRecord(
        id=uuid4().hex,
        portal=job.name,
        trigger=job.trigger,
        mode=job.mode,
        state="running",
        started_at=tools.clock(),
        commit=job.loaded.commit,
    )
    tools.store.begin_run(record)
    turn = _Turn(job, tools, record)
    try:
        turn.go()
    except PortalctlError as error:
        turn.problem(error)
    except Exception as error:  # one portal's failure never stops the others
        tools.log.error("unexpected", portal=job.name, error=type(error).__name__, trace=traceback.format_exc())
        turn.problems.append(f"unexpected {type(error).__name__}; the log has the details")
    return turn.ended()


def _is_leased(name: str, tools: Tools) -> bool:
    """Return whether another writer has the lease of a portal."""
    key = tools.store.portal_named(name)
    lease = tools.store.lease(key, tools.store.time()) if key is not None else None
    return lease is not None and lease.holder != HOLDER


class _Turn:
    """The state of a run while it is under way. One thread owns it."""

    def __init__(self, job: Job, tools: Tools, record: RunRecord) -> None:
        self.problems: list[str] = []
        self._job = job
        self._tools = tools
        self._store = tools.store
        self._record = record
        self._reports: list[PortalReport] = []
        self._results: list[ChangeResult] = []
        self._digests: list[str] = []
        self._outcome = RunOutcome(record)
        self._lease: PortalLease | None = None

    def problem(self, error: PortalctlError) -> None:
        self.problems.append(_sentence(error))

    # --- the order of a run

    def go(self) -> None:
        """Read, decide, write. Raises PortalctlError."""
        name, loaded = self._job.name, self._job.loaded
        run = self._run()
        manifest = with_sign_ups(loaded.of(name), name, self._job.sign_ups)
        with flow.exclusive(manifest.portals.values(), run):
            groups, unreadable = group_reader(run).read_available(tuple(manifest.portals.values()))
            self._outcome = replace(self._outcome, unread={name: str(error) for name, error in unreadable.items()})
            self.problems += map(_sentence, unreadable.values())
            (reading,) = flow.read_portals(manifest, run, groups=groups)
            self.problems += reading.unsure_groups
            key = PortalKey(reading.snapshot.server, reading.snapshot.portal_id)
            self._outcome = replace(self._outcome, key=key, read=True, calls=reading.calls, **_groups(reading.groups))
            observing = self._observing(key, reading)
            contested = self._contested(key, reading)
            if self._writes(observing):
                self._write(key, reading, run, contested)
            self._check_current()
            if self._job.mode == "full" and not observing:
                self._keep_held(key, reading, contested)
        self._save(key, reading, observing, contested)

    def _run(self) -> Run:
        """Return the settings of this run, with its journal in the database."""
        name = self._job.name
        run = self._tools.run_for(self._job.loaded, name)
        return replace(run, journals={name: DatabasePlace(self._store, name, self._record.id, self._check_lease)})

    def _observing(self, key: PortalKey, reading: PortalReading) -> str:
        """Return why this run must not write; empty: it may. Records what others changed."""
        now, store = self._tools.clock(), self._store
        name, provider = self._job.name, reading.manifest.portals[self._job.name].provider
        trusted = store.meet(key, name, provider, now)
        before = store.reading(key)
        others = changed_by_others(before, reading.snapshot, now) if before is not None else ()
        percent = reading.guard.limits.removals_percent
        why = sudden(before, reading.snapshot, others, percent) if before is not None else None
        if why is not None:
            self.problems.append(f"{why}; nothing is written until: portalctl resume {name}")
            return why
        if others:
            store.observe(key, others)
        store.save_reading(key, reading_of(reading.snapshot, now))
        suspension = store.suspension(key, now)
        if suspension is not None:
            return f"suspended by {suspension.by}: {suspension.reason}"
        if not trusted:
            return f"this portal is new to the controller; to let it write: portalctl resume {name}"
        return self._job.blocked or ""

    def _contested(self, key: PortalKey, reading: PortalReading) -> frozenset[str]:
        """Return the developers that another program changes back, with those that this reading adds."""
        now, store = self._tools.clock(), self._store
        confirmed = store.confirmed_since(key, now - WINDOW) if reading.changes else {}
        chosen = holding.at_once(self._job.mode, frozenset())
        for change in filter(chosen.takes, reading.changes):
            if confirmed.get(change.id, 0) >= UNDONE:
                self._tools.log.warning(
                    "contested", portal=self._job.name, change=change.op, until=now + CONTESTED_FOR
                )
                store.contest(key, holding.subject_of(change), now + CONTESTED_FOR)
        return frozenset(store.contested(key, now))

    # --- writing

    def _write(self, key: PortalKey, reading: PortalReading, run: Run, contested: frozenset[str]) -> None:
        """Make the changes of the mode, and those of approved plans."""
        chosen = holding.at_once(self._job.mode, contested)
        parts = [part for part in (_without_losses(chosen), _losses(chosen)) if any(map(part.takes, reading.changes))]
        plans = [plan for part in parts if (plan := reading.plan(part)).changes]
        approved = list(self._approved(key, reading, contested)) if self._job.mode == "full" else []
        if not plans and not approved:
            return
        holder = f"{HOLDER}:{self._record.id}" if self._tools.shared else HOLDER
        self._lease = PortalLease(self._store, key, holder)
        if not self._lease.take():
            self.problems.append("another apply has the lease of this portal; the next run tries again")
            return
        try:
            if not self._tools.is_newest(self._job.loaded):
                raise StoreError("a newer commit was accepted since this run began; the next run starts from it")
            for plan in plans:
                self._apply(plan, run)
            for held in approved:
                self._apply_approved(held, reading, run)
        finally:
            self._lease.release()

    def _apply(self, plan: Plan, run: Run) -> bool:
        """Carry out a plan. Returns False for a refused one, which is a problem."""
        portal = plan.portals[0]
        if portal.refusals:
            self.problems += (f"refused: {refusal.message}" for refusal in portal.refusals)
            return False
        self._digests.append(plan.digest or "")
        reports = flow.apply(plan, run)
        self._reports += reports
        self._results += (change_result(item) for report in reports for item in report.settled)
        return True

    def _approved(self, key: PortalKey, reading: PortalReading, contested: frozenset[str]) -> Iterator[HeldPlan]:
        """Yield the approved plans that still hold: all their changes are wanted and stand as they did."""
        approved = [plan for plan in self._store.held(key) if plan.state == "approved"]
        if not approved:
            return
        waiting = holding.signatures(reading.plan(holding.awaiting_approval(contested)).portals[0])
        for held in approved:
            if _covered(held) <= waiting:
                yield held
            else:
                self._store.set_plan_state(held.digest, "stale", self._tools.clock())
                self.problems.append(f"the approved plan {held.digest} is stale: its changes are not those of now")

    def _apply_approved(self, held: HeldPlan, reading: PortalReading, run: Run) -> None:
        self._record = replace(self._record, approver=held.decided_by)
        self._store.approved_by(self._record.id, held.decided_by)
        done = self._apply(reading.plan(holding.only(_covered(held))), run)
        self._store.set_plan_state(held.digest, "applied" if done else "stale", self._tools.clock())

    def _check_lease(self) -> None:
        """Called before each write. Raises StoreError where the lease was lost."""
        if self._lease is None:
            raise StoreError("the lease of this portal was not taken; nothing was sent")
        self._lease.check()

    def _check_current(self) -> None:
        """Raise StoreError where another process ended this run: what it found is old."""
        if not self._store.is_running(self._record.id):
            raise StoreError("another process has ended this run")

    # --- afterwards

    def _keep_held(self, key: PortalKey, reading: PortalReading, contested: frozenset[str]) -> None:
        """Bring the held plans up to date with what waits for approval now."""
        now, store = self._tools.clock(), self._store
        settled = {item.change.id for report in self._reports for item in report.settled}
        waits = holding.awaiting_approval(contested)
        plan = reading.plan(Selection(where=lambda change: waits.takes(change) and change.id not in settled))
        if plan.portals[0].refusals and plan.changes:
            self.problems += (f"refused: {refusal.message}" for refusal in plan.portals[0].refusals)
            plan = reading.plan(Selection(where=lambda _: False))
        fresh = holding.held_plan(plan, to_json(plan), self._job.loaded.files, now)
        held = [(one, _covered(one)) for one in store.held(key) if one.state == "held"]
        known = store.plan(fresh.digest) if fresh is not None else None
        kept = holding.upkeep(held, holding.signatures(plan.portals[0]), fresh, known, now)
        for digest in kept.stale:
            store.set_plan_state(digest, "stale", now)
        new = kept.hold is not None and store.hold(kept.hold)
        self._outcome = replace(self._outcome, held=kept.current, new_hold=new)

    def _save(self, key: PortalKey, reading: PortalReading, observing: str, contested: frozenset[str]) -> None:
        """Keep what was found for the next run and for readers."""
        now = self._tools.clock()
        if self._reports and not observing:
            before = self._store.reading(key) or Reading({}, 0, now)
            self._store.save_reading(key, after_writes(before, self._reports))
        made = {item.change.id for report in self._reports for item in report.settled if item.result == "confirmed"}
        entries = self._job.loaded.acknowledgements.get(self._job.name, ())
        (drift,) = acknowledged([reading.drift(made)], entries, now.date())
        self._store.save_findings(key, drift.findings, now)
        pending = pending_after(reading, self._reports)
        self._outcome = replace(
            self._outcome,
            registered=registered(self._job.sign_ups, reading, self._reports, writable=self._writes(observing)),
            drift=_by_kind(drift),
            pending=len(pending),
            oldest_pending=signed_up(pending[0]) if pending else None,
            median_pending=middle(times) if (times := sign_up_times(pending)) else None,
            waiting=waiting_sign_ups(reading, pending),
            contested=contested,
            observing=observing,
        )

    def _writes(self, observing: str) -> bool:
        return not observing and self._job.mode != "observe"

    def ended(self) -> RunOutcome:
        """Record the end of the run. Raises StoreError."""
        counts = _counts(self._reports)
        clean = not self.problems and counts == Counts(confirmed=counts.confirmed)
        interrupted = any(report.interrupted for report in self._reports)
        state: RunState = "interrupted" if interrupted else "succeeded" if clean else "failed"
        record = replace(
            self._record,
            state=state,
            ended_at=self._tools.clock(),
            key=self._outcome.key,
            digest=self._digests[0] if self._digests else None,
            counts=counts,
            detail="; ".join(self.problems)[:2000] or None,
        )
        self._store.end_run(record, self._results)
        if not clean and not self.problems:
            self.problems.append(
                f"not everything was applied: {counts.failed} failed, {counts.skipped} skipped, "
                f"{counts.unknown} unknown"
            )
        return replace(self._outcome, record=record, problems=tuple(self.problems), reports=tuple(self._reports))


def _covered(held: HeldPlan) -> frozenset[str]:
    """Return the signatures of a held plan's changes."""
    return holding.signatures(saved_plan.read(held.plan.encode(), f"held plan {held.digest}").portals[0])


def _without_losses(chosen: Selection) -> Selection:
    return Selection(where=lambda change: chosen.takes(change) and not change.loses)


def _losses(chosen: Selection) -> Selection:
    return Selection(where=lambda change: chosen.takes(change) and change.loses)


def _sentence(error: PortalctlError) -> str:
    return ". ".join([str(error).partition("\n")[0], *error.advice][:2])


def _by_kind(drift: PortalDrift) -> dict[str, int]:
    kinds: dict[str, int] = {}
    for finding in drift.findings:
        kinds[finding.kind] = kinds.get(finding.kind, 0) + 1
    return kinds


class _GroupFacts(TypedDict):
    group_times: dict[str, datetime]
    group_sizes: dict[tuple[str, str], int]


def _groups(groups: Groups) -> _GroupFacts:
    """Return when the oldest group of each directory was read, and how many identities each group has."""
    times: dict[str, datetime] = {}
    for group in groups.readings.values():
        moment = datetime.fromisoformat(group.observed_at)
        times[group.directory] = min(moment, times.get(group.directory, moment))
    return {"group_times": times, "group_sizes": {key: len(one.members) for key, one in groups.readings.items()}}


def _counts(reports: Collection[PortalReport]) -> Counts:
    return Counts(
        confirmed=sum(report.count("confirmed") for report in reports),
        failed=sum(report.count("failed") for report in reports),
        skipped=sum(report.count("skipped") for report in reports),
        unknown=sum(report.count("unknown") for report in reports),
    )
