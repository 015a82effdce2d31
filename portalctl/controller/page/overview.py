"""The page of all portals: what waits for a decision first, then every portal with its state."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from portalctl.changes import saved_plan
from portalctl.controller.api.endpoint import ApiRequest, Services
from portalctl.controller.api.plans import state_now
from portalctl.controller.api.portals import hidden, mask_for
from portalctl.controller.models import HeldPlan, PortalView
from portalctl.controller.page.frame import STATES, Shown, shown
from portalctl.controller.page.views import current
from portalctl.insight.drift import FAILING
from portalctl.output import view_model
from portalctl.output.drift_words import counts_words
from portalctl.output.masks import Mask

SHORT_COMMIT: Final = 7  # characters


@dataclass(frozen=True, slots=True)
class HeldRow:
    """A plan that waits for approval."""

    portal: str
    digest: str
    words: str
    since: datetime
    expires: datetime


@dataclass(frozen=True, slots=True)
class _PortalRow:
    view: PortalView
    why: str
    drift: str
    commit: str


def overview(services: Services, request: ApiRequest) -> Shown:
    """Return the page `/`."""
    mask, now = mask_for(services, request), services.clock()
    portals = current(services, services.hub.portals())
    views = sorted(portals, key=lambda view: (list(STATES).index(view.state), view.name))
    plans = [plan for view in views if view.held and (plan := services.store.plan(view.held.digest)) is not None]
    count = Counter[str](view.state for view in views)
    return shown(
        services,
        request,
        "overview.html",
        current="/",
        not_ready=[hidden(reason, mask) for reason in services.hub.not_ready],
        held=[held_row(plan) for plan in plans if state_now(plan, now) == "held"],
        counts=[(state, count[state]) for state in STATES if count[state]],
        rows=[_row(view, mask) for view in views],
    )


def held_row(plan: HeldPlan) -> HeldRow:
    """Return a held plan with its figures in words."""
    document = saved_plan.load(plan.plan.encode(), f"held plan {plan.digest}")
    words = view_model.access_words(view_model.totals(document.portals))
    return HeldRow(plan.portal, plan.digest, words, plan.started_at, plan.expires)


def short_commit(commit: str | None) -> str:
    """Return the beginning of a commit's id."""
    return (commit or "")[:SHORT_COMMIT]


def author_of(services: Services, view: PortalView | None, mask: Mask | None) -> str:
    """Return the author of the commit that a portal follows, as a user may see it; empty: it is not known."""
    author = services.hub.author(view.commit) if view is not None and view.commit is not None else None
    return hidden(author or "", mask)


def drift_words(view: PortalView) -> str:
    """Return the findings that are drift in words; pending sign-ups have a column of their own."""
    if view.drift is None:
        return "not compared yet"
    return counts_words(Counter({kind: count for kind, count in view.drift.items() if kind in FAILING}))


def _row(view: PortalView, mask: Mask | None) -> _PortalRow:
    return _PortalRow(view, hidden(_why(view), mask), drift_words(view), short_commit(view.commit))


def _why(view: PortalView) -> str:
    """Return the one sentence that explains a state."""
    if view.suspension is not None:
        return view.suspension.reason
    return _first(view.problems)


def _first(problems: Iterable[str]) -> str:
    return next(iter(problems), "")
