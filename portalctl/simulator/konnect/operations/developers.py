"""Operations on developers."""

from __future__ import annotations

from portalctl.simulator.konnect import body
from portalctl.simulator.konnect.call import Call, page, shown
from portalctl.simulator.konnect.database import ERASE_DEVELOPER
from portalctl.simulator.konnect.form_fields import Field
from portalctl.simulator.konnect.operations.forms import keep_answers, sign_up_answers
from portalctl.simulator.konnect.problems import ProblemError, bad_request, standard
from portalctl.simulator.konnect.query import refuse_query
from portalctl.simulator.konnect.world import STATUSES, World
from portalctl.simulator.message import SimulatedAnswer, json_answer

CREATE_DEVELOPER = body.RequestBody(
    {
        "email": body.email(255),
        "full_name": body.text(0, 255),
        "status": body.one_of(*STATUSES),
        "send_invitation_email": body.flag,
        "additional_data": body.an_object,
    },
    required=("email", "full_name"),
)
UPDATE_DEVELOPER = body.RequestBody({"status": body.one_of(*STATUSES)})


def list_developers(call: Call) -> SimulatedAnswer:
    return page(call, call.api.developers, "t.portal_id = ?", call.portal)


def get_developer(call: Call) -> SimulatedAnswer:
    refuse_query(call.request.query)
    return json_answer(200, shown(call, call.api.developers, call.ids["developerId"]))


def create_developer(call: Call) -> SimulatedAnswer:
    refuse_query(call.request.query)
    if not call.world.behaviour.create_developer:
        raise ProblemError(405)
    new = body.read_body(call.request, CREATE_DEVELOPER)
    email = call.world.stored_email(new["email"])
    if find_developer(call, call.portal, email):
        raise ProblemError(409, "Developer with the given email already exists")
    answers = sign_up_answers(call, call.portal, new.get("additional_data", {}), by_developer=False)
    status = new.get("status") or default_status(call, call.portal)
    developer_id = insert_developer(call.world, call.portal, email, new["full_name"], status=status, answers=answers)
    if new.get("send_invitation_email"):
        call.world.mail(call.portal, developer_id, email, "developer-invitation")
    return json_answer(201, shown(call, call.api.developers, developer_id))


def update_developer(call: Call) -> SimulatedAnswer:
    refuse_query(call.request.query)
    changes = body.read_body(call.request, UPDATE_DEVELOPER)
    developer = shown(call, call.api.developers, call.ids["developerId"])
    if "status" not in changes:
        return json_answer(200, developer)
    status = changes["status"]
    if f"{developer['status']}>{status}" in call.world.behaviour.refused_transitions.split(","):
        reason = f"status cannot change from {developer['status']} to {status}"
        raise bad_request(standard("status", "invalid", reason))
    call.world.db.write(
        "UPDATE developers SET status = ?, updated_at = ? WHERE id = ?", status, call.world.now(), developer["id"]
    )
    call.world.mail_status(call.portal, developer["id"], developer["email"], status)
    return json_answer(200, shown(call, call.api.developers, developer["id"]))


def delete_developer(call: Call) -> SimulatedAnswer:
    refuse_query(call.request.query)
    call.world.db.erase(ERASE_DEVELOPER, call.ids["developerId"])
    return SimulatedAnswer(204)


def list_developer_teams(call: Call) -> SimulatedAnswer:
    return page(
        call,
        call.api.developer_teams,
        "t.id IN (SELECT team_id FROM members WHERE developer_id = ?)",
        call.ids["developerId"],
    )


def find_developer(call: Call, portal_id: str, email: str) -> str | None:
    """The id behind a stored address."""
    row = call.world.db.truth.row("SELECT id FROM developers WHERE portal_id = ? AND email = ?", portal_id, email)
    return row[0] if row else None


def default_status(call: Call, portal_id: str) -> str:
    """What a new account starts as: the portal's `auto_approve_developers` decides."""
    sql = "SELECT json_extract(data, '$.auto_approve_developers') FROM portals WHERE id = ?"
    row = call.world.db.truth.row(sql, portal_id)
    return "approved" if row and row[0] else "pending"


def insert_developer(
    world: World, portal_id: str, email: str, full_name: str, *, status: str, answers: list[Field]
) -> str:
    developer_id, now = world.new_id(), world.now()
    world.db.write(
        "INSERT INTO developers (id, portal_id, email, full_name, status, created_at, updated_at) "
        "VALUES (?, ?, ?, ?, ?, ?, ?)",
        developer_id,
        portal_id,
        email,
        full_name,
        status,
        now,
        now,
    )
    if answers:
        keep_answers(world, developer_id, answers)
    return developer_id
