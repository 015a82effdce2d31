"""The page of one portal: what waits for a decision, pending sign-ups, drift, runs, and what a user may do there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, TypeVar
from urllib.parse import urlsplit

from portalctl.controller.api.endpoint import ApiRequest, Services, portal_of
from portalctl.controller.api.plans import state_now
from portalctl.controller.api.portals import hidden, mask_for
from portalctl.controller.models import PortalView, RunRecord, WaitingSignUp
from portalctl.controller.page.chart import PERIOD, chart_of
from portalctl.controller.page.frame import Shown, shown
from portalctl.controller.page.overview import author_of, drift_words, held_row, short_commit
from portalctl.controller.page.views import current
from portalctl.insight.explain import Standing
from portalctl.output.drift_words import finding_difference
from portalctl.output.history import HistoryFinding
from portalctl.output.html.environment import code
from portalctl.output.masked_documents import masked
from portalctl.output.masks import Mask

RUNS: Final = 20
FINDINGS: Final = 100
OPEN_FINDINGS: Final = 10  # that are shown without another click
SIGN_UPS: Final = 100
Item = TypeVar("Item", WaitingSignUp, HistoryFinding)


@dataclass(frozen=True, slots=True)
class RunRow:
    """A run, with its id as in its address."""

    id: str
    run: RunRecord


def portal(services: Services, request: ApiRequest) -> Shown:
    """Return the page `/portals/NAME`."""
    (view,), mask, now = (
        current(services, [portal_of(services, request)]),
        mask_for(services, request),
        services.clock(),
    )
    key, store = view.key, services.store
    plans = [one for one in store.held(key) if state_now(one, now) in {"held", "approved"}] if key is not None else []
    findings = store.open_findings(key, FINDINGS + 1) if key is not None else ()
    drift = [finding for finding in findings if finding.finding.kind != "backlog"]
    return shown(
        services,
        request,
        "portal.html",
        view=view,
        facts=_facts(view),
        drift_words=drift_words(view),
        commit=short_commit(view.commit),
        author=author_of(services, view, mask),
        problems=[hidden(problem, mask) for problem in view.problems],
        observing=hidden(view.observing, mask),
        suspension=masked(view.suspension, mask) if mask and view.suspension else view.suspension,
        plans=[(held_row(plan), plan.state) for plan in plans],
        waiting=_masked_all(view.waiting[:SIGN_UPS], mask),
        more_waiting=max(0, view.pending - SIGN_UPS),
        findings=_masked_all(drift[:FINDINGS], mask),
        most_findings=OPEN_FINDINGS,
        more_findings=len(findings) > FINDINGS,
        finding_difference=finding_difference,
        chart=chart_of(store.developer_counts(key, now - PERIOD), now) if key is not None else None,
        runs=run_rows(store.runs(view.name, RUNS), mask),
        done=request.query.get("done", ""),
    )


def run_rows(runs: Sequence[RunRecord], mask: Mask | None) -> list[RunRow]:
    """Return runs as a user may see them."""
    return [RunRow(run.id, masked(run, mask) if mask is not None else run) for run in runs]


def _facts(view: PortalView) -> list[object]:
    server = [code(urlsplit(view.key.server).netloc)] if view.key is not None else []
    return [view.provider, *server, f"mode {view.mode}"]


def _masked_all(items: Sequence[Item], mask: Mask | None) -> list[Item]:
    if mask is None:
        return list(items)
    for item in items:  # first, since each new name clears the texts that the mask has cached
        found = item.standing if isinstance(item, WaitingSignUp) else item.finding
        for name in filter(None, (found.developer, found.id if isinstance(found, Standing) else found.developer_id)):
            mask(name)
    return [masked(item, mask) for item in items]
