"""The page of a developer: status, rules and planned changes, and what happened to them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from markupsafe import Markup

from portalctl.controller.api.endpoint import ApiRequest, RequestError, Services, portal_of
from portalctl.controller.api.portals import mask_for
from portalctl.controller.models import PortalView
from portalctl.controller.page.frame import Shown, shown
from portalctl.controller.store.history import DeveloperHistory
from portalctl.errors import BadUsageError
from portalctl.insight.explain import PortalExplanation
from portalctl.output.apply_report import change_of
from portalctl.output.drift_words import finding_difference
from portalctl.output.html.environment import code, phrase
from portalctl.output.html.pages import explanation_values
from portalctl.output.masked_documents import masked
from portalctl.output.masks import Mask, is_mask
from portalctl.output.view_model import change_groups, change_words

ENTRIES: Final = 100  # of each kind
RECENT_RUNS: Final = 100  # in which masks are looked for
FINDINGS: Final = 1000


@dataclass(frozen=True, slots=True)
class TimelineEntry:
    """Something that happened: when, its kind, what, and who caused it. `run`: the id of the run that did it."""

    at: str
    kind: str
    words: Markup
    by: str
    run: str | None = None


def developer(services: Services, request: ApiRequest) -> Shown:
    """Return the page `/portals/NAME/developers/ADDRESS`. Viewers reach developers by their masks."""
    view, mask = portal_of(services, request), mask_for(services, request)
    name = request.params["address"]
    address = _address_of(services, view, name, mask) if mask is not None else name
    try:
        explanation = services.hub.explain(view.name, address)
    except BadUsageError:
        raise RequestError(404, "neither an address nor the id of an account") from None
    if explanation is None:
        raise RequestError(503, "the controller is not ready", Retry_After="10")
    since = _since(view, explanation)
    history = services.store.developer_history(view.name, explanation.subject, ENTRIES)
    if mask is not None:
        explanation, history = masked(explanation, mask), masked(history, mask)
    return shown(
        services,
        request,
        "developer.html",
        view=view,
        name=name,
        since=since,
        entries=sorted(_entries(history), key=lambda entry: entry.at, reverse=True),
        **explanation_values([explanation]),
    )


def _since(view: PortalView, explanation: PortalExplanation) -> datetime | None:
    """Return since when the developer waits for a decision."""
    ids = {standing.id for standing in explanation.standings}
    return next((item.since for item in view.waiting if item.standing.id in ids), None)


def _address_of(services: Services, view: PortalView, name: str, mask: Mask) -> str:
    """Return the developer behind a mask. Raises RequestError for anything else: masks are not tried out."""
    if not is_mask(name):
        raise RequestError(403, "viewers reach developers by their masks; only approvers look up addresses")
    found = next((known for known in _known(services, view) if mask(known) == name), None)
    if found is None:
        raise RequestError(404, "no developer of this portal has this mask")
    return found


def _known(services: Services, view: PortalView) -> Iterator[str]:
    """Yield the addresses and ids that viewers may have seen masked, the most likely first."""
    yield from (item.standing.developer for item in view.waiting)
    if view.key is not None:
        for item in services.store.open_findings(view.key, FINDINGS):
            yield from filter(None, (item.finding.developer, item.finding.developer_id))
    yield from services.store.recent_names(view.name, RECENT_RUNS)


def _entries(history: DeveloperHistory) -> Iterator[TimelineEntry]:
    for item in history.changes:
        (group,) = change_groups([change_of(item.change)])
        by = f"approved by {item.approver}" if item.approver is not None else item.writer
        yield TimelineEntry(item.at, item.change.result, phrase(change_words, group), by, item.run)
    for seen in history.observations:
        change = f"{seen.before or 'no account'} → {seen.after or 'no account'}"
        yield TimelineEntry(seen.at, seen.kind, code(change), "not by this controller")
    for found in history.findings:
        kind = found.finding.kind.replace("_", " ")
        difference = phrase(finding_difference, found.finding)
        yield TimelineEntry(found.first_seen, kind, difference, "seen first by a run")
        if found.last_seen is not None:
            yield TimelineEntry(found.last_seen, kind, difference, "gone since")
