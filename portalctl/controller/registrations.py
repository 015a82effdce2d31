"""Sign-ups that a registration portal of the organisation reports: what a run makes of them. Pure.

A reported sign-up is an invitation that no file has: the rules decide it as if the developer had signed up on the
portal itself, and the run creates the account, approves it and adds it to its teams as it does for all developers.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Final

from portalctl.changes.memberships import KEEPS_OUT
from portalctl.changes.operations import AddMember
from portalctl.controller.models import AccessDecision, Registered, SignUp
from portalctl.execution.report import PortalReport, Settled
from portalctl.flow import PortalReading
from portalctl.identity import normal_address
from portalctl.insight.explain import PortalExplanation, Standing, Topic
from portalctl.manifest.model import Manifest, ReportedSignUp
from portalctl.portals.models import OUT
from portalctl.reason import Reason

UNAVAILABLE: Final = Registered("unavailable", detail="nothing is written to this portal now")


def with_sign_ups(manifest: Manifest, name: str, sign_ups: Iterable[SignUp]) -> Manifest:
    """Return the manifest of one portal with reported sign-ups. Addresses are in their normal form."""
    reported = tuple(ReportedSignUp(one.email, one.full_name, one.email_verified) for one in sign_ups)
    if not reported:
        return manifest
    portal = replace(manifest.portals[name], sign_ups=reported)
    return replace(manifest, portals={name: portal})


def registered(
    sign_ups: Iterable[SignUp], reading: PortalReading, reports: Iterable[PortalReport], *, writable: bool
) -> dict[str, Registered]:
    """Return the outcome of each reported sign-up, by address.

    Args:
        reading: the portal before the run's writes.
        reports: the results of the run's writes.
    """
    settled = {item.change.id: item for report in reports for item in report.settled}
    return {one.email: _outcome(one, reading, settled, writable=writable) for one in sign_ups}


def _outcome(
    sign_up: SignUp, reading: PortalReading, settled: Mapping[str, Settled], *, writable: bool
) -> Registered:
    explanation = reading.explain(Topic("developer", sign_up.email))
    if len(explanation.standings) != 1:
        return Registered("pending", detail="several accounts have this address")
    standing = explanation.standings[0]
    if standing.verdict in KEEPS_OUT:
        return Registered("denied")
    if not writable:
        return UNAVAILABLE
    own = [
        item
        for item in settled.values()
        if item.change.developer is not None and sign_up.email == normal_address(item.change.developer.name)
    ]
    return _after_writes(standing, own)


def _after_writes(standing: Standing, own: Sequence[Settled]) -> Registered:
    """Return the outcome of a sign-up that no rule denies. `own`: the results of its changes."""
    bad = next((item for item in own if item.result != "confirmed"), None)
    if bad is not None:
        return Registered("unavailable", detail=f"{bad.change.op}: {bad.detail or bad.result}")
    before = standing.status if standing.id is not None else None
    status = next((item.change.new_status for item in reversed(own) if item.change.new_status), before)
    if status == "approved":
        added = {item.change.team or "" for item in own if isinstance(item.change, AddMember)}
        return Registered("already" if before == "approved" else "approved", tuple(sorted({*standing.teams, *added})))
    if status is None and standing.blocked is None:
        return UNAVAILABLE  # nothing was written, for example because another apply has the lease
    return Registered("denied" if status in OUT else "pending")


def decision_of(explanation: PortalExplanation) -> AccessDecision:
    """Return what the rules decide about an address: no reason texts and no places in files."""
    if not explanation.standings:
        return AccessDecision(None, (), "unmatched")
    standing = explanation.standings[0]
    status = standing.status if standing.id is not None else None
    return AccessDecision(status, _teams(standing), _kind(standing.why))


def _teams(standing: Standing) -> tuple[str, ...]:
    return tuple(sorted({*standing.teams, *standing.awaited}))


def _kind(why: Iterable[Reason]) -> str:
    """Return the kind of the rule that decides, with its domain or group; never an address or a reason text."""
    for reason in why:
        if reason.rule in {"trusted_domains", "denied_domains", "trusted_groups"}:
            return f"{reason.rule}: {reason.value}"
        return reason.rule
    return "unmatched"
