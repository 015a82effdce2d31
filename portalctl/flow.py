"""The order of a run, once, for the command line and the library.

Capability check → read → resolve → diff → details → guard → (look again → write → confirm).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from dataclasses import dataclass, replace
from datetime import datetime

from portalctl.changes.observations import UnsureGroup
from portalctl.changes.operations import Change
from portalctl.changes.pending_ages import pending_ages
from portalctl.changes.plan import Guard, Notice, Plan, PortalPlan, SnapshotStamp
from portalctl.changes.planning import assemble, plan_portal
from portalctl.changes.removal_limits import guard_of
from portalctl.changes.saved_plan import check_live
from portalctl.changes.selection import Selection, check_developer, developer_names
from portalctl.changes.snapshot_notices import offline_notices
from portalctl.changes.submitted_forms import submitted_forms
from portalctl.changes.undo import Applied, undo_portal
from portalctl.comparing import (
    NOTHING,
    Compared,
    change_logs,
    check_portals,
    compare_certain,
    compare_portals,
    declared,
    known_portals,
    read_groups,
    source_of,
)
from portalctl.directories.kinds import KINDS
from portalctl.directories.protocol import DirectoryError
from portalctl.errors import RefusedError
from portalctl.events import Warned
from portalctl.execution.executor import carry_out
from portalctl.execution.interrupted_run import interrupted_run, wait_until_visible
from portalctl.execution.journal import NO_JOURNAL, Journal
from portalctl.execution.preparation import Ready, check_mails, prepare
from portalctl.execution.report import PortalReport
from portalctl.group_reading import (
    definitions,
    wanted_groups,
)
from portalctl.http import READ_ONLY, READ_WRITE
from portalctl.insight.access_review import NO_ORIGINS, WHOLE, AccessReview, Origins, review
from portalctl.insight.base import Base, against, former_access
from portalctl.insight.directory_ping import DirectoryPing, directory_ping, unreachable
from portalctl.insight.drift import PortalDrift, drift_findings
from portalctl.insight.explain import PortalExplanation, Standing, Topic, standings_of
from portalctl.insight.explain import explain as explain_portal
from portalctl.insight.ping import PortalPing, portal_ping
from portalctl.insight.recorded_changes import with_last_changes, with_recorded
from portalctl.insight.rule_changes import rule_changes
from portalctl.manifest.model import NOT_READ, Directory, Manifest, PortalManifest
from portalctl.portals.models import Developer, Scope, Snapshot
from portalctl.portals.ping_result import Checkup
from portalctl.portals.snapshot_file import SavedPortal, SavedSnapshot, saved_snapshot
from portalctl.rules.distinct_portals import check_distinct
from portalctl.rules.groups import Groups
from portalctl.rules.rulebook import Rulebook
from portalctl.rules.unsupported import check
from portalctl.run_context import Run, group_reader, open_portal, server_of
from portalctl.times import rfc3339
from portalctl.version import GENERATOR

EVERYTHING = Scope(requests=True, every_team=True, form=True)


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
    for item in compare_portals(manifest, run, created, base=base):
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


def undo(manifest: Manifest, run: Run, applied: Mapping[str, Applied], selection: Selection = Selection()) -> Plan:
    """Plan the inverse of what an apply confirmed, for developers who are still as it left them.

    `applied`: what it did, by portal. Raises RefusedError where the manifest does not have these portals, and what
    `plan` raises. Refusals are in the plan, for example of what the manifest still wants."""
    missing = sorted(applied.keys() - {root.name for root in manifest.roots})
    if missing:
        raise RefusedError(
            f"the report is about a portal that is not in the manifest: {', '.join(missing)}; nothing was planned",
            f"Portals of the manifest: {', '.join(root.name for root in manifest.roots)}.",
        )
    chosen = replace(manifest, portals={name: portal for name, portal in manifest.portals.items() if name in applied})
    if not chosen.portals:
        raise RefusedError(f"the report has no changes of {', '.join(manifest.portals)}: there is nothing to undo")
    created = run.clock()
    changed = (change.team for item in applied.values() for change in item.changes)
    more = Scope(teams=frozenset(team for team in changed if team is not None))
    names: set[str] = set()
    portals = []
    for item in compare_portals(chosen, run, created, more=more):
        made = undo_portal(
            item.portal,
            item.snapshot,
            applied[item.portal.name],
            created.date(),
            groups=item.groups,
            selection=selection,
        )
        portals.append(made)
        names |= developer_names(item.portal, item.snapshot, portals[-1].changes)
    check_developer(selection, names)
    saved = run.snapshot
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
    _compared: Compared
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

    def standings(self, chosen: Iterable[Developer]) -> tuple[Standing, ...]:
        """Return what the rules yield for accounts of the snapshot."""
        item = self._compared
        return standings_of(item.portal, item.snapshot, item.found, chosen, self.created.date(), groups=item.groups)


def read_portals(
    manifest: Manifest, run: Run, *, groups: Groups | None = None, more: Scope = NOTHING
) -> tuple[PortalReading, ...]:
    """Read each portal of the manifest once. Sends only GET requests; raises what `plan` raises.

    Args:
        groups: the groups that rules rest on, where they were read already.
        more: what to read beyond what the rules need.
    """
    created = run.clock()
    compared = compare_portals(manifest, run, created, more=more, groups=groups)
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


def _planned(item: Compared, run: Run, now: datetime, selection: Selection, notes: Iterable[Notice]) -> PortalPlan:
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


def _offline(item: Compared, run: Run, now: datetime) -> Iterator[Notice]:
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
        for item in compare_portals(manifest, run, created, more=EVERYTHING, groups=groups)
    )
    accounts = (account for portal in portals for account in portal.snapshot.developers)
    known = {account.address for account in accounts if account.address is not None}
    named = {name for portal in manifest.portals.values() for name in Rulebook.of(portal, created.date()).named}
    kept = tuple(reading.narrowed(known | named) for reading in groups.readings.values())
    return saved_snapshot(portals, kept, created_at=rfc3339(created), generator=GENERATOR)


def drift(manifest: Manifest, run: Run, own: Collection[str] | None = None) -> tuple[PortalDrift, ...]:
    """Compare each portal with the manifest and report the drift, and who made manual changes.

    Sends only GET requests; raises what `plan` raises. Args: own: traces of writes that portalctl sent; None: the
    vendor's log of changes is not read.
    """
    now = run.clock()
    compared = tuple(compare_certain(manifest, run, now))
    logs = change_logs(compared, run, now) if own is not None else {}
    found = ((item, _drift(item), logs.get(item.portal.name)) for item in compared)
    return tuple(
        one if log is None else with_recorded(one, item.snapshot, log, own or ()) for item, one, log in found
    )


def _drift(item: Compared) -> PortalDrift:
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
        pending=pending_ages(item.snapshot.developers, item.snapshot.observed_at),
        submitted_forms=submitted_forms(item.snapshot),
    )


def live_names(manifest: Manifest, run: Run) -> set[str]:
    """Return the addresses and ids of all developers on the portals. Sends only GET; raises what `plan` raises."""
    check(manifest)
    check_portals(manifest, run)
    names: set[str] = set()
    for portal in manifest.portals.values():
        with source_of(portal, run) as source:
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
            for item in compare_certain(manifest, run, created, more=WHOLE)
        ),
    )


def explain(
    manifest: Manifest, run: Run, subject: Topic, own: Collection[str] | None = None
) -> tuple[PortalExplanation, ...]:
    """Explain which rules of each portal match a subject, and what `plan` would do; of a developer also the last
    changes. Raises what `plan` raises. Args: own: as in `drift`."""
    now = run.clock()
    compared = tuple(compare_certain(manifest, run, now, more=subject.scope))
    logs = change_logs(compared, run, now) if own is not None and subject.about == "developer" else {}
    found = (
        (item, explain_portal(item.portal, item.snapshot, item.found, subject, now.date(), groups=item.groups))
        for item in compared
    )
    return tuple(
        with_last_changes(one, item.snapshot.portal_id, logs.get(item.portal.name), own or ()) for item, one in found
    )


def ping(manifest: Manifest, run: Run) -> tuple[PortalPing, ...]:
    """Check whether a plan of each portal could read what it needs, and what can be checked for an apply.

    Sends only GET.
    Raises InputError for rules that a portal or this version does not support.
    """
    check(manifest)
    found = known_portals(manifest, run)
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
        check_mails([item for item, _ in ready])
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
