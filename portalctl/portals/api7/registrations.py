"""The applications of an account and their subscriptions, from the portal backend."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from portalctl.errors import PortalError
from portalctl.ids import is_id
from portalctl.portals.api7.lists import Query, Wire
from portalctl.portals.models import Registration

UNSUBSCRIBED = "unsubscribed"  # the API's own word for an application without the product


@dataclass(frozen=True, slots=True)
class _Application:
    id: str
    name: str


@dataclass(frozen=True, slots=True)
class _Subscription:
    """Its `developer_id` may be the internal or the external id of the requested developer."""

    id: str
    application_id: str
    application_name: str
    api_product_name: str
    status: str


def read_registrations(wire: Wire, developer_id: str) -> tuple[Registration, ...]:
    """Return the subscriptions of one developer, and the applications that have none, as registrations for nothing.

    The backend lists them only for a call that acts for the developer; there is no call for several. Raises
    PortalError for a developer_id that is not valid in a header."""
    if not is_id(developer_id):
        raise PortalError(f"{developer_id[:80]!r} is not a valid developer_id, so its applications can't be listed")
    acting = {"X-Portal-Developer-ID": developer_id}
    applications = wire.read_list("applications", Query("/api/applications", headers=acting), _Application)
    query = Query("/api/subscriptions", order_by="subscribed_at", headers=acting)
    subscriptions = wire.read_list("subscriptions", query, _Subscription)
    live = [row for row in subscriptions if row.status != UNSUBSCRIBED]
    used = {row.application_id for row in live}
    found = [_subscribed(row, developer_id) for row in live]
    found += [_unused(row, developer_id) for row in applications if row.id not in used]
    return tuple(found)


def in_order(found: Iterable[Registration]) -> tuple[Registration, ...]:
    return tuple(sorted(found, key=lambda row: (row.developer_id, row.application_name, row.api_name, row.id)))


def _subscribed(row: _Subscription, developer_id: str) -> Registration:
    return Registration(
        id=row.id,
        developer_id=developer_id,
        application_id=row.application_id,
        application_name=row.application_name,
        api_name=row.api_product_name,
        status=row.status,
    )


def _unused(row: _Application, developer_id: str) -> Registration:
    return Registration(
        id=row.id,
        developer_id=developer_id,
        application_id=row.id,
        application_name=row.name,
        api_name="",
        status=UNSUBSCRIBED,
    )
