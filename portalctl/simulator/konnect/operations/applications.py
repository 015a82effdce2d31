"""Operations on applications and their registrations."""

from __future__ import annotations

import json
from typing import Any

from portalctl.simulator.konnect import body, records
from portalctl.simulator.konnect.call import Call, page, shown
from portalctl.simulator.konnect.database import ERASE_APPLICATION, ERASE_REGISTRATION
from portalctl.simulator.konnect.operations.forms import keep_answers, registration_answers
from portalctl.simulator.konnect.problems import (
    ProblemError,
    bad_request,
    choice,
    not_uuid,
    standard,
    unknown,
)
from portalctl.simulator.konnect.query import refuse_query
from portalctl.simulator.konnect.world import KEY_AUTH, STATUSES
from portalctl.simulator.message import SimulatedAnswer, json_answer

CREATE_APPLICATION = body.RequestBody(
    {
        "name": body.text(0, 255),
        "description": body.text(0, 255),
        "labels": body.labels,
        "dcr_client_id": body.text(0, 255),
        "client_id": body.text(0, 255),
        "auth_strategy_id": body.uuid,
        "owner": body.an_object,
    },
    required=("name", "owner"),
)
UPDATE_APPLICATION = body.RequestBody({"owner": body.an_object})
CREATE_REGISTRATION = body.RequestBody(
    {
        "api_id": body.uuid,
        "status": body.one_of("approved", "pending"),
        "additional_data": body.an_object,
    },
    required=("api_id",),
)
_OWNERS = {"developer": "developers", "team": "teams"}
UPDATE_REGISTRATION = body.RequestBody({"status": body.one_of(*STATUSES)})


def list_applications(call: Call) -> SimulatedAnswer:
    return page(call, call.api.applications, "t.portal_id = ?", call.portal)


def get_application(call: Call) -> SimulatedAnswer:
    refuse_query(call.request.query)
    return json_answer(200, shown(call, call.api.applications, call.ids["applicationId"]))


def create_application(call: Call) -> SimulatedAnswer:
    """Its credentials are keys, whatever the strategy: strategies are not simulated."""
    refuse_query(call.request.query)
    new = body.read_body(call.request, CREATE_APPLICATION)
    owner = _owner(call, new["owner"])
    application_id, now = call.world.new_id(), call.world.now()
    labels = {name: value for name, value in (new.get("labels") or {}).items() if value is not None}
    call.world.db.write(
        "INSERT INTO applications (id, portal_id, name, description, owner_type, owner_id, data, created_at, "
        "updated_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        *(application_id, call.portal, new["name"], new.get("description"), owner["type"], owner["id"]),
        *(json.dumps({**KEY_AUTH, "labels": labels}), now, now),
    )
    return json_answer(201, shown(call, call.api.applications, application_id))


def update_application(call: Call) -> SimulatedAnswer:
    """Gives it to another owner."""
    refuse_query(call.request.query)
    changes = body.read_body(call.request, UPDATE_APPLICATION)
    if "owner" in changes:
        owner = _owner(call, changes["owner"])
        call.world.db.write(
            "UPDATE applications SET owner_type = ?, owner_id = ?, updated_at = ? WHERE id = ?",
            *(owner["type"], owner["id"], call.world.now(), call.ids["applicationId"]),
        )
    return get_application(call)


def _owner(call: Call, owner: dict[str, Any]) -> dict[str, Any]:
    """The owner of a body. Raises ProblemError 400 where there is none like that."""
    table = _OWNERS.get(str(owner.get("type")))
    wrong = [unknown(f"owner.{name}") for name in owner if name not in ("type", "id")]
    if table is None:
        wrong.append(choice("owner.type", list(_OWNERS)))
    if not isinstance(owner.get("id"), str) or not body.is_uuid(owner["id"]):
        wrong.append(not_uuid("owner.id"))
    if not wrong:
        sql = f"SELECT 1 FROM {table} WHERE id = ? AND portal_id = ?"  # noqa: S608  # a name of `_OWNERS`
        if call.reader.row(sql, owner["id"], call.portal) is None:
            wrong.append(standard("owner.id", "missing_reference", f"{owner['type']} does not exist"))
    if wrong:
        raise bad_request(*wrong)
    return owner


