"""A change of the plan → the write that makes it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, cast

from portalctl.plan.model import STATUS_OPS, Change, Op, State
from portalctl.portal.writes import (
    AddMember,
    ApproveRequest,
    AssignRole,
    CreateDeveloper,
    CreateTeam,
    DeleteDeveloper,
    RemoveMember,
    RevokeRegistration,
    SetStatus,
    UnassignRole,
    UpdateTeam,
    Write,
)

# What to say of a change that was made; with "not" or "perhaps" before it, of one that was not, or may have been.
DONE: Mapping[Op, str] = {
    "create_team": "created",
    "update_team": "updated",
    "assign_role": "given role {role} for API {api}",
    "create_developer": "given an account",
    "approve": "approved",
    "add_member": "joined {team}",
    "approve_request": "let into {product}",
    "revoke_registration": "cut off from {api} (registration of {application})",
    "reopen": "set back to pending",
    "reject": "rejected",
    "revoke": "revoked",
    "remove_member": "left {team}",
    "unassign_role": "deprived of role {role} for API {api_id}",
    "delete_developer": "deleted",
}


def done(change: Change) -> str:
    """What to say when it was made."""
    return DONE[change.op].format_map({"team": change.team, **(change.before or {}), **(change.after or {})})


def command(change: Change, teams: Mapping[str, str], people: Mapping[str, str]) -> Write:
    """`teams` has the ids of teams by name, `people` those of developers by what the plan calls them."""
    if change.developer is None:
        return _for_team(change, change.team or "", teams)
    if change.op == "create_developer":
        return _create_developer(change.developer.name, change.after or {})
    return _for_person(change, people[change.developer.key], teams)


def _for_person(change: Change, person: str, teams: Mapping[str, str]) -> Write:
    match change.op:
        case "add_member":
            return AddMember(teams[change.team or ""], person)
        case "remove_member":
            return RemoveMember(teams[change.team or ""], person)
        case "delete_developer":
            return DeleteDeveloper(person)
        case "approve_request":
            before = change.before or {}
            return ApproveRequest(str(before["application_id"]), str(before["request_id"]))
        case "revoke_registration":
            before = change.before or {}
            return RevokeRegistration(str(before["application_id"]), str(before["registration_id"]))
        case _:
            return SetStatus(person, STATUS_OPS[change.op])


def _for_team(change: Change, name: str, teams: Mapping[str, str]) -> Write:
    before, after = change.before or {}, change.after or {}
    match change.op:
        case "create_team":
            description = after.get("description")
            return CreateTeam(name, str(description) if description is not None else None)
        case "assign_role":
            return AssignRole(teams[name], str(after["role"]), str(after["api_id"]), str(after["region"]))
        case "unassign_role":
            return UnassignRole(teams[name], str(before["assignment_id"]))
        case _:
            return UpdateTeam(teams[name], str(after["description"]))


def _create_developer(name: str, after: State) -> CreateDeveloper:
    return CreateDeveloper(
        name,
        str(after["full_name"]),
        cast(Literal["approved", "pending"], after["status"]),
        mail=bool(after["send_invitation_email"]),
    )
