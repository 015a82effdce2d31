"""The portals as they are now: what users have just decided is shown before the next run has ended."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from portalctl.controller.api.endpoint import Services
from portalctl.controller.models import PortalView, Suspension
from portalctl.controller.state import state_of


def current(services: Services, views: Iterable[PortalView]) -> list[PortalView]:
    """Return views with the suspensions of now."""
    found = services.store.suspensions(services.clock())
    return [_with(view, found.get(view.key) if view.key is not None else found.get(view.name)) for view in views]


def _with(view: PortalView, suspension: Suspension | None) -> PortalView:
    if suspension is None and view.suspension is None:
        return view
    state = state_of(
        suspension=suspension,
        problems=view.problems,
        held=view.held,
        drift=view.drift if view.drift is not None else {"backlog": 1},
        contested=range(view.contested),
    )
    return replace(view, suspension=suspension, state=state)
