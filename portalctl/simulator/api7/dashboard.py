"""The Dashboard, which API7 also calls Provider Portal Admin API: sees all portals."""

from __future__ import annotations

from dataclasses import replace

from portalctl.simulator.api7 import approvals, developers, lifecycle, shapes
from portalctl.simulator.api7.call import (
    Call,
    Operation,
    body,
    checked_id,
    is_text,
    no_parameters,
    parameters,
    record,
)
from portalctl.simulator.api7.errors import ApiError, invalid, not_found
from portalctl.simulator.api7.listing import Filter, Listing, page
from portalctl.simulator.api7.records import Application, Product, SimulatedDeveloper, SimulatedPortal, Subscription
from portalctl.simulator.message import SimulatedAnswer, json_answer

_PORTALS: Listing[SimulatedPortal] = Listing(
    changing=lambda item: item.created_at, searched=lambda item: (item.name,)
)
_LOGIN_OPTIONS: Listing[SimulatedPortal] = replace(_PORTALS, accepted=("portal_id",))
_DEVELOPERS: Listing[SimulatedDeveloper] = Listing(
    changing=lambda item: item.last_active_at or item.created_at,
    searched=lambda item: (item.name, item.username, item.email, item.developer_id),
    accepted=("portal_id",),
)
_STATE: Filter[SimulatedDeveloper] = Filter(lambda item: item.state, ("Pending", "Active"))
_SORTS = {"created_at": lambda item: item.created_at, "updated_at": lambda item: item.updated_at}
_PRODUCTS: Listing[Product] = Listing(
    changing=lambda item: item.created_at, searched=lambda item: (item.name,), accepted=("portal_id",)
)


def get_version(call: Call) -> SimulatedAnswer:
    no_parameters(call)
    return json_answer(200, {"value": call.behaviour.version})


def list_portals(call: Call) -> SimulatedAnswer:
    return page(call, _PORTALS, call.seen.all(SimulatedPortal), shapes.portal)


def get_portal(call: Call) -> SimulatedAnswer:
    no_parameters(call)
    if not call.behaviour.portal_by_id:
        raise not_found("path")
    return call.dialect.one(shapes.portal(record(call, SimulatedPortal, call.ids["portal_id"], "portal")))


def list_login_options(call: Call) -> SimulatedAnswer:
    """Releases since 3.9 may not have them. Here there is the built-in one, with auto-approval."""
    if call.behaviour.login_options == "absent":
        raise not_found("path")
    portal_id = _portal_id(call, _LOGIN_OPTIONS.known)
    found = [portal for portal in call.seen.all(SimulatedPortal) if portal_id in (None, portal.id)]
    return page(call, _LOGIN_OPTIONS, found, shapes.login_option)


def list_developers(call: Call) -> SimulatedAnswer:
    listing = _developers(call)
    portal_id = _portal_id(call, listing.known)
    found = [developer for developer in call.seen.all(SimulatedDeveloper) if portal_id in (None, developer.portal_id)]
    return page(call, listing, found, lambda item: shapes.dashboard_developer(call, item))


def list_developers_of_portal(call: Call) -> SimulatedAnswer:
    """Shown by draft pages only."""
    _refuse_unless_drafted(call)
    portal = record(call, SimulatedPortal, call.ids["portal_id"], "portal")
    listing = replace(_developers(call), accepted=("state",))
    found = [developer for developer in call.seen.all(SimulatedDeveloper) if developer.portal_id == portal.id]
    return page(call, listing, found, lambda item: shapes.dashboard_developer(call, item))


def get_developer(call: Call) -> SimulatedAnswer:
    if not call.behaviour.developer_by_id:
        raise ApiError(405, "method not allowed")
    return call.dialect.one(shapes.dashboard_developer(call, _developer(call)))


def invite_developer(call: Call) -> SimulatedAnswer:
    """An account with a one-time password, which older portals have. Its body is not documented."""
    portal_id = _portal_id(call)
    portal = record(call, SimulatedPortal, portal_id or "", "portal")
    text = is_text(1, 256)
    new = body(call, {"username": text, "password": text, "name": text}, ("username", "password"))
    now, internal = call.db.now(), call.db.new_id()
    developer = SimulatedDeveloper(
        id=internal,
        portal_id=portal.id,
        developer_id=internal,
        name=new.get("name", new["username"]),
        state=call.behaviour.invited_state,
        created_at=now,
        updated_at=now,
        username=new["username"],
        email_verified=False,
        provider="builtin",
    )
    return call.dialect.one(shapes.dashboard_developer(call, lifecycle.register(call.db, portal, developer)))


def delete_developer(call: Call) -> SimulatedAnswer:
    """By `developer_id`; takes applications, credentials, subscriptions and pending approvals along."""
    try:
        developer = _developer(call)
    except ApiError as error:
        if error.status == 404 and call.behaviour.delete_unknown == "200":
            return call.dialect.deleted(None)
        raise
    lifecycle.erase_developer(call.db, developer)
    return call.dialect.deleted(shapes.dashboard_developer(call, developer))


