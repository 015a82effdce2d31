"""What comments, issues and a job's summary say, as Markdown. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from portalctl.changes.plan import Plan, PortalPlan
from portalctl.insight.drift import FAILING
from portalctl.integrations.ci_documents import Document
from portalctl.output.apply_report import Report
from portalctl.output.documents import Drift
from portalctl.output.markdown.drift import drift_markdown
from portalctl.output.markdown.plan import plan_markdown
from portalctl.output.markdown.report import report_markdown

ABOUT_BASE = frozenset({"no_base", "portal_gone"})  # notices that tell of the change under review

# Bytes: GitHub shows 1 MiB of a step (docs.github.com/en/actions/reference/workflows-and-actions/workflow-commands).
MOST_IN_SUMMARY = 900_000

Mode = Literal["on-change", "always", "never"]


@dataclass(frozen=True, slots=True)
class Body:
    """What is to be said of one portal. `needed`: worth saying where nothing was said before."""

    portal: str
    text: str
    needed: bool


def comments(plan: Plan, mode: Mode, head: str | None, run: str | None = None) -> tuple[Body, ...]:
    """One for each portal. With `on-change`, one that has nothing to say is not needed.

    `head`: the commit that was planned, by which a reader sees that a comment is not of the latest one. `run`: the
    URL of the run; its summary has room for what a comment leaves out.
    """
    seen = f"\n[The run that made this plan]({run})\n" if run else ""
    plan = replace(plan, manifest=replace(plan.manifest, commit=plan.manifest.commit or head))
    return tuple(
        Body(
            portal.name,
            plan_markdown(replace(plan, portals=(portal,))) + seen,
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
    """One for each portal, needed where there is drift. `run`: the address of the run that looked."""
    seen = f"\n[The run that saw it]({run})\n" if run else ""
    return tuple(
        Body(
            portal.name,
            drift_markdown(replace(drift, portals=(portal,))) + seen,
            any(found.kind in FAILING for found in portal.findings),
        )
        for portal in drift.portals
    )


def summary(document: Document) -> str:
    """The document for a job's summary, which has room for more than a comment has."""
    match document:
        case Plan():
            return plan_markdown(document, most=MOST_IN_SUMMARY)
        case Drift():
            return drift_markdown(document, most=MOST_IN_SUMMARY)
        case Report():
            return report_markdown(document, most=MOST_IN_SUMMARY)
