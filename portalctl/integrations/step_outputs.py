"""The outputs of a document for later CI steps and jobs: only flags, counts, the digest and the path. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from portalctl.changes.plan import Plan
from portalctl.insight.drift import FAILING
from portalctl.integrations.ci_documents import Document
from portalctl.output.apply_report import RESULTS, Report
from portalctl.output.documents import Drift
from portalctl.output.view_model import totals


def outputs(document: Document, file: str, digest: str | None = None) -> Mapping[str, str]:
    """Return the outputs. Their names have lower-case letters and hyphens, like GitHub's own.

    Args:
        file: the path of the document.
        digest: the digest of a plan, in the form for `apply --expect-digest`.
    """
    match document:
        case Plan():
            return _of_plan(document, file, digest)
        case Drift():
            findings = sum(found.kind in FAILING for portal in document.portals for found in portal.findings)
            return {"has-drift": _flag(findings > 0), "findings": str(findings), "drift-file": file}
        case Report():
            counts: dict[str, str] = {
                name: str(sum(portal.summary[name] for portal in document.portals)) for name in RESULTS
            }
            return {**counts, "interrupted": _flag(document.interrupted), "report-file": file}


def dotenv(plan: Plan, file: str, digest: str | None) -> str:
    """Return the outputs of a plan for GitLab's `artifacts:reports:dotenv`: lines `PORTALCTL_HAS_CHANGES=true`."""
    named = {name.upper().replace("-", "_"): value for name, value in _of_plan(plan, file, digest).items()}
    return "".join(f"PORTALCTL_{name}={value}\n" for name, value in named.items())


def _of_plan(plan: Plan, file: str, digest: str | None) -> dict[str, str]:
    count = totals(plan.portals)
    return {
        "has-changes": _flag(plan.changes > 0),
        "refused": _flag(plan.refused),
        "digest": digest or "",
        "gains": str(count.gainers),
        "removals": str(count.losers),
        "mails": str(count.mails),
        "writes": str(count.writes),
        "plan-file": file,
    }


def _flag(value: bool) -> str:
    return "true" if value else "false"
