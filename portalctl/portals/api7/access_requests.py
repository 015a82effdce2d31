"""Requests for access to API products, which are approvals of subscriptions. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from portalctl.portals.api7.approvals import Place, claims_of, is_here, is_vague
from portalctl.portals.api7.records import Approval, DeveloperRecord
from portalctl.portals.models import AccessRequest, Remark


def requests_of(
    place: Place, developers: Collection[DeveloperRecord], approvals: Iterable[Approval]
) -> tuple[tuple[AccessRequest, ...], tuple[Remark, ...]]:
    """Return the pending requests, sorted, and remarks on those that may belong to this portal without a certain
    developer. The requesting developer is approved already, so their name must be unique on the portal, also among
    pending ones."""
    known = {developer.id: developer.developer_id for developer in developers}
    waiting = [approval for approval in approvals if approval.awaits_subscription]
    found, unowned = [], [_unowned(item) for item in waiting if is_vague(item, place)]
    for claim in claims_of([item for item in waiting if is_here(item, place)], developers):
        if len(claim.developers) == 1:
            (developer,) = claim.developers
            found.append(_request(claim.approval, known[developer]))
        else:
            unowned.append(_unowned(claim.approval))
    return tuple(sorted(found, key=lambda item: (item.developer_id, item.id))), tuple(unowned)


def _unowned(approval: Approval) -> Remark:
    product = approval.resource_name or "a product without a name"
    return Remark(
        "unowned_request", f"the portal does not report the developer of the request for {product}; it stays pending"
    )


def _request(approval: Approval, developer_id: str) -> AccessRequest:
    """The portal does not report the application."""
    return AccessRequest(
        id=approval.id,
        developer_id=developer_id,
        application_id="",
        application_name="",
        product=approval.resource_name or "",
        product_id=approval.resource_id or "",
    )
