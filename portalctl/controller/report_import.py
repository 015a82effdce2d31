"""Reports of applies outside the controller, as runs of the history."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Final

from portalctl.changes.operations import BY_NAME
from portalctl.controller.models import Counts, PortalKey, RunRecord, RunState
from portalctl.controller.store import Store
from portalctl.json_file import rejected
from portalctl.output.apply_report import RESULTS, ChangeResult, PortalOutcome, Report
from portalctl.output.documents import to_json
from portalctl.times import is_rfc3339

WRITER: Final = "report:"  # how the writer of an imported run begins
WRONG_TIME: Final = "should be a date and time with a time zone (RFC 3339)"
CLOCKS_DIFFER: Final = timedelta(minutes=5)  # at most, between the writer of a report and this machine
_ID_CHARACTERS: Final = 16


def import_report(store: Store, report: Report) -> tuple[RunRecord, ...]:
    """Add a report to the history, a run for each portal; return those that the history did not have.

    A report is known by its content: importing it again changes nothing.
    """
    return tuple(run for run, changes in _runs(report) if store.import_run(run, changes))


def report_id(report: Report) -> str:
    """Return the id of a report, made of its content."""
    return hashlib.sha256(to_json(report).encode()).hexdigest()[:_ID_CHARACTERS]


def check_report(report: Report, file: str, now: datetime) -> None:
    """Check what the types allow but no report has. Raises InputError, naming the path in the file.

    A result from the future would count as a recent change of the developer until then.
    """
    found: list[tuple[str, str]] = []
    for number, portal in enumerate(report.portals):
        place = f"portals[{number}]"
        times = {f"{place}.started_at": portal.started_at, f"{place}.ended_at": portal.ended_at}
        for index, change in enumerate(portal.changes):
            if change.op not in BY_NAME:
                found.append((f"{place}.changes[{index}].op", "is not an operation of this version"))
            if change.settled_at is not None:
                times[f"{place}.changes[{index}].settled_at"] = change.settled_at
        found += [(path, fault) for path, text in times.items() if (fault := _time_fault(text, now)) is not None]
    if found:
        raise rejected(file, found, "report")


def _time_fault(text: str, now: datetime) -> str | None:
    """Return what is wrong with a time of a report."""
    if not is_rfc3339(text):
        return WRONG_TIME
    return "is in the future; check the clocks" if datetime.fromisoformat(text) > now + CLOCKS_DIFFER else None


def _runs(report: Report) -> Iterator[tuple[RunRecord, tuple[ChangeResult, ...]]]:
    name = report_id(report)
    by = f"applied by {report.who.actor}" if report.who.actor else None
    for portal in report.portals:
        counts = {result: sum(change.result == result for change in portal.changes) for result in RESULTS}
        record = RunRecord(
            id=f"{name}-{portal.name}",
            portal=portal.name,
            trigger="report",
            mode="full",
            state=_state(report, portal),
            started_at=datetime.fromisoformat(portal.started_at),
            ended_at=datetime.fromisoformat(portal.ended_at),
            commit=report.who.commit,
            digest=report.plan,
            counts=Counts(**counts),
            detail=by,
            key=PortalKey(portal.server, portal.portal_id),
            writer=f"{WRITER}{name}",
        )
        yield record, portal.changes


def _state(report: Report, portal: PortalOutcome) -> RunState:
    if report.interrupted:
        return "interrupted"
    return "succeeded" if all(change.result == "confirmed" for change in portal.changes) else "failed"
