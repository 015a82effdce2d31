"""Manifest × snapshot × time → plan. Pure: no I/O, no clock of its own."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from datetime import date, datetime, timedelta
from typing import Final

from portalctl.changes.comparison import diff
from portalctl.changes.difference import Difference
from portalctl.changes.notices import notices
from portalctl.changes.operations import NAMES, Change, CreateDeveloper
from portalctl.changes.plan import ManifestStamp, Notice, Plan, PortalPlan, SnapshotStamp
from portalctl.changes.plan_document import digest
from portalctl.changes.removal_limits import guard_of, losers, refusals
from portalctl.changes.selection import Selection, select
from portalctl.manifest.model import Manifest, PortalManifest
from portalctl.portals.models import Snapshot
from portalctl.providers.registry import provider_named
from portalctl.rules.groups import NO_GROUPS, Groups
from portalctl.rules.resolve import resolve
from portalctl.rules.rulebook import Rulebook
from portalctl.times import rfc3339

GROUPS_HOLD: Final = timedelta(hours=24)  # how long a plan may rest on a read group


def compare(portal: PortalManifest, snapshot: Snapshot, today: date, groups: Groups = NO_GROUPS) -> Difference:
    """Compare a manifest with a portal's snapshot on a day (UTC). `groups`: the groups that were read."""
    book = Rulebook.of(portal, today, groups)
    return diff(book, snapshot, resolve(book, snapshot.developers))


def plan_portal(
    portal: PortalManifest,
    snapshot: Snapshot,
    found: Difference,
    today: date,
    selection: Selection,
    *,
    notes: Iterable[Notice] = (),
) -> PortalPlan:
    """Return the plan of one portal.

    `found` is the result of `compare` for the same portal, snapshot and day; `notes` come before other notices.
    """
    changes, dropped = select(found.changes, selection, portal.provider)
    guard = guard_of(portal, today, selection.allow_removals, allow_delete=bool(selection.allow_delete))
    return PortalPlan(
        name=portal.name,
        provider=portal.provider,
        portal_id=snapshot.portal_id,
        server=snapshot.server,
        observed_at=snapshot.observed_at,
        developers=len(snapshot.developers),
        guard=guard,
        summary=counts(portal.provider, changes, found.observations.figures()),
        changes=changes,
        refusals=(*found.observations.refusals(), *refusals(portal, guard, snapshot, changes)),
        notices=(*notes, *notices(portal, snapshot, found, today), *dropped, *_unknown(selection, snapshot, changes)),
    )


def assemble(
    manifest: Manifest,
    portals: tuple[PortalPlan, ...],
    *,
    created_at: str,
    generator: str,
    snapshot: SnapshotStamp | None = None,
) -> Plan:
    """Return the plan of a run: its portals sorted by name."""
    portals = tuple(sorted(portals, key=lambda portal: portal.name))
    stamp = ManifestStamp(manifest.digest, manifest.files)
    until = _valid_until(portals)
    return Plan(
        generator=generator,
        created_at=created_at,
        valid_until=until,
        digest=digest(stamp, portals, snapshot, until),
        manifest=stamp,
        snapshot=snapshot,
        portals=portals,
    )


def _valid_until(portals: Iterable[PortalPlan]) -> str | None:
    """Return when the oldest group that a change rests on was read too long ago; None: no change rests on a group."""
    changes = (change for portal in portals for change in portal.changes)
    read = [why.observed_at for change in changes for why in change.why if why.observed_at is not None]
    return rfc3339(datetime.fromisoformat(min(read)) + GROUPS_HOLD) if read else None


def _unknown(selection: Selection, snapshot: Snapshot, changes: tuple[Change, ...]) -> Iterator[Notice]:
    """Yield a notice where the selected developer has no account: else it would look as if nothing had to change."""
    if selection.developer is None or changes:
        return
    developers = snapshot.developers
    if not any(selection.developer in {p.id, p.email, p.address} for p in developers):
        yield Notice("unknown_developer", "warning", "no account with this address", selection.developer)


def counts(provider: str, changes: tuple[Change, ...], observed: Mapping[str, int]) -> dict[str, int]:
    """Return the figures of a plan's summary, in the order of the published JSON.

    They are the changes by operation (those that occur), the numbers of changes, of developers who lose access and of
    e-mails, and the `observed` ones."""
    count: Counter[str] = Counter(change.op for change in changes)
    return {
        **{op: count[op] for op in NAMES if count[op]},
        "total": len(changes),
        "removals": len(losers(changes)),
        "mails": sum(_sends_email(provider, change) for change in changes),
        **observed,
    }


def _sends_email(provider: str, change: Change) -> bool:
    """Return whether the portal sends the developer an e-mail about a change."""
    if isinstance(change, CreateDeveloper):
        return change.after["send_invitation_email"]
    return change.op in provider_named(provider).mails
