"""Reads portals, from the vendors or from a saved snapshot, and compares each with its manifest."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import reduce
from operator import or_
from typing import Protocol

from portalctl.changes.difference import Difference
from portalctl.changes.observations import UnsureGroup
from portalctl.changes.planning import compare
from portalctl.changes.registrations import with_registrations
from portalctl.directories.protocol import DirectoryError
from portalctl.errors import UNTOLD, AnswerError, RefusedError
from portalctl.events import ReadDone
from portalctl.garbage import no_garbage_collection
from portalctl.group_reading import (
    saved_groups,
)
from portalctl.http import READ_ONLY
from portalctl.insight.base import Base
from portalctl.manifest.model import Manifest, PortalManifest
from portalctl.portals.change_log import ChangeLog
from portalctl.portals.connection import AnyServer
from portalctl.portals.models import Identity, Registration, Scope, Snapshot
from portalctl.portals.snapshot_file import AGAIN, Declared
from portalctl.providers.registry import provider_named
from portalctl.rules.answers import check_form
from portalctl.rules.distinct_portals import Found, check_distinct, undecided
from portalctl.rules.groups import Groups
from portalctl.rules.rulebook import Rulebook
from portalctl.rules.unsupported import check
from portalctl.run_context import Run, connection_of, group_reader, open_portal, server_of

NOTHING = Scope()
LOG_DAYS = timedelta(days=7)  # the longest that a vendor keeps its log


class PortalSource(Protocol):
    """The source that a portal is read from: the portal itself, or a saved snapshot. See `Reader`."""

    @property
    def calls(self) -> int: ...

    def read(self, scope: Scope) -> Snapshot: ...

    def details(self, developers: Collection[str]) -> tuple[Registration, ...]: ...


@dataclass(frozen=True, slots=True)
class Compared:
    """`before` is the base's rules for the portal and their differences from it, with the same snapshot.

    `calls`: the number of requests. `unread`: why the registrations of denied developers could not be read.
    """

    portal: PortalManifest
    snapshot: Snapshot
    found: Difference
    registrations: tuple[Registration, ...]
    calls: int
    before: tuple[PortalManifest, Difference] | None
    groups: Groups
    unread: str | None = None


def check_portals(manifest: Manifest, run: Run) -> None:
    """Check that no portal of the run has a second root file, also among those that `--portal` leaves out.

    Where one root file has an id and another a title, the portals are identified first, by a GET or two each. Raises
    InputError, PortalError where a portal can't be identified, and RefusedError where the run's snapshot has too
    little data."""
    found = known_portals(manifest, run)
    check_distinct(manifest, found)
    unclear = undecided(manifest, found)
    identities = {**found.identities, **{portal.name: _identity(portal, run) for portal in unclear}}
    check_distinct(manifest, replace(found, identities=identities))


def known_portals(manifest: Manifest, run: Run) -> Found:
    """Return the portal's identity as far as it is known before any request."""
    if run.snapshot is None:
        return Found({**run.addresses, **{name: server.url for name, server in run.servers.items()}}, {})
    read = {portal.portal: portal.snapshot for portal in run.snapshot.portals}
    saved = {root.name: read[key] for root in manifest.roots if (key := declared(root)) in read}
    return Found(
        {name: item.server for name, item in saved.items()},
        {name: Identity(item.portal_id, item.portal_names) for name, item in saved.items()},
    )


def _identity(portal: PortalManifest, run: Run) -> Identity:
    if run.snapshot is not None:
        run.snapshot.of(declared(portal))  # raises where it is missing, or another portal
        raise RefusedError(f"the snapshot lacks the names of portal {portal.name}, to compare titles with", AGAIN)
    with open_portal(portal, run, methods=READ_ONLY, portal_id=portal.id, title=portal.title) as provider:
        return provider.identity()


