"""What the forms of the page do: the same as the endpoints of the API."""

from __future__ import annotations

import json
from dataclasses import replace

from portalctl.controller.api import plans, portals
from portalctl.controller.api.bodies import SuspendBody
from portalctl.controller.api.endpoint import ApiRequest, RequestError, Services
from portalctl.controller.api.transport import parsed
from portalctl.controller.page.frame import Shown, plan_path, portal_path, see


def approve(services: Services, request: ApiRequest) -> Shown:
    """Approve the plan that the form shows."""
    _check_digest(request)
    plans.approve(services, request)
    return see(plan_path(request.params["digest"]))


def reject(services: Services, request: ApiRequest) -> Shown:
    """Reject the plan that the form shows."""
    _check_digest(request)
    plans.reject(services, request)
    return see(plan_path(request.params["digest"]))


def suspend(services: Services, request: ApiRequest) -> Shown:
    """Suspend a portal, with a reason and perhaps the last day."""
    form = {"reason": request.body.get("reason", ""), "expires": request.body.get("expires") or None}
    portals.suspend(services, replace(request, body=parsed(SuspendBody, json.dumps(form).encode())))
    return see(portal_path(request.params["name"]))


def resume(services: Services, request: ApiRequest) -> Shown:
    """Resume a portal."""
    portals.resume(services, request)
    return see(portal_path(request.params["name"]))


def reconcile(services: Services, request: ApiRequest) -> Shown:
    """Ask for a run of a portal."""
    portals.reconcile(services, request)
    return see(f"{portal_path(request.params['name'])}?done=reconcile")


def _check_digest(request: ApiRequest) -> None:
    if request.body.get("digest") != request.params["digest"]:
        raise RequestError(409, "the form is about another plan than its address; open the plan again")
