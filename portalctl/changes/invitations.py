"""Accounts for developers who have none, where a rule invites them."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from typing import Literal

from portalctl.changes.difference import Difference, of_developer
from portalctl.changes.memberships import KEEPS_OUT, Teams, memberships
from portalctl.changes.operations import CreateDeveloper
from portalctl.changes.states import NewAccount
from portalctl.manifest.invitation import Invitation
from portalctl.portals.models import Developer
from portalctl.reason import Reason
from portalctl.rules.resolve import Decision, resolve
from portalctl.rules.rulebook import Rulebook


def unregistered(name: str) -> Developer:
    """A developer without an account: `name` is an address, or on API7 a developer_id."""
    return Developer(id="", email=name, status="absent") if "@" in name else Developer(name, None, "absent")


def invite(book: Rulebook, teams: Teams, present: Collection[str], result: Difference) -> set[str]:
    """Plan the accounts of invited developers who are not `present`, and their memberships; return their names.

    Their status follows from the rules as if they had signed up: pending where no rule approves them.
    """
    missing = {name: invited for name, invited in book.now.invitations.items() if name not in present}
    reported = {one.developer: one.email_verified for one in book.portal.sign_ups}
    newcomers = (replace(unregistered(name), email_verified=reported.get(name)) for name in missing)
    for developer, decision in resolve(book, newcomers):
        name = developer.name
        if name in reported and decision.blocked == "unverified":
            _create(developer, replace(decision, verdict="pending"), *missing[name], result)
            continue
        if decision.verdict in KEEPS_OUT or decision.blocked is not None:
            del missing[name]
            continue
        _create(developer, decision, *missing[name], result)
        memberships(teams, developer, decision, _status(decision), result)
    return set(missing)


def _status(decision: Decision) -> Literal["approved", "pending"]:
    return "approved" if decision.verdict == "approved" else "pending"


def _create(
    developer: Developer, decision: Decision, invitation: Invitation, why: Reason, result: Difference
) -> None:
    name = developer.name
    after: NewAccount = {
        "status": _status(decision),
        "full_name": invitation.full_name or name,
        "send_invitation_email": invitation.mail,
    }
    reasons = dict.fromkeys((why, *decision.why))
    result.changes.append(CreateDeveloper(after=after, **of_developer(developer, reasons)))
