"""Operations on teams, their members and roles."""

from __future__ import annotations

from typing import Any

from portalctl.simulator.konnect import body, records
from portalctl.simulator.konnect.call import Call, page, shown
from portalctl.simulator.konnect.database import ERASE_TEAM
from portalctl.simulator.konnect.operations.portals import PORTAL_ROLES
from portalctl.simulator.konnect.problems import ProblemError, bad_request, not_found, standard
from portalctl.simulator.konnect.query import refuse_query
from portalctl.simulator.message import SimulatedAnswer, json_answer

ADD_MEMBER = body.RequestBody({"id": body.uuid}, required=("id",), extra=True)
ASSIGN_ROLE = body.RequestBody(
    {
        "role_name": body.one_of(*(role["name"] for role in PORTAL_ROLES["services"]["roles"].values())),
        "entity_id": body.uuid,
        "entity_type_name": body.one_of(PORTAL_ROLES["services"]["name"]),
        "entity_region": body.one_of("us", "eu", "au", "me", "in", "sg", "*"),
    },
    required=("role_name", "entity_id", "entity_type_name", "entity_region"),
    extra=True,
)


def list_teams(call: Call) -> SimulatedAnswer:
    return page(call, call.api.teams, "t.portal_id = ?", call.portal)


def get_team(call: Call) -> SimulatedAnswer:
    refuse_query(call.request.query)
    return json_answer(200, shown(call, call.api.teams, call.ids["teamId"]))


def create_team(call: Call) -> SimulatedAnswer:
    refuse_query(call.request.query)
    new = _team_body(call, call.api.create_team)
    team_id, now = call.world.new_id(), call.world.now()
    call.world.db.write(
        "INSERT INTO teams (id, portal_id, name, description, can_own_applications, created_at, updated_at) "
        "VALUES (?, ?, ?, ?, ?, ?, ?)",
        team_id,
        call.portal,
        new["name"],
        new.get("description"),
        new.get("can_own_applications", False),
        now,
        now,
    )
    return json_answer(201, shown(call, call.api.teams, team_id))


def update_team(call: Call) -> SimulatedAnswer:
    refuse_query(call.request.query)
    changes = _team_body(call, call.api.update_team) | {"updated_at": call.world.now()}
    assignments = ", ".join(f"{name} = ?" for name in changes)  # names of the API's body only
    call.world.db.write(
        f"UPDATE teams SET {assignments} WHERE id = ?",  # noqa: S608
        *changes.values(),
        call.ids["teamId"],
    )
    return json_answer(200, shown(call, call.api.teams, call.ids["teamId"]))


def delete_team(call: Call) -> SimulatedAnswer:
    refuse_query(call.request.query)
    call.world.db.erase(ERASE_TEAM, call.ids["teamId"])
    return SimulatedAnswer(204)


def list_members(call: Call) -> SimulatedAnswer:
    scope = "t.team_id = ?"
    if call.world.behaviour.members_listed == "approved":
        scope += " AND d.status = 'approved'"
    return page(call, records.MEMBERS, scope, call.ids["teamId"])


def add_member(call: Call) -> SimulatedAnswer:
    refuse_query(call.request.query)
    developer_id = body.read_body(call.request, ADD_MEMBER)["id"]
    developer = call.reader.row(
        "SELECT status FROM developers WHERE id = ? AND portal_id = ?", developer_id, call.portal
    )
    if not developer:
        if call.world.behaviour.unknown_member == "404":
            raise not_found()
        raise bad_request(standard("id", "missing_reference", "developer does not exist"))
    if developer[0] != "approved":
        _refuse_unapproved(call.world.behaviour.pending_member)
    sql = "INSERT OR IGNORE INTO members (team_id, developer_id) VALUES (?, ?)"
    added = call.world.db.write(sql, call.ids["teamId"], developer_id)
    if not added and call.world.behaviour.duplicate_member == "409":
        raise ProblemError(409, "Developer is already a member of the team")
    return SimulatedAnswer(201, b"Created", "text/plain; charset=utf-8")


def _refuse_unapproved(answer: str) -> None:
    """Raise the answer to adding a developer who is not approved, if that is not accepted."""
    if answer == "400":
        raise bad_request(standard("id", "invalid", "developer is not approved"))
    if answer == "409":
        raise ProblemError(409, "Developer is not approved")


def remove_member(call: Call) -> SimulatedAnswer:
    refuse_query(call.request.query)
    sql = "DELETE FROM members WHERE team_id = ? AND developer_id = ?"
    removed = call.world.db.write(sql, call.ids["teamId"], call.ids["developerId"])
    if not removed and call.world.behaviour.remove_non_member == "404":
        raise not_found()
    return SimulatedAnswer(204)


def list_team_roles(call: Call) -> SimulatedAnswer:
    return page(call, records.ROLES, "t.team_id = ?", call.ids["teamId"])


def assign_role(call: Call) -> SimulatedAnswer:
    new = body.read_body(call.request, ASSIGN_ROLE)
    values = [new[name] for name in ASSIGN_ROLE.required]
    same = (
        "SELECT 1 FROM roles WHERE team_id = ? AND role_name = ? AND entity_id = ? AND entity_type_name = ? "
        "AND entity_region = ?"
    )
    if call.reader.row(same, call.ids["teamId"], *values):
        raise ProblemError(409, "Role is already assigned to the team")
    role_id = call.world.new_id()
    call.world.db.write(
        "INSERT INTO roles (id, team_id, role_name, entity_id, entity_type_name, entity_region) "
        "VALUES (?, ?, ?, ?, ?, ?)",
        role_id,
        call.ids["teamId"],
        *values,
    )
    return json_answer(201, shown(call, records.ROLES, role_id))


def remove_role(call: Call) -> SimulatedAnswer:
    refuse_query(call.request.query)
    call.world.db.write("DELETE FROM roles WHERE id = ?", call.ids["roleId"])
    return SimulatedAnswer(204)


def _team_body(call: Call, accepted: body.RequestBody) -> dict[str, Any]:
    team = body.read_body(call.request, accepted)
    if "name" not in team:
        return team
    if call.world.behaviour.trim_names:
        team["name"] = team["name"].strip()
    duplicate = call.world.behaviour.duplicate_team
    same_name = "SELECT 1 FROM teams WHERE portal_id = ? AND name = ? AND id <> ?"
    if duplicate != "allow" and call.reader.row(same_name, call.portal, team["name"], call.ids.get("teamId", "")):
        if duplicate == "409":
            raise ProblemError(409, f"Key (portal_id, name)=({team['name']}) already exists.")
        raise bad_request(standard("name", "invalid", "name is not unique"))
    return team
