"""What a developer has, on the backend: applications, their credentials and subscriptions; and the API products.

All of it is seen and changed as the developer in the header X-Portal-Developer-ID; only products are for all.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from portalctl.simulator.api7 import lifecycle, shapes
from portalctl.simulator.api7.call import (
    Call,
    Check,
    body,
    checked_id,
    is_id,
    is_ids,
    is_labels,
    is_object,
    is_text,
    no_parameters,
    record,
)
from portalctl.simulator.api7.database import Kind
from portalctl.simulator.api7.errors import invalid, not_found
from portalctl.simulator.api7.listing import Filter, Listing, page
from portalctl.simulator.api7.records import Application, Credential, Product, Subscription
from portalctl.simulator.message import SimulatedAnswer

_NAME, _DESC = is_text(1, 100), is_text(0, 65_536)
_APPLICATION: dict[str, Check] = {"name": _NAME, "desc": _DESC, "labels": is_labels}
_TYPES = ("key-auth", "basic-auth", "oauth")
_CREDENTIAL: dict[str, Check] = {
    **_APPLICATION,
    "type": lambda value: value in _TYPES,
    **dict.fromkeys(_TYPES, is_object),
}
_APPLICATIONS: Listing[Application] = Listing(
    changing=lambda item: item.updated_at,
    searched=lambda item: (item.name,),
    sorts={"created_at": lambda item: item.created_at, "updated_at": lambda item: item.updated_at},
    accepted=("api_product_id",),
)
_CREDENTIALS: Listing[Credential] = Listing(
    changing=lambda item: item.updated_at,
    searched=lambda item: (item.name,),
    sorts={
        "created_at": lambda item: item.created_at,
        "updated_at": lambda item: item.updated_at,
        "name": lambda item: item.name,
    },
    filters={
        "application_id": Filter(lambda item: item.application_id, many=True),
        "auth_method": Filter(lambda item: item.type, _TYPES),
    },
)
_SUBSCRIPTIONS: Listing[Subscription] = Listing(
    changing=lambda item: item.subscribed_at,
    searched=lambda item: (item.id,),
    sorts={
        "subscribed_at": lambda item: item.subscribed_at,
        "developer_name": lambda _: "",  # they are all of one developer
    },
    filters={
        "application_id": Filter(lambda item: item.application_id),
        "api_product_id": Filter(lambda item: item.product_id),
        "status": Filter(lambda item: item.status, ("unsubscribed", "wait_for_approval", "subscribed"), many=True),
    },
)
_PRODUCTS: Listing[Product] = Listing(
    changing=lambda item: item.created_at,
    searched=lambda item: (item.name,),
    sorts={"created_at": lambda item: item.created_at, "updated_at": lambda item: item.created_at},
)


def list_applications(call: Call) -> SimulatedAnswer:
    """All, or those that are subscribed to a product or wait to be."""
    found = _applications(call)
    product_id = dict(call.request.query).get("api_product_id")
    if product_id is not None:
        asked = {
            subscription.application_id
            for subscription in _subscriptions(call)
            if subscription.product_id == product_id
        }
        found = [finding for finding in found if finding.id in asked]
    return page(call, _APPLICATIONS, found, lambda item: shapes.application(call, item))


def create_application(call: Call) -> SimulatedAnswer:
    no_parameters(call)
    new = body(call, _APPLICATION, ("name",))
    now = call.db.now()
    made = call.db.put(Application(call.db.new_id(), call.own_developer.id, created_at=now, updated_at=now, **new))
    return call.dialect.created(shapes.application(call, made))


def get_application(call: Call) -> SimulatedAnswer:
    no_parameters(call)
    return call.dialect.one(shapes.application(call, _application(call)))


def replace_application(call: Call) -> SimulatedAnswer:
    no_parameters(call)
    old = _application(call)
    new = {"desc": "", "labels": {}} | body(call, _APPLICATION, ("name",))
    return call.dialect.one(shapes.application(call, call.db.put(replace(old, updated_at=call.db.now(), **new))))


def delete_application(call: Call) -> SimulatedAnswer:
    no_parameters(call)
    lifecycle.erase_application(call.db, _application(call))
    return call.dialect.deleted(None)


def list_credentials(call: Call) -> SimulatedAnswer:
    """Of all applications, or of the one in the path."""
    listing, found = _CREDENTIALS, _credentials(call)
    if "application_id" in call.ids:
        application_id = _application(call).id
        listing = replace(listing, filters={"auth_method": _CREDENTIALS.filters["auth_method"]})
        found = [finding for finding in found if finding.application_id == application_id]
    return page(call, listing, found, lambda item: shapes.credential(call, item))


def create_credential(call: Call) -> SimulatedAnswer:
    no_parameters(call)
    application = _application(call)
    new = body(call, _CREDENTIAL, ("type",))
    kind = new.pop("type")
    credential_settings: Mapping[str, Any] = {name: new.pop(name) for name in _TYPES if name in new}.get(kind) or {}
    if "name" not in new and kind != "oauth":
        raise invalid("name is required")
    now = call.db.now()
    shown = {name: value for name, value in credential_settings.items() if name not in ("key", "password")}
    made = Credential(
        id=call.db.new_id(),
        application_id=application.id,
        name=new.pop("name", ""),
        type=kind,
        created_at=now,
        updated_at=now,
        settings=shown,
        **new,
    )
    secret = {"key-auth": "key", "basic-auth": "password", "oauth": "client_secret"}[kind]
    return call.dialect.created(shapes.credential(call, call.db.put(made), {secret: f"sim-{made.id}"}))


def get_credential(call: Call) -> SimulatedAnswer:
    no_parameters(call)
    return call.dialect.one(shapes.credential(call, _credential(call)))


def delete_credential(call: Call) -> SimulatedAnswer:
    no_parameters(call)
    call.db.drop(_credential(call))
    return call.dialect.deleted(None)


def list_subscriptions(call: Call) -> SimulatedAnswer:
    return page(call, _SUBSCRIPTIONS, _subscriptions(call), lambda item: shapes.subscription(call, item))


def create_subscriptions(call: Call) -> SimulatedAnswer:
    """Each listed application asks for each listed product."""
    no_parameters(call)
    new = body(call, {"applications": is_ids, "api_products": is_ids}, ("applications", "api_products"))
    return _subscribe(call, new["applications"], new["api_products"])


def subscribe_application(call: Call) -> SimulatedAnswer:
    no_parameters(call)
    new = body(call, {"application_id": is_id}, ("application_id",))
    return _subscribe(call, [new["application_id"]], [_product(call).id])


def delete_subscription(call: Call) -> SimulatedAnswer:
    no_parameters(call)
    subscription = _owned(call, _subscriptions(call), "subscription_id", "subscription")
    lifecycle.erase_subscription(call.db, subscription)
    return call.dialect.deleted(None)


def list_products(call: Call) -> SimulatedAnswer:
    found = [product for product in call.seen.all(Product) if product.portal_id == call.own_portal.id]
    return page(call, _PRODUCTS, found, lambda item: shapes.product(call, item))


def get_product(call: Call) -> SimulatedAnswer:
    no_parameters(call)
    return call.dialect.one(shapes.product(call, _product(call)))


def _subscribe(call: Call, application_ids: list[str], product_ids: list[str]) -> SimulatedAnswer:
    if call.own_developer.state != "Active":
        raise invalid("the developer is not active")
    applications = {application.id: application for application in _applications(call)}
    products = {product.id: product for product in call.seen.all(Product) if product.portal_id == call.own_portal.id}
    if not set(application_ids) <= set(applications) or not set(product_ids) <= set(products):
        raise invalid("unknown application or API product")
    duplicate = {(subscription.application_id, subscription.product_id) for subscription in _subscriptions(call)}
    pairs = [(mine, theirs) for mine in application_ids for theirs in product_ids]
    if duplicate & set(pairs):
        raise invalid("subscription is reduplicate")
    for mine, theirs in dict.fromkeys(pairs):
        lifecycle.subscribe(call.db, applications[mine], products[theirs])
    return call.dialect.created(None)


def _applications(call: Call) -> list[Application]:
    return [
        application for application in call.seen.all(Application) if application.owner_id == call.own_developer.id
    ]


def _credentials(call: Call) -> list[Credential]:
    mine = {application.id for application in _applications(call)}
    return [credential for credential in call.seen.all(Credential) if credential.application_id in mine]


def _subscriptions(call: Call) -> list[Subscription]:
    mine = {application.id for application in _applications(call)}
    return [subscription for subscription in call.seen.all(Subscription) if subscription.application_id in mine]


def _application(call: Call) -> Application:
    return _owned(call, _applications(call), "application_id", "application")


def _credential(call: Call) -> Credential:
    application_id = _application(call).id
    found = [credential for credential in _credentials(call) if credential.application_id == application_id]
    return _owned(call, found, "credential_id", "credential")


def _product(call: Call) -> Product:
    found = record(call, Product, call.ids["api_product_id"], "API product")
    if found.portal_id != call.own_portal.id:
        raise not_found("API product")
    return found


def _owned(call: Call, found: list[Kind], parameter: str, what: str) -> Kind:
    """The one of these that the path names. Raises ApiError 400 or 404."""
    wanted = checked_id(call.ids[parameter], what)
    for finding in found:
        if finding.id == wanted:
            return finding
    raise not_found(what)
