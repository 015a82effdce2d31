"""Drift findings: the disagreements of portal and manifest, by kind. Pure.

A pending sign-up that the rules decide is a finding of kind `backlog`, which is not drift: it does not fail a run.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date
from typing import Annotated, get_args

from portalctl.changes.difference import Difference
from portalctl.changes.observations import Disagreement
from portalctl.changes.operation import State
from portalctl.changes.operations import Approve, Change
from portalctl.changes.pending_ages import PendingAgesIfAny
from portalctl.changes.submitted_forms import SubmittedForm
from portalctl.manifest.file_models import DriftKind
from portalctl.portals.change_log import RecordedChange
from portalctl.portals.models import IF_ANY
from portalctl.reason import Reason

Kind = DriftKind
KINDS: tuple[Kind, ...] = get_args(DriftKind)
FAILING: frozenset[Kind] = frozenset(KINDS) - {"backlog"}


@dataclass(frozen=True, slots=True)
class DriftFinding:
    """One disagreement.

    `live` is the portal's side, `wanted` the manifest's, `why` the rule behind it (None: no rule matches).
    `developer_id` is the portal's, None without an account. `fingerprint` is the result of `fingerprint_of`.
    `changed`: the manual change that led to it, as the vendor's log has it; of several, one of them did.
    """

    kind: Kind
    developer: str | None
    team: str | None
    live: str
    wanted: str
    why: Reason | None
    developer_id: str | None = None
    fingerprint: str = ""
    changed: tuple[RecordedChange, ...] = ()


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """An accepted finding, with the reason, last day (UTC; None: no end) and place of its acknowledgement."""

    finding: DriftFinding
    reason: str
    expires: date | None
    file: str
    line: int


@dataclass(frozen=True, slots=True)
class PortalDrift:
    """The findings of one portal, and what pending developers answered to forms (`submitted_forms`).

    `developers` is their number, `statuses` their numbers by status, `calls` the number of requests.
    `pending` None: no sign-up is pending, or the portal reports no times.
    `recorded` are manual changes of the last days, newest first; `unrecorded`: why they could not be read.
    """

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
    pending: PendingAgesIfAny = None
    submitted_forms: Annotated[tuple[SubmittedForm, ...], IF_ANY] = ()
    recorded: tuple[RecordedChange, ...] = ()
    unrecorded: str | None = None


def _weight(finding: DriftFinding) -> tuple[int, str, str, str, str]:
    """Return the sort key of a finding. The id comes last, for accounts that share an address."""
    developer, team = finding.developer or "", finding.team or ""
    return KINDS.index(finding.kind), developer, team, finding.live, finding.developer_id or ""


def drift_findings(portal: str, found: Difference) -> tuple[DriftFinding, ...]:
    """Return the findings of a comparison, sorted by kind, developer and team. `portal` is the portal's handle."""
    entering = {
        change.developer.key
        for change in found.changes
        if isinstance(change, Approve) and change.op_class == "onboard"
    }
    findings = [
        *(_from_change(change, entering) for change in found.changes),
        *map(_from_disagreement, found.observations.disagreements()),
    ]
    findings.sort(key=_weight)
    return tuple(replace(finding, fingerprint=fingerprint_of(portal, finding)) for finding in findings)


def fingerprint_of(portal: str, finding: DriftFinding) -> str:
    """Return the id of a finding: the same in each run that has this finding, also after its rule has moved.

    It is made from the portal's id of a developer, so that a new account with the same address is a new finding.
    """
    developer = finding.developer_id or finding.developer
    rule = finding.why.rule if finding.why is not None else None
    text = json.dumps([portal, finding.kind, developer, finding.team, finding.live, finding.wanted, rule])
    # The first character is a letter, since YAML reads some hexadecimal digests as numbers.
    return f"f{hashlib.sha256(text.encode()).hexdigest()[:12]}"


def _from_change(change: Change, entering: set[str]) -> DriftFinding:
    """Return a change as a finding. `entering`: the keys of developers with a first approval."""
    developer = change.developer
    return DriftFinding(
        kind=change.drift_kind(entering=developer is not None and developer.key in entering),
        developer=developer.name if developer else None,
        team=change.team,
        live=_state_text(change, change.before),
        wanted=_state_text(change, change.after),
        why=change.why[0],
        developer_id=developer.id if developer else None,
    )


def _state_text(change: Change, state: State | None) -> str:
    """Return the text for one side of a change: `approved`, `not a member`, `description: none`."""
    if state is None:
        return change.nothing
    if "registration_id" in state:
        return f"registration of {state['application']} for {state['api']}: {state['status']}"
    if "member" in state:
        return "member" if state["member"] else "not a member"
    if "status" in state:
        return str(state["status"])
    return ", ".join(f"{key}: {value if value is not None else 'none'}" for key, value in state.items())


def _from_disagreement(found: Disagreement) -> DriftFinding:
    developer = found.developer
    name, developer_id = (developer.name, developer.id) if developer is not None else (None, None)
    return DriftFinding(found.kind, name, found.team, found.live, found.wanted, found.why, developer_id)
