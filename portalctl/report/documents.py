"""JSON for programs: what `-o json` prints, in ASCII, so that it is inert on a terminal and in a CI log too."""

from __future__ import annotations

import json
from collections.abc import Iterable

from pydantic import TypeAdapter

from portalctl.errors import Finding
from portalctl.manifest.model import Manifest
from portalctl.plan.document import to_json
from portalctl.plan.drift import PortalDrift
from portalctl.plan.model import Plan
from portalctl.report.safe import json_text


def plan_json(plan: Plan) -> str:
    return json_text(to_json(plan))


def drift_json(portals: Iterable[PortalDrift], *, generator: str) -> str:
    plain = TypeAdapter(tuple[PortalDrift, ...]).dump_python(tuple(portals), mode="json")
    return _document({"version": 1, "kind": "drift", "generator": generator, "portals": plain})


def validation_json(manifest: Manifest | None, findings: Iterable[Finding]) -> str:
    """`findings` with their places; `files` only when everything could be loaded."""
    listed = [{"file": f.at.file, "line": f.at.line, "column": f.at.column, "message": f.message} for f in findings]
    files = list(manifest.files) if manifest is not None else []
    return _document({"version": 1, "kind": "validation", "valid": not listed, "files": files, "findings": listed})


def _document(document: object) -> str:
    return json_text(json.dumps(document, indent=2) + "\n")
