"""Compares the plan of a manifest with the plan of its base, both made from one snapshot.

Deleting a rule removes no access by itself, and a plan does not list unchanged developers. So in addition to the
origin of each change, the comparison has the changes that are no longer planned, the access that developers keep
without a rule, the former rules of access that is removed, and all rules that differ.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date

from portalctl.changes.operation import Origin, Subject
from portalctl.changes.operations import Change, DeleteDeveloper, RemoveMember
from portalctl.changes.plan import BaseComparison, Notice, PortalPlan, Refusal, RuleChange, UnruledGrant
from portalctl.changes.removal_limits import losers
from portalctl.manifest.model import PortalManifest
from portalctl.portals.models import Snapshot
from portalctl.reason import Reason
from portalctl.rules.groups import NO_GROUPS, Groups
from portalctl.rules.resolve import Decision, resolve
from portalctl.rules.rulebook import Rulebook

NO_RULE = frozenset({"unmatched", "silent"})  # decisions in which no rule sets the status


@dataclass(frozen=True, slots=True)
class Base:
    """The manifest that a change starts from.

    `problem` is the reason why there is no base; then `portals` is empty. `gone` are messages about portals that the
    change removes.
    """

    portals: Mapping[str, PortalManifest]
    problem: str | None = None
    gone: tuple[str, ...] = ()

    def of(self, head: PortalManifest) -> PortalManifest:
        """Return the base's manifest of a portal, also if its handle differs; without rules if the base has none."""
        found = self._find(head)
        if found is not None:
            return replace(found, name=head.name)
        return PortalManifest(head.name, head.provider, head.at, region=head.region, id=head.id, title=head.title)

    def without(self, heads: Mapping[str, PortalManifest], handle: str | None = None) -> Base:
        """Return the base with messages about its portals that are not in `heads`, or only about `handle`."""
        kept = {found.name for head in heads.values() if (found := self._find(head)) is not None}
        gone = (
            portal for name, portal in sorted(self.portals.items()) if name not in kept and handle in (None, name)
        )
        return replace(self, gone=tuple(_is_gone(portal, another=portal.name in heads) for portal in gone))

    def _find(self, head: PortalManifest) -> PortalManifest | None:
        """Return the same portal in the base: the one with this handle, else the one with this id or title."""
        named = self.portals.get(head.name)
        if named is not None and not _known_apart(named, head):
            return named
        return next((portal for portal in self.portals.values() if _known_alike(portal, head)), None)

    def notices(self) -> Iterator[Notice]:
        """Yield warnings where there is no base, and for portals that the change removes."""
        if self.problem is not None:
            text = f"no base to compare with, so all changes count as from this change: {self.problem}"
            yield Notice("no_base", "warning", text)
        for text in self.gone:
            yield Notice("portal_gone", "warning", text)


def against(head: PortalPlan, base: PortalPlan, access: FormerAccess, rules: Sequence[RuleChange]) -> PortalPlan:
    """Return `head` with the origin of each change and refusal and with the comparison.

    Both plans are made from one snapshot.
    """
    before = frozenset(map(_write, base.changes))
    origins: Iterable[Origin] = ("pending" if _write(change) in before else "change" for change in head.changes)
    changes = tuple(replace(change, origin=origin) for change, origin in zip(head.changes, origins, strict=True))
    targets = frozenset(map(_target, changes))
    count = Counter(change.origin for change in changes)
    return replace(
        head,
        changes=changes,
        refusals=_with_origin(head, base),
        summary={**head.summary, "from_change": count["change"], "already_pending": count["pending"]},
        base=BaseComparison(
            prevented=tuple(change for change in base.changes if _target(change) not in targets),
            unruled=access.unruled,
            lost=access.lost,
            rules=tuple(rules),
        ),
    )


@dataclass(frozen=True, slots=True)
class FormerAccess:
    """Access granted by the base and not by the head: kept by developers (`unruled`), or removed (`lost`)."""

    unruled: tuple[UnruledGrant, ...]
    lost: tuple[UnruledGrant, ...]


