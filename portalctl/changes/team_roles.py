"""Changes of team roles: which API a team may use, and how. Managed only where a manifest lists them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from portalctl.changes.difference import Difference
from portalctl.changes.memberships import Teams
from portalctl.changes.observations import UnclearApi
from portalctl.changes.operations import AssignRole, Change, UnassignRole
from portalctl.changes.states import FoundRole, NewRole
from portalctl.ids import is_uuid
from portalctl.manifest.model import Role, TeamRule
from portalctl.portals.models import Assignment

# (role, API id) → the manifest's entry
Wanted = Mapping[tuple[str, str], Role]


def role_changes(teams: Teams, apis: Mapping[str, tuple[str, ...]], region: str, result: Difference) -> None:
    """Yield roles assigned and unassigned.

    `apis` has the ids by name; where a name fits no single API the team stays unchanged. `region` is Konnect's region
    of the role's API."""
    ambiguous = {team.name for team in teams.ambiguous}
    for team in teams.declared.values():
        if team.roles is None or team.name in ambiguous:
            continue
        found = {role.api: _ids(role, apis) for role in team.roles}
        unclear = [UnclearApi(team, role, len(found[role.api])) for role in team.roles if len(found[role.api]) != 1]
        result.observations.update(unclear)
        if not unclear:
            wanted = {(role.role, found[role.api][0]): role for role in team.roles}
            result.changes += _changes(team, wanted, teams.roles.get(team.name, ()), region)


def _ids(role: Role, apis: Mapping[str, tuple[str, ...]]) -> tuple[str, ...]:
    return (role.api.lower(),) if is_uuid(role.api) else apis.get(role.api, ())


def _changes(team: TeamRule, wanted: Wanted, live: tuple[Assignment, ...], region: str) -> Iterator[Change]:
    there = {(item.role, item.api_id): item for item in live}
    for key, role in wanted.items():
        if key not in there:
            after: NewRole = {"role": role.role, "api": role.api, "api_id": key[1], "region": region}
            yield AssignRole(team=team.name, after=after, why=(role.why,))
    for key, item in there.items():
        if key not in wanted:
            before: FoundRole = {"role": item.role, "api_id": item.api_id, "assignment_id": item.id}
            yield UnassignRole(team=team.name, before=before, why=(team.why,))
