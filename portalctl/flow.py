"""The order of a run, once, for the command line and for whoever uses portalctl as a library.

Capability check → read → resolve → diff → details → guard → (look again → write → confirm).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, nullcontext
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from portalctl.apply.execute import Patience, Ready, carry_out, prepare
from portalctl.apply.journal import NO_JOURNAL, Journal, open_journal
from portalctl.apply.model import Clock, PortalReport
from portalctl.errors import RefusedError
from portalctl.events import Observer, ReadDone, ignore
from portalctl.http import READ_ONLY, READ_WRITE, Server
from portalctl.manifest.model import Manifest, PortalManifest
from portalctl.plan.build import assemble, compare, plan_portal
from portalctl.plan.capability import check
from portalctl.plan.changes import Difference
from portalctl.plan.drift import PortalDrift, drift_findings
from portalctl.plan.model import Plan, PortalPlan
from portalctl.plan.residual import with_registrations
from portalctl.plan.rulebook import Rulebook
from portalctl.plan.select import Selection
from portalctl.portal.models import Snapshot
from portalctl.portal.provider import Provider
from portalctl.portal.vendors import Address, connect
from portalctl.stop import Stop
from portalctl.version import __version__


def utc_now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Run:
    """What a run is made with: the servers of each portal by name, the clock, who watches, how patient.

    `backends` are those of API7 portals, where they are known; only making accounts needs them. `stop`, once asked,
    ends an apply after what is in flight. `journals`: the file of each portal, by name; none for a portal that is
    not there. `before_writing` is called once, when everything is ready for the first write.
    """

    servers: Mapping[str, Server]
    clock: Clock = utc_now
    observer: Observer = ignore
    patience: Patience = Patience()
    stop: Stop = field(default_factory=Stop)
    journals: Mapping[str, Path] = field(default_factory=dict)
    before_writing: Callable[[], None] = lambda: None
    backends: Mapping[str, Server] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Compared:
    portal: PortalManifest
    snapshot: Snapshot
    found: Difference


def plan(manifest: Manifest, run: Run, selection: Selection = Selection()) -> Plan:
    """What an apply would do now. Sends nothing but GET.

    Raises InputError for what a portal or this version cannot do, PortalError when a portal could not be read
    completely. Refusals are in the plan.
    """
    created = run.clock()
    portals = [
        plan_portal(item.portal, item.snapshot, item.found, created.date(), selection)
        for item in _compare_all(manifest, run, created)
    ]
    return assemble(manifest, tuple(portals), created_at=_rfc3339(created), generator=f"portalctl {__version__}")


def drift(manifest: Manifest, run: Run) -> tuple[PortalDrift, ...]:
    """Where each portal and the files disagree. Sends nothing but GET; raises what `plan` raises."""
    return tuple(
        PortalDrift(
            name=item.portal.name,
            provider=item.portal.provider,
            portal_id=item.snapshot.portal_id,
            server=item.snapshot.server,
            observed_at=item.snapshot.observed_at,
            developers=len(item.snapshot.developers),
            findings=drift_findings(item.found),
        )
        for item in _compare_all(manifest, run, run.clock())
    )


def apply(plan: Plan, run: Run) -> tuple[PortalReport, ...]:
    """Carry out a plan. Every portal is looked at before the first write to any of them.

    Raises RefusedError for a refused or stale plan, PortalError for an unreadable portal, and PortalctlError for a
    journal that can't be written: nothing was written.
    """
    if plan.refused:
        reasons = (f"{portal.name}: {refusal.message}" for portal in plan.portals for refusal in portal.refusals)
        raise RefusedError("the plan is refused, and nothing was written", *reasons)
    with ExitStack() as stack:
        opened = [
            (
                portal,
                stack.enter_context(_open(portal, run, methods=READ_WRITE, portal_id=portal.portal_id)),
            )
            for portal in plan.portals
            if portal.changes
        ]
        ready = [(prepare(portal, provider), provider) for portal, provider in opened]
        journaled = [(*each, stack.enter_context(_journal(each[0], plan, run))) for each in ready]
        run.before_writing()
        return tuple(
            carry_out(
                item,
                provider,
                clock=run.clock,
                observer=run.observer,
                patience=run.patience,
                journal=journal,
                stop=run.stop,
            )
            for item, provider, journal in journaled
        )


def _journal(ready: Ready, plan: Plan, run: Run) -> AbstractContextManager[Journal]:
    name = ready.plan.name
    if not ready.todo or name not in run.journals:
        return nullcontext(NO_JOURNAL)
    facts = {"portal": name, "plan": plan.digest, "generator": plan.generator, "changes": len(ready.todo)}
    return open_journal(run.journals[name], facts, run.clock)


def _compare_all(manifest: Manifest, run: Run, now: datetime) -> Iterator[_Compared]:
    check(manifest)
    for portal in manifest.portals.values():
        began = time.monotonic()
        with _open(portal, run, methods=READ_ONLY, portal_id=portal.id, title=portal.title) as provider:
            snapshot = provider.read(Rulebook.of(portal, now.date()).scope)
            found = compare(portal, snapshot, now.date())
            found = with_registrations(found, provider.details(found.out))
        run.observer(ReadDone(portal.name, len(snapshot.developers), snapshot.calls, time.monotonic() - began))
        yield _Compared(portal, snapshot, found)


def _open(
    portal: PortalManifest | PortalPlan,
    run: Run,
    *,
    methods: frozenset[str],
    portal_id: str | None,
    title: str | None = None,
) -> Provider:
    return connect(
        portal.provider,
        portal.name,
        Address(run.servers[portal.name], run.backends.get(portal.name), portal_id, title),
        methods=methods,
        now=lambda: _rfc3339(run.clock()),
        observer=run.observer,
        stop=run.stop,
    )


def _rfc3339(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
