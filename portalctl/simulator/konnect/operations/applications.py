"""Operations on applications and their registrations."""

from __future__ import annotations

from portalctl.simulator.konnect import body, records
from portalctl.simulator.konnect.call import Call, page, shown
from portalctl.simulator.konnect.database import ERASE_APPLICATION
from portalctl.simulator.konnect.query import refuse_query
from portalctl.simulator.konnect.world import STATUSES
from portalctl.simulator.message import SimulatedAnswer, json_answer

UPDATE_REGISTRATION = body.RequestBody({"status": body.one_of(*STATUSES)})


def list_applications(call: Call) -> SimulatedAnswer:
    return page(call, call.api.applications, "t.portal_id = ?", call.portal)


def get_application(call: Call) -> SimulatedAnswer:
    refuse_query(call.request.query)
    return json_answer(200, shown(call, call.api.applications, call.ids["applicationId"]))


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
    call.world.db.write("DELETE FROM registrations WHERE id = ?", call.ids["registrationId"])
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
