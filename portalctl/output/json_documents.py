"""JSON for programs: what `-o json` prints, in ASCII, so that it is inert on a terminal and in a CI log too."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence

from pydantic import TypeAdapter

from portalctl.changes.plan import Notice, Plan
from portalctl.changes.plan_document import to_json
from portalctl.errors import MOST_FINDINGS, Finding
from portalctl.insight.access_review import AccessReview
from portalctl.insight.drift import PortalDrift
from portalctl.insight.explain import PortalExplanation
from portalctl.insight.lint import remedy
from portalctl.insight.ping import PortalPing
from portalctl.manifest.model import Manifest, PortalManifest
from portalctl.output.escaping import json_text


def plan_json(plan: Plan) -> str:
    return json_text(to_json(plan))


def drift_json(portals: Iterable[PortalDrift], notices: Iterable[Notice], *, generator: str) -> str:
    """`notices` speak of the acknowledgements."""
    plain = TypeAdapter(tuple[PortalDrift, ...]).dump_python(tuple(portals), mode="json")
    noted = TypeAdapter(tuple[Notice, ...]).dump_python(tuple(notices), mode="json")
    return _document({"version": 1, "kind": "drift", "generator": generator, "portals": plain, "notices": noted})


def access_json(review: AccessReview) -> str:
    return json_text(TypeAdapter(AccessReview).dump_json(review, indent=2).decode() + "\n")


def validation_json(manifest: Manifest | None, findings: Iterable[Finding]) -> str:
    """`findings` with their places, warnings too; `files` only when everything could be loaded.

    At most MOST_FINDINGS are listed, errors first; `total` counts all.
    """
    every = list(findings)
    valid = all(finding.severity != "error" for finding in every)
    return _document(
        {
            "version": 1,
            "kind": "validation",
            "valid": valid,
            "files": list(manifest.files) if manifest is not None else [],
            "total": len(every),
            "findings": [_finding(finding) for finding in worst_findings(every)],
        }
    )


def worst_findings(findings: Sequence[Finding]) -> list[Finding]:
    """At most MOST_FINDINGS in the order given; of more, errors before warnings."""
    ranked = sorted(range(len(findings)), key=lambda index: findings[index].severity != "error")
    return [findings[index] for index in sorted(ranked[:MOST_FINDINGS])]


def _finding(found: Finding) -> dict[str, str | int | None]:
    at = found.at
    return {
        "file": at.file,
        "line": at.line,
        "column": at.column,
        "code": found.code,
        "severity": found.severity,
        "message": found.message,
        "remedy": remedy(found),
    }


def explanations_json(portals: Iterable[PortalExplanation], *, generator: str) -> str:
    plain = TypeAdapter(tuple[PortalExplanation, ...]).dump_python(tuple(portals), mode="json", by_alias=True)
    return _document({"version": 1, "kind": "explanation", "generator": generator, "portals": plain})


def pings_json(portals: Iterable[PortalPing], *, generator: str) -> str:
    plain = TypeAdapter(tuple[PortalPing, ...]).dump_python(tuple(portals), mode="json")
    return _document({"version": 1, "kind": "ping", "generator": generator, "portals": plain})


def portals_json(portals: Iterable[PortalManifest]) -> str:
    """In one line, as CI variables take it. None where a manifest does not say it."""
    listed = [
        {
            "name": portal.name,
            "provider": portal.provider,
            "region": portal.region,
            "id": portal.id,
            "title": portal.title,
            "files": list(portal.files),
        }
        for portal in portals
    ]
    return json_text(json.dumps({"version": 1, "kind": "portals", "portals": listed}) + "\n")


def _document(document: object) -> str:
    return json_text(json.dumps(document, indent=2) + "\n")
