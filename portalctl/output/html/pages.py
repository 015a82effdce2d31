"""Drift, reports, explanations and findings as self-contained HTML pages."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from portalctl.insight.drift import FAILING, KINDS, DriftFinding, PortalDrift
from portalctl.insight.explain import PortalExplanation
from portalctl.output import view_model
from portalctl.output.apply_report import RESULTS, ChangeResult, PortalOutcome, Report, change_of
from portalctl.output.documents import Drift, Explanation, Validation
from portalctl.output.drift_words import finding_difference, finding_subject, pending_sign_ups
from portalctl.output.html.environment import code, page
from portalctl.output.html.plan import Choice
from portalctl.output.links import NO_LINKS
from portalctl.output.view_model import ChangeGroup
from portalctl.words import plural


@dataclass(frozen=True, slots=True)
class _DriftSection:
    portal: PortalDrift
    state: str
    facts: Sequence[str]
    failing: Sequence[DriftFinding]
    pending: Sequence[DriftFinding]


@dataclass(frozen=True, slots=True)
class ReportRow:
    """The result of a change, and the change in words."""

    outcome: ChangeResult
    group: ChangeGroup


@dataclass(frozen=True, slots=True)
class _ReportSection:
    portal: PortalOutcome
    state: str
    facts: Sequence[str]
    rows: Sequence[ReportRow]

    @property
    def incomplete(self) -> bool:
        """Whether a change was not confirmed."""
        return self.portal.summary["confirmed"] < self.portal.summary["total"]


def drift_html(drift: Drift) -> str:
    """Return the findings of all portals, with a filter by kind; then pending sign-ups and acknowledged findings."""
    kinds = {finding.kind for portal in drift.portals for finding in portal.findings}
    kinds |= {known.finding.kind for portal in drift.portals for known in portal.acknowledged}
    return page(
        "drift.html",
        filtered=True,
        drift=drift,
        links=NO_LINKS,
        read=min((portal.observed_at for portal in drift.portals), default=""),
        items=[_drift(portal) for portal in drift.portals],
        notices=view_model.notice_groups(drift.notices),
        choices=(Choice("kind", "Effect", [(kind, _words(kind)) for kind in KINDS if kind in kinds]),),
        finding_subject=finding_subject,
        finding_difference=finding_difference,
        pending=lambda findings: f"Not drift: {pending_sign_ups(findings)}",
        place=_place,
        words=_words,
    )


def _drift(portal: PortalDrift) -> _DriftSection:
    failing = [finding for finding in portal.findings if finding.kind in FAILING]
    return _DriftSection(
        portal,
        plural(len(failing), "difference") if failing else "no drift",
        (
            portal.provider,
            code(urlsplit(portal.server).netloc),
            plural(portal.developers, "developer"),
            *view_model.pending_words(portal.pending),
        ),
        failing,
        [finding for finding in portal.findings if finding.kind not in FAILING],
    )


def report_html(report: Report) -> str:
    """Return the result of each change, those that are not confirmed first, with a filter by result."""
    results = {change.result for portal in report.portals for change in portal.changes}
    return page(
        "report.html",
        filtered=True,
        report=report,
        links=NO_LINKS,
        results=RESULTS,
        items=[_outcome(portal) for portal in report.portals],
        choices=(Choice("result", "Result", [(result, result) for result in RESULTS if result in results]),),
    )


def _outcome(portal: PortalOutcome) -> _ReportSection:
    return _ReportSection(
        portal,
        f"{portal.summary['confirmed']:,} of {plural(portal.summary['total'], 'change')} confirmed",
        (portal.provider, code(urlsplit(portal.server).netloc)),
        report_rows(portal.changes),
    )


def report_rows(changes: Iterable[ChangeResult]) -> list[ReportRow]:
    """Return rows with the results of changes, those that are not confirmed first."""
    found = sorted(changes, key=lambda change: change.result == "confirmed")
    return [ReportRow(change, view_model.change_groups([change_of(change)])[0]) for change in found]


def validation_html(validation: Validation) -> str:
    """Return the findings in manifest files, with a filter by severity."""
    return page(
        "validation.html",
        filtered=True,
        validation=validation,
        state="valid" if validation.valid else plural(validation.total, "finding"),
        missing=validation.total - len(validation.findings),
        choices=(Choice("severity", "Severity", [("error", "error"), ("warning", "warning")]),),
        place=_place,
    )


def explanation_html(explanation: Explanation) -> str:
    """Return the rules about a developer, a domain or a team, the rules that decide, and the planned changes."""
    return page("explanation.html", generator=explanation.generator, **explanation_values(explanation.portals))


def explanation_values(portals: Sequence[PortalExplanation]) -> dict[str, Any]:
    """Return what the template `explanation.html` prints."""
    return {"portals": portals, "links": NO_LINKS, "facts": _explained}


def _explained(portal: PortalExplanation) -> Sequence[str]:
    if portal.observed_at is None:
        return portal.provider, code(portal.subject), "no portal was read"
    live = ", ".join(f"{count:,} {status}" for status, count in portal.live.items())
    return portal.provider, code(portal.subject), live or "no account"


def _words(kind: str) -> str:
    return kind.replace("_", " ")


def _place(file: str, line: int) -> str:
    return f"{file}:{line}"
