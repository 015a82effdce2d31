"""Annotations at `file:line`, as GitHub shows them beside the lines of a pull request. Pure.

GitHub shows ten of a step; of a plan with more, these are the worst.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Literal

from portalctl.changes.plan import Plan, PortalPlan
from portalctl.insight.drift import FAILING
from portalctl.output import view_model
from portalctl.output.apply_report import Report
from portalctl.output.documents import Drift, FoundInFile, Validation
from portalctl.output.drift_words import finding_what, finding_who
from portalctl.output.escaping import github_data, github_property
from portalctl.output.view_model import ChangeGroup
from portalctl.reason import Reason

MOST = 10

Level = Literal["error", "warning"]


@dataclass(frozen=True, slots=True)
class Annotation:
    """`line` and `column` count from 1. `file` None: it is about no line of a file."""

    level: Level
    title: str
    message: str
    file: str | None = None
    line: int | None = None
    column: int | None = None


def worst(document: Plan | Drift | Report) -> tuple[Annotation, ...]:
    """What a reader has to know first, at most MOST of it: refusals and failures, then removals, then warnings."""
    match document:
        case Plan():
            every = [each for portal in document.portals for each in _of_plan(portal)]
        case Drift():
            every = list(_of_drift(document))
        case Report():
            every = list(_of_report(document))
    return tuple(islice(sorted(every, key=lambda each: each.level != "error"), MOST))


def validation_commands(document: Validation) -> str:
    """The workflow commands of a validation's findings, and how many more there are, a line each."""
    shown = [_of_finding(finding) for finding in document.findings]
    if len(shown) < document.total:
        shown.append(Annotation("warning", "portalctl", f"and {document.total - len(shown):,} more findings"))
    return "".join(f"{command(annotation)}\n" for annotation in shown)


def command(annotation: Annotation) -> str:
    """The workflow command that makes it, in one line."""
    placed = {
        "file": annotation.file,
        "line": annotation.line,
        "col": annotation.column,
        "title": annotation.title,
    }
    properties = ",".join(f"{name}={github_property(str(value))}" for name, value in placed.items() if value)
    return f"::{annotation.level} {properties}::{github_data(annotation.message)}"


def _of_finding(found: FoundInFile) -> Annotation:
    title = f"portalctl {found.code}" if found.code else "portalctl"
    message = "\n".join(filter(None, (found.message, found.remedy)))
    return Annotation(found.severity, title, message, found.file, found.line, found.column)


def _of_plan(portal: PortalPlan) -> Iterator[Annotation]:
    """In the order of how much it matters."""
    for refusal in portal.refusals:
        level: Level = "warning" if refusal.origin == "pending" else "error"
        yield Annotation(level, f"{portal.name}: refused", refusal.message)
    takes = [effect for effect in view_model.effects(portal.changes) if effect.kind == "takes"]
    for effect in sorted(takes, key=view_model.was_pending):
        yield _of_effect(portal.name, effect)
    for grant in portal.base.unruled if portal.base is not None else ():
        kept = f"in team {grant.team}" if grant.team else "approved"
        message = f"{grant.developer.name} stays {kept}, though the rule for it is gone"
        yield Annotation("warning", f"{portal.name}: not taken away", message)
    for notice in portal.notices:
        if notice.severity == "warning":
            who = f"{notice.developer}: " if notice.developer else ""
            yield Annotation("warning", portal.name, who + notice.message, notice.file, notice.line)


def _of_effect(portal: str, effect: ChangeGroup) -> Annotation:
    why = effect.why[0]
    message = f"{effect.who}: {view_model.what(effect, str)}{view_model.origin_note(effect)}"
    return Annotation("warning", f"{portal}: takes away", message, why.file, why.line)


def _of_drift(drift: Drift) -> Iterator[Annotation]:
    for portal in drift.portals:
        for found in portal.findings:
            if found.kind in FAILING:
                message = f"{finding_who(found, str)}: {finding_what(found, str)}"
                yield _at(found.why, "warning", f"{portal.name}: {found.kind.replace('_', ' ')}", message)


def _of_report(report: Report) -> Iterator[Annotation]:
    for portal in report.portals:
        for change in portal.changes:
            if change.result != "confirmed":
                message = f"{change.id}: {change.result}" + (f": {change.detail}" if change.detail else "")
                yield _at(change.why[0] if change.why else None, "error", f"{portal.name}: apply", message)


def _at(why: Reason | None, level: Level, title: str, message: str) -> Annotation:
    return Annotation(level, title, message, why.file if why else None, why.line if why else None)
