"""The API a portal itself shows to developers: sign-up, and what the portal is. Needs no token."""

from __future__ import annotations

from typing import Any

from portalctl.simulator.konnect import body
from portalctl.simulator.konnect.call import Call, objects
from portalctl.simulator.konnect.operations.developers import default_status, find_developer, insert_developer
from portalctl.simulator.konnect.operations.forms import sign_up_answers
from portalctl.simulator.konnect.operations.portals import settings_of
from portalctl.simulator.konnect.problems import ProblemError, bad_request, not_found, standard
from portalctl.simulator.message import SimulatedAnswer, json_answer

_ACCOUNT = {"email": body.email(255), "full_name": body.text(1, 256)}
SIGN_UP_V2 = body.RequestBody(_ACCOUNT, required=("email", "full_name"))
SIGN_UP = body.RequestBody({**_ACCOUNT, "additional_data": body.an_object}, required=("email", "full_name"))
ORGANISATION = "0f1e2d3c-4b5a-4697-8877-665544332211"


def sign_up(call: Call) -> SimulatedAnswer:
    """A developer registers. 201 without a body; a known address stays as it is."""
    portal = _portal(call)
    new = body.read_body(call.request, SIGN_UP_V2 if call.api.classic else SIGN_UP)
    settings = settings_of(call, portal["id"])
    if not _has_accounts(portal) or not settings["basic_auth_enabled"]:
        raise bad_request(standard("email", "invalid", "this portal does not accept sign-ups"))
    answers = sign_up_answers(call, portal["id"], new.get("additional_data", {}), by_developer=True)
    email = call.world.stored_email(new["email"])
    known = find_developer(call, portal["id"], email)
    if known is None:
        status = default_status(call, portal["id"])
        known = insert_developer(call.world, portal["id"], email, new["full_name"], status=status, answers=answers)
        call.world.mail(portal["id"], known, email, "confirm-email-address")
    elif call.world.behaviour.known_signup == "409":
        raise ProblemError(409, "Developer with the given email already exists")
    return SimulatedAnswer(201)


def get_portal(call: Call) -> SimulatedAnswer:
    portal = _portal(call)
    settings = settings_of(call, portal["id"])
    answer: dict[str, Any] = {
        "portal_id": portal["id"],
        "org_id": ORGANISATION,
        "name": portal["display_name"],
        "canonical_domain": _domain(portal),
        "authentication_enabled": _has_accounts(portal),
        "rbac_enabled": portal["rbac_enabled"],
    }
    for name in ("basic_auth_enabled", "oidc_auth_enabled", "saml_auth_enabled"):
        answer[name] = settings.get(name, False)
    return json_answer(200, answer)


def _has_accounts(portal: dict[str, Any]) -> bool:
    """Whether developers can have accounts: a classic portal that is public has none."""
    return not portal["is_public"] if "is_public" in portal else bool(portal["authentication_enabled"])


def _domain(portal: dict[str, Any]) -> str:
    return str(portal.get("canonical_domain") or portal.get("custom_domain") or portal["default_domain"])


def _portal(call: Call) -> dict[str, Any]:
    """The only portal; of several the one that `?portal=` or the first label of Host names, by id, name or domain."""
    portals = objects(call.reader, call.api.portals, call.world.behaviour, call.api.kind)
    wanted = dict(call.request.query).get("portal")
    if len(portals) == 1 and wanted is None:
        return portals[0]
    label = wanted or call.request.headers.get("host", "").partition(":")[0].partition(".")[0]
    for portal in portals:
        if label in (portal["id"], portal["name"], _domain(portal).partition(".")[0]):
            return portal
    raise not_found()
