"""Endpoints about held plans: what waits, and the decision about it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final, Literal

from portalctl.changes import saved_plan
from portalctl.controller.access import APPROVERS, READERS
from portalctl.controller.api.bodies import PlanAnswer
from portalctl.controller.api.endpoint import ApiReply, ApiRequest, Endpoint, RequestError, Services, name_of
from portalctl.controller.api.portals import hidden, mask_for, time_of
from portalctl.controller.models import HeldPlan, PlanState
from portalctl.output.documents import to_json
from portalctl.output.masked_documents import masked
from portalctl.output.masks import Mask
from portalctl.times import rfc3339

_UNKNOWN: Final = {404: ("No plan with this digest is or was held.", None)}
_CONFLICT: Final = {409: ("The plan is stale, expired or decided, or its portal is suspended.", None)}


def _plan(services: Services, request: ApiRequest) -> ApiReply:
    return ApiReply(200, _answer(plan_of(services, request), mask_for(services, request), services.clock()))


def approve(services: Services, request: ApiRequest) -> ApiReply:
    """Approve a held plan. Raises RequestError and ConflictError."""
    plan = plan_of(services, request)
    view = services.hub.portal(plan.portal)
    if view is None:
        raise RequestError(409, "the manifest no longer has the portal of this plan")
    if view.suspension is not None:
        raise RequestError(409, "the portal is suspended; resume it first")
    return _decided(services, request, plan, "approved")


def reject(services: Services, request: ApiRequest) -> ApiReply:
    """Reject a held plan. Raises RequestError and ConflictError."""
    return _decided(services, request, plan_of(services, request), "rejected")


def _decided(
    services: Services, request: ApiRequest, plan: HeldPlan, state: Literal["approved", "rejected"]
) -> ApiReply:
    """Record a decision, and let the portal act on it. Raises ConflictError."""
    now = services.clock()
    decided = services.store.decide(plan.digest, state, name_of(request), now)
    services.hub.wake(plan.portal, "approval")
    return ApiReply(200, _answer(decided, None, now))


def plan_of(services: Services, request: ApiRequest) -> HeldPlan:
    """Return the plan that the path names. Raises RequestError."""
    plan = services.store.plan(request.params["digest"])
    if plan is None:
        raise RequestError(404, "no plan with this digest is or was held")
    return plan


def _answer(plan: HeldPlan, mask: Mask | None, now: datetime) -> PlanAnswer:
    return PlanAnswer(
        plan=_document(plan, mask),
        portal=plan.portal,
        state=state_now(plan, now),
        since=rfc3339(plan.started_at),
        expires=rfc3339(plan.expires),
        decided_by=hidden(plan.decided_by, mask) if plan.decided_by is not None else None,
        decided_at=time_of(plan.decided_at),
    )


def state_now(plan: HeldPlan, now: datetime) -> PlanState:
    """Return the state of a plan at a time: one that was held too long has expired."""
    return "expired" if plan.state == "held" and plan.expires <= now else plan.state


def _document(plan: HeldPlan, mask: Mask | None) -> Mapping[str, Any]:
    text = plan.plan
    if mask is not None:
        text = to_json(masked(saved_plan.load(text.encode(), f"held plan {plan.digest}"), mask))
    document: dict[str, Any] = json.loads(text)
    return document


ENDPOINTS: Final = (
    Endpoint(
        "GET",
        "/v1/plans/{digest}",
        "plans",
        "Show a held plan",
        _plan,
        {200: ("The plan.", PlanAnswer), **_UNKNOWN},
        roles=READERS,
    ),
    Endpoint(
        "POST",
        "/v1/plans/{digest}/approve",
        "approve",
        "Approve a held plan, which is then carried out",
        approve,
        {200: ("The plan is approved.", PlanAnswer), **_UNKNOWN, **_CONFLICT},
        roles=APPROVERS,
    ),
    Endpoint(
        "POST",
        "/v1/plans/{digest}/reject",
        "reject",
        "Reject a held plan",
        reject,
        {200: ("The plan is rejected.", PlanAnswer), **_UNKNOWN, **_CONFLICT},
        roles=APPROVERS,
    ),
)
