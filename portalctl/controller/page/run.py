"""The page of one run: what it was started by, and the result of each change."""

from __future__ import annotations

from typing import Final

from portalctl.controller.api.endpoint import ApiRequest, RequestError, Services
from portalctl.controller.api.portals import hidden, mask_for
from portalctl.controller.page.frame import Shown, shown
from portalctl.output.html.pages import report_rows
from portalctl.output.masked_documents import masked

RESULTS: Final = 1000


def run(services: Services, request: ApiRequest) -> Shown:
    """Return the page `/runs/ID`."""
    mask, found = mask_for(services, request), services.store.run(request.params["id"])
    if found is None:
        raise RequestError(404, "no run has this id")
    results = services.store.results(found.id, RESULTS + 1)
    if mask is not None:
        results = [masked(item, mask) for item in results]
    return shown(
        services,
        request,
        "run.html",
        run=masked(found, mask) if mask is not None else found,
        problems=hidden(found.detail, mask).split("; ") if found.detail else [],
        rows=report_rows(results[:RESULTS]),
        more=len(results) > RESULTS,
    )
