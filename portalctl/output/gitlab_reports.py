"""Reports that GitLab shows in a merge request: the figures of a plan, and findings at their lines."""

from __future__ import annotations

import hashlib
import json
from collections import Counter

from portalctl.changes.operation import Effect
from portalctl.changes.plan import Plan
from portalctl.output import view_model
from portalctl.output.documents import Validation
from portalctl.output.escaping import json_text

REPORTED: dict[Effect, str] = {"grants": "create", "changes": "update", "removes": "delete"}


def terraform_json(plan: Plan) -> str:
    """Return the report for `artifacts:reports:terraform`: the numbers of grants, other changes and removals.

    https://docs.gitlab.com/user/infrastructure/iac/mr_integration/
    """
    counts: Counter[str] = Counter()
    for portal in plan.portals:
        for group in view_model.change_groups(portal.changes):
            counts[REPORTED[group.effect]] += len(group.changes)
    return json_text(json.dumps({name: counts[name] for name in REPORTED.values()}) + "\n")


def validation_code_quality(document: Validation) -> str:
    """Return the report for `artifacts:reports:codequality`. A moved finding keeps its fingerprint.

    https://docs.gitlab.com/ci/testing/code_quality/#code-quality-report-format
    """
    seen: Counter[tuple[str, str]] = Counter()
    listed = []
    for finding in document.findings:
        key = (finding.file, finding.message)
        seen[key] += 1
        listed.append(
            {
                "description": f"{finding.message}; {finding.remedy}" if finding.remedy else finding.message,
                "check_name": finding.code or "portalctl-validate",
                "fingerprint": _fingerprint(*key, str(seen[key])),
                "severity": "critical" if finding.severity == "error" else "minor",
                "location": {"path": finding.file, "lines": {"begin": finding.line}},
            }
        )
    return json_text(json.dumps(listed, indent=2) + "\n")


def _fingerprint(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode(errors="surrogatepass")).hexdigest()
