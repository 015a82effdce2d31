"""Endpoints about the history: runs, changes and decisions; and reports of applies outside the controller."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Final

from portalctl.controller.access import OPERATORS, READERS
from portalctl.controller.api.bodies import ImportedRuns
from portalctl.controller.api.endpoint import ApiReply, ApiRequest, Endpoint, RequestError, Services
from portalctl.controller.api.portals import limit_of, mask_for
from portalctl.controller.report_import import check_report, import_report
from portalctl.errors import InputError
from portalctl.output.apply_report import Report
from portalctl.output.documents import read, to_json
from portalctl.output.history import History
from portalctl.output.masked_documents import masked
from portalctl.output.masks import Mask, is_mask

DEFAULT_ENTRIES: Final = 1000  # of each kind
MAX_ENTRIES: Final = 10_000
MAX_REPORT: Final = 16 * 1024 * 1024  # some 20,000 changes


def _history(services: Services, request: ApiRequest) -> ApiReply:
    mask = mask_for(services, request)
    developer = request.query.get("developer") or None
    found = _read(services, request, None if mask is not None else developer)
    if mask is not None:
        if developer is not None:
            found = _read(services, request, _address_of(developer, found, mask))
        found = replace(masked(found, mask), developer=developer)
    return ApiReply(200, to_json(found))


def _read(services: Services, request: ApiRequest, developer: str | None) -> History:
    return services.store.history(
        services.clock(),
        portal=request.query.get("portal") or None,
        developer=developer,
        since=_since(request.query.get("since")),
        limit=limit_of(request, DEFAULT_ENTRIES, MAX_ENTRIES),
    )


def _address_of(name: str, history: History, mask: Mask) -> str:
    """Return the developer behind a mask. Raises RequestError for anything else: masks are not tried out."""
    if not is_mask(name):
        raise RequestError(403, "developer: expected a mask; only approvers look up addresses")
    found = next((known for known in _names(history) if mask(known) == name), None)
    if found is None:
        raise RequestError(404, "the history has no developer with this mask")
    return found


def _names(history: History) -> Iterable[str]:
    """Yield the addresses and ids of developers."""
    subjects = [item.change.developer for item in history.changes]
    subjects += [item.developer for item in history.observations]
    for subject in subjects:
        if subject is not None:
            yield from filter(None, (subject.email, subject.id))


def _since(text: str | None) -> datetime | None:
    if not text:
        return None
    try:
        return datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=UTC)
    except ValueError:
        raise RequestError(400, "since: expected a day, YYYY-MM-DD") from None


def _import(services: Services, request: ApiRequest) -> ApiReply:
    try:
        report = read(request.body, "report")
        if not isinstance(report, Report):
            raise RequestError(400, f"this is a {report.kind}; expected a report of an apply")
        check_report(report, "report", services.clock())
    except InputError as error:
        raise RequestError(400, str(error.findings[0].message)) from None
    return ApiReply(200, ImportedRuns(len(import_report(services.store, report))))


ENDPOINTS: Final = (
    Endpoint(
        "GET",
        "/v1/history",
        "history",
        "Show runs, changes and decisions, with users and reasons (query: portal, developer, since, limit)",
        _history,
        {200: ("The document of `portalctl history -o json`.", None), 404: ("No developer has this mask.", None)},
        roles=READERS,
    ),
    Endpoint(
        "POST",
        "/v1/history/reports",
        "reports",
        "Add the report of an apply outside the controller (`apply --report`)",
        _import,
        {200: ("The runs that were added; none where the report is there already.", ImportedRuns)},
        roles=OPERATORS,
        body=bytes,
        max_body=MAX_REPORT,
    ),
)
