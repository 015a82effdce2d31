"""The result of an apply, grouped for display: unconfirmed changes by cause, and the figures in words."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus

from portalctl.cancellation import INTERRUPTED
from portalctl.events import Result
from portalctl.output.apply_report import RESULTS, ChangeResult, PortalOutcome, Report
from portalctl.words import plural

ORDER: tuple[Result, ...] = ("skipped", "unknown", "failed")  # the last lines are read first
WORDS: Mapping[Result, str] = {
    "confirmed": "{}",
    "failed": "not {}",
    "skipped": "not {}",
    "unknown": "unknown whether {}",
}
LATER = "Run the same command again later; changes already made are kept."
CORRECT = "Correct the cause, then run the same command again; changes already made are kept."
AGAIN = "Run the same command again in a minute; changes already made are kept."
_CALL = re.compile(r" to (?:GET|POST|PATCH|PUT|DELETE) /\S*?(?=[:,;]?(?:\s|$))")
_TRACE = re.compile(r" \([^\s()]+\)")
_BECAUSE = "skipped, because "


@dataclass(frozen=True, slots=True)
class FailureCause:
    """Unconfirmed changes with one result and one cause.

    `detail` is the portal's complete answer to the first of them, empty if there is none; `remedy` is the advice.
    """

    result: Result
    title: str
    detail: str
    remedy: tuple[str, ...]
    changes: tuple[ChangeResult, ...]


def causes(portal: PortalOutcome) -> tuple[FailureCause, ...]:
    """Return the unconfirmed changes by result and cause: skipped ones first, failed ones last."""
    groups: dict[tuple[Result, int | None, str, tuple[str, ...]], list[ChangeResult]] = {}
    for change in portal.changes:
        if change.result != "confirmed":
            key = (change.result, change.status, general_detail(change.detail), change.advice)
            groups.setdefault(key, []).append(change)
    found = [
        FailureCause(result, _title(status, text), same[0].detail if status else "", _remedy(same[0]), tuple(same))
        for (result, status, text, _), same in groups.items()
    ]
    return tuple(sorted(found, key=lambda cause: ORDER.index(cause.result)))


def general_detail(detail: str) -> str:
    """Return a detail without the parts that differ between changes: the request's path and the portal's trace id."""
    return _TRACE.sub("", _CALL.sub("", detail)).removeprefix(_BECAUSE)


def result_words(report: Report) -> str:
    """Return the summary of an apply: `Not everything was applied: 49 confirmed, 3 failed, 1 unknown.`"""
    counts = {result: sum(portal.summary.get(result, 0) for portal in report.portals) for result in RESULTS}
    total = sum(counts.values())
    if not total:
        return "Interrupted: nothing was applied." if report.interrupted else "Nothing to apply."
    already = sum(change.already for portal in report.portals for change in portal.changes)
    confirmed = f"{counts['confirmed']:,} confirmed" + (f" ({already:,} already so)" if already else "")
    others = [f"{counts[result]:,} {result}" for result in RESULTS if result != "confirmed" and counts[result]]
    figures = ", ".join([confirmed, *others])
    if report.interrupted:
        return f"Interrupted: {figures} of {plural(total, 'change')}."
    if not others:
        return f"Applied: {plural(total, 'change')} confirmed{f' ({already:,} already so)' if already else ''}."
    nothing = not counts["confirmed"] and not counts["unknown"]
    return f"{'Nothing' if nothing else 'Not everything'} was applied: {figures}."


def _title(status: int | None, text: str) -> str:
    """Return a cause in words: for an answer, its status code and the standard phrase."""
    if status is None:
        return "the apply was interrupted" if text == INTERRUPTED else text or "unknown cause"
    try:
        name = f"{status} {HTTPStatus(status).phrase}"
    except ValueError:
        name = str(status)
    _, seen, after = text.partition(", and it was not seen")
    return f"{name}, not seen{after}" if seen else name


def _remedy(change: ChangeResult) -> tuple[str, ...]:
    if change.result == "unknown":
        return (*change.advice, AGAIN)
    if change.result == "skipped":
        return ("Run the same command again to continue.",) if change.detail == INTERRUPTED else ()
    if change.status in {401, 403}:
        return (*change.advice, "Check the token with: portalctl ping")
    temporary = change.status is None or change.status >= 500 or change.status == 429
    return (*change.advice, LATER if temporary else CORRECT)
