"""The order of a run, once, for the command line and for whoever uses portalctl as a library.

Capability check → read → resolve → diff → guard → (look again → write → confirm).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

from portalctl.apply.execute import Patience, carry_out, prepare
from portalctl.apply.model import PortalReport
from portalctl.errors import RefusedError
from portalctl.events import Observer, ReadDone, ignore
from portalctl.http import READ_ONLY, READ_WRITE, Client, Server
from portalctl.manifest.model import Manifest, PortalManifest
from portalctl.plan.build import assemble, compare, plan_portal
from portalctl.plan.capability import check
from portalctl.plan.changes import Difference
from portalctl.plan.drift import PortalDrift, drift_findings
from portalctl.plan.model import Plan
from portalctl.plan.rulebook import Rulebook
from portalctl.plan.select import Selection
from portalctl.portal.konnect import ADVICE, Konnect
from portalctl.portal.models import Scope, Snapshot
from portalctl.version import __version__

Clock = Callable[[], datetime]


def utc_now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Run:
    """What a run is made with: the server of each portal by name, the clock, who watches, how patient."""

    servers: Mapping[str, Server]
    clock: Clock = utc_now
    observer: Observer = ignore
    patience: Patience = Patience()


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

    Raises RefusedError for a refused or stale plan and PortalError for an unreadable portal: nothing was written.
    """
    if plan.refused:
        reasons = (f"{portal.name}: {refusal.message}" for portal in plan.portals for refusal in portal.refusals)
        raise RefusedError("the plan is refused, and nothing was written", *reasons)
    with ExitStack() as stack:
        opened = [
            (
                portal,
                stack.enter_context(_open(portal.name, run, methods=READ_WRITE, portal_id=portal.portal_id)),
            )
            for portal in plan.portals
            if portal.changes
        ]
        ready = [(prepare(portal, provider), provider) for portal, provider in opened]
        return tuple(
            carry_out(item, provider, observer=run.observer, patience=run.patience) for item, provider in ready
        )


def _compare_all(manifest: Manifest, run: Run, now: datetime) -> Iterator[_Compared]:
    check(manifest)
    for portal in manifest.portals.values():
        snapshot = _read(portal, run, now)
        yield _Compared(portal, snapshot, compare(portal, snapshot, now.date()))


def _read(portal: PortalManifest, run: Run, now: datetime) -> Snapshot:
    began = time.monotonic()
    with _open(portal.name, run, methods=READ_ONLY, portal_id=portal.id, title=portal.title) as provider:
        snapshot = provider.read(Scope(Rulebook.of(portal, now.date()).touched_teams()))
    run.observer(ReadDone(portal.name, len(snapshot.developers), snapshot.calls, time.monotonic() - began))
    return snapshot


@contextmanager
def _open(
    name: str, run: Run, *, methods: frozenset[str], portal_id: str | None, title: str | None = None
) -> Iterator[Konnect]:
    client = Client(run.servers[name], methods=methods, observer=run.observer, advice=ADVICE)
    with Konnect(
        client,
        name=name,
        portal_id=portal_id,
        title=title,
        now=lambda: _rfc3339(run.clock()),
        observer=run.observer,
    ) as provider:
        yield provider


def _rfc3339(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
