"""Approvals, which both services have."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Literal

from portalctl.simulator.api7 import lifecycle, shapes
from portalctl.simulator.api7.call import Call, body, checked_id, is_text, no_parameters
from portalctl.simulator.api7.errors import ApiError, not_found
from portalctl.simulator.api7.listing import Filter, Listing, page
from portalctl.simulator.api7.records import SimulatedApproval
from portalctl.simulator.message import SimulatedAnswer


def _resource_name(approval: SimulatedApproval) -> str:
    return approval.product.name if approval.product else approval.applicant.name


_EARLY = datetime.min.replace(tzinfo=UTC)
_DASHBOARD_FILTERS: dict[str, Filter[SimulatedApproval]] = {
    "event": Filter(lambda item: item.event, ("developer_registration", "api_product_subscription")),
    "status": Filter(lambda item: "pending" if item.pending else "finished", ("pending", "finished")),
    "result": Filter(lambda item: item.result, ("accepted", "rejected", "cancelled")),
}
_BACKEND_FILTERS: dict[str, Filter[SimulatedApproval]] = {
    **_DASHBOARD_FILTERS,
    "resource_type": Filter(
        lambda item: "api_product" if item.product else "developer", ("api_product", "developer")
    ),
    "resource_name": Filter(_resource_name),
    "operator_name": Filter(lambda item: item.operator),
    "applicant_name": Filter(lambda item: item.applicant.name),
}


def _listing(filters: dict[str, Filter[SimulatedApproval]]) -> Listing[SimulatedApproval]:
    return Listing(
        changing=lambda item: item.updated_at,
        searched=lambda item: (_resource_name(item), item.applicant.name),
        sorts={
            "applied_at": lambda item: item.applied_at,
            "resource_name": _resource_name,
            "operated_at": lambda item: item.operated_at or _EARLY,
        },
        filters=filters,
    )


_DASHBOARD, _BACKEND = _listing(_DASHBOARD_FILTERS), _listing(_BACKEND_FILTERS)


def list_approvals(call: Call) -> SimulatedAnswer:
    """On the Dashboard those of all portals."""
    listing = _DASHBOARD if call.portal is None else _BACKEND
    return page(call, listing, _in_scope(call), lambda item: shapes.approval(call, item))


def get_approval(call: Call) -> SimulatedAnswer:
    no_parameters(call)
    if not call.behaviour.approval_by_id:
        raise not_found("path")
    return call.dialect.one(shapes.approval(call, _approval(call)))


def accept(call: Call) -> SimulatedAnswer:
    return _decide(call, "accepted")


def reject(call: Call) -> SimulatedAnswer:
    return _decide(call, "rejected")


def _decide(call: Call, result: Literal["accepted", "rejected"]) -> SimulatedAnswer:
    no_parameters(call)
    approval = _approval(call)
    metadata = body(call, {"metadata": is_text(0, 65_536)}).get("metadata", "")
    if approval.pending:
        operator = lifecycle.ADMIN if call.portal is None else lifecycle.BACKEND
        approval = lifecycle.decide(call.db, approval, result, operator, metadata)
    elif call.behaviour.finished_approval != "200":
        raise ApiError(int(call.behaviour.finished_approval), "approval has already been processed")
    return call.dialect.decided(shapes.approval(call, approval))


def _in_scope(call: Call) -> list[SimulatedApproval]:
    return [
        approval
        for approval in call.seen.all(SimulatedApproval)
        if call.portal is None or approval.portal.id == call.portal.id
    ]


def _approval(call: Call) -> SimulatedApproval:
    approval_id = checked_id(call.ids["approval_id"], "approval")
    for approval in _in_scope(call):
        if approval.id == approval_id:
            return approval
    raise ApiError(int(call.behaviour.unknown_approval), "approval not found")
