"""The report of an apply as what can be undone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict

from pydantic import ValidationError

from portalctl import json_file
from portalctl.changes.operation import ChangeFields
from portalctl.changes.operations import NAMES, Change, typed
from portalctl.changes.plan_document import MASKED
from portalctl.changes.undo import Applied
from portalctl.errors import RefusedError
from portalctl.output.apply_report import ChangeResult, PortalOutcome, Report
from portalctl.reason import Reason


def applied(report: Report, file: str) -> Mapping[str, Applied]:
    """Return what an apply did, by portal. `file`: the report's name in reasons.

    Raises InputError for changes that no apply makes, RefusedError for a masked report.
    """
    if report.plan is None or report.plan.startswith(MASKED):
        raise RefusedError(
            f"{file}: this report is masked, so its developers cannot be found; nothing was planned",
            "Use the report that `apply --report FILE` wrote without --mask-emails.",
        )
    why = Reason("undo", report.started_at, file, 1)
    problems: list[tuple[str, str]] = []
    found: dict[str, Applied] = {}
    for number, portal in enumerate(report.portals):
        path = f"portals[{number}]"
        if portal.name in found:
            problems.append((f"{path}.name", "another portal of this report has the same name"))
        found[portal.name] = _applied(portal, why, path, problems)
    if problems:
        raise json_file.rejected(file, problems, "report")
    return found


def _applied(portal: PortalOutcome, why: Reason, path: str, problems: list[tuple[str, str]]) -> Applied:
    confirmed = [
        (f"{path}.changes[{index}]", change)
        for index, change in enumerate(portal.changes)
        if change.result == "confirmed" and not change.already
    ]
    changes = [_change(change, place, problems) for place, change in confirmed]
    return Applied(
        portal.portal_id,
        portal.server,
        tuple(change for change in changes if change is not None),
        already=sum(change.already for change in portal.changes),
        unclear=sum(change.result == "unknown" for change in portal.changes),
        why=why,
    )


def _change(result: ChangeResult, path: str, problems: list[tuple[str, str]]) -> Change | None:
    """Return the change of a result; None, with problems, where it does not fit its operation."""
    if result.op not in NAMES:
        problems.append((f"{path}.op", "is not an operation"))
        return None
    fields = ChangeFields(
        id=result.id,
        op=result.op,
        op_class=result.op_class,
        developer=result.developer,
        team=result.team,
        before=result.before,
        after=result.after,
        why=(),
    )
    try:
        return typed(fields)
    except ValidationError as error:
        found = json_file.problems(error, {**asdict(fields), "class": fields.op_class})
        problems += [(path + where, text) for where, text in found]
        return None