def former_access(
    base: PortalManifest,
    head: PortalManifest,
    snapshot: Snapshot,
    today: date,
    changes: Iterable[Change],
    *,
    groups: Groups = NO_GROUPS,
) -> FormerAccess:
    """Return the approvals and memberships of approved developers that rules of `base` grant and no rule of `head`.

    Args:
        snapshot: of a scope that covers both manifests.
        changes: all changes that `head` plans.
    """
    books = [Rulebook.of(manifest, today, groups) for manifest in (base, head)]
    removed = {(change.developer.key, change.team) for change in changes if change.developer and change.loses}
    teams = _live_teams(snapshot)
    found: dict[bool, list[UnruledGrant]] = {True: [], False: []}
    for (developer, was), (_, now) in zip(*(resolve(book, snapshot.developers) for book in books), strict=True):
        if developer.status != "approved" or was is now:
            continue
        subject = Subject(developer.email, developer.id)
        for team, why in _lost(was, now, teams.get(developer.id, ())):
            is_lost = (developer.id, team) in removed or (developer.id, None) in removed
            found[is_lost].append(UnruledGrant(subject, team, why))
    return FormerAccess(_sorted(found[False]), _sorted(found[True]))


def _sorted(grants: Iterable[UnruledGrant]) -> tuple[UnruledGrant, ...]:
    """Return grants by developer and team."""
    return tuple(
        sorted(grants, key=lambda grant: (grant.developer.name.lower(), grant.developer.key, grant.team or ""))
    )


def _lost(was: Decision, now: Decision, live: Iterable[str]) -> Iterator[tuple[str | None, tuple[Reason, ...]]]:
    """Yield each lost team (None: the approval) with the rules that granted it."""
    if was.verdict == "approved" and now.verdict in NO_RULE:
        yield None, was.why
    yield from ((team, was.teams[team]) for team in live if team in was.teams and team not in now.teams)


def _live_teams(snapshot: Snapshot) -> Mapping[str, list[str]]:
    """Return the team names of each developer id. Teams with unread members are left out."""
    found: dict[str, list[str]] = {}
    for team in snapshot.teams:
        for developer_id in snapshot.members.get(team.id, ()):
            found.setdefault(developer_id, []).append(team.name)
    return found


def _with_origin(head: PortalPlan, base: PortalPlan) -> tuple[Refusal, ...]:
    """Return the refusals with their origin.

    It is `pending` if the base is refused for the same cause and the head counts no further developers.
    """
    there, here = (Counter(map(_cause, plan.refusals)) for plan in (base, head))

    def origin(refusal: Refusal) -> Origin:
        cause = _cause(refusal)
        more = here[cause] > there[cause] or _counted(refusal, head.changes) - _counted(refusal, base.changes)
        return "change" if more else "pending"

    return tuple(replace(refusal, origin=origin(refusal)) for refusal in head.refusals)


def _counted(refusal: Refusal, changes: Iterable[Change]) -> frozenset[str]:
    """Return the ids of the developers counted by a refusal; none for a refusal that does not count."""
    match refusal.code:
        case "removals" | "removals_percent":
            return frozenset(losers(changes))
        case "team_percent":
            removals = (change for change in changes if isinstance(change, RemoveMember))
            return frozenset(change.developer.key for change in removals if change.team == refusal.team)
        case "delete":
            return frozenset(change.developer.key for change in changes if isinstance(change, DeleteDeveloper))
        case _:
            return frozenset()


def _cause(refusal: Refusal) -> tuple[str | None, ...]:
    """Return the identity of a refusal. Its message is not part of it, since it contains lines and numbers."""
    return refusal.code, refusal.developer, refusal.team


def _target(change: Change) -> tuple[str | None, ...]:
    """Return what a change is about: its operation, developer, team and detail."""
    return change.op, change.developer.key if change.developer else None, change.team, *change.detail


def _write(change: Change) -> tuple[object, ...]:
    """Return the identity of a change: its target and its states, without its rules."""
    states = (frozenset((state or {}).items()) for state in (change.before, change.after))
    return *_target(change), *states


def _known_alike(one: PortalManifest, other: PortalManifest) -> bool:
    """Return whether two manifests are certainly about one portal."""
    return one.provider == other.provider and any(a == b for a, b in _in_both(one, other))


def _known_apart(one: PortalManifest, other: PortalManifest) -> bool:
    """Return whether two manifests are certainly about two portals.

    An id in one and a title in the other may belong to one portal.
    """
    return one.provider != other.provider or any(a != b for a, b in _in_both(one, other))


def _in_both(one: PortalManifest, other: PortalManifest) -> list[tuple[str | None, str | None]]:
    """Return the pairs of ids and of titles, each where both manifests have one."""
    return [pair for pair in ((one.id, other.id), (one.title, other.title)) if None not in pair]


def _is_gone(portal: PortalManifest, *, another: bool) -> str:
    """Return the message about a portal that is in the base only. `another`: its handle now names another portal."""
    if another:
        known = portal.id or portal.title
        return f"portal {portal.name} is another portal in the base ({known}), where access now stays, unmanaged"
    return f"portal {portal.name} is in the base only: no plan is made for it, and no developer loses access there"
