"""Requests for access to API products, which are approvals of subscriptions. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from portalctl.portals.api7.approvals import Place, claims_of, is_here, is_vague
from portalctl.portals.api7.records import Approval, Person
from portalctl.portals.models import AccessRequest, Remark


def requests_of(
    place: Place, people: Collection[Person], approvals: Iterable[Approval]
) -> tuple[tuple[AccessRequest, ...], tuple[Remark, ...]]:
    """The requests that wait, sorted, and remarks on those that may be of this portal and are nobody's for certain.

    Whoever asks is in already, so their name must be that of nobody else on the portal, whether they wait or not.
    """
    known = {person.id: person.developer_id for person in people}
    waiting = [each for each in approvals if each.awaits_subscription]
    found, unowned = [], [_unowned(each) for each in waiting if is_vague(each, place)]
    for claim in claims_of([each for each in waiting if is_here(each, place)], people):
        if len(claim.people) == 1:
            (person,) = claim.people
            found.append(_request(claim.approval, known[person]))
        else:
            unowned.append(_unowned(claim.approval))
    return tuple(sorted(found, key=lambda each: (each.developer_id, each.id))), tuple(unowned)


def _unowned(approval: Approval) -> Remark:
    product = approval.resource_name or "a product without a name"
    return Remark("unowned_request", f"the portal does not tell whose request for {product} this is; it waits")


def _request(approval: Approval, developer_id: str) -> AccessRequest:
    """Which application asks is not told."""
    return AccessRequest(
        id=approval.id,
        developer_id=developer_id,
        application_id="",
        application_name="",
        product=approval.resource_name or "",
        product_id=approval.resource_id or "",
    )
