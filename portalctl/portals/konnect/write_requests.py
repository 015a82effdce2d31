"""A write → the request that makes it: method, path and JSON body."""

from __future__ import annotations

from collections.abc import Mapping

from portalctl.portals.konnect.lists import segment
from portalctl.portals.writes import (
    AddMemberWrite,
    ApproveRequestWrite,
    AssignRoleWrite,
    CreateDeveloperWrite,
    CreateTeamWrite,
    DeleteDeveloperWrite,
    RemoveMemberWrite,
    RevokeRegistrationWrite,
    SetStatusWrite,
    UnassignRoleWrite,
    UpdateTeamWrite,
    Write,
)

Call = tuple[str, str, Mapping[str, object] | None]


def call(portal: str, write: Write) -> Call:
    """`portal` is the path of the portal. Raises PortalError for an id that is not valid in a path."""
    match write:
        case CreateDeveloperWrite() | SetStatusWrite() | DeleteDeveloperWrite():
            return _for_developer(f"{portal}/developers", write)
        case RevokeRegistrationWrite(application_id, registration_id):
            path = f"{portal}/applications/{segment(application_id)}/registrations/{segment(registration_id)}"
            return "PATCH", path, {"status": "revoked"}
        case ApproveRequestWrite(application_id, request_id):
            path = f"{portal}/applications/{segment(application_id)}/registrations/{segment(request_id)}"
            return "PATCH", path, {"status": "approved"}
        case CreateTeamWrite(name, description):
            described = {} if description is None else {"description": description}
            return "POST", f"{portal}/teams", {"name": name, **described}
        case _:
            return _for_team(f"{portal}/teams/{segment(write.team_id)}", write)


def _for_developer(developers: str, write: CreateDeveloperWrite | SetStatusWrite | DeleteDeveloperWrite) -> Call:
    match write:
        case CreateDeveloperWrite(email, full_name, status, mail):
            extra = {"send_invitation_email": True} if mail else {}
            return "POST", developers, {"email": email, "full_name": full_name, "status": status, **extra}
        case SetStatusWrite(developer_id, status):
            return "PATCH", f"{developers}/{segment(developer_id)}", {"status": status}
        case DeleteDeveloperWrite(developer_id):
            return "DELETE", f"{developers}/{segment(developer_id)}", None


def _for_team(
    team: str, write: UpdateTeamWrite | AddMemberWrite | RemoveMemberWrite | AssignRoleWrite | UnassignRoleWrite
) -> Call:
    match write:
        case UpdateTeamWrite(_, description):
            return "PATCH", team, {"description": description}
        case AddMemberWrite(_, developer_id):
            return "POST", f"{team}/developers", {"id": developer_id}
        case RemoveMemberWrite(_, developer_id):
            return "DELETE", f"{team}/developers/{segment(developer_id)}", None
        case AssignRoleWrite(_, role, api_id, region):
            entity = {"entity_id": api_id, "entity_type_name": "Services", "entity_region": region}
            return "POST", f"{team}/assigned-roles", {"role_name": role, **entity}
        case UnassignRoleWrite(_, assignment_id):
            return "DELETE", f"{team}/assigned-roles/{segment(assignment_id)}", None
