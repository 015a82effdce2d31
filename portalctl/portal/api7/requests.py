"""Requests for access to API products, which are approvals of subscriptions. Pure.

Whose one is, is decided by ids alone: it lets somebody use an API, and a name is nobody's proof.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from portalctl.portal.api7.approvals import Place, is_here
from portalctl.portal.api7.records import Approval, Person
from portalctl.portal.models import AccessRequest, Remark

RESULTS: Mapping[str, str] = {"accepted": "approved", "rejected": "rejected", "cancelled": "rejected"}


def requests_of(
    place: Place, people: Iterable[Person], approvals: Iterable[Approval]
) -> tuple[tuple[AccessRequest, ...], tuple[Remark, ...]]:
    """The requests that wait, sorted, and remarks on those of this portal that are nobody's for certain."""
    known: dict[str, set[str]] = {}
    for person in people:
        for key in {person.id, person.developer_id}:
            known.setdefault(key, set()).add(person.developer_id)
    waiting = [each for each in approvals if each.awaits_subscription and is_here(each, place)]
    found, unowned = [], []
    for approval in waiting:
        owners = known.get(approval.applicant_id or "", set())
        if len(owners) == 1:
            found.append(_request(approval, *owners))
        else:
            text = f"the portal does not tell whose request for {approval.resource_name} this is; it waits"
            unowned.append(Remark("unowned_request", text))
    return tuple(sorted(found, key=lambda each: (each.developer_id, each.id))), tuple(unowned)


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


def decided(approval: Approval) -> str:
    """What has become of a request, in our words."""
    if approval.status == "pending":
        return "pending"
    return RESULTS.get(approval.result or "", approval.status or "unknown")
