"""Annotations at `file:line`, which GitHub shows next to the lines of a pull request. Pure.

GitHub shows ten annotations of a step; of a document with more, the most severe ones are selected.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from portalctl.changes.plan import Plan, PortalPlan
from portalctl.errors import MOST_FINDINGS
from portalctl.insight.drift import FAILING
from portalctl.output import view_model
from portalctl.output.apply_report import Report
from portalctl.output.documents import AccessTest, Drift, FoundInFile, Validation
from portalctl.output.drift_words import finding_difference, finding_subject
from portalctl.output.escaping import github_data, github_property
from portalctl.output.view_model import ChangeGroup
from portalctl.reason import Reason

MOST = 10

Level = Literal["error", "warning"]


@dataclass(frozen=True, slots=True)
class Annotation:
    """An annotation. `line` and `column` count from 1. `file` None: it is not about a file."""

    level: Level
    title: str
    message: str
    file: str | None = None
    line: int | None = None
    column: int | None = None


def most_severe(document: Plan | Drift | Report) -> tuple[Annotation, ...]:
    """Return at most MOST annotations: refusals and failures, then removals, then warnings."""
    match document:
        case Plan():
            annotations = [annotation for portal in document.portals for annotation in _of_plan(portal)]
        case Drift():
            annotations = list(_of_drift(document))
        case Report():
            annotations = list(_of_report(document))
    return tuple(sorted(annotations, key=lambda annotation: annotation.level != "error")[:MOST])


def validation_commands(document: Validation) -> str:
    """Return a workflow command for each finding, and one with the number of further findings, a line each."""
    shown = [_of_finding(finding) for finding in document.findings]
    if len(shown) < document.total:
        shown.append(Annotation("warning", "portalctl", f"and {document.total - len(shown):,} more findings"))
    return "".join(f"{command(annotation)}\n" for annotation in shown)


def access_test_commands(document: AccessTest) -> str:
    """Return a workflow command for each failed expectation, and one with the number of further ones, a line each."""
    failed = [tested for tested in document.expectations if tested.result == "failed"]
    shown = [
        Annotation(
            "error",
            f"portalctl test: {tested.subject}",
            "\n".join((*tested.problems, *(rule_at(why) for why in tested.why))),
            tested.file,
            tested.line,
            tested.column,
        )
        for tested in failed[:MOST_FINDINGS]
    ]
    if len(failed) > len(shown):
        text = f"and {len(failed) - len(shown):,} more failed expectations"
        shown.append(Annotation("warning", "portalctl test", text))
    return "".join(f"{command(annotation)}\n" for annotation in shown)


def rule_at(why: Reason) -> str:
    """Return a rule in words, with its place: `trusted domain arsenal.com (portals/partners.yaml:9)`."""
    return f"{view_model.rule_named(why, str)} ({view_model.place(why) or 'built-in default'})"


def command(annotation: Annotation) -> str:
    """Return the workflow command for an annotation, in one line."""
    properties = {
        "file": annotation.file,
        "line": annotation.line,
        "col": annotation.column,
        "title": annotation.title,
    }
    shown = ",".join(f"{name}={github_property(str(value))}" for name, value in properties.items() if value)
    return f"::{annotation.level} {shown}::{github_data(annotation.message)}"


def _of_finding(found: FoundInFile) -> Annotation:
    title = f"portalctl {found.code}" if found.code else "portalctl"
    message = "\n".join(filter(None, (found.message, found.remedy)))
    return Annotation(found.severity, title, message, found.file, found.line, found.column)


def _of_plan(portal: PortalPlan) -> Iterator[Annotation]:
    """Yield the annotations of a plan, most severe first."""
    for refusal in portal.refusals:
        level: Level = "warning" if refusal.origin == "pending" else "error"
        yield Annotation(level, f"{portal.name}: refused", refusal.message)
    removals = [group for group in view_model.change_groups(portal.changes) if group.effect == "removes"]
    for group in sorted(removals, key=view_model.was_pending):
        yield _of_removal(portal.name, group)
    for grant in portal.base.unruled if portal.base is not None else ():
        kept = f"in team {grant.team}" if grant.team else "approved"
        message = f"{grant.developer.name} stays {kept} without a rule"
        yield Annotation("warning", f"{portal.name}: access not removed", message)
    for notice in portal.notices:
        if notice.severity == "warning":
            developer = f"{notice.developer}: " if notice.developer else ""
            yield Annotation("warning", portal.name, developer + notice.message, notice.file, notice.line)


def _of_removal(portal: str, group: ChangeGroup) -> Annotation:
    why = group.why[0]
    message = f"{group.name}: {view_model.change_words(group, str)}{view_model.origin_note(group)}"
    return Annotation("warning", f"{portal}: access removed", message, why.file, why.line)


def _of_drift(drift: Drift) -> Iterator[Annotation]:
    for portal in drift.portals:
        for found in portal.findings:
            if found.kind in FAILING:
                message = f"{finding_subject(found, str)}: {finding_difference(found, str)}"
                yield _at(found.why, "warning", f"{portal.name}: {found.kind.replace('_', ' ')}", message)


def _of_report(report: Report) -> Iterator[Annotation]:
    for portal in report.portals:
        for change in portal.changes:
            if change.result != "confirmed":
                message = f"{change.id}: {change.result}" + (f": {change.detail}" if change.detail else "")
                yield _at(change.why[0] if change.why else None, "error", f"{portal.name}: apply", message)


def _at(why: Reason | None, level: Level, title: str, message: str) -> Annotation:
    return Annotation(level, title, message, why.file if why else None, why.line if why else None)
