"""Where portal and manifest disagree, by kind. A sign-up that waits for approval is not drift."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date
from typing import get_args

from portalctl.changes.difference import Difference
from portalctl.changes.observations import Disagreement
from portalctl.changes.operation import State
from portalctl.changes.operations import Approve, Change
from portalctl.manifest.file_models import DriftKind
from portalctl.reason import Reason

Kind = DriftKind
KINDS: tuple[Kind, ...] = get_args(DriftKind)
FAILING: frozenset[Kind] = frozenset(KINDS) - {"backlog"}


@dataclass(frozen=True, slots=True)
class DriftFinding:
    """One disagreement. `live` is what the portal has; `why` the rule it disagrees with, if one speaks.

    `developer_id` is the portal's, None where there is no account. `fingerprint` is that of `fingerprint_of`.
    """

    kind: Kind
    developer: str | None
    team: str | None
    live: str
    wanted: str
    why: Reason | None
    developer_id: str | None = None
    fingerprint: str = ""


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """A finding that is let stand, why and until when (the last day, UTC), and where that is written."""

    finding: DriftFinding
    reason: str
    expires: date | None
    file: str
    line: int


@dataclass(frozen=True, slots=True)
class PortalDrift:
    """`developers` counts them, `statuses` by status; `calls` are those that the reading took."""

    name: str
    provider: str
    portal_id: str
    server: str
    observed_at: str
    developers: int
    statuses: Mapping[str, int]
    calls: int
    findings: tuple[DriftFinding, ...]
    acknowledged: tuple[Acknowledged, ...] = ()


def _weight(finding: DriftFinding) -> tuple[int, str, str, str, str]:
    """People who share an address are told apart by their id."""
    who, team = finding.developer or "", finding.team or ""
    return KINDS.index(finding.kind), who, team, finding.live, finding.developer_id or ""


def drift_findings(portal: str, found: Difference) -> tuple[DriftFinding, ...]:
    """Sorted by kind, then person and team. `portal` is its handle."""
    entering = {
        change.developer.key
        for change in found.changes
        if isinstance(change, Approve) and change.op_class == "onboard"
    }
    every = [
        *(_from_change(change, entering) for change in found.changes),
        *map(_of_disagreement, found.observations.disagreements()),
    ]
    every.sort(key=_weight)
    return tuple(replace(finding, fingerprint=fingerprint_of(portal, finding)) for finding in every)


def fingerprint_of(portal: str, finding: DriftFinding) -> str:
    """The same in every run that finds the same, wherever the rule stands by now; another for anything else.

    A person counts by the portal's id, so that whoever registers again under an address is found anew.
    """
    who = finding.developer_id or finding.developer
    rule = finding.why.rule if finding.why is not None else None
    text = json.dumps([portal, finding.kind, who, finding.team, finding.live, finding.wanted, rule])
    # A letter first: YAML takes some hexadecimal digits for a number.
    return f"f{hashlib.sha256(text.encode()).hexdigest()[:12]}"


def _from_change(change: Change, entering: set[str]) -> DriftFinding:
    person = change.developer
    return DriftFinding(
        kind=change.drift_kind(entering=change.developer is not None and change.developer.key in entering),
        developer=person.name if person else None,
        team=change.team,
        live=_said(change, change.before),
        wanted=_said(change, change.after),
        why=change.why[0],
        developer_id=person.id if person else None,
    )


def _said(change: Change, state: State | None) -> str:
    if state is None:
        return change.nothing
    if "registration_id" in state:
        return f"registration of {state['application']} for {state['api']}: {state['status']}"
    if "member" in state:
        return "member" if state["member"] else "not a member"
    if "status" in state:
        return str(state["status"])
    return ", ".join(f"{key}: {value if value is not None else 'none'}" for key, value in state.items())


def _of_disagreement(it: Disagreement) -> DriftFinding:
    developer = it.developer
    name, developer_id = (developer.name, developer.id) if developer is not None else (None, None)
    return DriftFinding(it.kind, name, it.team, it.live, it.wanted, it.why, developer_id)
