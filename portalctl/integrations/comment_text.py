"""The Markdown of comments, issues and job summaries. Pure."""

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

# Bytes. GitHub accepts 1 MiB for each step
# (docs.github.com/en/actions/reference/workflows-and-actions/workflow-commands).
MOST_IN_SUMMARY = 900_000

Mode = Literal["on-change", "always", "never"]


@dataclass(frozen=True, slots=True)
class Body:
    """The text about one portal. `needed`: post it even if there is no earlier post to update."""

    portal: str
    text: str
    needed: bool


def comments(plan: Plan, mode: Mode, head: str | None, links: Links) -> tuple[Body, ...]:
    """Return the comment for each portal. With `on-change`, a portal without changes or findings needs none.

    Args:
        head: the planned commit; it shows readers whether the comment is about the latest commit.
        links: the addresses of files, and of the run with the complete summary.
    """
    plan = replace(plan, manifest=replace(plan.manifest, commit=plan.manifest.commit or head))
    return tuple(
        Body(
            portal.name,
            plan_markdown(replace(plan, portals=(portal,)), links),
            mode == "always" or _has_content(portal),
        )
        for portal in plan.portals
    )


def _has_content(portal: PortalPlan) -> bool:
    compared = portal.base is not None and portal.base.has_content
    about_base = any(notice.code in ABOUT_BASE for notice in portal.notices)
    return bool(portal.changes or portal.refusals) or compared or about_base


def issues(drift: Drift, run: str | None) -> tuple[Body, ...]:
    """Return the issue for each portal, needed if the portal has drift. `run`: the address of the run."""
    run_link = f"\n[Run]({run})\n" if run else ""
    return tuple(
        Body(
            portal.name,
            drift_markdown(replace(drift, portals=(portal,))) + run_link,
            any(finding.kind in FAILING for finding in portal.findings),
        )
        for portal in drift.portals
    )


def summary(document: Document, links: Links) -> str:
    """Return the Markdown for a job's summary, which may be longer than a comment."""
    match document:
        case Plan():
            return plan_markdown(document, links, most=MOST_IN_SUMMARY)
        case Drift():
            return drift_markdown(document, most=MOST_IN_SUMMARY)
        case Report():
            return report_markdown(document, most=MOST_IN_SUMMARY)
