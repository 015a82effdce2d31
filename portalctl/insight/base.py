"""What a change of the manifest does: its plan beside the plan of its base, both made on one reading.

A deleted rule takes nothing away by itself, and a plan says nothing of people it leaves alone. So beside each
change's origin stand the changes that are not planned any more, and whoever keeps what no rule gives any more.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date

from portalctl.changes.operation import Origin, Subject
from portalctl.changes.operations import Change, DeleteDeveloper, RemoveMember
from portalctl.changes.plan import BaseComparison, Notice, PortalPlan, Refusal, UnruledGrant
from portalctl.changes.removal_limits import losers
from portalctl.manifest.model import PortalManifest
from portalctl.portals.models import Snapshot
from portalctl.reason import Reason
from portalctl.rules.groups import NO_GROUPS, Groups
from portalctl.rules.resolve import Decision, resolve
from portalctl.rules.rulebook import Rulebook

NO_RULE = frozenset({"unmatched", "silent"})  # verdicts


@dataclass(frozen=True, slots=True)
class Base:
    """The manifest that a change starts from.

    `problem`: why there is none; then it says nothing of any portal. `gone`: what there is to say of portals that the
    change takes out.
    """

    portals: Mapping[str, PortalManifest]
    problem: str | None = None
    gone: tuple[str, ...] = ()

    def of(self, head: PortalManifest) -> PortalManifest:
        """What the base says of a portal, whatever its handle there; a manifest without rules, if it says nothing."""
        found = self._find(head)
        if found is not None:
            return replace(found, name=head.name)
        return PortalManifest(head.name, head.provider, head.at, region=head.region, id=head.id, title=head.title)

    def without(self, heads: Mapping[str, PortalManifest], handle: str | None = None) -> Base:
        """With what is to be said of the portals that none of `heads` is; of those with the `handle`, if given."""
        kept = {found.name for head in heads.values() if (found := self._find(head)) is not None}
        gone = (each for name, each in sorted(self.portals.items()) if name not in kept and handle in (None, name))
        return replace(self, gone=tuple(_is_gone(each, another=each.name in heads) for each in gone))

    def _find(self, head: PortalManifest) -> PortalManifest | None:
        """The same portal: under its handle first, else by its id or title."""
        named = self.portals.get(head.name)
        if named is not None and not _known_apart(named, head):
            return named
        return next((each for each in self.portals.values() if _known_alike(each, head)), None)

    def notices(self) -> Iterator[Notice]:
        if self.problem is not None:
            text = f"no base to compare with, so every change counts as from this change: {self.problem}"
            yield Notice("no_base", "warning", text)
        for text in self.gone:
            yield Notice("portal_gone", "warning", text)


def against(head: PortalPlan, base: PortalPlan, unruled: Sequence[UnruledGrant]) -> PortalPlan:
    """`head` with the origin of each change and refusal, and with what it does not do. Both are of one reading."""
    before = frozenset(map(_write, base.changes))
    origins: Iterable[Origin] = ("pending" if _write(each) in before else "change" for each in head.changes)
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
            unruled=tuple(unruled),
        ),
    )


def unruled_grants(
    base: PortalManifest,
    head: PortalManifest,
    snapshot: Snapshot,
    today: date,
    changes: Iterable[Change],
    *,
    groups: Groups = NO_GROUPS,
) -> tuple[UnruledGrant, ...]:
    """Live approvals and memberships of approved people that rules of `base` give and none of `head` does.

    `changes` are all that `head` plans: what they take away is left out. Sorted by person and team. `snapshot`
    covers both manifests.
    """
    books = [Rulebook.of(manifest, today, groups) for manifest in (base, head)]
    gone = {(change.developer.key, change.team) for change in changes if change.developer and change.loses}
    teams = _live_teams(snapshot)
    found = [
        UnruledGrant(Subject(developer.email, developer.id), team, why)
        for (developer, was), (_, now) in zip(*(resolve(book, snapshot.developers) for book in books), strict=True)
        if developer.status == "approved" and was is not now and (developer.id, None) not in gone
        for team, why in _lost(was, now, teams.get(developer.id, ()))
        if (developer.id, team) not in gone
    ]
    return tuple(sorted(found, key=lambda each: (each.developer.name.lower(), each.developer.key, each.team or "")))


def _lost(was: Decision, now: Decision, live: Iterable[str]) -> Iterator[tuple[str | None, tuple[Reason, ...]]]:
    """The team (None: approval) and the rules that gave it."""
    if was.verdict == "approved" and now.verdict in NO_RULE:
        yield None, was.why
    yield from ((team, was.teams[team]) for team in live if team in was.teams and team not in now.teams)


def _live_teams(snapshot: Snapshot) -> Mapping[str, list[str]]:
    """By developer's id, the teams they are in of those whose members were read."""
    found: dict[str, list[str]] = {}
    for team in snapshot.teams:
        for developer_id in snapshot.members.get(team.id, ()):
            found.setdefault(developer_id, []).append(team.name)
    return found


def _with_origin(head: PortalPlan, base: PortalPlan) -> tuple[Refusal, ...]:
    """A refusal is there already if the base is refused for the same. One that counts must not count anybody new."""
    there, here = (Counter(map(_cause, plan.refusals)) for plan in (base, head))

    def origin(refusal: Refusal) -> Origin:
        cause = _cause(refusal)
        more = here[cause] > there[cause] or _counted(refusal, head.changes) - _counted(refusal, base.changes)
        return "change" if more else "pending"

    return tuple(replace(refusal, origin=origin(refusal)) for refusal in head.refusals)


def _counted(refusal: Refusal, changes: Iterable[Change]) -> frozenset[str]:
    """The ids of the people whom a refusal counts; nobody for one that does not count."""
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
    """Its message is none of it: that names lines and numbers."""
    return refusal.code, refusal.developer, refusal.team


def _target(change: Change) -> tuple[str | None, ...]:
    return change.op, change.developer.key if change.developer else None, change.team, *change.detail


def _write(change: Change) -> tuple[object, ...]:
    """What a change does, whichever rule is behind it."""
    states = (frozenset((state or {}).items()) for state in (change.before, change.after))
    return *_target(change), *states


def _known_alike(one: PortalManifest, other: PortalManifest) -> bool:
    return one.provider == other.provider and any(a == b for a, b in _told_by_both(one, other))


def _known_apart(one: PortalManifest, other: PortalManifest) -> bool:
    """An id in one and a title in the other may be of one portal."""
    return one.provider != other.provider or any(a != b for a, b in _told_by_both(one, other))


def _told_by_both(one: PortalManifest, other: PortalManifest) -> list[tuple[str | None, str | None]]:
    """The ids, or the titles, where both have one."""
    return [pair for pair in ((one.id, other.id), (one.title, other.title)) if None not in pair]


def _is_gone(portal: PortalManifest, *, another: bool) -> str:
    """`another`: the handle is there still, and stands for another portal."""
    if another:
        known = portal.id or portal.title
        return f"portal {portal.name} was another one before ({known}): that is managed no more; who got in stays in"
    return f"portal {portal.name} is in the base only: nothing of it is planned, so nobody there loses access"
