"""The developer portal's backend, which API7 also calls Portal API: sees the portal of the token alone."""

from __future__ import annotations

from dataclasses import replace

from portalctl.simulator.api7 import access, approvals, developers, lifecycle, shapes
from portalctl.simulator.api7.call import Call, Operation, body, checked_id, is_id, no_parameters
from portalctl.simulator.api7.errors import invalid, not_found
from portalctl.simulator.api7.listing import Listing, page
from portalctl.simulator.api7.records import SimulatedDeveloper
from portalctl.simulator.message import SimulatedAnswer

HEALTH = "/healthz"
_DEVELOPERS: Listing[SimulatedDeveloper] = Listing(
    changing=lambda item: item.last_active_at or item.created_at,
    searched=lambda item: (item.name,),
    sorts={
        "last_active_at": lambda item: item.last_active_at or item.created_at,
        "created_at": lambda item: item.created_at,
    },
)


def get_health(_: Call) -> SimulatedAnswer:
    return SimulatedAnswer(200)


def list_developers(call: Call) -> SimulatedAnswer:
    found = [
        developer for developer in call.seen.all(SimulatedDeveloper) if developer.portal_id == call.own_portal.id
    ]
    return page(call, _DEVELOPERS, found, lambda item: shapes.backend_developer(call, item))


def create_developer(call: Call) -> SimulatedAnswer:
    no_parameters(call)
    new = body(call, {"developer_id": is_id}, ("developer_id",))
    created = developers.create(call, call.own_portal, new["developer_id"])
    return call.dialect.created(shapes.backend_developer(call, created))


def delete_developer(call: Call) -> SimulatedAnswer:
    no_parameters(call)
    developer_id = checked_id(call.ids["developer_id"], "developer")
    developer = developers.find(call, developer_id, call.own_portal.id)
    if developer is None:
        raise not_found("developer")
    lifecycle.erase_developer(call.db, developer)
    return call.dialect.deleted(None)


def get_public_access(call: Call) -> SimulatedAnswer:
    no_parameters(call)
    return call.dialect.one({"portal_public_access": call.own_portal.public_access})


def _since_approvals(operation: Operation) -> Operation:
    """The backend of older versions has no such path."""

    def versioned(call: Call) -> SimulatedAnswer:
        if not call.behaviour.backend_approvals:
            raise not_found("path")
        return operation(call)

    return versioned


def _acting(operation: Operation) -> Operation:
    def acted(call: Call) -> SimulatedAnswer:
        developer_id = call.request.headers.get("x-portal-developer-id")
        if developer_id is None:
            raise invalid("X-Portal-Developer-ID is required")
        actor = developers.find(call, developer_id, call.own_portal.id)
        if actor is None:
            raise invalid("X-Portal-Developer-ID names no developer of this portal")
        return operation(replace(call, actor=actor))

    return acted


_APPLICATION = "/api/applications/{application_id}"
_CREDENTIAL = _APPLICATION + "/credentials/{credential_id}"
_PRODUCT = "/api/api_products/{api_product_id}"

# For the developer in the header X-Portal-Developer-ID.
_ACTING: tuple[tuple[str, str, Operation], ...] = (
    ("GET", "/api/applications", access.list_applications),
    ("POST", "/api/applications", access.create_application),
    ("GET", _APPLICATION, access.get_application),
    ("PUT", _APPLICATION, access.replace_application),
    ("DELETE", _APPLICATION, access.delete_application),
    ("GET", "/api/credentials", access.list_credentials),
    ("GET", _APPLICATION + "/credentials", access.list_credentials),
    ("POST", _APPLICATION + "/credentials", access.create_credential),
    ("GET", _CREDENTIAL, access.get_credential),
    ("DELETE", _CREDENTIAL, access.delete_credential),
    ("GET", "/api/subscriptions", access.list_subscriptions),
    ("POST", "/api/subscriptions", access.create_subscriptions),
    ("DELETE", "/api/subscriptions/{subscription_id}", access.delete_subscription),
    ("POST", _PRODUCT + "/subscriptions", access.subscribe_application),
)
ROUTES: tuple[tuple[str, str, Operation], ...] = (
    ("GET", HEALTH, get_health),
    ("GET", "/api/developers", list_developers),
    ("POST", "/api/developers", create_developer),
    ("DELETE", "/api/developers/{developer_id}", delete_developer),
    ("GET", "/api/approvals", _since_approvals(approvals.list_approvals)),
    ("POST", "/api/approvals/{approval_id}/accept", _since_approvals(approvals.accept)),
    ("POST", "/api/approvals/{approval_id}/reject", _since_approvals(approvals.reject)),
    ("GET", "/api/system_settings/public_access", get_public_access),
    ("GET", "/api/api_products", access.list_products),
    ("GET", _PRODUCT, access.get_product),
    *((method, path, _acting(operation)) for method, path, operation in _ACTING),
)
