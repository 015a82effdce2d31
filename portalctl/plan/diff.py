"""Decisions × snapshot → changes. The decision table of the manual stands here as `TABLE`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from portalctl.identity import domain_of, normal_address, untagged
from portalctl.manifest.model import PortalManifest, Reason
from portalctl.plan.access import approve_requests
from portalctl.plan.changes import Difference, Held, KeptOut, change, ordered
from portalctl.plan.invitations import invite
from portalctl.plan.memberships import KEEPS_OUT, Teams, memberships, team_changes
from portalctl.plan.model import STATUS_OPS, VERIFIED, Op, OpClass, State
from portalctl.plan.resolve import Decision
from portalctl.plan.roles import role_changes
from portalctl.plan.rulebook import Rulebook
from portalctl.portal.capabilities import CAPABILITIES
from portalctl.portal.models import OUT, Developer, Snapshot

# (what the rules say, what is live) → the write. Revoked and rejected are one live state, "out".
TABLE: Mapping[tuple[str, str], Op] = {
    ("approved", "pending"): "approve",
    ("approved", "out"): "approve",  # with `reinstate` only; else withheld
    ("denied", "pending"): "reject",
    ("denied", "approved"): "revoke",
    ("revoked", "pending"): "revoke",
    ("revoked", "approved"): "revoke",
    ("rejected", "pending"): "reject",
    ("rejected", "approved"): "reject",
    ("pending", "approved"): "reopen",
    ("pending", "out"): "reopen",  # with `reinstate` only; else withheld
    ("absent", "pending"): "delete_developer",  # allowed twice; see guard
    ("absent", "approved"): "delete_developer",
    ("absent", "out"): "delete_developer",
}


def diff(book: Rulebook, snapshot: Snapshot, decided: Iterable[tuple[Developer, Decision]]) -> Difference:
    """`snapshot` covers `book.touched_teams()`; `decided` has each of its developers once."""
    result = Difference()
    teams = Teams(book, snapshot)
    result.ambiguous_teams = teams.ambiguous
    result.missing_idp_teams = teams.missing_idp
    result.changes = team_changes(teams)
    role_changes(teams, snapshot.apis, book.portal.region or "*", result)
    asking = {request.developer_id for request in snapshot.requests}
    askers: dict[str, tuple[Developer, Decision, str]] = {}
    for developer, decision in decided:
        # Nearly everybody is in, and to be in.
        as_wanted = decision.verdict == developer.status == "approved" and not (decision.blocked or decision.lapsed)
        status = developer.status if as_wanted else _person(book.portal, developer, decision, result)
        if status is None:
            continue
        memberships(teams, developer, decision, status, result)
        if developer.id in asking:
            askers[developer.id] = developer, decision, status
    approve_requests(book, snapshot.requests, askers, result)
    present = _present(book, snapshot.developers)
    result.awaited |= _named_grants(book) - present - invite(book, teams, present, result)
    result.changes = ordered(result.changes)
    return result


def _person(portal: PortalManifest, developer: Developer, decision: Decision, result: Difference) -> str | None:
    """What becomes of one person's status. Gives the one they will have; None: no account, or one we don't know."""
    live = "out" if developer.status in OUT else developer.status
    if live not in {"pending", "approved", "out"}:
        result.unknown.append(developer)
        return None
    op, reasons = _status_op(portal, decision, live)
    if decision.blocked == "untied":
        op = None  # accepting and rejecting both need it
    if op in {"approve", "reopen"} and live == "out" and not decision.reinstate:
        result.withheld.append(Held(developer, decision))
        op = None
    impossible = op is not None and not _possible(op, portal)
    if impossible:
        result.beyond += [Held(developer, decision)] if live == "approved" else []
        op = None
    if decision.blocked is not None and live != "out":
        result.blocked.append(Held(developer, decision))
    if op is None and not impossible and decision.verdict == "unmatched" and live != "out":
        result.unmatched.append(developer)
    if op is not None:
        before = _found(developer, op)
        after = {"status": STATUS_OPS[op]} if op in STATUS_OPS else None
        op_class = _status_class(op, live, decision)
        result.changes.append(change(op, op_class, reasons, developer=developer, before=before, after=after))
    if _has_registrations(portal, op) and (decision.verdict in KEEPS_OUT or op in {"reject", "revoke"}):
        result.out[developer.id] = _kept_out(portal, developer, decision, op, reasons)
    if op == "delete_developer":
        return None  # memberships go with the account
    return STATUS_OPS[op] if op is not None else developer.status


def _found(developer: Developer, op: Op) -> State:
    """What a change of status finds. Who is verified no more by the time of the write is not who was looked at."""
    return {"status": developer.status, **(VERIFIED if op == "approve" and developer.email_verified else {})}


def _possible(op: Op, portal: PortalManifest) -> bool:
    """Whether this kind of portal can do this to a person."""
    return op not in STATUS_OPS or STATUS_OPS[op] in CAPABILITIES[portal.provider].statuses


def _has_registrations(portal: PortalManifest, op: Op | None) -> bool:
    """Whether it is worth knowing what somebody who is kept out can use: it ends with the account, or could alone."""
    return op == "delete_developer" or "registrations" in CAPABILITIES[portal.provider].abilities


def _kept_out(
    portal: PortalManifest, developer: Developer, decision: Decision, op: Op | None, reasons: tuple[Reason, ...]
) -> KeptOut:
    expires = bool(decision.lapsed) and developer.status == "approved"
    return KeptOut(
        developer,
        "expire" if expires else "offboard",
        reasons,
        decision.on_revoke or portal.policy.on_revoke,
        deleted=op == "delete_developer",
    )


def _status_op(portal: PortalManifest, decision: Decision, live: str) -> tuple[Op | None, tuple[Reason, ...]]:
    """The write the table asks for, and the rule behind it: where no rule speaks, the policy for the unmatched."""
    policy = portal.policy
    if decision.lapsed and live == "approved":
        return "revoke", decision.lapsed
    if decision.verdict == "unmatched" and live == "pending" and policy.unmatched_pending == "rejected":
        return "reject", (policy.unmatched_why,)
    if decision.verdict == "unmatched" and live == "approved" and policy.unmatched_approved == "revoked":
        return "revoke", (policy.unmatched_why,)
    return TABLE.get((decision.verdict, live)), decision.why


def _status_class(op: Op, live: str, decision: Decision) -> OpClass:
    if live == "out" and op != "delete_developer":
        return "reinstate"
    if op == "approve":
        return "onboard"
    return "expire" if decision.lapsed and live == "approved" else "offboard"


def _present(book: Rulebook, developers: Iterable[Developer]) -> set[str]:
    """Which of the names that rules spell out are live."""
    if not book.named:
        return set()
    names = (name for person in developers for name in (person.id, normal_address(person.email or "") or ""))
    return {name for name in names if name in book.named}


def _named_grants(book: Rulebook) -> set[str]:
    """The names under which rules let people in or put them into teams, whether or not they have registered."""
    approved = {a for a, override in book.now.overrides.items() if override.status == "approved"}
    listed = {a for a in book.now.members if book.now.denial_of_domain(domain_of(a)) is None}
    return {name for name in approved | listed if book.now.denial_of_person((name, untagged(name))) is None}
