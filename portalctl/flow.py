"""The order of a run, once, for the command line and the library.

Capability check → read → resolve → diff → details → guard → (look again → write → confirm).
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from dataclasses import dataclass, replace
from datetime import datetime
from functools import reduce
from operator import or_
from typing import Protocol

from portalctl.changes.difference import Difference
from portalctl.changes.observations import UnsureGroup
from portalctl.changes.operations import Change
from portalctl.changes.plan import Guard, Notice, Plan, PortalPlan, SnapshotStamp
from portalctl.changes.planning import assemble, compare, plan_portal
from portalctl.changes.registrations import with_registrations
from portalctl.changes.removal_limits import guard_of
from portalctl.changes.saved_plan import check_live
from portalctl.changes.selection import Selection, check_developer, developer_names
from portalctl.changes.snapshot_notices import offline_notices
from portalctl.directories.kinds import KINDS
from portalctl.directories.protocol import DirectoryError
from portalctl.errors import UNTOLD, AnswerError, RefusedError
from portalctl.events import ReadDone, Warned
from portalctl.execution.executor import carry_out
from portalctl.execution.interrupted_run import interrupted_run, wait_until_visible
from portalctl.execution.journal import NO_JOURNAL, Journal
from portalctl.execution.preparation import Ready, prepare
from portalctl.execution.report import PortalReport
from portalctl.garbage import no_garbage_collection
from portalctl.group_reading import (
    definitions,
    saved_groups,
    wanted_groups,
)
from portalctl.http import READ_ONLY, READ_WRITE
from portalctl.insight.access_review import NO_ORIGINS, WHOLE, AccessReview, Origins, review
from portalctl.insight.base import Base, against, former_access
from portalctl.insight.directory_ping import DirectoryPing, directory_ping, unreachable
from portalctl.insight.drift import PortalDrift, drift_findings
from portalctl.insight.explain import PortalExplanation, Topic
from portalctl.insight.explain import explain as explain_portal
from portalctl.insight.ping import PortalPing, portal_ping
from portalctl.insight.rule_changes import rule_changes
from portalctl.manifest.model import NOT_READ, Directory, Manifest, PortalManifest
from portalctl.portals.models import Identity, Registration, Scope, Snapshot
from portalctl.portals.ping_result import Checkup
from portalctl.portals.snapshot_file import AGAIN, Declared, SavedPortal, SavedSnapshot, saved_snapshot
from portalctl.rules.distinct_portals import Found, check_distinct, undecided
from portalctl.rules.groups import Groups
from portalctl.rules.rulebook import Rulebook
from portalctl.rules.unsupported import check
from portalctl.run_context import Run, group_reader, open_portal, server_of
from portalctl.times import rfc3339
from portalctl.version import GENERATOR

NOTHING = Scope()
EVERYTHING = Scope(requests=True, every_team=True)


class _Source(Protocol):
    """The source that a portal is read from: the portal itself, or a saved snapshot. See `Reader`."""

    @property
    def calls(self) -> int: ...

    def read(self, scope: Scope) -> Snapshot: ...

    def details(self, developers: Collection[str]) -> tuple[Registration, ...]: ...


@dataclass(frozen=True, slots=True)
class _Compared:
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


def plan(manifest: Manifest, run: Run, selection: Selection = Selection(), base: Base | None = None) -> Plan:
    """Plan what an apply would do now.

    With a `base`, each change is marked if it comes from a change of the manifest since then. Raises InputError for
    rules that a portal or this version does not support, PortalError when a portal could not be read completely,
    RefusedError when the run's snapshot is not of these portals or does not cover them, BadUsageError for a selected
    developer that no portal has and no rule names. Refusals are in the plan."""
    created = run.clock()
    saved = run.snapshot
    names: set[str] = set()
    portals = []
    for item in _compare_all(manifest, run, created, base=base):
        notes = (*_unread(manifest, item.portal), *_notices_of(base))
        portals.append(_planned(item, run, created, selection, notes))
        if selection.developer is not None:
            names |= developer_names(item.portal, item.snapshot, portals[-1].changes)
    check_developer(selection, names)
    return assemble(
        manifest,
        tuple(portals),
        created_at=rfc3339(created),
        generator=GENERATOR,
        snapshot=SnapshotStamp(saved.digest, saved.created_at) if saved is not None else None,
    )


@dataclass(frozen=True, slots=True)
class PortalReading:
    """One portal that was read and compared once, to be planned in parts and reported."""

    manifest: Manifest
    created: datetime
    _compared: _Compared
    _run: Run

    @property
    def snapshot(self) -> Snapshot:
        return self._compared.snapshot

    @property
    def groups(self) -> Groups:
        return self._compared.groups

    def plan(self, selection: Selection = Selection()) -> Plan:
        """Return the plan of a part of the changes. Sends nothing."""
        notes = _unread(self.manifest, self._compared.portal)
        portal = _planned(self._compared, self._run, self.created, selection, notes)
        return assemble(self.manifest, (portal,), created_at=rfc3339(self.created), generator=GENERATOR)

    def drift(self, without: Collection[str] = ()) -> PortalDrift:
        """Return where portal and manifest differ. `without`: ids of changes that were made after it was read."""
        found = self._compared.found
        changes = [change for change in found.changes if change.id not in without]
        return _drift(replace(self._compared, found=replace(found, changes=changes)))

    @property
    def changes(self) -> Sequence[Change]:
        """Return all changes, of which `plan` selects some."""
        return self._compared.found.changes

    @property
    def guard(self) -> Guard:
        """Return the removal limits of the manifest on the day when it was read."""
        return guard_of(self._compared.portal, self.created.date(), None, allow_delete=False)

    @property
    def calls(self) -> int:
        """Return the number of requests that reading the portal took."""
        return self._compared.calls

    @property
    def unsure_groups(self) -> tuple[str, ...]:
        """Return what is wrong with the groups that remove no developer now: too small, too large, or not certain."""
        found = self._compared.found.observations.of(UnsureGroup)
        return tuple(
            f"group {item.fault.message} ({item.why.at})" for item in found if item.fault.severity == "warning"
        )

    def explain(self, subject: Topic) -> PortalExplanation:
        """Explain the rules that match a subject within what was read."""
        item = self._compared
        return explain_portal(
            item.portal, item.snapshot, item.found, subject, self.created.date(), groups=item.groups
        )


def read_portals(
    manifest: Manifest, run: Run, *, groups: Groups | None = None, more: Scope = NOTHING
) -> tuple[PortalReading, ...]:
    """Read each portal of the manifest once. Sends only GET requests; raises what `plan` raises.

    Args:
        groups: the groups that rules rest on, where they were read already.
        more: what to read beyond what the rules need.
    """
    created = run.clock()
    compared = _compare_all(manifest, run, created, more=more, groups=groups)
    return tuple(PortalReading(manifest, created, item, run) for item in compared)


def _unread(manifest: Manifest, portal: PortalManifest) -> Iterator[Notice]:
    """Yield notices about files that are not read:

    those that a file of this portal names, and those that no file names.
    """
    read = {file for item in manifest.portals.values() for file in item.files} - set(portal.files)
    for finding in manifest.warnings:
        if finding.code == NOT_READ and finding.at.file not in read:
            text = f"{finding.at.file} {finding.message}" if finding.at.file not in portal.files else finding.message
            yield Notice("not_read", "warning", text, file=finding.at.file, line=finding.at.line)


def _notices_of(base: Base | None) -> Iterable[Notice]:
    return base.notices() if base is not None else ()


def _planned(item: _Compared, run: Run, now: datetime, selection: Selection, notes: Iterable[Notice]) -> PortalPlan:
    today = now.date()
    notes = [*notes, *_offline(item, run, now)]
    if item.unread is not None:
        text = "registrations could not be read, so it is unknown which APIs denied developers still use"
        notes.append(Notice("registrations_unread", "warning", f"{text}: {item.unread}"))
    made = plan_portal(item.portal, item.snapshot, item.found, today, selection, notes=notes)
    if item.before is None:
        return made
    manifest, found = item.before
    former = former_access(manifest, item.portal, item.snapshot, today, item.found.changes, groups=item.groups)
    before = plan_portal(manifest, item.snapshot, found, today, selection)
    return against(made, before, former, rule_changes(manifest, item.portal))


def _offline(item: _Compared, run: Run, now: datetime) -> Iterator[Notice]:
    if run.snapshot is not None:
        read = run.snapshot.of(declared(item.portal)).registrations_of
        unread = (developer for key, developer in item.found.kept_out.items() if key not in read)
        yield from offline_notices(item.snapshot.observed_at, now, unread)


def take_snapshot(manifest: Manifest, run: Run, more: Iterable[tuple[str, str]] = ()) -> SavedSnapshot:
    """Take a snapshot of every portal, to be saved:

    with the members and roles of every team and pending requests, since a later manifest may need them. It has the
    registrations of developers that the manifest denies. Sends only GET requests; raises what `plan` raises."""
    created = run.clock()
    groups = read_groups(manifest, run, more=more)
    portals = tuple(
        SavedPortal(
            declared(item.portal),
            item.snapshot,
            frozenset(item.found.kept_out) if item.unread is None else frozenset(),
            item.registrations,
        )
        for item in _compare_all(manifest, run, created, more=EVERYTHING, groups=groups)
    )
    accounts = (account for portal in portals for account in portal.snapshot.developers)
    known = {account.address for account in accounts if account.address is not None}
    named = {name for portal in manifest.portals.values() for name in Rulebook.of(portal, created.date()).named}
    kept = tuple(reading.narrowed(known | named) for reading in groups.readings.values())
    return saved_snapshot(portals, kept, created_at=rfc3339(created), generator=GENERATOR)


def drift(manifest: Manifest, run: Run) -> tuple[PortalDrift, ...]:
    """Compare each portal with the manifest and report the drift.

    Sends only GET requests; raises what `plan` raises.
    """
    return tuple(map(_drift, _certain(manifest, run, run.clock())))


def _drift(item: _Compared) -> PortalDrift:
    return PortalDrift(
        name=item.portal.name,
        provider=item.portal.provider,
        portal_id=item.snapshot.portal_id,
        server=item.snapshot.server,
        observed_at=item.snapshot.observed_at,
        developers=len(item.snapshot.developers),
        statuses=dict(sorted(Counter(developer.status for developer in item.snapshot.developers).items())),
        calls=item.calls,
        findings=drift_findings(item.portal.name, item.found),
    )


def live_names(manifest: Manifest, run: Run) -> set[str]:
    """Return the addresses and ids of all developers on the portals. Sends only GET; raises what `plan` raises."""
    check(manifest)
    check_portals(manifest, run)
    names: set[str] = set()
    for portal in manifest.portals.values():
        with _source(portal, run) as source:
            for developer in source.read(NOTHING).developers:
                names.update(filter(None, (developer.email, developer.id)))
    return names


def access(manifest: Manifest, run: Run, origins: Origins = NO_ORIGINS) -> AccessReview:
    """Review which developer has which access on each portal, and by which rule.

    Sends only GET; raises what `plan` raises.
    """
    created = run.clock()
    return AccessReview(
        generator=GENERATOR,
        created_at=rfc3339(created),
        manifest=manifest.digest,
        portals=tuple(
            review(item.portal, item.snapshot, created.date(), origins, item.groups)
            for item in _certain(manifest, run, created, more=WHOLE)
        ),
    )


def explain(manifest: Manifest, run: Run, subject: Topic) -> tuple[PortalExplanation, ...]:
    """Explain which rules of each portal match a subject, and what `plan` would do. Raises what `plan` raises."""
    now = run.clock()
    return tuple(
        explain_portal(item.portal, item.snapshot, item.found, subject, now.date(), groups=item.groups)
        for item in _certain(manifest, run, now, more=subject.scope)
    )


def ping(manifest: Manifest, run: Run) -> tuple[PortalPing, ...]:
    """Check whether a plan of each portal could read what it needs, and what can be checked for an apply.

    Sends only GET.
    Raises InputError for rules that a portal or this version does not support.
    """
    check(manifest)
    found = _known(manifest, run)
    check_distinct(manifest, found)
    checkups = {name: _checkup(portal, run) for name, portal in manifest.portals.items()}
    identities = {name: item.identity for name, item in checkups.items() if item.identity is not None}
    check_distinct(manifest, replace(found, identities=identities))
    return tuple(
        portal_ping(manifest.portals[name], server_of(name, run).url, checkup) for name, checkup in checkups.items()
    )


def ping_directories(manifest: Manifest, run: Run) -> tuple[DirectoryPing, ...]:
    """Return whether each directory that rules rest on can be read, with its groups."""
    portals = tuple(manifest.portals.values())
    known, wanted = definitions(portals), wanted_groups(portals)
    names = sorted(wanted.keys() - run.directories.without)
    return tuple(_directory(known[name], wanted[name], portals, run) for name in names)


def _directory(
    directory: Directory, groups: Iterable[str], portals: Iterable[PortalManifest], run: Run
) -> DirectoryPing:
    access, kind = run.directories.accesses[directory.name], KINDS[directory.kind].title
    try:
        facts, found = group_reader(run).check(directory, groups)
    except DirectoryError as error:
        return unreachable(directory.name, kind, access, error)
    return directory_ping(directory.name, kind, access, facts, found, portals=portals, now=run.clock())


def _checkup(portal: PortalManifest, run: Run) -> Checkup:
    with open_portal(portal, run, methods=READ_ONLY, portal_id=portal.id, title=portal.title) as provider:
        return provider.checkup(Rulebook.of(portal, run.clock().date()).scope)


def check_portals(manifest: Manifest, run: Run) -> None:
    """Check that no portal of the run has a second root file, also among those that `--portal` leaves out.

    Where one root file has an id and another a title, the portals are identified first, by a GET or two each. Raises
    InputError, PortalError where a portal can't be identified, and RefusedError where the run's snapshot has too
    little data."""
    found = _known(manifest, run)
    check_distinct(manifest, found)
    unclear = undecided(manifest, found)
    identities = {**found.identities, **{portal.name: _identity(portal, run) for portal in unclear}}
    check_distinct(manifest, replace(found, identities=identities))


def _known(manifest: Manifest, run: Run) -> Found:
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


def apply(plan: Plan, run: Run) -> tuple[PortalReport, ...]:
    """Carry out a plan. Every portal is read before the first write to any of them.

    Raises RefusedError for a refused or stale plan, PortalError for an unreadable portal, and PortalctlError for a
    journal that can't be written: nothing was written.
    """
    check_live(plan)
    if plan.refused:
        reasons = (f"{portal.name}: {refusal.message}" for portal in plan.portals for refusal in portal.refusals)
        raise RefusedError("The plan is refused. Nothing was written.", *reasons)
    with ExitStack() as stack:
        opened = [
            (
                portal,
                stack.enter_context(open_portal(portal, run, methods=READ_WRITE, portal_id=portal.portal_id)),
            )
            for portal in plan.portals
            if portal.changes
        ]
        ready = [(prepare(portal, provider), provider) for portal, provider in opened]
        journaled = [(*entry, stack.enter_context(_journal(entry[0], plan, run))) for entry in ready]
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


@contextmanager
def exclusive(portals: Iterable[PortalManifest | PortalPlan], run: Run) -> Iterator[None]:
    """Lock the journals, so that no other apply on this machine writes to these portals until this one ends.

    Waits for another apply that has the lock, and until the writes of a killed one are visible. Raises
    PortalctlError when another apply takes too long.
    """
    named = {portal.name: portal for portal in portals if portal.name in run.journals}
    with ExitStack() as stack:
        for place in sorted({run.journals[name] for name in named}, key=lambda place: place.shown):
            stack.enter_context(place.lock(run.observer))
        for portal in named.values():
            _wait_for_earlier(portal, run)
        yield


def _wait_for_earlier(portal: PortalManifest | PortalPlan, run: Run) -> None:
    place, server = run.journals[portal.name], server_of(portal.name, run).url
    portal_id = portal.id if isinstance(portal, PortalManifest) else portal.portal_id
    most = run.patience.seconds
    earlier = interrupted_run(place.last_run(), server=server, portal_id=portal_id, now=run.clock(), max_wait=most)
    if earlier is None:
        return
    text = f"the last apply did not finish ({place.shown}): waiting until its writes are visible, at most"
    run.observer(Warned(f"{text} {earlier.seconds:.0f} s"))
    with open_portal(portal, run, methods=READ_ONLY, portal_id=earlier.portal_id) as provider:
        wait_until_visible(earlier, provider, run.patience)


def _journal(ready: Ready, plan: Plan, run: Run) -> AbstractContextManager[Journal]:
    name = ready.plan.name
    if not ready.todo or name not in run.journals:
        return nullcontext(NO_JOURNAL)
    place = {"portal": name, "server": ready.plan.server, "portal_id": ready.plan.portal_id}
    facts = {**place, "plan": plan.digest, "generator": plan.generator, "changes": len(ready.todo)}
    return run.journals[name].open(facts, run.clock)


def _compare_all(
    manifest: Manifest,
    run: Run,
    now: datetime,
    *,
    more: Scope = NOTHING,
    base: Base | None = None,
    groups: Groups | None = None,
) -> Iterator[_Compared]:
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
        with _source(portal, run) as source, no_garbage_collection():
            snapshot = source.read(reduce(or_, scopes, more))
            found = compare(portal, snapshot, today, groups)
            was = compare(before, snapshot, today, groups) if before is not None else Difference()
            registrations, unread = _details(source, found, was)
        if run.snapshot is None:
            run.observer(ReadDone(portal.name, len(snapshot.developers), source.calls, time.monotonic() - began))
        found, was = (with_registrations(item, registrations, portal.provider) for item in (found, was))
        earlier = (before, was) if before is not None else None
        yield _Compared(portal, snapshot, found, registrations, source.calls, earlier, groups, unread)


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


def _certain(manifest: Manifest, run: Run, now: datetime, *, more: Scope = NOTHING) -> Iterator[_Compared]:
    """Compare each portal. Raises DirectoryError where a group is too small for its rule: what would be reported
    about its members would not be true."""
    for item in _compare_all(manifest, run, now, more=more):
        for refusal in item.found.observations.of(UnsureGroup):
            if refusal.fault.refuses:
                raise DirectoryError(f"group {refusal.fault.message}", f"The rule is in {refusal.why.at}.")
        yield item


def _details(source: _Source, *found: Difference) -> tuple[tuple[Registration, ...], str | None]:
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


def _source(portal: PortalManifest, run: Run) -> AbstractContextManager[_Source]:
    if run.snapshot is not None:
        return nullcontext(run.snapshot.of(declared(portal)))
    return open_portal(portal, run, methods=READ_ONLY, portal_id=portal.id, title=portal.title)


def declared(portal: PortalManifest) -> Declared:
    """The identity of a portal, from saved snapshots."""
    return Declared(portal.name, portal.provider, portal.region, portal.id, portal.title)
