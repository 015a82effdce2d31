"""Removal limits, protected developers, deletions and synced teams: the checks that refuse a plan.

They count developers, in exactly the changes that would be sent.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date

from portalctl.changes.mapped_teams import mappings_by_name
from portalctl.changes.observations import mapped_words
from portalctl.changes.operations import Change, DeleteDeveloper, RemoveMember
from portalctl.changes.plan import Guard, GuardLimits, Refusal
from portalctl.identity import normal_address, untagged
from portalctl.manifest.model import PortalManifest, RemovalLimits
from portalctl.portals.models import Snapshot
from portalctl.words import plural

FEWEST_FOR_PERCENT = 5  # developers: below this, a percentage of a small portal means nothing
SMALLEST_TEAM = 4


def guard_of(portal: PortalManifest, today: date, allow_removals: int | None, *, allow_delete: bool) -> Guard:
    """Return the limits that hold on a day; after `expires`, the defaults. `allow_delete`: whether the run may."""
    limits = portal.policy.limits
    if limits.expires is not None and limits.expires < today:
        limits = RemovalLimits()
    return Guard(
        limits=GuardLimits(limits.removals, limits.removals_percent, limits.team_percent),
        protected=tuple(sorted(entry.developer for entry in portal.protected)),
        allow_delete=portal.policy.allow_delete and allow_delete,
        allow_removals=allow_removals,
    )


def gainers(changes: Iterable[Change]) -> frozenset[str]:
    """Return the ids of the developers who gain access."""
    return frozenset(
        change.developer.key for change in changes if change.developer is not None and change.effect == "grants"
    )


def losers(changes: Iterable[Change]) -> dict[str, str]:
    """Return the developers who lose access, by id: the live address, or the id where there is none."""
    return {
        change.developer.key: change.developer.name
        for change in changes
        if change.developer is not None and change.loses
    }


def refusals(
    portal: PortalManifest, guard: Guard, snapshot: Snapshot, changes: Sequence[Change]
) -> tuple[Refusal, ...]:
    """Return all reasons not to send these changes; empty: they may be sent."""
    approved = sum(developer.status == "approved" for developer in snapshot.developers)
    members = {team.name: snapshot.members[team.id] for team in snapshot.teams if team.id in snapshot.members}
    return (*count_again(guard, changes, lambda: approved, members), *_idp_owned(portal, snapshot, changes))


def count_again(
    guard: Guard, changes: Sequence[Change], approved: Callable[[], int], members: Mapping[str, frozenset[str]]
) -> tuple[Refusal, ...]:
    """Return the reasons of a plan's own guard not to send these changes.

    `approved` gives the number of approved developers, and is asked only where a percentage counts. `members` has
    the developers (ids) of each team that the changes touch, by name.
    """
    return (
        *_protected(guard, changes),
        *_deletions(guard, changes),
        *_removal_limits(guard, changes, approved, members),
    )


def _protected(guard: Guard, changes: Sequence[Change]) -> Iterable[Refusal]:
    protected = frozenset(guard.protected)
    for key, name in losers(changes).items():
        address = normal_address(name)
        known_as = {key, name, address, untagged(address) if address else None}
        if not protected.isdisjoint(known_as):
            yield Refusal("protected", f"{name} is protected and would lose access", developer=name)


def _deletions(guard: Guard, changes: Sequence[Change]) -> Iterable[Refusal]:
    count = sum(isinstance(change, DeleteDeveloper) for change in changes)
    if count and not guard.allow_delete:
        needs = "policy.allow_delete and --allow-delete are both needed"
        yield Refusal("delete", f"{plural(count, 'account')} would be deleted; {needs}")


def _removal_limits(
    guard: Guard, changes: Sequence[Change], approved: Callable[[], int], members: Mapping[str, frozenset[str]]
) -> Iterable[Refusal]:
    count = len(losers(changes))
    if guard.allow_removals is not None:
        if count > guard.allow_removals:
            yield Refusal(
                "removals",
                f"{plural(count, 'developer')} would lose access; this run allows {guard.allow_removals}",
            )
        return
    limits = guard.limits
    if count > limits.removals:
        text = f"{plural(count, 'developer')} would lose access; policy.limits.removals is {limits.removals}"
        yield Refusal("removals", text)
    if count >= FEWEST_FOR_PERCENT and count * 100 > limits.removals_percent * (total := approved()):
        yield Refusal(
            "removals_percent",
            f"{count:,} of {total:,} approved developers would lose access; "
            f"policy.limits.removals_percent is {limits.removals_percent}",
        )
    yield from _team_limits(limits, members, changes)


def _team_limits(
    limits: GuardLimits, teams: Mapping[str, frozenset[str]], changes: Sequence[Change]
) -> Iterable[Refusal]:
    """Yield the refusals of `team_percent`. A deleted account counts as a loss for each of its teams."""
    removed = Counter(change.team for change in changes if isinstance(change, RemoveMember))
    deleted = {change.developer.key for change in changes if isinstance(change, DeleteDeveloper)}
    for team, members in sorted(teams.items()):
        loss = removed[team] + len(deleted.intersection(members))
        if len(members) >= SMALLEST_TEAM and loss * 100 > limits.team_percent * len(members):
            yield Refusal(
                "team_percent",
                f"team {team} would lose {loss:,} of {len(members):,} developers; "
                f"policy.limits.team_percent is {limits.team_percent}",
                team=team,
            )


def _idp_owned(portal: PortalManifest, snapshot: Snapshot, changes: Sequence[Change]) -> Iterable[Refusal]:
    """Refuse changes to synced teams: with team mapping on, the identity provider undoes them at each login.

    Where it is not known whether team mapping is on, a team counts as synced if the manifest declares it.
    """
    mapping = snapshot.settings.team_mapping
    if mapping is False:
        return
    synced = {team.name: bool(mapping) if team.synced is None else team.synced for team in portal.teams}
    teams = {change.team for change in changes if change.team is not None}
    mapped = mappings_by_name(snapshot)
    for team in sorted(team for team in teams if synced.get(team, bool(mapping))):
        groups = f"mapped to it: {mapped_words(mapped[team])}" if team in mapped else "no group is mapped to it"
        yield Refusal(
            "idp_owned_team",
            f"team {team}: the identity provider decides its members on this portal (team mapping is on, {groups}); "
            "write `membership: idp` to leave it alone, or `synced: false` if its sync is off",
            team=team,
        )
