"""Decisions × snapshot → changes. `TABLE` is the decision table of the manual."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import cast

from portalctl.changes.access_requests import approve_requests
from portalctl.changes.difference import Difference, expiry_class, of_developer, ordered
from portalctl.changes.group_observations import group_observations
from portalctl.changes.invitations import invite
from portalctl.changes.mapped_teams import mapped_teams
from portalctl.changes.memberships import KEEPS_OUT, Teams, memberships, team_changes
from portalctl.changes.observations import (
    Awaited,
    BeyondProvider,
    Blocked,
    KeptOut,
    UnknownStatus,
    Unmatched,
    Withheld,
)
from portalctl.changes.operations import Approve, DeleteDeveloper, Reject, Reopen, Revoke, StatusChange
from portalctl.changes.states import FoundStatus, Status
from portalctl.changes.team_roles import role_changes
from portalctl.identity import domain_of, untagged
from portalctl.manifest.model import PortalManifest
from portalctl.portals.models import OUT, Developer, Snapshot
from portalctl.providers.registry import provider_named
from portalctl.reason import Reason
from portalctl.rules.resolve import Decision
from portalctl.rules.rulebook import Rulebook

# (what the rules yield, live status) → the operation. Revoked and rejected are one live state, "out".
TABLE: Mapping[tuple[str, str], type[StatusChange | DeleteDeveloper]] = {
    ("approved", "pending"): Approve,
    ("approved", "out"): Approve,  # with `reinstate` only; else withheld
    ("denied", "pending"): Reject,
    ("denied", "approved"): Revoke,
    ("revoked", "pending"): Revoke,
    ("revoked", "approved"): Revoke,
    ("rejected", "pending"): Reject,
    ("rejected", "approved"): Reject,
    ("pending", "approved"): Reopen,
    ("pending", "out"): Reopen,  # with `reinstate` only; else withheld
    ("absent", "pending"): DeleteDeveloper,  # allowed twice; see guard
    ("absent", "approved"): DeleteDeveloper,
    ("absent", "out"): DeleteDeveloper,
}


def diff(book: Rulebook, snapshot: Snapshot, decided: Iterable[tuple[Developer, Decision]]) -> Difference:
    """`snapshot` covers `book.touched_teams()`; `decided` has each of its developers once."""
    result = Difference()
    teams = Teams(book, snapshot)
    result.observations.update(group_observations(book, snapshot.developers))
    team_changes(teams, result)
    result.observations.update(mapped_teams(book, snapshot))
    role_changes(teams, snapshot.apis, book.portal.region or "*", result)
    asking = {request.developer_id for request in snapshot.requests}
    askers: dict[str, tuple[Developer, Decision, str]] = {}
    for developer, decision in decided:
        # Nearly all developers are approved, and stay approved.
        as_wanted = decision.verdict == developer.status == "approved" and not (decision.blocked or decision.lapsed)
        status = developer.status if as_wanted else _plan_status(book.portal, developer, decision, result)
        if status is None:
            continue
        memberships(teams, developer, decision, status, result)
        if developer.id in asking:
            askers[developer.id] = developer, decision, status
    approve_requests(book, snapshot.requests, askers, result)
    present = _present(book, snapshot.developers)
    awaited = _named_grants(book) - present - invite(book, teams, present, result)
    result.observations.update(map(Awaited, sorted(awaited)))
    result.changes = ordered(result.changes, book.portal.provider)
    return result


def _plan_status(portal: PortalManifest, developer: Developer, decision: Decision, result: Difference) -> str | None:
    """Plan the status of one developer and return it. None: no account is left, or the status is unknown."""
    live = "out" if developer.status in OUT else developer.status
    if live not in {"pending", "approved", "out"}:
        result.observations.add(UnknownStatus(developer))
        return None
    change = _status_change(portal, developer, decision, live)
    if decision.blocked == "untied":
        change = None  # approving and rejecting both need the request
    if change is not None and change.op_class == "reinstate" and not decision.reinstate:
        result.observations.add(Withheld(developer, decision))
        change = None
    impossible = change is not None and not _possible(change, portal)
    if impossible:
        result.observations.update([BeyondProvider(developer, decision)] if live == "approved" else [])
        change = None
    if decision.blocked is not None and live != "out":
        result.observations.add(Blocked(developer, decision))
    if change is None and not impossible and decision.verdict == "unmatched" and live != "out":
        result.observations.add(Unmatched(developer))
        return developer.status
    if change is not None:
        result.changes.append(change)
    result.observations.update(_kept_out(portal, developer, decision, live, change))
    if isinstance(change, DeleteDeveloper):
        return None  # memberships go with the account
    return change.new_status if change is not None else developer.status


def _status_change(
    portal: PortalManifest, developer: Developer, decision: Decision, live: str
) -> StatusChange | DeleteDeveloper | None:
    """Return the change of status that the rules yield, whether or not it may be made."""
    operation, why = _status_rule(portal, decision, live)
    if operation is None:
        return None
    facts, status = of_developer(developer, why), cast(Status, developer.status)
    if operation is DeleteDeveloper:
        return DeleteDeveloper(before={"status": status}, **facts)
    if operation is Approve:
        # If the address is no longer verified at the write, this is not the developer that was reviewed.
        before: FoundStatus = {"status": status}
        if developer.email_verified:
            before["email_verified"] = True
        return Approve(op_class="reinstate" if live == "out" else "onboard", before=before, **facts)
    removal = expiry_class(decision.lapsed) if decision.lapsed and live == "approved" else "offboard"
    if operation is Reopen:
        return Reopen(op_class="reinstate" if live == "out" else removal, before={"status": status}, **facts)
    make = Revoke if operation is Revoke else Reject
    return make(op_class=removal, before={"status": status}, **facts)


def _possible(change: StatusChange | DeleteDeveloper, portal: PortalManifest) -> bool:
    """Return whether this provider supports this operation on a developer."""
    return change.new_status is None or change.new_status in provider_named(portal.provider).statuses


def _ends_registrations(portal: PortalManifest) -> bool:
    """Return whether this provider can end single registrations: only then they are read."""
    return "registrations" in provider_named(portal.provider).abilities


def _kept_out(
    portal: PortalManifest,
    developer: Developer,
    decision: Decision,
    live: str,
    change: StatusChange | DeleteDeveloper | None,
) -> tuple[KeptOut, ...]:
    """Return the developer if denied, with registrations that can be ended or are deleted with the account."""
    deleted = isinstance(change, DeleteDeveloper)
    denied = decision.verdict in KEEPS_OUT or (change is not None and change.new_status in OUT)
    if not denied or not (deleted or _ends_registrations(portal)):
        return ()
    expires = bool(decision.lapsed) and developer.status == "approved"
    op_class = expiry_class(decision.lapsed) if expires else "offboard"
    why = _status_rule(portal, decision, live)[1]
    return (KeptOut(developer, op_class, why, decision.on_revoke or portal.policy.on_revoke, deleted),)


def _status_rule(
    portal: PortalManifest, decision: Decision, live: str
) -> tuple[type[StatusChange | DeleteDeveloper] | None, tuple[Reason, ...]]:
    """Return the operation from the table, and its rule:

    the policy for unmatched developers where no rule matches.
    """
    policy = portal.policy
    if decision.lapsed and live == "approved":
        return Revoke, decision.lapsed
    if decision.verdict == "unmatched" and live == "pending" and policy.unmatched_pending == "rejected":
        return Reject, (policy.unmatched_why,)
    if decision.verdict == "unmatched" and live == "approved" and policy.unmatched_approved == "revoked":
        return Revoke, (policy.unmatched_why,)
    return TABLE.get((decision.verdict, live)), decision.why


def _present(book: Rulebook, developers: Iterable[Developer]) -> set[str]:
    """Return the names in rules and in reported sign-ups that are live."""
    named = book.named | book.now.invitations.keys()
    if not named:
        return set()
    names = (name for developer in developers for name in (developer.id, developer.address))
    return {name for name in names if name in named}


def _named_grants(book: Rulebook) -> set[str]:
    """Return the addresses and ids that rules approve or add to teams, with or without an account."""
    approved = {a for a, override in book.now.overrides.items() if override.status == "approved"}
    listed = {a for a in book.now.members if book.now.denial_of_domain(domain_of(a)) is None}
    return {name for name in approved | listed if book.now.denial_of_developer((name, untagged(name))) is None}