def compare_portals(
    manifest: Manifest,
    run: Run,
    now: datetime,
    *,
    more: Scope = NOTHING,
    base: Base | None = None,
    groups: Groups | None = None,
) -> Iterator[Compared]:
    """`more`: what to read beyond what the manifests need. `groups`: those that were read already."""
    check(manifest)
    check_portals(manifest, run)
    today = now.date()
    if groups is None:
        groups = read_groups(manifest, run, base)
    for portal in manifest.portals.values():
        before = base.of(portal) if base is not None else None
        scopes = (Rulebook.of(rules, today, groups).scope for rules in (portal, before) if rules is not None)
        began = time.monotonic()
        with source_of(portal, run) as source, no_garbage_collection():
            snapshot = source.read(reduce(or_, scopes, more))
            check_form(portal, snapshot.form)
            found = compare(portal, snapshot, today, groups)
            was = compare(before, snapshot, today, groups) if before is not None else Difference()
            registrations, unread = _details(source, found, was)
        if run.snapshot is None:
            run.observer(ReadDone(portal.name, len(snapshot.developers), source.calls, time.monotonic() - began))
        found, was = (with_registrations(item, registrations, portal.provider) for item in (found, was))
        earlier = (before, was) if before is not None else None
        yield Compared(portal, snapshot, found, registrations, source.calls, earlier, groups, unread)


def read_groups(
    manifest: Manifest, run: Run, base: Base | None = None, more: Iterable[tuple[str, str]] = ()
) -> Groups:
    """Return the groups that the manifest's rules rest on, `more` ones, and the base's where they can be read too.

    Raises DirectoryError where one could not be read completely, InputError where the run's snapshot lacks one, and
    BadUsageError where the run has no address of a directory.
    """
    heads = tuple(manifest.portals.values())
    if run.snapshot is not None:
        return saved_groups(run.snapshot.groups, heads, run.directories.without)
    bases = tuple(base.of(head) for head in heads) if base is not None else ()
    return group_reader(run).read(heads, bases, more)


def compare_certain(manifest: Manifest, run: Run, now: datetime, *, more: Scope = NOTHING) -> Iterator[Compared]:
    """Compare each portal. Raises DirectoryError where a group is too small for its rule: what would be reported
    about its members would not be true."""
    for item in compare_portals(manifest, run, now, more=more):
        for refusal in item.found.observations.of(UnsureGroup):
            if refusal.fault.refuses:
                raise DirectoryError(f"group {refusal.fault.message}", f"The rule is in {refusal.why.at}.")
        yield item


def change_logs(compared: Sequence[Compared], run: Run, now: datetime) -> dict[str, ChangeLog]:
    """Return who changed these portals in the last days, by portal, where the vendor has a log and portals were read.

    Each server's log is read once, after all portals: a token without the right must not disturb their reading."""
    together: dict[tuple[str, AnyServer], list[Compared]] = {}
    for item in compared if run.snapshot is None else ():
        if provider_named(item.portal.provider).change_log is not None:
            together.setdefault((item.portal.provider, server_of(item.portal.name, run)), []).append(item)
    found: dict[str, ChangeLog] = {}
    for (provider, _), items in together.items():
        first, read = items[0], provider_named(provider).change_log
        if read is not None:
            ids = frozenset(item.snapshot.portal_id.lower() for item in items)
            connection = connection_of(
                first.portal, run, methods=READ_ONLY, portal_id=first.snapshot.portal_id, title=None
            )
            log = read(connection, ids, now - LOG_DAYS)
            found |= dict.fromkeys((item.portal.name for item in items), replace(log, calls=0))
            found[first.portal.name] = log
    return found


def _details(source: PortalSource, *found: Difference) -> tuple[tuple[Registration, ...], str | None]:
    """Return the registrations of denied developers, or why they could not be read.

    Where nothing is planned from them they only inform: a token without the permission (403), or a portal without
    registrations (404, 405), does not keep a denied developer's access."""
    try:
        return source.details({key for finding in found for key in finding.kept_out}), None
    except AnswerError as error:
        planned = any(developer.on_revoke != "report" for finding in found for developer in finding.kept_out.values())
        if planned or error.status not in UNTOLD:
            raise
        return (), error.message


def source_of(portal: PortalManifest, run: Run) -> AbstractContextManager[PortalSource]:
    if run.snapshot is not None:
        return nullcontext(run.snapshot.of(declared(portal)))
    return open_portal(portal, run, methods=READ_ONLY, portal_id=portal.id, title=portal.title)


def declared(portal: PortalManifest) -> Declared:
    """The identity of a portal, from saved snapshots."""
    return Declared(portal.name, portal.provider, portal.region, portal.id, portal.title)
