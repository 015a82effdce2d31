"""The Markdown of comments, issues and the summary of a job. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from portalctl.changes.plan import Plan, PortalPlan
from portalctl.insight.drift import FAILING
from portalctl.integrations.ci_documents import Document
from portalctl.output.apply_report import Report
from portalctl.output.documents import Drift
from portalctl.output.links import Links
from portalctl.output.markdown.drift import drift_markdown
from portalctl.output.markdown.plan import plan_markdown
from portalctl.output.markdown.report import report_markdown

ABOUT_BASE = frozenset({"no_base", "portal_gone"})  # notices about the change under review

# Bytes: GitHub shows 1 MiB of a step (docs.github.com/en/actions/reference/workflows-and-actions/workflow-commands).
MOST_IN_SUMMARY = 900_000

Mode = Literal["on-change", "always", "never"]


@dataclass(frozen=True, slots=True)
class Body:
    """The text about one portal. `needed`: to be posted where there is no earlier post."""

    portal: str
    text: str
    needed: bool


def comments(plan: Plan, mode: Mode, head: str | None, links: Links) -> tuple[Body, ...]:
    """Return the comment of each portal. With `on-change`, one without changes or findings is not needed.

    Args:
        head: the commit that was planned; a reader sees by it whether the comment is about the latest one.
        links: the addresses of the files and of the run, whose summary has what a comment leaves out.
    """
    plan = replace(plan, manifest=replace(plan.manifest, commit=plan.manifest.commit or head))
    return tuple(
        Body(
            portal.name,
            plan_markdown(replace(plan, portals=(portal,)), links),
            mode == "always" or _says_something(portal),
        )
        for portal in plan.portals
    )


def _says_something(portal: PortalPlan) -> bool:
    compared = portal.base is not None and portal.base.has_content
    return (
        bool(portal.changes or portal.refusals) or compared or any(each.code in ABOUT_BASE for each in portal.notices)
    )


def issues(drift: Drift, run: str | None) -> tuple[Body, ...]:
    """Return the issue of each portal, needed where there is drift. `run`: the address of the run."""
    seen = f"\n[Run]({run})\n" if run else ""
    return tuple(
        Body(
            portal.name,
            drift_markdown(replace(drift, portals=(portal,))) + seen,
            any(finding.kind in FAILING for finding in portal.findings),
        )
        for portal in drift.portals
    )


def summary(document: Document, links: Links) -> str:
    """Return the document for a job's summary, which is longer than a comment."""
    match document:
        case Plan():
            return plan_markdown(document, links, most=MOST_IN_SUMMARY)
        case Drift():
            return drift_markdown(document, most=MOST_IN_SUMMARY)
        case Report():
            return report_markdown(document, most=MOST_IN_SUMMARY)
