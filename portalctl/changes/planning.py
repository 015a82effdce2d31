"""Manifest × snapshot × time → plan. Pure: no I/O, no clock of its own."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Final

from portalctl.changes.comparison import diff
from portalctl.changes.difference import Difference
from portalctl.changes.mails import MAILS, limited, mail_count, reported
from portalctl.changes.notices import notices
from portalctl.changes.operations import NAMES, Change
from portalctl.changes.pending_ages import pending_ages
from portalctl.changes.plan import ManifestStamp, Notice, Plan, PortalPlan, SnapshotStamp
from portalctl.changes.plan_document import digest
from portalctl.changes.removal_limits import guard_of, losers, refusals
from portalctl.changes.selection import Selection, select
from portalctl.changes.submitted_forms import submitted_forms
from portalctl.manifest.model import Manifest, PortalManifest
from portalctl.portals.models import MAILS_UNREAD, Snapshot
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
    mail_operations = reported(snapshot.settings)
    summary = counts(portal.provider, changes, found.observations.figures(), mail_operations)
    noticed = notices(portal, snapshot, found, today)
    if not summary[MAILS]:
        noticed = tuple(notice for notice in noticed if notice.code != MAILS_UNREAD)
    return PortalPlan(
        name=portal.name,
        provider=portal.provider,
        portal_id=snapshot.portal_id,
        server=snapshot.server,
        observed_at=snapshot.observed_at,
        developers=len(snapshot.developers),
        guard=replace(guard, no_mail_above=selection.no_mail_above),
        summary=summary,
        changes=changes,
        refusals=(*found.observations.refusals(), *refusals(portal, guard, snapshot, changes)),
        notices=(*notes, *noticed, *dropped, *_unknown(selection, snapshot, changes)),
        mail_operations=mail_operations,
        pending=pending_ages(snapshot.developers, snapshot.observed_at),
        submitted_forms=submitted_forms(snapshot, selection.developer),
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
    portals = limited(sorted(portals, key=lambda portal: portal.name))
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


def counts(
    provider: str, changes: tuple[Change, ...], observed: Mapping[str, int], mail_operations: Iterable[str] | None
) -> dict[str, int]:
    """Return the figures of a plan's summary, in the order of the published JSON.

    They are the changes by operation (those that occur), the numbers of changes, of developers who lose access and of
    e-mails (see `mail_count`), and the `observed` ones."""
    count: Counter[str] = Counter(change.op for change in changes)
    return {
        **{op: count[op] for op in NAMES if count[op]},
        "total": len(changes),
        "removals": len(losers(changes)),
        MAILS: mail_count(provider, changes, mail_operations),
        **observed,
    }