def delete_application(call: Call) -> SimulatedAnswer:
    refuse_query(call.request.query)
    call.world.db.erase(ERASE_APPLICATION, call.ids["applicationId"])
    return SimulatedAnswer(204)


def list_application_developers(call: Call) -> SimulatedAnswer:
    """Who can use the application: its owner, or the members of the team that owns it."""
    scope = (
        "t.id IN (SELECT owner_id FROM applications WHERE id = ?1 AND owner_type = 'developer' UNION "
        "SELECT developer_id FROM members WHERE team_id IN (SELECT owner_id FROM applications WHERE id = ?1))"
    )
    return page(call, records.APPLICATION_DEVELOPERS, scope, call.ids["applicationId"])


def list_portal_registrations(call: Call) -> SimulatedAnswer:
    return page(call, call.api.portal_registrations, "a.portal_id = ?", call.portal)


def list_application_registrations(call: Call) -> SimulatedAnswer:
    return page(call, call.api.application_registrations, "t.application_id = ?", call.ids["applicationId"])


def get_registration(call: Call) -> SimulatedAnswer:
    refuse_query(call.request.query)
    return json_answer(200, shown(call, call.api.portal_registrations, call.ids["registrationId"]))


def create_registration(call: Call) -> SimulatedAnswer:
    refuse_query(call.request.query)
    new = body.read_body(call.request, CREATE_REGISTRATION)
    api = call.reader.row("SELECT id, name FROM apis WHERE id = ?", new["api_id"])
    if api is None:
        raise bad_request(standard("api_id", "missing_reference", "API does not exist"))
    same = "SELECT 1 FROM registrations WHERE application_id = ? AND json_extract(api, '$.id') = ?"
    if call.reader.row(same, call.ids["applicationId"], api[0]):
        raise ProblemError(409, "API is already registered to the application")
    answers = registration_answers(call, api[0], new.get("additional_data", {}))
    registration_id, now = call.world.new_id(), call.world.now()
    subject = {"id": api[0], "name": api[1], "version": None, "entity_type": "api"}
    call.world.db.write(
        "INSERT INTO registrations (id, application_id, status, api, created_at, updated_at) "
        "VALUES (?, ?, ?, ?, ?, ?)",
        *(registration_id, call.ids["applicationId"], new.get("status") or _default_status(call)),
        *(json.dumps(subject), now, now),
    )
    if answers:
        keep_answers(call.world, registration_id, answers)
    return json_answer(201, shown(call, call.api.portal_registrations, registration_id))


def _default_status(call: Call) -> str:
    """What a new registration starts as: the portal's `auto_approve_applications` decides."""
    portal = shown(call, call.api.portals, call.portal)
    return "approved" if portal["auto_approve_applications"] else "pending"


def update_registration(call: Call) -> SimulatedAnswer:
    refuse_query(call.request.query)
    changes = body.read_body(call.request, UPDATE_REGISTRATION)
    registration_id = call.ids["registrationId"]
    if "status" in changes:
        call.world.db.write(
            "UPDATE registrations SET status = ?, updated_at = ? WHERE id = ?",
            changes["status"],
            call.world.now(),
            registration_id,
        )
        _mail_owner(call, changes["status"])
    return json_answer(200, shown(call, call.api.portal_registrations, registration_id))


def delete_registration(call: Call) -> SimulatedAnswer:
    refuse_query(call.request.query)
    call.world.db.erase(ERASE_REGISTRATION, call.ids["registrationId"])
    return SimulatedAnswer(204)


def _mail_owner(call: Call, status: str) -> None:
    """The vendor names templates `app-registration-…` only by their prefix, without recipients for a team."""
    sql = (
        "SELECT d.id, d.email FROM applications a JOIN developers d ON d.id = a.owner_id "
        "WHERE a.id = ? AND a.owner_type = 'developer'"
    )
    owner = call.reader.row(sql, call.ids["applicationId"])
    if owner is not None:
        call.world.mail(call.portal, owner[0], owner[1], f"app-registration-{status}")
