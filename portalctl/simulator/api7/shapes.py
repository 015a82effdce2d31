"""Records as the two services show them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from portalctl.simulator.api7.call import Call
from portalctl.simulator.api7.errors import not_found
from portalctl.simulator.api7.records import (
    Application,
    Credential,
    Product,
    SimulatedApproval,
    SimulatedDeveloper,
    SimulatedPortal,
    Subscription,
)

Shown = dict[str, Any]


def portal(record: SimulatedPortal) -> Shown:
    return {"id": record.id, "name": record.name}


def login_option(record: SimulatedPortal) -> Shown:
    """The portal's built-in one."""
    config = {"enable_self_registration": True, "registration_auto_approval": record.auto_approve}
    return {"id": f"{record.id}-login", "provider_type": "built_in", "disable": False, "builtin_config": config}


def dashboard_developer(call: Call, record: SimulatedDeveloper) -> Shown:
    shown = {
        "id": record.id,
        "developer_id": record.developer_id,
        "username": record.username,
        "name": record.name,
        "email_verified": record.email_verified,
        "state": record.state,
        "provider": record.provider,
        "last_active_at": _time(call, record.last_active_at),
        "created_at": call.dialect.time(record.created_at),
    }
    return _without_none(shown) | _email(call, record)


def backend_developer(call: Call, record: SimulatedDeveloper) -> Shown:
    shown = {
        "id": record.id if call.behaviour.backend_id == "id" else record.developer_id,
        "name": record.name,
        "last_active_at": _time(call, record.last_active_at),
        "created_at": call.dialect.time(record.created_at),
        "updated_at": call.dialect.time(record.updated_at),
    }
    return _without_none(shown)


def approval(call: Call, record: SimulatedApproval) -> Shown:
    """As both services show it; the Dashboard adds the portal."""
    applicant, behaviour = record.applicant, call.behaviour
    product = record.product
    resource_id = product.id if product else _named(applicant, behaviour.resource_id)
    resource_name = product.name if product else _named(applicant, behaviour.resource_name)
    shown = {
        "id": record.id,
        "event": record.event,
        "status": "pending" if record.pending else "finished",
        "result": record.result,
        "resource_type": "api_product" if product else "developer",
        "resource_id": resource_id,
        "resource_name": resource_name,
        "applicant_id": _named(applicant, behaviour.applicant_id),
        "applicant_name": _named(applicant, behaviour.applicant_name),
        "operator_id": record.operator,
        "operator_name": record.operator,
        "metadata": record.metadata,
        "applied_at": call.dialect.time(record.applied_at),
        "created_at": call.dialect.time(record.applied_at),
        "updated_at": call.dialect.time(record.updated_at),
    }
    return _without_none(shown) | _operated_at(call, record) | _portal_of(call, record)


def application(call: Call, record: Application) -> Shown:
    shown = {
        "id": record.id,
        "name": record.name,
        "desc": record.desc,
        "labels": dict(record.labels),
        "created_at": call.dialect.time(record.created_at),
        "updated_at": call.dialect.time(record.updated_at),
    }
    if call.portal is None:  # the draft pages of the Dashboard alone show the owner
        shown["developer_id"] = _external_id(call, record.owner_id)
    return shown


def subscription(call: Call, record: Subscription) -> Shown:
    owned = call.seen.get(Application, record.application_id)
    product = call.seen.get(Product, record.product_id)
    owner = call.seen.get(SimulatedDeveloper, owned.owner_id) if owned else None
    if owned is None or product is None or owner is None:  # only while reads lag behind
        raise not_found("subscription")
    return {
        "id": record.id,
        "developer_id": owner.id if call.behaviour.subscription_developer == "id" else owner.developer_id,
        "developer_name": owner.name,
        "subscribed_at": call.dialect.time(record.subscribed_at),
        "application_id": owned.id,
        "application_name": owned.name,
        "api_product_id": product.id,
        "api_product_name": product.name,
        "status": record.status,
    }


def credential(call: Call, record: Credential, secret: Mapping[str, str] | None = None) -> Shown:
    """`secret` is what only creating and regenerating show."""
    owned = call.seen.get(Application, record.application_id)
    return {
        "id": record.id,
        "type": record.type,
        "name": record.name,
        "application_id": record.application_id,
        "application_name": owned.name if owned else "",
        "desc": record.desc,
        "labels": dict(record.labels),
        record.type: {**record.settings, **(secret or {})},
        "created_at": call.dialect.time(record.created_at),
        "updated_at": call.dialect.time(record.updated_at),
    }


def product(call: Call, record: Product) -> Shown:
    return {
        "id": record.id,
        "type": "gateway",
        "name": record.name,
        "status": "published",
        "visibility": "logged_in",
        "subscription_auto_approval": record.auto_approve,
        "can_view_unsubscribed": True,
        "created_at": call.dialect.time(record.created_at),
        "updated_at": call.dialect.time(record.created_at),
    }


def _email(call: Call, record: SimulatedDeveloper) -> Shown:
    if call.behaviour.emails == "absent":
        return {}
    if record.email is not None:
        return {"email": record.email}
    unset: dict[str, Shown] = {"absent": {}, "empty": {"email": ""}, "null": {"email": None}}
    return unset[call.behaviour.email_unset]


def _operated_at(call: Call, record: SimulatedApproval) -> Shown:
    if record.operated_at is not None:
        return {"operated_at": call.dialect.time(record.operated_at)}
    match call.behaviour.operated_at_unset:
        case "null":
            return {"operated_at": None}
        case "zero":
            return {"operated_at": 0}
        case _:
            return {}


def _portal_of(call: Call, record: SimulatedApproval) -> Shown:
    if call.portal is not None:
        return {}
    kept = call.behaviour.approval_portal
    shown = {"portal_id": record.portal.id, "portal_name": record.portal.name}
    return {name: value for name, value in shown.items() if kept == "both" or name == f"portal_{kept}"}


def _named(developer: SimulatedDeveloper, by: str) -> str | None:
    """The text that names a developer; None: it is not shown."""
    if by == "absent":
        return None
    value: str | None = getattr(developer, by)
    return value or ""


def _external_id(call: Call, developer_id: str) -> str:
    found = call.seen.get(SimulatedDeveloper, developer_id)
    return found.developer_id if found else ""


def _time(call: Call, time: datetime | None) -> str | int | None:
    return None if time is None else call.dialect.time(time)


def _without_none(shown: Shown) -> Shown:
    return {name: value for name, value in shown.items() if value is not None}
