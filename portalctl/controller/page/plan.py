"""The page of a held plan: the rendering of pull requests, with the decision above it."""

from __future__ import annotations

from portalctl.changes import saved_plan
from portalctl.controller.api.endpoint import ApiRequest, Services
from portalctl.controller.api.plans import plan_of, state_now
from portalctl.controller.api.portals import hidden, mask_for
from portalctl.controller.page.frame import Shown, shown
from portalctl.controller.page.overview import author_of, short_commit
from portalctl.output import view_model
from portalctl.output.html.plan import plan_values
from portalctl.output.masked_documents import masked


def plan(services: Services, request: ApiRequest) -> Shown:
    """Return the page `/plans/DIGEST`."""
    held, mask = plan_of(services, request), mask_for(services, request)
    document = saved_plan.load(held.plan.encode(), f"held plan {held.digest}")
    if mask is not None:
        document = masked(document, mask)
    view = services.hub.portal(held.portal)
    return shown(
        services,
        request,
        "held_plan.html",
        filtered=True,
        held=held,
        state=state_now(held, services.clock()),
        decided_by=hidden(held.decided_by, mask) if held.decided_by is not None else None,
        commit=short_commit(view.commit) if view is not None else "",
        author=author_of(services, view, mask),
        suspended=view is not None and view.suspension is not None,
        words=view_model.access_words(view_model.totals(document.portals)),
        **plan_values(document),
    )