def list_products(call: Call) -> SimulatedAnswer:
    portal_id = _portal_id(call, _PRODUCTS.known)
    found = [product for product in call.seen.all(Product) if portal_id in (None, product.portal_id)]
    return page(call, _PRODUCTS, found, lambda item: shapes.product(call, item))


def list_applications(call: Call) -> SimulatedAnswer:
    """Shown by draft pages only."""
    _refuse_unless_drafted(call)
    query = parameters(call, ("developer_id", "api_product_id"))
    product_ids = set(query.get("api_product_id", ()))
    subscribed = {
        subscription.application_id
        for subscription in call.seen.all(Subscription)
        if subscription.product_id in product_ids
    }
    owners = _owners(call, query)
    found = [
        application
        for application in call.seen.all(Application)
        if application.owner_id in owners and (not product_ids or application.id in subscribed)
    ]
    return call.dialect.many([shapes.application(call, finding) for finding in found], len(found))


def list_subscriptions(call: Call) -> SimulatedAnswer:
    """Shown by draft pages only."""
    _refuse_unless_drafted(call)
    query = parameters(call, ("developer_id", "api_product_id", "status"))
    owners = _owners(call, query)
    applications = {application.id for application in call.seen.all(Application) if application.owner_id in owners}
    wanted = {name: set(values) for name, values in query.items()}
    found = [
        subscription
        for subscription in call.seen.all(Subscription)
        if subscription.application_id in applications
        and subscription.product_id in wanted.get("api_product_id", {subscription.product_id})
        and subscription.status in wanted.get("status", {subscription.status})
    ]
    return call.dialect.many([shapes.subscription(call, finding) for finding in found], len(found))


def _developers(call: Call) -> Listing[SimulatedDeveloper]:
    """The list of developers with what the switches add to it."""
    listing, behaviour = _DEVELOPERS, call.behaviour
    if behaviour.state_filter == "honoured":
        listing = replace(listing, filters={"state": _STATE})
    elif behaviour.state_filter == "ignored":
        listing = replace(listing, accepted=(*listing.accepted, "state"))
    if behaviour.developers_sort == "honoured":
        return replace(listing, sorts=_SORTS)
    if behaviour.developers_sort == "ignored":
        return replace(listing, accepted=(*listing.accepted, "order_by", "direction"))
    return listing


def _portal_id(call: Call, known: tuple[str, ...] = ("portal_id",)) -> str | None:
    """The portal that the query names; None: all. Raises ApiError where it names none, or one that isn't there."""
    query = parameters(call, known)
    if "portal_id" not in query:
        if call.behaviour.portal_id_missing == "400":
            raise invalid("portal_id is required")
        return None
    portal_id = checked_id(query["portal_id"][0], "portal")
    if call.seen.get(SimulatedPortal, portal_id) is None and call.behaviour.unknown_portal != "empty":
        raise ApiError(int(call.behaviour.unknown_portal), "portal not found")
    return portal_id


def _developer(call: Call) -> SimulatedDeveloper:
    portal_id = _portal_id(call)
    developer = developers.find(call, checked_id(call.ids["developer_id"], "developer"), portal_id)
    if developer is None:
        raise not_found("developer")
    return developer


def _owners(call: Call, query: dict[str, list[str]]) -> set[str]:
    """Internal ids of the developers that `developer_id` names; all where it is missing."""
    wanted = query.get("developer_id")
    every = call.seen.all(SimulatedDeveloper)
    return {portal.id for portal in every if wanted is None or portal.developer_id == wanted[0]}


def _refuse_unless_drafted(call: Call) -> None:
    if not call.behaviour.draft_reads:
        raise not_found("path")


ROUTES: tuple[tuple[str, str, Operation], ...] = (
    ("GET", "/api/version", get_version),
    ("GET", "/api/portals", list_portals),
    ("GET", "/api/portals/{portal_id}", get_portal),
    ("GET", "/api/portal/login_options", list_login_options),
    ("GET", "/api/developers", list_developers),
    ("GET", "/api/developers/{developer_id}", get_developer),
    ("POST", "/api/developers/invites", invite_developer),
    ("DELETE", "/api/developers/{developer_id}", delete_developer),
    ("GET", "/api/approvals", approvals.list_approvals),
    ("GET", "/api/approvals/{approval_id}", approvals.get_approval),
    ("POST", "/api/approvals/{approval_id}/accept", approvals.accept),
    ("POST", "/api/approvals/{approval_id}/reject", approvals.reject),
    ("GET", "/api/api_products", list_products),
    ("GET", "/api/portals/{portal_id}/developers", list_developers_of_portal),
    ("GET", "/api/applications", list_applications),
    ("GET", "/api/subscriptions", list_subscriptions),
)
